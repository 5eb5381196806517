"""Token buckets: so many at once, so many a second. Knows keys and time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Final

__all__ = ["Buckets"]

_MOST: Final = 10_000
"""Keys that are remembered; the one unused for longest is forgotten, and would be full again by then."""


class Buckets:
    """One bucket per key.

    Args:
        rate: tokens a second.
        burst: tokens of a full bucket.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Take a token: 0.0 where there was one, else the seconds until there is."""
        now = time.monotonic()
        with self._lock:
            level, then = self._levels.pop(key, (float(self.burst), now))
            level = min(self.burst, level + (now - then) * self.rate)
            wait = 0.0 if level >= 1 else (1 - level) / self.rate
            self._levels[key] = (level - (wait == 0), now)
            if len(self._levels) > _MOST:
                self._levels.popitem(last=False)
            return wait
