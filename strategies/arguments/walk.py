"""One value in the making: the choices that decide it, what is left of its size.

A maker takes a walk and gives a value. Makers are built once for a schema and walked many times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.limits import MAX_NODES, SOFT_DEPTH, SOFT_NODES
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.schemas import MAX_DEPTH, CannotGenerate

__all__ = ["Maker", "Walk", "enter"]


class Walk:
    """One value in the making."""

    __slots__ = ("choices", "depth", "left", "lean", "regex")

    def __init__(self, choices: Choices, regex: Callable[[str], str] | None = None) -> None:
        self.choices = choices
        self.depth = 0
        self.left = SOFT_NODES
        self.lean = False
        """Only what is required, until told otherwise."""
        self.regex = regex
        """Makes a text of a pattern that the walk cannot follow; None: that is the end."""

    @property
    def sparing(self) -> bool:
        """Whether only what is required is made from here on."""
        return self.lean or self.depth > SOFT_DEPTH or self.left < 0


Maker: TypeAlias = Callable[[Walk], Json]


def enter(walk: Walk) -> None:
    """Into an array or an object; the caller takes `depth` back. Raises CannotGenerate at the caps."""
    walk.depth += 1
    walk.left -= 1
    if walk.depth > MAX_DEPTH or walk.left < SOFT_NODES - MAX_NODES:
        walk.depth -= 1
        raise CannotGenerate(f"the smallest value is deeper than {MAX_DEPTH} levels or larger than {MAX_NODES} parts")
