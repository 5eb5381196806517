"""HTTP/1.1 in: one socket to strict requests, with deadlines and caps. Knows RFC 9112 and nothing of MCP.

`http.server` forgives too much for a reference (bare line feeds, two lengths, no deadline), and each of these is
something that two readers of the same bytes can disagree about.
"""

from __future__ import annotations

import re
import select
import socket
import time
from dataclasses import dataclass
from typing import Final

from mcpfuzz.lab.codec import MAX_LINE

__all__ = ["Fault", "Gone", "Limits", "Request", "Stream"]

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]{1,8000}) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}):[ \t]*([\x21-\x7e\x80-\xff \t]*?)[ \t]*")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(/[^#]*|\?[^#]*)?", re.IGNORECASE)
_CHUNK: Final = 1 << 16


class Fault(Exception):
    """The bytes are no request that is taken here: answered with `status`, then the connection ends."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Gone(Exception):
    """The peer left, or took too long to be waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one peer may cost; sizes in bytes, times in seconds and in total, however many bytes arrive."""

    head: int = 16 << 10
    fields: int = 64
    body: int = MAX_LINE + 1
    """One more than a message may have, so that the core says what is wrong with one that is too large."""
    head_s: float | None = 5.0
    """From its first byte; None: as long as it likes."""
    body_s: float = 10.0
    idle_s: float = 60.0
    """From one request to the next."""
    write_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, read to its end."""

    method: str
    path: str
    query: str
    fields: tuple[tuple[str, str], ...]
    """Names in lower case, in the order they came, every one of them."""
    body: bytes
    version: int
    """0 for HTTP/1.0, 1 for HTTP/1.1."""
    raw_head: bytes
    peer: str
    """The address it came from."""

    def all(self, name: str) -> tuple[str, ...]:
        """The values of a header, by its name in lower case."""
        return tuple(value for known, value in self.fields if known == name)

    def get(self, name: str) -> str | None:
        """The first value of a header."""
        return next(iter(self.all(name)), None)

    @property
    def keeps(self) -> bool:
        """Whether the connection may carry another request."""
        return self.version == 1 and "close" not in (self.get("connection") or "").lower()


class Stream:
    """One connection: requests out of it, bytes into it."""

    def __init__(self, sock: socket.socket, peer: str, limits: Limits) -> None:
        self.sock = sock
        self.peer = peer
        self.limits = limits
        self._buffer = bytearray()

    # ---- bytes ----

    def _more(self, until: float | None) -> None:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            raise Fault(408, "The request takes too long")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(_CHUNK)
        except TimeoutError:
            raise Fault(408, "The request takes too long") from None
        except OSError:
            raise Gone from None
        if not data:
            raise Gone
        self._buffer += data

    def send(self, data: bytes) -> None:
        """Write all of it. Raises Gone for a peer that left or does not read."""
        self.sock.settimeout(self.limits.write_s)
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone from None

    def gone(self) -> bool:
        """Whether the peer has left while it is being answered; what it says meanwhile is kept for later."""
        if len(self._buffer) > self.limits.head:
            return False
        try:
            if not select.select([self.sock], [], [], 0)[0]:
                return False
            self.sock.settimeout(0.01)
            data = self.sock.recv(_CHUNK)
        except TimeoutError:
            return False
        except (OSError, ValueError):
            return True
        self._buffer += data
        return not data

    def taken(self) -> bytes:
        """What has been read beyond the last request; the caller's from now on (a connection that is upgraded)."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def linger(self, seconds: float = 1.0) -> None:
        """Let a peer that is still sending read our last answer: a close upon unread bytes would reset it away."""
        until = time.monotonic() + seconds
        try:
            self.sock.shutdown(socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(_CHUNK):
                    return
        except OSError:
            return

    # ---- requests ----

    def request(self) -> Request | None:
        """The next request; None where the peer is done.

        Raises:
            Fault: what came is no request, too large or too slow.
            Gone: the peer left in the middle of one.
        """
        if not self._buffer and not self._first_byte():
            return None
        until = None if self.limits.head_s is None else time.monotonic() + self.limits.head_s
        searched = 0
        while (end := self._buffer.find(b"\r\n\r\n", searched)) < 0:
            searched = max(0, len(self._buffer) - 3)
            if searched > self.limits.head:
                raise Fault(431, "The header fields are too large")
            self._more(until)
        if end > self.limits.head:
            raise Fault(431, "The header fields are too large")
        head = bytes(self._buffer[: end + 4])
        del self._buffer[: end + 4]
        return self._read(head)

    def _first_byte(self) -> bool:
        self.sock.settimeout(self.limits.idle_s)
        try:
            data = self.sock.recv(_CHUNK)
        except OSError:
            return False
        self._buffer += data
        return bool(data)

    def _read(self, head: bytes) -> Request:
        first, *rest = head[:-4].split(b"\r\n")
        match = _LINE.fullmatch(first)
        if match is None:
            raise Fault(414 if len(first) > 8000 else 400, "The request line is not one")
        if len(rest) > self.limits.fields:
            raise Fault(431, "There are too many header fields")
        fields = []
        for line in rest:
            field = _FIELD.fullmatch(line)
            if field is None:  # folded lines, bare line feeds, blanks before the colon, control characters
                raise Fault(400, "A header field is not one")
            fields.append((field[1].decode("ascii").lower(), field[2].decode("latin-1")))
        version = int(match[3])
        hosts = [value for name, value in fields if name == "host"]
        if len(hosts) > 1 or (version == 1 and not hosts):
            raise Fault(400, "There is one Host header")
        target = match[2].decode("ascii")
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is not None:  # RFC 9112, 3.2.2: the target's authority counts, not the header's
            fields = [(name, absolute[1] if name == "host" else value) for name, value in fields]
            target = absolute[2] or "/"
        elif not target.startswith("/"):
            raise Fault(400, "The target is not one")
        path, _, query = target.partition("?")
        return Request(
            method=match[1].decode("ascii"),
            path=path,
            query=query,
            fields=tuple(fields),
            body=self._body(fields, version),
            version=version,
            raw_head=head,
            peer=self.peer,
        )

    # ---- bodies ----

    def _body(self, fields: list[tuple[str, str]], version: int) -> bytes:
        lengths = [value for name, value in fields if name == "content-length"]
        codings = [value.lower() for name, value in fields if name == "transfer-encoding"]
        if codings and (lengths or codings != ["chunked"] or version == 0):
            # RFC 9112, 6.1: a message with both is an attempt at smuggling
            raise Fault(400, "The length of the body is told in two ways, or in none that is known")
        if len(lengths) > 1 or (lengths and not re.fullmatch("[0-9]{1,12}", lengths[0])):
            raise Fault(400, "Content-Length is one number")
        length = int(lengths[0]) if lengths else 0
        if length > self.limits.body:
            raise Fault(413, "The body is too large")
        if (length or codings) and any(name == "expect" and value.lower() == "100-continue" for name, value in fields):
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        until = time.monotonic() + self.limits.body_s
        return self._chunks(until) if codings else self._exactly(length, until)

    def _exactly(self, length: int, until: float) -> bytes:
        while len(self._buffer) < length:
            self._more(until)
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data

    def _line(self, until: float) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > 256:
                raise Fault(400, "A chunk has no end")
            self._more(until)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _chunks(self, until: float) -> bytes:
        body = bytearray()
        while True:
            size = self._line(until).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
                raise Fault(400, "The size of a chunk is not one")
            length = int(size, 16)
            if length == 0:
                break
            if len(body) + length > self.limits.body:
                raise Fault(413, "The body is too large")
            body += self._exactly(length, until)
            if self._exactly(2, until) != b"\r\n":
                raise Fault(400, "A chunk is longer than it says")
        for _ in range(self.limits.fields):  # trailers: read, and not believed
            if not self._line(until):
                return bytes(body)
        raise Fault(431, "There are too many trailers")
