"""What is on its way to a client: messages of one stream, kept in order, read by whoever carries them out.

Knows no sockets. A stream outlives the connection that carries it, so that a client that lost it can come back.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final

from mcpfuzz.lab.codec import Json

__all__ = ["Outlet", "is_answer"]

MOST: Final = 2000
"""Messages that wait for a reader; what comes beyond ends the stream."""


def is_answer(message: Json) -> bool:
    """Whether it ends the request it belongs to: a response, or a batch of them."""
    return isinstance(message, list) or "method" not in message


class Outlet:
    """One stream.

    Attributes:
        key: names it within its session; event ids are KEY_NUMBER.
        messages: as text, in order, from the first.
        done: nothing more will come.
    """

    def __init__(self, *, ends_with_answer: bool = True) -> None:
        self.key = secrets.token_hex(8)
        self.messages: list[str] = []
        self.done = False
        self._ends = ends_with_answer
        self._changed = threading.Condition()

    def put(self, text: str, *, answer: bool) -> None:
        """Add a message; an answer is the last where the stream belongs to one request."""
        with self._changed:
            if self.done:
                return
            self.messages.append(text)
            self.done = (answer and self._ends) or len(self.messages) >= MOST
            self._changed.notify_all()

    def finish(self) -> None:
        with self._changed:
            self.done = True
            self._changed.notify_all()

    def after(self, count: int, seconds: float) -> tuple[list[str], bool]:
        """Messages beyond the first `count`, waiting for one at most so long; and whether these are the last."""
        with self._changed:
            self._changed.wait_for(lambda: self.done or len(self.messages) > count, seconds)
            return self.messages[count:], self.done

    def forget(self, count: int) -> None:
        """Drop what the first `count` said, for a stream that nobody can resume."""
        with self._changed:
            del self.messages[:count]
