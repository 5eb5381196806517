"""HTTP/1.1 out: whole responses, and event streams. Knows status lines and framing, nothing of MCP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from mcpfuzz.lab.codec import Json, dumps
from mcpfuzz.lab.fronts.reading import Request, Stream

__all__ = ["Events", "Response", "refusal", "write"]

_ALWAYS: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """One whole response; its length is told by `write`."""

    status: int
    body: bytes = b""
    fields: Fields = ()
    kind: str = "application/json"
    """Content-Type, where there is a body."""

    def plus(self, *fields: tuple[str, str]) -> Response:
        return replace(self, fields=(*self.fields, *fields))


def refusal(status: int, text: str, code: int = -32600, **more: Json) -> Response:
    """An error status with a JSON-RPC error that belongs to no request, unless `id` is given."""
    message = {"jsonrpc": "2.0", **more, "error": {"code": code, "message": text}}
    return Response(status, dumps(message).encode())


def _head(status: int, fields: Sequence[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def write(stream: Stream, response: Response, *, keep: bool, bodiless: bool = False) -> None:
    """Send a response; `keep` says whether another may follow, `bodiless` that it answers a HEAD."""
    fields = [*_ALWAYS, *response.fields, ("Connection", "keep-alive" if keep else "close")]
    if response.body:
        fields.append(("Content-Type", response.kind))
    if response.status >= 200 and response.status != 204:
        fields.append(("Content-Length", str(len(response.body))))
    stream.send(_head(response.status, fields) + (b"" if bodiless else response.body))


class Events:
    """A `text/event-stream` response, chunked where the client knows chunks. Raises Gone where it has left."""

    def __init__(self, stream: Stream, request: Request, fields: Fields = ()) -> None:
        self._stream = stream
        self._chunked = request.version == 1
        framing = [("Transfer-Encoding", "chunked")] if self._chunked else []
        keep = "keep-alive" if request.keeps else "close"
        stream.send(
            _head(
                200,
                [
                    *_ALWAYS,
                    *fields,
                    ("X-Accel-Buffering", "no"),
                    ("Connection", keep),
                    ("Content-Type", "text/event-stream"),
                    *framing,
                ],
            )
        )

    def _send(self, text: str) -> None:
        data = text.encode("utf-8")
        self._stream.send(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def event(self, data: str, *, name: str | None = None, key: str | None = None, retry_ms: int | None = None) -> None:
        """One event. `data` is one line; `key` its id, for those who come back; `retry_ms`: not before."""
        fields = (("id", key), ("event", name), ("retry", retry_ms))
        self._send("".join(f"{field}: {value}\n" for field, value in fields if value) + f"data: {data}\n\n")

    def comment(self) -> None:
        """Says nothing, and finds out whether anybody is there."""
        self._send(":\n\n")

    def end(self) -> None:
        if self._chunked:
            self._stream.send(b"0\r\n\r\n")
