"""How often a name was tried with a password: after a few tries it has to wait, whether or not there is such a name.
Serves whatever people sign in with, a tool or a page."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Final

__all__ = ["SLOWED_S", "Tries"]

KEPT: Final = 1_000
"""Names; the oldest go first."""
MOST: Final = 5
SLOWED_S: Final = 2.0
"""Seconds without a try after which a name may be tried again."""


class Tries:
    """The names of one place to sign in at.

    Args:
        endless: whether a name may be tried for ever.
    """

    def __init__(self, endless: bool) -> None:
        self._endless = endless
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def too_many(self, name: str) -> bool:
        """Count a try; whether there were too many."""
        if self._endless:
            return False
        with self._lock:
            count, last = self._wrong.pop(name, (0, 0.0))
            now = time.monotonic()
            count = 1 if now - last > SLOWED_S else count + 1
            self._wrong[name] = (count, now)
            while len(self._wrong) > KEPT:
                self._wrong.popitem(last=False)
            return count > MOST

    def forget(self, name: str) -> None:
        """The right password was given."""
        with self._lock:
            self._wrong.pop(name, None)
