"""Channels of `Mux`: the old HTTP+SSE pair, and the pipes of a process."""

from __future__ import annotations

import contextlib
import os
import select
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any
from urllib.parse import urljoin, urlsplit

from mcpfuzz.blocking.http1 import Connection, Place, Response, events_in, request_bytes
from mcpfuzz.blocking.mux import Mux
from mcpfuzz.errors import Gone, HandshakeError, Late, LaunchError
from mcpfuzz.revisions import Revision
from mcpfuzz.wire import LineFramer

__all__ = ["HttpSse", "Stdio"]


class HttpSse(Mux):
    """HTTP+SSE (2024-11-05): one GET whose events are the answers, a POST for each message."""

    transport = "sse"

    def __init__(
        self,
        place: Place,
        *,
        headers: Mapping[str, str] | None = None,
        wanted: Revision | None = None,
        timeout: float = 10.0,
        source: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(wanted=wanted, timeout=timeout)
        self.place = place
        self._headers = {"Host": place.authority, "User-Agent": "mcpfuzz", **(headers or {})}
        self._options: dict[str, Any] = {"timeout": timeout, "source": source, "tls": tls}
        self._stream = self.connect()
        self._posts: list[Connection] = []
        self._text = b""
        self._ready: list[bytes] = []
        self._chunked = False
        try:
            self._path = self._endpoint()
        except BaseException:
            self._stream.close()
            raise

    def listening(self) -> bytes:
        """The request for an event stream."""
        return request_bytes("GET", self.place.path, {**self._headers, "Accept": "text/event-stream"})

    def connect(self) -> Connection:
        """A bare connection of its own to the server."""
        return Connection(self.place, **self._options)

    def _endpoint(self) -> str:
        head = self._stream.exchange(self.listening(), on_head=lambda response: response.is_sse)
        if head.status != 200 or not head.is_sse:
            raise HandshakeError(f"GET {self.place.path}: HTTP {head.status}, no event stream: not an HTTP+SSE server")
        self._chunked = b"chunked" in head.head.lower()
        if not self._chunked:
            self._text = self._stream.taken()
        deadline = monotonic() + float(self._options["timeout"])
        while True:
            for name, data in self._events(deadline):
                if name == "endpoint":
                    return self._same_origin(data.decode("utf-8", "replace").strip())

    def _same_origin(self, endpoint: str) -> str:
        base = f"{self.place.scheme}://{self.place.authority}{self.place.path}"
        parts = urlsplit(urljoin(base, endpoint))
        if parts.netloc != self.place.authority:
            raise HandshakeError(f"the endpoint event names another host ({parts.netloc}): it is not followed")
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def _events(self, deadline: float) -> list[tuple[str, bytes]]:
        piece = self._stream.chunk(deadline) if self._chunked else self._stream.more(deadline)
        if piece is None:
            raise Gone("the event stream ended")
        self._text += piece.replace(b"\r\n", b"\n")
        whole, found, rest = self._text.rpartition(b"\n\n")
        if not found:
            return []
        self._text = rest
        return events_in(whole)

    def read(self, deadline: float) -> bytes:
        while not self._ready:
            self._ready = [data for name, data in self._events(deadline) if name == "message"]
        return self._ready.pop(0)

    def write(self, data: bytes) -> None:
        request = request_bytes("POST", self._path, {**self._headers, "Content-Type": "application/json"}, data)
        connection = self._posts.pop() if self._posts else self.connect()
        try:
            response: Response = connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if connection.socket.fileno() >= 0:
            self._posts.append(connection)
        if response.status >= 400:
            raise Gone(f"the POST was refused: HTTP {response.status}")

    def post(self, message: bytes) -> None:
        self.write(message)  # each on a connection of its own: nothing to serialise

    def shut(self) -> None:
        self._stream.close()
        while self._posts:
            self._posts.pop().close()


class Stdio(Mux):
    """A server process of its own, spoken to over its pipes.

    Args:
        argv, env, cwd: as `Launch` made them.

    Raises:
        LaunchError: it cannot be started.
    """

    transport = "stdio"

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        wanted: Revision | None = None,
        timeout: float = 30.0,
    ) -> None:
        super().__init__(wanted=wanted, timeout=timeout)
        try:
            self.process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise LaunchError(f"cannot start {argv[0]!r}: {error.strerror or error}") from None
        assert self.process.stdin is not None and self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._framer = LineFramer()
        self._lines: list[bytes] = []

    def write(self, data: bytes) -> None:
        view = memoryview(data + b"\n")
        deadline = monotonic() + self._timeout
        while view:
            try:
                view = view[os.write(self._in, view) :]
            except BlockingIOError:
                if not select.select([], [self._in], [], max(deadline - monotonic(), 0))[1]:
                    raise Late("the server does not read what is sent") from None
            except OSError:
                raise Gone("the server closed its stdin") from None

    def read(self, deadline: float) -> bytes:
        while not self._lines:
            try:
                chunk = os.read(self._out, 65_536)
            except BlockingIOError:
                if not select.select([self._out], [], [], max(deadline - monotonic(), 0))[0]:
                    raise Late(f"no answer within {self._timeout:g} s") from None
                continue
            except OSError:
                raise Gone("the server's stdout broke") from None
            if not chunk:
                raise Gone("the server ended")
            self._lines = [line for line in self._framer.feed(chunk) if line.strip()]
        return self._lines.pop(0)

    def shut(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, 9)
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            self.process.wait(2)
