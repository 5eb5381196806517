"""What the listener answers when a request asks for it: an upstream at its worst. A request that holds `mf-MODE`
anywhere gets the answer of that mode, so that an ordinary argument of a case decides, and a replay needs no more
than the same argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["MODES", "Answer", "hostile_answer"]

_ASKED = re.compile(r"mf-([a-z]{2,12})")
HUGE = 24 << 20
DEEP = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    body: bytes
    kind: str = "application/json"
    status: int = 200
    length: int | None = None
    """Content-Length, where it lies."""
    times: int = 1
    """How often the body is sent."""


MODES: Mapping[str, Callable[[], Answer]] = {
    "malformed": lambda: Answer(b'{"id": 42, "name": "An ordinary rec'),
    "wrong": lambda: Answer(b"[null, 17, [true]]"),
    "number": lambda: Answer(
        b'{"id": 1e999, "key": -1, "name": 7, "title": null, "status": [], "items": "none", "results": 3,'
        b' "data": "text", "total": "many", "fields": false, "price": {}, "count": "NaN"}'
    ),
    "deep": lambda: Answer(b"[" * DEEP + b"]" * DEEP),
    "empty": lambda: Answer(b""),
    "html": lambda: Answer(b"<!doctype html><title>502</title><h1>Bad gateway</h1>", "text/html"),
    "huge": lambda: Answer(b"x" * (1 << 20), "application/json", times=HUGE >> 20),
    "hostile": lambda: Answer(
        b'{"__proto__": {"polluted": true}, "constructor": 1, "name": "\\u001b[2J\\u202e\\ud800", "total": "-0"}'
    ),
    "cut": lambda: Answer(b'{"id": 42,', length=4_096),
    "status": lambda: Answer(b"upstream fault", "text/plain", status=500),
}  # fmt: skip
"""Mode -> its answer."""


def hostile_answer(*texts: str) -> Answer | None:
    """The answer that a request's path, headers or body ask for; None: an ordinary one."""
    for text in texts:
        match = _ASKED.search(text)
        if match and match.group(1) in MODES:
            return MODES[match.group(1)]()
    return None
