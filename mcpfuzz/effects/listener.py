"""The loopback listener: an HTTP server of our own that a server under test may come to ask.

It has two addresses. `url` plays the server's upstream (`{listener}`): whoever is told of it may ask it.
`bait` is told to nobody: a request there shows that a value of ours was used as an address. Every request
is kept as it came; answers are JSON or HTML, as asked, or as bad as asked (`effects.answers`). Paths below
/redirect/ lead to the bait.

Runs on threads, since a server may hold a connection open for as long as it likes.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mcpfuzz.effects.answers import Answer, hostile_answer
from mcpfuzz.errors import UsageError

__all__ = ["Hit", "Listener", "QuietServer", "loopback_socket"]

MAX_HITS = 10_000
MAX_BODY = 1 << 20
IDLE_S = 10.0
"""Seconds a connection may say nothing."""
_PAGE = b"<!doctype html><html><head><title>page</title></head><body><p>An ordinary page.</p></body></html>\n"
_DATA = (
    b'{"id": 42, "key": "AB-1", "name": "An ordinary record", "title": "An ordinary record", "status": "ok",'
    b' "items": [], "results": [], "data": {}, "total": 0, "fields": {"summary": "An ordinary record"}}\n'
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One request."""

    bait: bool
    method: str
    path: str
    """As it stood in the request line, query included."""
    headers: tuple[str, ...]
    """`Name: value`, in order."""
    body: bytes


def loopback_socket(port: int = 0) -> socket.socket:
    """A listening socket on 127.0.0.1."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(64)
    return made


class Listener:
    """Both addresses, served until `close`.

    Attributes:
        url, bait: base URLs without a slash at the end.
        port, bait_port: their ports.
    """

    def __init__(self, make: Callable[[], socket.socket] = loopback_socket) -> None:
        """Args: make: makes a listening socket that the server under test reaches as 127.0.0.1:PORT.

        Raises:
            UsageError: there is no loopback to listen on.
        """
        self._hits: list[Hit] = []
        self._lock = threading.Lock()
        self._servers: list[ThreadingHTTPServer] = []
        try:
            self.port, self.bait_port = self._serve(make(), bait=False), self._serve(make(), bait=True)
        except OSError as error:
            self.close()
            raise UsageError(f"cannot listen on 127.0.0.1: {error.strerror}") from None
        self.url = f"http://127.0.0.1:{self.port}"
        self.bait = f"http://127.0.0.1:{self.bait_port}"

    def _serve(self, sock: socket.socket, *, bait: bool) -> int:
        listener = self

        class Handler(_Handler):
            def hit(self, method: str, path: str, headers: tuple[str, ...], body: bytes) -> str:
                listener._note(Hit(bait, method, path, headers, body))
                return listener.bait

        server = QuietServer(sock.getsockname(), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = sock
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), name="listener", daemon=True).start()
        return int(sock.getsockname()[1])

    def _note(self, hit: Hit) -> None:
        with self._lock:
            if len(self._hits) < MAX_HITS:
                self._hits.append(hit)

    def take(self) -> list[Hit]:
        """The requests since the last look, in order."""
        if not self._hits:
            return []
        with self._lock:
            taken, self._hits = self._hits, []
        return taken

    def close(self) -> None:
        """Stop listening; connections under way are left to end by themselves."""
        for server in self._servers:
            server.shutdown()
            with contextlib.suppress(OSError):
                server.socket.close()
        self._servers.clear()


class QuietServer(ThreadingHTTPServer):
    """On threads that end with us; says nothing of connections that break."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the server's business, not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def hit(self, method: str, path: str, headers: tuple[str, ...], body: bytes) -> str:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def handle_one_request(self) -> None:
        """A TLS handshake is a visit too, though nothing of it can be read."""
        if isinstance(self.rfile, io.BufferedReader) and self.rfile.peek(1)[:1] == b"\x16":
            self.hit("TLS", "", (), b"")
            self.close_connection = True
            return
        super().handle_one_request()

    def _answer(self) -> None:
        size = self.headers.get("content-length", "0")
        body = self.rfile.read(min(int(size), MAX_BODY)) if size.isdigit() else b""
        headers = tuple(f"{name}: {value}" for name, value in self.headers.items())
        bait = self.hit(self.command, self.path, headers, body)
        if self.path.startswith("/redirect/"):
            self.send_response(302)
            self.send_header("Location", f"{bait}/{self.path.removeprefix('/redirect/')}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        worst = hostile_answer(self.path, body[:4_096].decode("utf-8", "replace"), *headers)
        if worst is not None:
            self._send(worst)
            return
        html = "json" not in self.headers.get("accept", "") and "html" in self.headers.get("accept", "html")
        content = _PAGE if html else _DATA
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8" if html else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send(self, answer: Answer) -> None:
        """An answer at its worst; the connection ends with it."""
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        length = len(answer.body) * answer.times if answer.length is None else answer.length
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            for _ in range(answer.times if self.command != "HEAD" else 0):
                self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Hits are the log."""
