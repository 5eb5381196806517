"""HTTP/1.1 by hand on a blocking socket: what a load generator needs and nothing else. A request is bytes, a
response is read to its last byte, JSON and SSE alike. Under gevent the same code is cooperative.

About six times cheaper than a general client (docs/benchmarks.md). It trusts nobody: heads, bodies and waiting are
bounded.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from urllib.parse import quote, urlsplit

from mcpfuzz.errors import Gone, Late, TooMuch, UsageError

__all__ = ["NEVER", "WATCH", "Connection", "Place", "Response", "events_in", "place_of", "request_bytes"]

MAX_HEAD = 64 << 10
MAX_BODY = 34 << 20
READ = 65_536
NEVER = float("inf")
ROUND_S, IDLE_ROUNDS = 0.1, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server listens."""

    scheme: str
    host: str
    port: int
    path: str
    """With its query."""

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"

    def with_query(self, query: Iterable[tuple[str, str]]) -> Place:
        """With further parameters in the query."""
        added = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in query)
        return replace(self, path=self.path + ("&" if "?" in self.path else "?") + added) if added else self


_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def place_of(url: str) -> Place:
    """The parts of a URL.

    Raises:
        UsageError: it is none, or of another scheme.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        host = parts.hostname or ""
    except (ValueError, KeyError):
        raise UsageError(f"--url {url}: must be http://, https://, ws:// or wss:// with a host") from None
    if not host:
        raise UsageError(f"--url {url}: names no host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(scheme=parts.scheme, host=host, port=port, path=path)


def request_bytes(method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
    """One request as it goes out."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + (body or b"")


@dataclass(slots=True)
class Response:
    """One response, read to its end."""

    status: int
    head: bytes
    """The header lines, names in lower case as needed by `header`."""
    body: bytes
    first_at: float | None = None
    """When the first bytes of an SSE body came, monotonic."""

    def header(self, name: bytes) -> str | None:
        """A header's value; `name` in lower case, without the colon."""
        low = self.head.lower()
        at = low.find(b"\r\n" + name + b":")
        if at < 0:
            return None
        start = at + len(name) + 3
        end = self.head.find(b"\r\n", start)
        return self.head[start : end if end >= 0 else len(self.head)].strip().decode("latin-1")

    @property
    def is_sse(self) -> bool:
        return b"text/event-stream" in self.head


class Connection:
    """One TCP (or TLS) connection, one request at a time.

    Args:
        timeout: seconds for connecting, and for one whole response.
        source: local address to connect from, so that a server sees another client (Linux loopback: any 127/8).

    Raises (all methods):
        Gone: refused, reset or ended before the answer was whole.
        Late: `timeout` passed.
    """

    def __init__(
        self,
        place: Place,
        *,
        timeout: float = 10.0,
        source: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout = timeout
        self._rest = b""
        self.fresh = True
        self.writing = NEVER
        self.reading = NEVER
        self.overdue = False
        self._timed = place.scheme in ("https", "wss")
        """TLS has its own timeouts: it cannot be shut down from outside without harm."""
        try:
            bound = (source, 0) if source else None
            made = socket.create_connection((place.host, place.port), timeout, bound)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._timed:
                made = (tls or ssl.create_default_context()).wrap_socket(made, server_hostname=place.host)
            else:
                made.settimeout(None)
                WATCH.add(self)
            self.socket = made
        except TimeoutError:
            raise Late(f"no connection to {place.authority} within {timeout:g} s") from None
        except OSError as error:
            raise Gone(f"no connection to {place.authority}: {error.strerror or error}") from None

    def close(self) -> None:
        WATCH.discard(self)
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.writing = monotonic() + self._timeout
        try:
            if self._timed:
                self.socket.settimeout(self._timeout)
            sent = self.socket.send(data)
            if sent < len(data):
                self.socket.sendall(data[sent:])
            self.writing = NEVER
        except TimeoutError:
            raise Late("the server does not read what is sent") from None
        except OSError as error:
            if self.overdue:
                raise Late("the server does not read what is sent") from None
            raise Gone(f"the connection broke while sending: {error.strerror or error}") from None

    def exchange(self, request: bytes, *, on_head: Callable[[Response], bool] | None = None) -> Response:
        """Send a request and read its answer to the end.

        Args:
            on_head: asked once the head is there; True leaves the body unread (a stream is taken over).
        """
        self.send(request)
        return self.response(on_head=on_head)

    def response(self, *, on_head: Callable[[Response], bool] | None = None) -> Response:
        """Read one response."""
        deadline = self.reading = monotonic() + self._timeout
        data = self._rest or self.more(deadline)
        if on_head is None and (whole := _whole(data)) is not None:
            self._rest, self.fresh, self.reading = b"", False, NEVER
            return whole
        while True:
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                if data[9:10] != b"1" or data[9:12] == b"101":
                    break
                data = data[end + 4 :]  # 100 Continue and its like
            elif len(data) > MAX_HEAD:
                raise TooMuch(f"a response head of over {MAX_HEAD >> 10} KiB")
            data += self.more(deadline)
        try:
            status = int(data[9:12])
        except ValueError:
            raise Gone(f"what came is no HTTP response: {data[:40]!r}") from None
        made = Response(status, data[:end], b"")
        self._rest = data[end + 4 :]
        self.fresh = False
        if on_head is not None and on_head(made):
            self.reading = NEVER
            return made
        self._body(made, deadline)
        self.reading = NEVER
        return made

    def _body(self, made: Response, deadline: float) -> None:
        low = made.head
        at = low.find(b"\r\nContent-Length:")
        if at < 0:
            low = low.lower()
            at = low.find(b"\r\ncontent-length:")
        if at >= 0:
            stop = low.find(b"\r\n", at + 17)
            length = _number(low[at + 17 : stop if stop >= 0 else len(low)])
            if length > MAX_BODY:
                raise TooMuch(f"a response body of over {MAX_BODY >> 20} MiB")
            have = self._rest
            if len(have) < length:
                parts, got = [have], len(have)
                while got < length:
                    piece = self.more(deadline)
                    parts.append(piece)
                    got += len(piece)
                have = b"".join(parts)
            made.body, self._rest = have[:length], have[length:]
        elif b"transfer-encoding" in low:
            self._chunked(made, deadline)
        elif made.status not in (204, 304) and made.status >= 200:
            self._to_the_end(made, deadline)
        if b"onnection: close" in low:
            self.close()

    def _chunked(self, made: Response, deadline: float) -> None:
        parts: list[bytes] = []
        total = 0
        while True:
            piece = self.chunk(deadline)
            if piece is None:
                break
            if made.first_at is None:
                made.first_at = monotonic()
            total += len(piece)
            if total > MAX_BODY:
                raise TooMuch(f"a response body of over {MAX_BODY >> 20} MiB")
            parts.append(piece)
        made.body = b"".join(parts)

    def chunk(self, deadline: float) -> bytes | None:
        """The next chunk of a chunked body; None at its end."""
        while (end := self._rest.find(b"\r\n")) < 0:
            self._rest += self.more(deadline)
        data = self._rest
        try:
            size = int(data[:end].partition(b";")[0], 16)
        except ValueError:
            raise Gone(f"what came is no chunk: {data[:20]!r}") from None
        if size > MAX_BODY:
            raise TooMuch(f"a chunk of over {MAX_BODY >> 20} MiB")
        need = end + 2 + size + 2
        while len(data) < need:
            data = self._rest = data + self.more(deadline)  # kept, should the wait be ended
        self._rest = data[need:]
        return data[end + 2 : need - 2] if size else None

    def _to_the_end(self, made: Response, deadline: float) -> None:
        parts, total = [self._rest], len(self._rest)
        self._rest = b""
        while True:
            piece = self._read(deadline)
            if not piece:
                break
            if made.first_at is None:
                made.first_at = monotonic()
            parts.append(piece)
            total += len(piece)
            if total > MAX_BODY:
                raise TooMuch(f"a response body of over {MAX_BODY >> 20} MiB")
        made.body = b"".join(parts)
        self.close()

    def more(self, deadline: float) -> bytes:
        """Some more bytes; never none."""
        piece = self._read(deadline)
        if not piece:
            raise Gone("the server closed the connection before its answer was whole")
        return piece

    def taken(self) -> bytes:
        """What was read beyond the head of a stream that is taken over."""
        rest, self._rest = self._rest, b""
        return rest

    def _read(self, deadline: float) -> bytes:
        try:
            if self._timed:
                left = deadline - monotonic()
                if left <= 0:
                    raise TimeoutError
                self.socket.settimeout(left)
            piece = self.socket.recv(READ)
        except TimeoutError:
            raise Late(f"no whole answer within {self._timeout:g} s") from None
        except OSError as error:
            if self.overdue:
                raise Late(f"no whole answer within {self._timeout:g} s") from None
            raise Gone(f"the connection broke: {error.strerror or error}") from None
        if not piece and self.overdue:
            raise Late(f"no whole answer within {self._timeout:g} s")
        return piece


def _whole(data: bytes) -> Response | None:
    """The response that these bytes are, where they are one of the plainest kind and no more: what most answers are, at
    half the cost of looking at everything."""
    end = data.find(b"\r\n\r\n")
    if end < 0 or data[9:12] != b"200":
        return None
    at = data.find(b"\r\nContent-Length: ", 0, end)
    if at < 0 or data.find(b"onnection: close", 0, end) >= 0:
        return None
    length = data[at + 18 : data.find(b"\r\n", at + 18)]
    if not length.isdigit() or int(length) != len(data) - end - 4:
        return None
    return Response(200, data[:end], data[end + 4 :])


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        raise Gone(f"a Content-Length that is no number: {text[:20]!r}") from None


class _Watch:
    """Ends connections whose deadline is over. One look at all of them
    ten times a second costs less than a timer for each read, which under gevent is a fifth of a request."""

    def __init__(self) -> None:
        self._all: set[Connection] = set()
        self._thread: threading.Thread | None = None

    def add(self, connection: Connection) -> None:
        self._all.add(connection)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def discard(self, connection: Connection) -> None:
        self._all.discard(connection)

    def _run(self) -> None:
        idle = 0
        while idle < IDLE_ROUNDS:
            time.sleep(ROUND_S)
            now = time.monotonic()
            everyone = list(self._all)
            idle = 0 if everyone else idle + 1
            for one in everyone:
                if one.reading < now or one.writing < now:
                    self._all.discard(one)
                    one.overdue = True
                    with contextlib.suppress(OSError):
                        one.socket.shutdown(socket.SHUT_RDWR)


WATCH = _Watch()


def events_in(body: bytes) -> list[tuple[str, bytes]]:
    """The events of a whole SSE body, or of whole blocks of one: (event, data)."""
    found = []
    for block in body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        name, data = "message", []
        for line in block.split(b"\n"):
            if line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line.startswith(b"event:"):
                name = line[6:].strip().decode("utf-8", "replace")
        if data:
            found.append((name, b"\n".join(data)))
    return found
