"""The options that several commands share, and how help is set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

__all__ = ["CONTEXT", "config_options", "extend_option", "run_options", "sandbox_option", "target_options", "together"]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def together(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, in the order of --help."""

    def apply(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


def _load(context: click.Context, option: click.Parameter, folders: tuple[str, ...]) -> tuple[str, ...]:
    """Scenarios of the user's own become known: those in the working folder, and those of --extend."""
    from pathlib import Path

    from mcpfuzz import extensions

    if not context.resilient_parsing:
        extensions.load(extensions.beside(Path.cwd()), folders)
    return folders


extend_option = click.option(
    "--extend", multiple=True, metavar="DIR", expose_value=False, callback=_load,
    help="A folder with scenarios/ and strategies/ of your own.",
)  # fmt: skip
sandbox_option = click.option(
    "--sandbox",
    type=click.Choice(["auto", "off", "require"]),
    default="auto",
    show_default=True,
    help="Linux namespaces around the server: where they can be had, never, or exit 3 without.",
)
config_options = together(
    click.option(
        "--config", type=str, metavar="FILE", help="A mcpServers file (.mcp.json, VS Code's servers ...); read only."
    ),
    click.option("--server", type=str, metavar="NAME", help="Which server of --config."),
)
target_options = together(
    config_options,
    click.option("--url", type=str, metavar="URL", help="A networked server: http(s):// or ws(s)://; loopback only."),
    click.option(
        "--transport",
        type=str,
        metavar="NAME",
        help="http, sse, ws, or ws-binary (messages in binary frames), where the URL does not say enough.",
    ),
    click.option(
        "--header", multiple=True, metavar='"NAME: VALUE"', help="On every request; ${NAME} of our environment."
    ),
    click.option("--identity", multiple=True, metavar="NAME=SPEC", help="A caller: header:, query:, env:, login: ..."),
    click.option("--cacert", type=str, metavar="FILE", help="Authorities (PEM) that are trusted besides the system's."),
    click.option("--insecure", is_flag=True, help="Do not verify certificates."),
    click.option("--allow-remote", is_flag=True, help="Attack what is not on this machine, too."),
    click.option(
        "--env", "env", multiple=True, metavar="KEY=VALUE", help="For the server; ${NAME} is read from our environment."
    ),
    click.option("--cwd", type=str, metavar="DIR", help="The server's working folder."),
    click.option(
        "--workspace", multiple=True, metavar="DIR", help="The folder it is meant to stay inside; it gets a copy."
    ),
    click.option("--example", multiple=True, metavar="FILE", help="Known-good calls, JSON Lines."),
    click.option(
        "--stub",
        multiple=True,
        metavar="NAME[=PROGRAM]",
        help="Stand-ins before the server's PATH; they record their words.",
    ),
    click.option("--allow-destructive", is_flag=True, help="Call tools that may destroy or send something, too."),
    click.option("--state", default=".mcpfuzz", show_default=True, metavar="DIR", help="Scratch folder."),
    sandbox_option,
)
run_options = together(
    click.option("--scenario", "scenario", multiple=True, metavar="GLOB", help="Only these scenarios."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Not these scenarios."),
    click.option(
        "--max-time", type=float, default=60.0, show_default=True, metavar="SECONDS", help="Budget of the whole run."
    ),
    click.option(
        "--profile", type=click.Choice(["quick", "standard", "nightly"]), default="standard", show_default=True
    ),
    click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Shards side by side."),
    click.option("--shard", metavar="K/N", help="Only the K-th of N shards."),
    click.option("--seed", type=int, help="Same seed, same cases; always printed."),
    click.option("--require-complete", is_flag=True, help="Scenarios left partial or not run exit 3."),
    click.option(
        "--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="Per request, total."
    ),
    click.option(
        "--start-timeout", type=float, default=30.0, show_default=True, metavar="SECONDS", help="To the first answer."
    ),
    click.option("--revision", default="auto", show_default=True, metavar="DATE|auto|all", help="MCP revision."),
    click.option(
        "--fail-on", type=click.Choice(["info", "low", "medium", "high", "critical"]), default="low", show_default=True
    ),
    click.option("--strict", is_flag=True, help="WEAK verdicts and suspects count."),
    click.option(
        "--report", multiple=True, metavar="FORMAT=PATH", help="json, jsonl, sarif, junit, html, markdown; repeatable."
    ),
    click.option(
        "--baseline", type=str, metavar="FILE", help="Known findings, with reason and expiry (TOML, or .json)."
    ),
    click.option("--update-baseline", is_flag=True, help="Add what is new to --baseline, take out what is gone."),
    click.option("--policy", type=str, metavar="FILE", help="Who may use what (JSON); every deviation is a finding."),
    click.option("--update-policy", is_flag=True, help="Write who was served what to --policy."),
    click.option("--quiet", is_flag=True, help="Findings and verdict only."),
    click.option("--verbose", is_flag=True, help="All there is to say."),
    click.option("--no-color", is_flag=True, help="Plain text; NO_COLOR is obeyed too."),
)
