"""A schema read once, so that values can be drawn from it many times.

Here the kit of one schema meets the makers of all kinds of value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.arrays import array
from mcpfuzz.strategies.arguments.kit import KindMaker, Kit
from mcpfuzz.strategies.arguments.numbers import integer, real
from mcpfuzz.strategies.arguments.objects import object_
from mcpfuzz.strategies.arguments.texts import string
from mcpfuzz.strategies.schemas import CannotGenerate

__all__ = ["Plan", "compile", "guarded"]

_MAKERS: dict[str, KindMaker] = {
    "null": lambda kit, shape, name: lambda walk: None,
    "boolean": lambda kit, shape, name: lambda walk: walk.choices.chance(50),
    "integer": integer,
    "number": real,
    "string": string,
    "array": array,
    "object": object_,
}


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A schema read once, so that walks over it are fast. Made by `compile`; threads must not share one."""

    schema: Json
    slots: bool
    """Whether values may hold slots."""
    whole: bool
    """Whether values are the arguments of a call, so objects."""
    kit: Kit = field(repr=False)
    """Its makers, worked out when first needed."""


def compile(schema: Json | Plan, *, slots: bool = True, whole: bool = True) -> Plan:
    """Prepare a schema.

    Args:
        schema: as the server gave it; kept, not copied, and not to be changed.
        slots: values may hold slots; without, they are filled (`{repeat}`) or avoided (`{scratch}`).
        whole: values are the arguments of a call: objects, whatever else the schema allows.

    Raises:
        CannotGenerate: no value can be made; some schemas show it only when a value is drawn.
    """
    if isinstance(schema, Plan):
        return schema
    try:
        return Plan(schema, slots, whole, Kit(schema, slots, whole, _MAKERS))
    except RecursionError:
        raise CannotGenerate("the schema is nested too deeply") from None


def guarded(plan: Plan, act: Callable[[Kit], Any]) -> Any:
    """`act` on the plan's kit; a stack that ends is a schema nested too deeply."""
    try:
        return act(plan.kit)
    except RecursionError:
        raise CannotGenerate("the schema is nested too deeply") from None
