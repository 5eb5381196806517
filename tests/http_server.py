"""A server of raw HTTP/1.1 for tests: each test says, in bytes, what goes back. Threads and plain sockets, so that it
can be as wrong as it likes."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Answer = bytes | Iterable[bytes] | None
"""Bytes to send, or pieces one after another; None: nothing more, the connection is closed."""


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    lines: list[tuple[str, str]]
    body: bytes
    connection: int

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.lines}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """Listens until `close`. `asked` holds every request in order of arrival."""

    def __init__(self, answer: Callable[[Asked], Answer], context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._context = context
        self.asked: list[Asked] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/mcp"
        self._open: list[socket.socket] = []
        self.closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            stream = connection.makefile("rb")
            while (asked := self._read(stream, number)) is not None:
                self.asked.append(asked)
                answer = self._answer(asked)
                if answer is None:
                    break
                for piece in (answer,) if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    @staticmethod
    def _read(stream: Any, number: int) -> Asked | None:
        first = stream.readline()
        if not first.strip():
            return None
        method, target, _ = first.decode().split(" ", 2)
        lines = []
        while line := stream.readline().decode().rstrip("\r\n"):
            name, _, value = line.partition(": ")
            lines.append((name, value))
        length = int(next((value for name, value in lines if name.lower() == "content-length"), "0"))
        return Asked(method, target, lines, stream.read(length), number)

    def stop_listening(self) -> None:
        """No further connection is taken."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        self.closing.set()
        self.stop_listening()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving(answer: Callable[[Asked], Answer], context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answer, context)
    try:
        yield server
    finally:
        server.close()


def response(status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> bytes:
    """A whole response; underscores in header names stand for hyphens."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    typed = f"Content-Type: {kind}\r\n" if body else ""
    return f"HTTP/1.1 {status} X\r\n{typed}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def stream(*events: bytes) -> bytes:
    """The beginning of an event stream that ends with the connection."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + b"".join(events)


def event(message: Any, **fields: str) -> bytes:
    lines = "".join(f"{name}: {value}\n" for name, value in fields.items())
    data = message if isinstance(message, str) else json.dumps(message)
    return f"{lines}data: {data}\n\n".encode()


def result(asked: Asked, value: Any = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked.json.get("id"), "result": {} if value is None else value}


HELLO = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "t", "version": "1"}}


def legacy(asked: Asked, *, session: str | None = "s-1") -> Answer:
    """A plain good server of the legacy era with JSON answers."""
    if asked.method != "POST":
        return response(405 if asked.method == "GET" else 200)
    message = asked.json
    if "method" not in message or "id" not in message:
        return response(202)
    if message["method"] == "initialize":
        given = {"Mcp_Session_Id": session} if session else {}
        return response(200, json.dumps(result(asked, HELLO)).encode(), **given)
    if message["method"] == "server/discover":
        return response(400, b"no session", "text/plain")
    return response(200, json.dumps(result(asked)).encode())
