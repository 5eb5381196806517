"""Event streams that break off: whether, when and how often each is taken up again with `Last-Event-ID`. No I/O.

Rules (Streamable HTTP, 2025-03-26 to 2025-11-25, resumability): an event's id is where its stream can be taken up, by
a GET whatever it began with; what the server asks for with `retry` is waited for. Ours: the answers to one message are
asked for again only where the stream had ids and an answer is still due; the server's own stream is opened again
whenever it ends. Both are bounded, and each try waits longer than the one before unless the server says how long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mcpfuzz.transports.events import EventReader

__all__ = ["MAX_REOPENED", "MAX_RESUMED", "Resumption"]

MAX_RESUMED = 50
"""Times that the stream of one message is taken up again."""
MAX_REOPENED = 100
"""Times that the server's own stream is opened again in one session."""
FLOOR_S = 0.05
"""Between two tries, even if the server asks for none."""
FIRST_S, MOST_S = 0.1, 5.0
"""The wait before the first and before any later try where the server said nothing."""
OWN_FIRST_S, OWN_MOST_S = 0.5, 30.0
"""The same for the server's own stream, while it ends without having brought anything."""
SETTLED_S = 5.0
"""A stream that stood so long did not end for nothing."""
PASSING = frozenset((409, 429, 502, 503))
"""Status of a try that may go better next time: the server has not noticed the end of the old stream, or is busy."""


@dataclass(slots=True)
class Resumption:
    """How one stream is taken up again.

    Attributes:
        build: last event id ("" for none) -> what builds the GET for a target.
        own: the server's own stream, which answers nothing.
        owed: answers that are still due on it.
        tries: how often it was taken up.
        refused: status of the try that was no event stream; 0: none was.
    """

    build: Callable[[str], Callable[[str], bytes]]
    own: bool = False
    owed: int = 0
    tries: int = 0
    refused: int = 0
    last: EventReader | None = None
    """The stream as it was when it broke off."""
    _fruitless: int = 0
    _since: float = 0.0

    def opened(self, refused: int) -> None:
        """An answer begins; `refused`: its status, where it is no event stream."""
        self._since, self.refused = time.monotonic(), refused

    def came(self, message: bytes) -> None:
        """Count what the stream brought."""
        self._fruitless = 0
        if message.lstrip()[:1] == b"[":
            self.owed = 0
        elif self.owed and b'"method"' not in message:
            self.owed -= 1

    def wait(self, events: EventReader | None) -> float | None:
        """The stream ended: seconds until it is taken up again; None where it is not."""
        self.last = events if events is not None else self.last
        retry = (self.last.retry_ms if self.last is not None else None) or 0
        asked = max(FLOOR_S, retry / 1000)
        if events is None and self.refused not in PASSING:
            return None
        if self.own:
            if self.tries >= MAX_REOPENED:
                return None
            self._fruitless = 0 if time.monotonic() - self._since > SETTLED_S else self._fruitless + 1
            wait = max(asked, min(OWN_MOST_S, OWN_FIRST_S * (1 << min(max(0, self._fruitless - 1), 10))))
        else:
            if self.tries >= MAX_RESUMED or not self.owed or not self.last_id:
                return None
            wait = asked if retry else min(MOST_S, FIRST_S * (1 << min(self.tries, 10)))
        self.tries += 1
        return wait

    @property
    def last_id(self) -> str:
        """Where the stream is to be taken up; "" where it gave no id, or none that may stand in a header of ours."""
        said = self.last.last_id if self.last is not None else ""
        return said if said.isprintable() and said == said.strip() else ""
