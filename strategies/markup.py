"""Markup of our own: an element, an attribute, a script's link. It does nothing where it is shown."""

from __future__ import annotations

from functools import lru_cache

from mcpfuzz.strategies.payload import Payload

__all__ = ["markup"]

MARKS: tuple[tuple[str, str, str], ...] = (
    ("<i id={canary:1}>a</i>", "<i id={canary:1}>", "an element"),
    ('"><i id={canary:1}>a</i>', "<i id={canary:1}>", "an element out of an attribute"),
    ("</title></textarea></script><i id={canary:1}>", "<i id={canary:1}>", "an element out of another"),
    ("<svg/onload={canary:1}>", "<svg/onload={canary:1}>", "a drawing with a handler"),
)


@lru_cache(maxsize=256)
def markup(base: str) -> tuple[Payload, ...]:
    """Markup, most likely first; none where the good value is itself markup: there it is asked for."""
    if base.lstrip().startswith("<"):
        return ()
    return tuple(Payload(text, words, (mark,), "unsafe-output") for text, mark, words in MARKS)
