"""HTTP/1.1 over one connection, bytes through h11: a request exactly as it is given, its answer bit by bit.

h11 reads what comes back, strictly. What goes out is written here and only told to h11 in outline, so that
nothing of it is normalised or refused: duplicate headers, a foreign Host, a body without a length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import h11

from mcpfuzz.transports.tcp import Link

__all__ = ["MAX_HEADER_BYTES", "Connection", "NotHttp", "header_lines", "readable"]

MAX_HEADER_BYTES = 64 << 10
"""Status line and headers of a response together; h11 refuses more."""
START = b"HTTP/"
"""Of every answer; h11 would wait for the end of the line, and of a whole header."""
MAX_INTERIM = 20
"""Interim responses (1xx) before the final one."""
_END = h11.EndOfMessage()
_OUTLINES: dict[bytes, h11.Request] = {}


class NotHttp(Exception):
    """What came is no HTTP response, or breaks off within one; `str()` says how."""


class Connection:
    """A connection that carries one request after another.

    Attributes:
        served: whole answers that came over it.
        heard: whether anything of the answer came.
        ended: whether the connection is known to be over.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.fd = link.fd
        self.served = 0
        self.heard = False
        self.ended = False
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
        self._out = memoryview(b"")
        self._interim = 0

    @property
    def unsent(self) -> bool:
        """Whether bytes of the request still wait to be taken."""
        return bool(self._out)

    @property
    def reusable(self) -> bool:
        """Whether another request may follow the answer that came."""
        h = self._h11
        return (
            not self._out
            and not self.ended
            and h.our_state is h11.DONE
            and h.their_state is h11.DONE
            and not h.trailing_data[0]
        )

    def begin(self, method: bytes, data: bytes) -> None:
        """Start to send a request. Where the connection is broken, reading says so.

        Args:
            method: for the framing of the answer (a HEAD has no body).
            data: the whole request.
        """
        if self.served:
            self._h11.start_next_cycle()
        self._h11.send(_outline(method))
        self._h11.send(_END)
        self._interim = 0
        self.heard = False
        self._out = memoryview(data)
        self.flush()

    def flush(self) -> None:
        """Write what the socket takes. An error is left to `read`: an answer may have come before it."""
        while self._out:
            try:
                taken = self.link.write(self._out)
            except OSError:
                self.ended, self._out = True, memoryview(b"")
                return
            if not taken:
                return
            self._out = self._out[taken:]

    def read(self) -> list[h11.Event]:
        """What is there of the answer: Response, Data, EndOfMessage; empty where nothing is.

        Raises:
            NotHttp: it is no HTTP, or it ended too early.
        """
        try:
            chunk = self.link.read()
        except OSError as error:
            self.ended = True
            raise NotHttp(f"the connection broke: {error.strerror or error}") from None
        if chunk is None:
            return []
        if chunk and not self.heard and not chunk.startswith(START[: len(chunk)]):
            raise NotHttp(f"what came is not HTTP/1.1 but {chunk[:40]!r}")
        self.heard = self.heard or bool(chunk)
        self.ended = self.ended or not chunk
        events: list[h11.Event] = []
        try:
            self._h11.receive_data(chunk)
            while (event := self._next()) is not None:
                events.append(event)
                if type(event) is h11.EndOfMessage:
                    self.served += 1
                    break
        except h11.RemoteProtocolError as error:
            if events:
                return events  # the trouble is told at the next reading
            if chunk == b"":
                when = "in the middle of" if self.heard else "before"
                raise NotHttp(f"the connection was closed {when} the answer") from None
            raise NotHttp(f"what came is not HTTP/1.1: {error}") from None
        return events

    def _next(self) -> h11.Event | None:
        """The next event of the answer, interim responses passed over; None where more bytes are needed."""
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return None
            if type(event) is h11.ConnectionClosed:
                raise NotHttp("the connection was closed before the answer")
            if type(event) is not h11.InformationalResponse:
                return event  # type: ignore[return-value]
            self._interim += 1
            if self._interim > MAX_INTERIM or event.status_code == 101:
                raise NotHttp(f"an interim response {event.status_code} that nobody asked for")

    def close(self) -> None:
        self.link.close()


def _outline(method: bytes) -> h11.Request:
    """Of a request, as far as the reading of its answer depends on it."""
    made = _OUTLINES.get(method)
    if made is None:
        known = method if method in (b"GET", b"HEAD", b"POST", b"DELETE", b"PUT", b"OPTIONS", b"PATCH") else b"GET"
        made = h11.Request(method=known, target=b"/", headers=[(b"host", b"-")])
        if known == method:
            _OUTLINES[method] = made
    return made


def header_lines(headers: Sequence[tuple[str, str]]) -> bytes:
    """As they go out, each with its line end; a line end within a value stays what it is (a fuzzer's)."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("utf-8", "surrogatepass")


def readable(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Of a response: names in lower case, in order of arrival."""
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])
