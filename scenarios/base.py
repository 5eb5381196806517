"""What a scenario is: one attack story, in one file, that draws cases. It never holds a client, never sees
an answer, and shares nothing with its neighbours. Everything a reader wants to know stands in the value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TypeVar

from mcpfuzz.model import Case, Conversation, Operation, OperationKind, Place, Surface
from mcpfuzz.strategies.choices import Choices

__all__ = ["Draw", "Scenario", "per_surface", "single"]

_T = TypeVar("_T")

Draw = Callable[[Choices, Surface, Operation | None, int], Case | None]
"""(choices, surface, operation, index) -> the index-th case, or None where there is none to draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One story.

    A scenario with `kinds` is played on each operation of those kinds; without, once on the session.
    """

    id: str
    title: str
    about: str
    """What is tried and what would prove it, in two sentences."""
    draw: Draw
    rules: tuple[str, ...]
    """Rules that it is there to prove; universal rules may come up anywhere."""
    kinds: tuple[OperationKind, ...] = ()
    cases: int = 24
    """Cases per operation and round; the profile multiplies rounds."""
    rounds: int | None = None
    """At most so many rounds, whatever the profile; None: as many as the profile has."""
    fixed: bool = False
    """Also played on operations that have no arguments to vary (a resource of one URI)."""
    hidden: bool = False
    """Also played on operations that only other callers are told of."""
    early: bool = False
    """Its share comes before the others': an attack, which is what most people come for."""
    needs: tuple[str, ...] = ()
    """Slots (`mcpfuzz.slots`) without which it cannot be played."""
    alone: bool = False
    """Cases are played one by one, never in a volley."""
    fresh: bool = False
    """Each case begins on a server that was just started, where we start it: what was said before would change it."""
    spoils: bool = False
    """What it leaves behind is not wanted: another server is started after it, where we start it."""
    references: tuple[str, ...] = field(default=())


def per_surface(make: Callable[[Surface], _T]) -> Callable[[Surface], _T]:
    """What is costly to make of a surface, made once: that of the last one is kept (a surface has no hash)."""
    kept: list[tuple[Surface, _T]] = []

    @wraps(make)
    def known(surface: Surface) -> _T:
        if not kept or kept[0][0] is not surface:
            kept[:] = [(surface, make(surface))]
        return kept[0][1]

    return known


def single(scenario: str, place: Place, conversation: Conversation, label: str) -> Case:
    """A case of which nothing more is known."""
    return Case(scenario=scenario, place=place, conversation=conversation, label=label)
