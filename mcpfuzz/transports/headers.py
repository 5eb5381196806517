"""What the headers of a Streamable HTTP request say about its body (2026-07-28, transports), sans-IO."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping

from mcpfuzz.model import Json, at_pointer, pointer
from mcpfuzz.revisions import META

__all__ = ["encoded", "learn", "mirrored"]

NAMED = {
    "tools/call": "name", "prompts/get": "name", "resources/read": "uri",
    "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId",
}  # fmt: skip
"""Methods with an Mcp-Name header, and the parameter that it repeats."""
VERSION = META + "protocolVersion"
MAX_VALUE = 8_000
"""Characters of a mirrored value; a server's own limit on headers would refuse more before the body is read."""
MAX_PARAMS = 50
MAX_DEPTH = 12
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def mirrored(
    message: Json, version: str | None, learned: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[str, str], ...]:
    """The headers that repeat what stands in a modern message.

    Args:
        version: of the session; what the message's own envelope says comes first.
        learned: tool -> JSON pointer of an argument -> header name without `Mcp-Param-`.
    """
    made: list[tuple[str, str]] = []
    message = message if isinstance(message, dict) else {}
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    meta = params.get("_meta")
    said = meta.get(VERSION) if isinstance(meta, dict) else None
    said = said if isinstance(said, str) and _PLAIN.fullmatch(said) and len(said) <= MAX_VALUE else version
    if said:
        made.append(("MCP-Protocol-Version", said))
    method = message.get("method")
    if not isinstance(method, str):
        return tuple(made)
    _add(made, "Mcp-Method", method)
    if method in NAMED:
        name = params.get(NAMED[method])
        if isinstance(name, str):
            _add(made, "Mcp-Name", name)
            if method == "tools/call" and name in learned:
                for path, header in learned[name].items():
                    _param(made, header, path, params.get("arguments"))
    return tuple(made)


def _add(made: list[tuple[str, str]], name: str, value: str) -> None:
    if len(value) <= MAX_VALUE:
        made.append((name, encoded(value)))


def _param(made: list[tuple[str, str]], header: str, path: str, arguments: Json) -> None:
    try:
        value = at_pointer(arguments, path)
    except KeyError:
        return
    if isinstance(value, bool):
        made.append((f"Mcp-Param-{header}", "true" if value else "false"))
    elif isinstance(value, str):
        _add(made, f"Mcp-Param-{header}", value)
    elif isinstance(value, int) and abs(value) < 1 << 64:
        made.append((f"Mcp-Param-{header}", str(value)))


def encoded(value: str) -> str:
    """As a header carries it: as it stands where that is safe, else `=?base64?...?=` over UTF-8."""
    if _PLAIN.fullmatch(value) and not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'surrogatepass')).decode()}?="


def learn(learned: dict[str, dict[str, str]], tools: Json) -> None:
    """Note what the tools of one `tools/list` result want repeated (`x-mcp-header`, statically reachable)."""
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and isinstance(tool.get("name"), str):
            found = dict(_marked(tool.get("inputSchema"), (), MAX_DEPTH))
            if found:
                learned[tool["name"]] = dict(list(found.items())[:MAX_PARAMS])
            else:
                learned.pop(tool["name"], None)


def _marked(schema: Json, path: tuple[str, ...], depth: int) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not depth:
        return
    for name, inner in properties.items():
        if isinstance(inner, dict):
            header = inner.get("x-mcp-header")
            if isinstance(header, str) and _NAME.fullmatch(header):
                yield pointer(*path, name), header
            yield from _marked(inner, (*path, name), depth - 1)
