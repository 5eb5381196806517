"""Makers made of makers: one of several, until the judge agrees, or often a hint."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.limits import TRIES
from mcpfuzz.strategies.arguments.templates import FILL
from mcpfuzz.strategies.arguments.walk import Maker, Walk
from mcpfuzz.strategies.schemas import CannotGenerate, Document, Undecided

__all__ = ["hinted", "of_kinds", "one_of", "until_accepted"]


def one_of(makers: list[Maker], lowest: Callable[[], list[Maker]]) -> Maker:
    """Any maker; where the walk is sparing, one of `lowest`, those that end soonest."""

    def make(walk: Walk) -> Json:
        if walk.sparing:
            order: Sequence[Maker] = lowest()[:3]
        else:
            first = walk.choices.integer(0, len(makers) - 1)
            order = makers[first:] + makers[:first]
        for maker in order[:-1]:
            try:
                return maker(walk)
            except CannotGenerate:
                continue
        return order[-1](walk)

    return make


def of_kinds(makers: dict[str, Maker]) -> Maker:
    """Any maker of a kind; null, where it is among them, seldom."""
    if len(makers) == 1:
        return next(iter(makers.values()))
    null = makers.pop("null", None)
    rest = list(makers.values())

    def make(walk: Walk) -> Json:
        if null is not None and walk.choices.chance(15):
            return None
        return (rest[0] if len(rest) == 1 else walk.choices.pick(rest))(walk)

    return make


def until_accepted(maker: Maker, document: Document, schema: Json) -> Maker:
    """Makes until the judge agrees: for keywords that cannot be built in."""

    def make(walk: Walk) -> Json:
        lean, why = walk.lean, "its keywords exclude each other, or a value is too rare to be found"
        try:
            for attempt in range(TRIES):
                walk.lean = lean or attempt >= TRIES * 2 // 3
                value = maker(walk)
                try:
                    if not document.errors(schema, FILL(value), 1):
                        return value
                except Undecided as error:
                    why = str(error)
                    if attempt:
                        break
        finally:
            walk.lean = lean
        raise CannotGenerate(f"{TRIES} values were made, none keeps the schema: {why}")

    return make


def hinted(maker: Maker, hints: list[Json]) -> Maker:
    """Often one of the schema's own values instead."""

    def make(walk: Walk) -> Json:
        if walk.choices.chance(30):
            return walk.choices.pick(hints)
        return maker(walk)

    return make
