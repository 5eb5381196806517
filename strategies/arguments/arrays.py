"""Arrays: the makers of their places, unique items, items that `contains` asks for."""

from __future__ import annotations

from collections.abc import Hashable

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.kit import Kit
from mcpfuzz.strategies.arguments.limits import MAX_ITEMS, TRIES
from mcpfuzz.strategies.arguments.templates import FILL
from mcpfuzz.strategies.arguments.walk import Maker, Walk, enter
from mcpfuzz.strategies.schemas import CannotGenerate, Shape, fingerprint, shown

__all__ = ["ANY", "Items", "array", "weight"]

ANY: Json = {}
"""What an undeclared place may hold."""


def array(kit: Kit, shape: Shape, name: str) -> Maker:
    """Raises CannotGenerate where sizes exclude each other, or too many items are asked for."""
    low, high = shape.min_items, shape.max_items
    if any(item is False for item in shape.items):
        high = len(shape.prefix) if high is None else min(high, len(shape.prefix))
    if shape.contains:
        low = max(low, 1)
    if high is not None and low > high:
        raise CannotGenerate(f"no array has at least {low} and at most {high} items")
    if low > MAX_ITEMS:
        raise CannotGenerate(f"minItems {shown(low)} is above the cap of {MAX_ITEMS}")
    top = low + 3 if high is None else min(high, low + 3)
    makers = Items(kit, shape, name)

    def make(walk: Walk) -> Json:
        enter(walk)
        try:
            count = low if walk.sparing else walk.choices.integer(low, top)
            made: list[Json] = []
            seen: set[Hashable] = set()
            while len(made) < count:
                try:
                    item = makers.at(len(made))(walk)
                    if shape.unique:
                        item = makers.other(walk, len(made), item, seen)
                except CannotGenerate:
                    if len(made) >= low:
                        break
                    raise
                made.append(item)
            return made
        finally:
            walk.depth -= 1

    return make


class Items:
    """The makers of an array's places, made when first needed."""

    __slots__ = ("_kit", "_name", "_rest", "_shape")

    def __init__(self, kit: Kit, shape: Shape, name: str) -> None:
        self._kit, self._shape, self._name = kit, shape, name[:-1] if name.endswith("s") else name
        self._rest: Maker | None = None

    def at(self, index: int) -> Maker:
        shape = self._shape
        if index < len(shape.prefix):
            return self._kit.maker(shape.prefix[index], self._name)
        if shape.contains and index == len(shape.prefix):
            return self._kit.maker((*shape.items, *shape.contains), self._name)
        if self._rest is None:
            self._rest = self._kit.maker(shape.items or (ANY,), self._name)
        return self._rest

    def other(self, walk: Walk, index: int, item: Json, seen: set[Hashable]) -> Json:
        """`item`, or another one that is not among `seen`; it is added."""
        maker, shape = self.at(index), self._shape
        for _ in range(TRIES):
            if (mark := fingerprint(FILL(item))) not in seen:
                seen.add(mark)
                return item
            item = maker(walk)
        local = self._kit.local(shape.prefix[index] if index < len(shape.prefix) else shape.items or (ANY,))
        for item in (index, index + 1_000, f"item{index}"):
            if (mark := fingerprint(item)) not in seen and self._kit.document.accepts(local, item):
                seen.add(mark)
                return item
        raise CannotGenerate(f"{shape.min_items} unique items were asked for, {len(seen)} were found")


def weight(value: Json) -> int:
    """Values in it, itself included."""
    count, stack = 0, [value]
    while stack:
        item = stack.pop()
        count += 1
        stack.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return count
