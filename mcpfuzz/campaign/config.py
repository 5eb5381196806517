"""From the command line's words, or a user's `mcpServers` file, to a target."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from mcpfuzz.effects.stubs import read_stubs
from mcpfuzz.errors import UsageError
from mcpfuzz.identities import read_identities
from mcpfuzz.sandbox.box import Mode
from mcpfuzz.target import Target, expand_variables, read_examples
from mcpfuzz.transports.endpoint import TRANSPORTS

__all__ = ["read_server", "target_of"]

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


def target_of(command: tuple[str, ...], options: Mapping[str, Any]) -> Target:
    """The target that options and COMMAND describe.

    Raises:
        UsageError: there is none, or its description is wrong.
    """
    env: dict[str, str] = {}
    cwd, url, transport = options.get("cwd"), options.get("url"), options.get("transport")
    headers: dict[str, str] = {}
    if options.get("config"):
        if command or url:
            raise UsageError("give either --config FILE --server NAME, or --url or a COMMAND after --, not both")
        found = read_server(options["config"], options.get("server"))
        command, env, url, headers = found.command, found.env, found.url, found.headers
        cwd, transport = cwd or found.cwd, transport or found.transport
    elif options.get("server"):
        raise UsageError("--server NAME needs --config FILE")
    if not command and not url:
        raise UsageError(
            "no server to test: give its command after --, as in `-- python server.py`, or --url URL, or --config FILE"
        )
    if not url and (transport not in (None, "stdio") or options.get("header") or options.get("cacert")):
        raise UsageError("--transport, --header and --cacert go with --url URL")
    if transport not in (None, "stdio", *TRANSPORTS):
        raise UsageError(f"--transport {transport}: must be {', '.join(TRANSPORTS)}")
    for line in options.get("header", ()):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise UsageError(f'--header {name}: must be "Name: value"')
        headers[name.strip()] = value.strip()
    for pair in options.get("env", ()):
        name, found, value = pair.partition("=")
        if not found or not name:
            raise UsageError(f"--env {pair}: must be KEY=VALUE")
        env[name] = value
    sandbox: Any = options.get("sandbox") or "auto"
    if sandbox not in get_args(Mode):
        raise UsageError(f"--sandbox {sandbox}: must be {', '.join(get_args(Mode)[:-1])} or {get_args(Mode)[-1]}")
    return Target(
        command=command,
        url=url,
        transport=transport if url else None,
        headers=tuple(headers.items()),
        identities=read_identities(options.get("identity", ())),
        cacert=options.get("cacert"),
        insecure=bool(options.get("insecure")),
        allow_remote=bool(options.get("allow_remote")),
        env=env,
        cwd=cwd,
        workspaces=tuple(options.get("workspace", ())),
        examples=tuple(example for path in options.get("example", ()) for example in read_examples(path)),
        stubs=read_stubs(tuple(options.get("stub", ()))),
        allow_destructive=bool(options.get("allow_destructive")),
        state=options.get("state") or ".mcpfuzz",
        sandbox=sandbox,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """One server of a configuration file."""

    command: tuple[str, ...] = ()
    env: dict[str, str]
    cwd: str | None
    url: str | None = None
    headers: dict[str, str]
    transport: str | None = None


_TYPES = {
    "http": "http",
    "streamable-http": "http",
    "streamableHttp": "http",
    "sse": "sse",
    "ws": "ws",
    "websocket": "ws",
}


def read_server(path: str, name: str | None) -> Configured:
    """One server of a `mcpServers` (or VS Code `servers`) file.

    Raises:
        UsageError: the file is missing or no JSON, or lacks the server; the ones it has are told.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"--config {path}: {why}") from None
    keep = lambda match: match.group(1) or ""  # noqa: E731 - two substitutions, one rule: strings stay
    try:
        loaded = json.loads(_TRAILING.sub(keep, _COMMENT.sub(keep, text)))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--config {path}: not JSON: {error}") from None
    servers = next(
        (
            loaded[key]
            for key in ("mcpServers", "servers")
            if isinstance(loaded, dict) and isinstance(loaded.get(key), dict)
        ),
        None,
    )
    if not servers:
        raise UsageError(f"--config {path}: holds no mcpServers")
    if name is None and len(servers) == 1:
        name = next(iter(servers))
    entry = servers.get(name) if name is not None else None
    if not isinstance(entry, dict):
        known = f"it has {', '.join(map(repr, servers))}; choose with --server"
        raise UsageError(f"--config {path}: {known if name is None else f'no server {name!r}; {known}'}")
    url = entry.get("url") or entry.get("serverUrl")
    if not isinstance(entry.get("command"), str) and not isinstance(url, str):
        raise UsageError(f"--config {path}: server {name!r} has neither a command nor a url")
    expand = _expander(path)
    arguments = entry.get("args") or []
    if not isinstance(arguments, list) or not all(isinstance(item, str) for item in arguments):
        raise UsageError(f"--config {path}: args of server {name!r} must be an array of strings")
    given = entry.get("env") or {}
    if not isinstance(given, dict):
        raise UsageError(f"--config {path}: env of server {name!r} must be an object")
    cwd, headers = entry.get("cwd"), entry.get("headers") or {}
    if not isinstance(headers, dict):
        raise UsageError(f"--config {path}: headers of server {name!r} must be an object")
    command = entry.get("command")
    words = (command, *arguments) if isinstance(command, str) else ()
    kind = entry.get("type") or entry.get("transport")
    return Configured(
        command=tuple(expand_variables(expand(word)) for word in words),
        env={key: expand(_word(value)) for key, value in given.items() if value is not None},
        cwd=expand(cwd) if isinstance(cwd, str) else None,
        url=expand(url) if isinstance(url, str) else None,
        headers={str(key): expand(_word(value)) for key, value in headers.items()},
        transport=_TYPES.get(kind) if isinstance(kind, str) and isinstance(url, str) else None,
    )


def _word(value: Any) -> str:
    """A value of `env` as the shell would have it."""
    return value if isinstance(value, str) else json.dumps(value)


def _expander(path: str) -> Any:
    folder = str(Path(path).resolve().parent)

    def expand(text: str) -> str:
        text = re.sub(r"\$\{env:(\w+)\}", r"${\1}", text)
        text = re.sub(
            r"\$\{input:([\w-]+)\}", lambda match: "${MCPFUZZ_INPUT_" + match[1].upper().replace("-", "_") + "}", text
        )
        return text.replace("${workspaceFolder}", folder)

    return expand
