"""Caps on a stranger's schema, with the two errors that meeting one ends in.

A server may send a schema that is endless, contradictory or no schema at all. Everything that follows its
parts counts, and stops here rather than at the memory's end.
"""

from __future__ import annotations

__all__ = [
    "MAX_CONJUNCTS",
    "MAX_DEPTH",
    "MAX_INDEXED",
    "MAX_PATTERN",
    "MAX_STEPS",
    "MAX_VARIANTS",
    "CannotGenerate",
    "Undecided",
]

MAX_CONJUNCTS = 1_000
"""Schemas that hold at one place."""
MAX_VARIANTS = 16
"""Choices of branches that are told apart at one place."""
MAX_INDEXED = 50_000
"""Nodes looked through for `$anchor` and `$id`."""
MAX_DEPTH = 64
"""Levels of schema that are followed. Real tools have fewer than ten."""
MAX_STEPS = 6_000
"""Parts of a schema that one verdict may look at."""
MAX_PATTERN = 2_000
"""Characters of a regular expression."""


class CannotGenerate(ValueError):
    """No value can be made from this schema: impossible, unreadable, or larger than a cap, which is named."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Undecided(Exception):
    """A value cannot be judged within bounds: a costly pattern, a keyword that is not understood."""
