"""A shape: what all schemas of one place, read together, ask of a value there.

`reading` fills one in keyword by keyword; what is here says when its parts contradict each other, as far as that
can be seen without trying a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.limits import CannotGenerate
from mcpfuzz.strategies.schemas.values import KINDS, shown

__all__ = ["Schemas", "Shape", "close", "settled"]

Schemas: TypeAlias = tuple[Json, ...]
"""Schemas that all hold at one place."""


@dataclass(slots=True)
class Shape:
    """Many schemas of one place, read together. Made by `Document.variants`, not changed afterwards."""

    schemas: Schemas
    """What it was read from, chosen branches included."""
    kinds: tuple[str, ...] = KINDS
    choices: list[Json] | None = None
    """Members of enum and const, None where there is neither."""
    low: float | int | None = None
    high: float | int | None = None
    low_open: bool = False
    """`low` itself is not allowed."""
    high_open: bool = False
    multiples: list[float | int] = field(default_factory=list)
    min_length: int = 0
    max_length: int | None = None
    patterns: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    min_items: int = 0
    max_items: int | None = None
    unique: bool = False
    prefix: list[Schemas] = field(default_factory=list)
    items: Schemas = ()
    contains: Schemas = ()
    properties: dict[str, Schemas] = field(default_factory=dict)
    required: dict[str, None] = field(default_factory=dict)
    """Names, as an ordered set."""
    patterned: list[tuple[str, Json]] = field(default_factory=list)
    additional: Schemas = ()
    """What properties that nobody names must be; False among them: there may be none."""
    names: Schemas = ()
    min_properties: int = 0
    max_properties: int | None = None
    dependent: dict[str, list[str]] = field(default_factory=dict)
    hints: list[Json] = field(default_factory=list)
    """default, examples, example: not yet checked."""
    loose: bool = False
    """A keyword could not be built in: made values must be judged."""

    @property
    def closed(self) -> bool:
        """Whether no property beyond the named ones is allowed."""
        return any(schema is False for schema in self.additional)


def close(shape: Shape, parts: Iterable[Json]) -> None:
    """Take out the properties that some part with `additionalProperties: false` does not name."""
    for part in parts:
        if part.get("additionalProperties", True) is not False:
            continue
        own = part.get("properties") or {}
        patterns = list(part.get("patternProperties") or ())
        if patterns:
            continue  # judged afterwards: patternProperties makes the shape loose
        for name in [name for name in shape.properties if name not in own]:
            del shape.properties[name]
        missing = next((name for name in shape.required if name not in own), None)
        if missing is not None and "object" in shape.kinds:
            shape.kinds = tuple(kind for kind in shape.kinds if kind != "object")
            if not shape.kinds:
                raise CannotGenerate(f"required {shown(missing)} is not among the allowed properties")


def settled(shape: Shape) -> Shape:
    """`shape` without the kinds that contradict themselves. Raises CannotGenerate where nothing is left."""
    kinds = set(shape.kinds)
    if shape.choices is not None:
        if not shape.choices:
            raise CannotGenerate("no value is in all enums")
    elif not kinds:
        raise CannotGenerate("the types exclude each other")
    for kind, least, most, words in (
        ("string", shape.min_length, shape.max_length, "minLength"),
        ("array", shape.min_items, shape.max_items, "minItems"),
        ("object", shape.min_properties, shape.max_properties, "minProperties"),
        ("object", len(shape.required), shape.max_properties, "required"),
    ):
        if most is not None and least > most and kind in kinds:
            kinds.discard(kind)
            reason = f"{words} asks for {shown(least)}, the maximum is {shown(most)}"
    low, high = shape.low, shape.high
    if low is not None and high is not None and (low > high or (low == high and (shape.low_open or shape.high_open))):
        kinds -= {"integer", "number"}
        reason = f"no number is between {shown(low)} and {shown(high)}"
    if not kinds and shape.choices is None:
        raise CannotGenerate(reason)
    shape.kinds = tuple(kind for kind in shape.kinds if kind in kinds)
    return shape
