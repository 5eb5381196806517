"""HTTP requests that are wrong below JSON-RPC: rows H1, H2 and H5 to H14 of the ORACLE table. Each is a sound
request to a Streamable HTTP endpoint with one thing changed.

The table of `VARIANTS` is the knowledge; nothing is drawn but which of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcpfuzz.model import Http

__all__ = ["VARIANTS", "Sound", "Variant", "named_headers"]

Headers = tuple[tuple[str, str], ...]
ACCEPT = "application/json, text/event-stream"
VERSION, SESSION, METHOD, NAME = "MCP-Protocol-Version", "Mcp-Session-Id", "Mcp-Method", "Mcp-Name"
NOBODYS = "mcpfuzz-{canary:1}"
"""A session id that nobody issued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """The request that a variant is made from."""

    body: str
    """Its message; may hold slots."""
    version: str
    """MCP revision that its headers name."""
    method: str
    """Of the message."""
    name: str | None = None
    """What `Mcp-Name` says; None: there is no such header."""
    modern: bool = False

    @property
    def headers(self) -> Headers:
        made = [("Host", "{authority}"), ("Accept", ACCEPT), ("Content-Type", "application/json")]
        made.append((VERSION, self.version))
        if self.modern:
            made.append((METHOD, self.method))
            made += [(NAME, self.name)] if self.name is not None else []
        else:
            made.append((SESSION, "{session}"))
        return tuple(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One thing that is wrong."""

    row: str
    words: str
    make: Callable[[Sound], Http]
    eras: str = "legacy modern"
    named: bool = False
    """It needs a message with an `Mcp-Name`."""


def named_headers(headers: Headers, **changed: str | None | Sequence[str]) -> Headers:
    """Headers with some replaced in place, left out (None) or repeated (a list); underscores stand for hyphens."""
    wanted = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    made: list[tuple[str, str]] = []
    for name, value in headers:
        told = wanted.pop(name.lower(), value)
        values = () if told is None else (told,) if isinstance(told, str) else told
        made += [(name, item) for item in values]
    for name, told in wanted.items():
        values = () if told is None else (told,) if isinstance(told, str) else told
        made += [(name.title(), item) for item in values]
    return tuple(made)


def _with(**changed: str | None | Sequence[str]) -> Callable[[Sound], Http]:
    return lambda sound: Http("POST", "{endpoint}", named_headers(sound.headers, **changed), sound.body)


def _as(method: str, *, body: bool = False, **changed: str | None) -> Callable[[Sound], Http]:
    def make(sound: Sound) -> Http:
        changes = changed if body else {"Content_Type": None, "Mcp_Method": None, "Mcp_Name": None, **changed}
        return Http(method, "{endpoint}", named_headers(sound.headers, **changes), sound.body if body else None)

    return make


def _sized(tell: Callable[[int], str | Sequence[str]]) -> Callable[[Sound], Http]:
    """With a Content-Length, or several, made from the true one."""

    def make(sound: Sound) -> Http:
        told = tell(len(sound.body.encode("utf-8")))
        return Http("POST", "{endpoint}", named_headers(sound.headers, Content_Length=told), sound.body)

    return make


def _chunked(body: Callable[[str], str], **changed: str) -> Callable[[Sound], Http]:
    def make(sound: Sound) -> Http:
        headers = named_headers(sound.headers, Transfer_Encoding="chunked", **changed)
        return Http("POST", "{endpoint}", headers, body(sound.body))

    return make


def _chunk(body: str) -> str:
    return f"{len(body.encode('utf-8')):x}\r\n{body}\r\n0\r\n\r\n"


def _other_method(sound: Sound) -> Http:
    other = "server/discover" if sound.method == "tools/list" else "tools/list"
    return Http("POST", "{endpoint}", named_headers(sound.headers, Mcp_Method=other), sound.body)


def _two_methods(sound: Sound) -> Http:
    headers = named_headers(sound.headers, Mcp_Method=("server/discover", sound.method))
    return Http("POST", "{endpoint}", headers, sound.body)


def _shouted(sound: Sound) -> Http:
    return Http("POST", "{endpoint}", named_headers(sound.headers, Mcp_Method=sound.method.upper()), sound.body)


def _v(
    row: str, words: str, make: Callable[[Sound], Http], eras: str = "legacy modern", *, named: bool = False
) -> Variant:
    return Variant(row=row, words=words, make=make, eras=eras, named=named)


VARIANTS: tuple[Variant, ...] = (
    _v("H1", "no Content-Type", _with(Content_Type=None)),
    _v("H1", "Content-Type text/plain", _with(Content_Type="text/plain")),
    _v("H1", "Content-Type of a form", _with(Content_Type="application/x-www-form-urlencoded")),
    _v("H2", "no Accept", _with(Accept=None)),
    _v("H2", "Accept text/html", _with(Accept="text/html")),
    _v("H2", "Accept without text/event-stream", _with(Accept="application/json")),
    _v("H2", "Accept without application/json", _with(Accept="text/event-stream")),
    _v("H5", "PUT", _as("PUT", body=True)),
    _v("H5", "PATCH", _as("PATCH", body=True)),
    _v("H6", "GET", _as("GET", Accept="text/event-stream")),
    _v("H6", "GET with a body", _as("GET", body=True)),
    _v("H7", "DELETE", _as("DELETE")),
    _v("H8a", "no Mcp-Session-Id", _with(Mcp_Session_Id=None), "legacy"),
    _v("H8b", "an Mcp-Session-Id that was never issued", _with(Mcp_Session_Id=NOBODYS), "legacy"),
    _v("H8c", "an Mcp-Session-Id that was terminated", _with(), "legacy"),
    _v("H9", "MCP-Protocol-Version 1999-01-01", _with(MCP_Protocol_Version="1999-01-01")),
    _v("H9", "MCP-Protocol-Version zzz", _with(MCP_Protocol_Version="zzz")),
    _v("H9", "an empty MCP-Protocol-Version", _with(MCP_Protocol_Version="")),
    _v("H10", "no MCP-Protocol-Version", _with(MCP_Protocol_Version=None)),
    _v("H11", "no Mcp-Method", _with(Mcp_Method=None), "modern"),
    _v("H11", "Mcp-Method of another method", _other_method, "modern"),
    _v("H11", "Mcp-Method in capitals", _shouted, "modern"),
    _v("H11", "two Mcp-Method headers", _two_methods, "modern"),
    _v("H11", "no Mcp-Name", _with(Mcp_Name=None), "modern", named=True),
    _v("H11", "Mcp-Name of something else", _with(Mcp_Name="mcpfuzz-other"), "modern", named=True),
    _v("H11", "an Mcp-Name that is no base64", _with(Mcp_Name="=?base64?!?="), "modern", named=True),
    _v("H12", "a body that is cut short", _sized(lambda size: str(size + 40))),
    _v("H12", "a body longer than its length", _sized(lambda size: str(size // 2))),
    _v("H12", "a length that is no number", _sized(lambda size: f"0x{size:x}")),
    _v("H12", "a negative length", _sized(lambda size: f"-{size}")),
    _v("H12", "two lengths that differ", _sized(lambda size: (str(size), str(size + 1)))),
    _v("H12", "a chunk whose size is none", _chunked(lambda body: f"zz\r\n{body}\r\n0\r\n\r\n")),
    _v("H12", "a chunk that is cut short", _chunked(lambda body: f"{len(body) + 40:x}\r\n{body}")),
    _v("H13", "a length and chunks", _chunked(_chunk, Content_Length="5")),
    _v("H13", "two Host headers", _with(Host=("{authority}", "attacker.example"))),
    _v("H13", "two Content-Type headers", _with(Content_Type=("application/json", "text/plain"))),
    _v("H13", "two Mcp-Session-Id headers", _with(Mcp_Session_Id=("{session}", NOBODYS)), "legacy"),
    _v("H14", "a charset that there is not", _with(Content_Type="application/json; charset=nonsense")),
    _v("H14", "a header of 100,000 bytes", _with(X_Mcpfuzz="{repeat:100000:x}")),
    _v("H14", "2,000 headers", _with(X_Mcpfuzz=("1",) * 2_000)),
    _v("H14", "a path of 100,000 bytes", lambda sound: Http(
        "POST", "{endpoint}?{repeat:100000:x}", sound.headers, sound.body)),
)  # fmt: skip
"""In the order they are tried."""
