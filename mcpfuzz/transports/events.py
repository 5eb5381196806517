"""Server-sent events, read bit by bit: bytes in, events out. Sans-IO, with a cap; what is malformed is passed
over, as the rules for readers say (WHATWG HTML, section 9.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from mcpfuzz.errors import TooMuch
from mcpfuzz.wire import MAX_FRAME_BYTES

__all__ = ["Event", "EventReader"]

MAX_LINES = 100_000
"""Data lines of one event."""
BOM = b"\xef\xbb\xbf"
MAX_ID = 1_000
"""Characters of an id that is remembered; a longer one is passed over."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event that was dispatched."""

    data: bytes
    kind: str = "message"
    id: str = ""
    """Where the stream can be taken up behind it: the last id that was given; "" for none."""


class EventReader:
    """An event stream.

    Attributes:
        last_id: the stream's last id, "" where it gave none.
        retry_ms: what it asked for before a reconnection, None where it did not.
        noise: the first bytes of a line that is no field, b"" where all were: no event stream looks so.

    Args:
        cap: bytes one event may have.
        after: the reader of the same stream before it broke off: its id and its wish for a wait go on.
    """

    __slots__ = (
        "_cap",
        "_data",
        "_half",
        "_kind",
        "_lines",
        "_parts",
        "_size",
        "_start",
        "last_id",
        "noise",
        "retry_ms",
    )

    def __init__(self, cap: int = MAX_FRAME_BYTES, *, after: EventReader | None = None) -> None:
        self._cap = cap
        self._parts: list[bytes] = []
        """Of the unfinished line."""
        self._size = 0
        """Bytes of the unfinished event, its unfinished line included."""
        self._data: list[bytes] = []
        self._lines = 0
        self._kind = ""
        self._start: bytes | None = b""
        """What came before it is known whether a byte order mark is to be dropped."""
        self._half = False
        """The last byte was a carriage return: a line feed after it ends no second line."""
        self.last_id: str = after.last_id if after is not None else ""
        self.retry_ms: int | None = after.retry_ms if after is not None else None
        self.noise = b""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes; one without data is none.

        Raises:
            TooMuch: an event passed the cap.
        """
        events: list[Event] = []
        for line in self._split(chunk):
            if line:
                self._line(line)
            else:
                if self._data:
                    events.append(Event(b"\n".join(self._data), self._kind or "message", self.last_id))
                self._data, self._kind, self._lines, self._size = [], "", 0, 0
        return events

    def _split(self, chunk: bytes) -> list[bytes]:
        """Finished lines; they end in CR LF, LF or CR."""
        if self._start is not None:
            chunk = self._start + chunk
            if len(chunk) < len(BOM) and BOM.startswith(chunk):
                self._start = chunk
                return []
            self._start, chunk = None, chunk.removeprefix(BOM)
        if self._half and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        if chunk:
            self._half = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._count(len(chunk))
        lines = chunk.split(b"\n")
        if self._parts:
            self._parts.append(lines[0])
            if len(lines) == 1:
                return []
            lines[0] = b"".join(self._parts)
        rest = lines.pop()
        self._parts = [rest] if rest else []
        return lines

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._cap:
            self._parts, self._data, self._size = [], [], 0
            raise TooMuch(f"an event of over {self._cap >> 20} MiB (cap MAX_FRAME_BYTES)")

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._lines += 1
            if self._lines > MAX_LINES:
                self._data = []
                raise TooMuch(f"an event of over {MAX_LINES} lines (cap MAX_LINES)")
            self._data.append(value)
        elif name == b"event":
            self._kind = value[:100].decode("utf-8", "replace")
        elif name == b"id":
            if b"\x00" not in value and len(value) <= MAX_ID:
                self.last_id = value.decode("utf-8", "replace")
        elif name == b"retry":
            if value.isdigit() and len(value) <= 9:
                self.retry_ms = int(value)
        elif name and not self.noise:
            self.noise = line[:200]
