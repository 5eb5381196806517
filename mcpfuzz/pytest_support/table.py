"""The table of `--mcp-` options, which are the keys of [tool.mcpfuzz] too. Imports the standard library alone, as
the plugin reads it in every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["OPTIONS", "Option"]


class Option(NamedTuple):
    """One `--mcp-` option and key of [tool.mcpfuzz]."""

    kind: str
    """text, list, number, integer or flag."""
    metavar: str | None
    help: str
    default: Any = None
    dest: str = ""


def _named(**options: Option) -> Mapping[str, Option]:
    return {name: option._replace(dest=f"mcp_{name}") for name, option in options.items()}


OPTIONS = _named(
    server=Option("text", "COMMAND", "the stdio server to test"),
    config=Option("text", "FILE", "a mcpServers file (.mcp.json, VS Code's servers ...); read only"),
    name=Option("text", "NAME", "which server of --mcp-config"),
    url=Option("text", "URL", "a networked server; with --mcp-server, where that command listens"),
    transport=Option("text", "NAME", "http, sse, ws or ws-binary, where the URL does not say enough"),
    header=Option("list", "NAME: VALUE", "on every request; ${NAME} of our environment; repeatable", ()),
    identity=Option("list", "NAME=SPEC", "a caller: header:, query:, env:, login: ...; repeatable", ()),
    cacert=Option("text", "FILE", "authorities (PEM) that are trusted besides the system's"),
    insecure=Option("flag", None, "do not verify certificates", False),
    allow_remote=Option("flag", None, "attack what is not on this machine, too", False),
    env=Option("list", "KEY=VALUE", "for the server; ${NAME} is read from our environment; repeatable", ()),
    cwd=Option("text", "DIR", "the server's working folder"),
    workspace=Option("list", "DIR", "the folder it is meant to stay inside; it gets a copy; repeatable", ()),
    example=Option("list", "FILE", "known-good calls, JSON Lines; repeatable", ()),
    stub=Option("list", "NAME[=PROGRAM],...", "stand-ins put before the server's PATH; repeatable", ()),
    allow_destructive=Option("flag", None, "call tools that may destroy or send something, too", False),
    sandbox=Option("text", "MODE", "auto (default), off or require: Linux namespaces around the server", "auto"),
    state=Option("text", "DIR", "scratch folder (default: .mcpfuzz beside the ini-file)"),
    scenario=Option("list", "GLOB", "only these scenarios; repeatable", ()),
    exclude=Option("list", "GLOB", "not these scenarios; repeatable", ()),
    extend=Option("list", "DIR", "a folder with scenarios/ and strategies/ of your own; repeatable", ()),
    max_time=Option("number", "SECONDS", "for all items of --mcp-fuzz together (default: 60)", 60.0),
    profile=Option("text", "NAME", "quick, standard or nightly (default: standard)", "standard"),
    seed=Option("integer", "N", "same seed, same cases; always printed"),
    require_complete=Option("flag", None, "items that do not run, or only in part, fail", False),
    timeout=Option("number", "SECONDS", "per request, in total (default: 10)", 10.0),
    start_timeout=Option("number", "SECONDS", "from start to the first answer (default: 30)", 30.0),
    revision=Option("text", "DATE", "MCP revision, or auto (default)", "auto"),
    fail_on=Option("text", "SEVERITY", "info, low (default), medium, high or critical", "low"),
    strict=Option("flag", None, "weak verdicts and suspects count", False),
    policy=Option("text", "FILE", "who may use what (JSON); every deviation is a finding"),
    baseline=Option("text", "FILE", "known findings, with reason and expiry (TOML, or .json)"),
    update_baseline=Option("flag", None, "add what is new to --mcp-baseline, take out what is gone", False),
    shard=Option("text", "K/N", "only the K-th of N shares of the items of --mcp-fuzz"),
    report=Option("list", "FORMAT=PATH", "json, jsonl, sarif, junit, html, markdown; repeatable", ()),
)
"""Name as in `mcpfuzz run` -> option. `--mcp-name` is `--server` there, `--mcp-server` the COMMAND."""
