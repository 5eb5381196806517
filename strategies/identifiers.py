"""Identifiers like one that was seen: other spellings and JSON types of it, neighbours of its sequence, and what
stands for all of them. For asking for things that are somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcpfuzz.likeness import FORMS, near, neighbours
from mcpfuzz.model import Json
from mcpfuzz.strategies.choices import Choices, strategy_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["WILD", "drawn", "like", "object_ids"]

WILD: tuple[Json, ...] = ("*", "%", "_", ".", "", None, 0, -1, True, [], {}, "me", "all", "undefined", "null")
"""What a careless query takes for everything, or for nothing in particular."""
_URI = "://"


def like(value: Json) -> list[Json]:
    """All identifiers near `value`, likeliest first; itself is the first."""
    found = [value, *neighbours(value)]
    for form in FORMS:
        try:
            found.append(near(form, value))
        except KeyError:
            continue
    if isinstance(value, str) and (_URI in value or "/" in value):
        head, _, tail = value.rpartition("/")
        found += [f"{head}/{other}" for other in neighbours(tail) if isinstance(other, str)]
        found += [f"{head}/../{head.rpartition('/')[2]}/{tail}", f"{head}//{tail}", f"{head}/./{tail}", f"{head}/"]
    return [*found, *WILD]


def drawn(choices: Choices, value: Json) -> Json:
    """One of them."""
    return choices.pick(like(value))


def object_ids(*, like: Json) -> SearchStrategy[Json]:
    """A Hypothesis strategy of identifiers near `like`; shrinks towards `like` itself.

    Args:
        like: an identifier that was seen: text or integer.
    """
    return strategy_of(_near, like)


def _near(choices: Choices, value: Json) -> Json:
    return drawn(choices, value)
