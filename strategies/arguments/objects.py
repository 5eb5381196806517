"""Objects: what is required, some of what is optional, properties that nobody declared.

Makers of properties are built when first needed: a schema may declare thousands.
"""

from __future__ import annotations

import itertools
import math

from mcpfuzz.model import Json
from mcpfuzz.slots import has_slots, quote
from mcpfuzz.strategies.arguments.arrays import ANY
from mcpfuzz.strategies.arguments.kit import Kit
from mcpfuzz.strategies.arguments.limits import MAX_MEMBERS, MAX_REQUIRED, TRIES
from mcpfuzz.strategies.arguments.pattern_texts import follow, stretches
from mcpfuzz.strategies.arguments.walk import Maker, Walk, enter
from mcpfuzz.strategies.arguments.words import WORDS
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.safety import is_safe
from mcpfuzz.strategies.schemas import CannotGenerate, Schemas, Shape, pattern, shown

__all__ = ["object_"]


def object_(kit: Kit, shape: Shape, name: str) -> Maker:
    """Raises CannotGenerate where more properties are required than the cap."""
    needed = max(len(shape.required), shape.min_properties)
    if needed > MAX_REQUIRED:
        raise CannotGenerate(f"{shown(needed)} required properties are above the cap of {MAX_REQUIRED}")
    lazy: list[_Members] = []
    declared = bool(shape.properties)
    most = math.inf if shape.max_properties is None else shape.max_properties

    def make(walk: Walk) -> Json:
        enter(walk)
        try:
            if not lazy:
                lazy.append(_Members(kit, shape))
            members = lazy[0]
            made = {key: maker(walk) for key, maker in members.required}
            if not walk.sparing:
                _add_optional(walk, members, made, most)
                if not declared and len(made) < most and members.free_names():
                    _add_free(walk, members, made, min(most, len(made) + walk.choices.integer(0, 2)))
            if shape.dependent:
                _add_dependent(walk, members, made)
            if len(made) < shape.min_properties:
                _fill_up(walk, members, made)
            return made
        finally:
            walk.depth -= 1

    return make


class _Members:
    """The makers of an object's properties, made when first needed."""

    __slots__ = ("_makers", "kit", "names", "optional", "required", "shape")

    def __init__(self, kit: Kit, shape: Shape) -> None:
        self.kit, self.shape = kit, shape
        self.names: list[str] | None = None
        self.required = [(quote(name), self.maker(name)) for name in shape.required]
        names = (name for name in shape.properties if name not in shape.required)
        self.optional = list(itertools.islice(names, MAX_MEMBERS))
        self._makers: dict[str, Maker] = {}

    def try_maker(self, name: str) -> Maker:
        """For an optional property; one that cannot be makes CannotGenerate."""
        known = self._makers.get(name)
        if known is None:
            try:
                endless = self.kit.document.height(self.shape.properties[name]) == math.inf
                known = _cannot if endless else self.maker(name)
            except CannotGenerate:
                known = _cannot
            self._makers[name] = known
        return known

    def maker(self, name: str) -> Maker:
        """For a property of this name, declared or not."""
        schemas = self.shape.properties.get(name) or self._undeclared(name)
        return self.kit.maker(schemas, name)

    def _undeclared(self, name: str) -> Schemas:
        schemas = tuple(one for text, one in self.shape.patterned if pattern(text).matches(name))
        return schemas or tuple(one for one in self.shape.additional) or (ANY,)

    def free_names(self) -> list[str]:
        """Names for properties that nobody declared, as far as any are allowed."""
        if self.names is None:
            shape, kit = self.shape, self.kit
            names = [word for word in WORDS if word not in shape.properties]
            if shape.patterned:
                names = [*_named_by_patterns(shape), *(() if shape.closed else names)]
            elif shape.closed:
                names = []
            if shape.names:
                local = kit.local(shape.names)
                names = [name for name in names if kit.document.accepts(local, name)] or _named_by_schema(kit, shape)
            self.names = names
        return self.names


def _cannot(walk: Walk) -> Json:
    raise CannotGenerate("an optional property that cannot be")


def _named_by_patterns(shape: Shape) -> list[str]:
    walk, names = RandomChoices("names"), list[str]()
    for text, _ in shape.patterned[:20]:
        made = follow(pattern(text).tree)
        for stretch in stretches(0):
            name = made(walk, stretch)
            if name not in names and len(names) < 40 and is_safe(name) and not has_slots(name):
                names.append(name)
    return names


def _named_by_schema(kit: Kit, shape: Shape) -> list[str]:
    walk = Walk(RandomChoices("names"))
    maker = kit.maker((*shape.names, {"type": "string"}), "")
    try:
        return list(dict.fromkeys(maker(walk) for _ in range(12)))
    except CannotGenerate:
        return []


def _add_optional(walk: Walk, members: _Members, made: dict[str, Json], most: float) -> None:
    optional = members.optional
    if len(optional) > 40:
        start = walk.choices.integer(0, len(optional) - 1)
        optional = optional[start : start + 8]
    for name in optional:
        if walk.choices.chance(50) and len(made) < most:
            depth = walk.depth
            try:
                made[quote(name)] = members.try_maker(name)(walk)
            except CannotGenerate:
                walk.depth = depth


def _add_free(walk: Walk, members: _Members, made: dict[str, Json], most: float) -> None:
    names = members.free_names()
    for _ in range(2 * TRIES):
        if len(made) >= most:
            return
        name = walk.choices.pick(names)
        if name not in made:
            made[name] = members.maker(name)(walk)


def _add_dependent(walk: Walk, members: _Members, made: dict[str, Json]) -> None:
    queue = list(made)
    for name in queue:
        for other in members.shape.dependent.get(name, ()):
            if other not in made:
                made[quote(other)] = members.maker(other)(walk)
                queue.append(other)


def _fill_up(walk: Walk, members: _Members, made: dict[str, Json]) -> None:
    shape, least = members.shape, members.shape.min_properties
    for name in members.optional:
        if len(made) >= least:
            return
        if quote(name) not in made and (maker := members.try_maker(name)) is not _cannot:
            made[quote(name)] = maker(walk)
    if shape.dependent:
        _add_dependent(walk, members, made)
    if members.free_names():
        _add_free(walk, members, made, least)
    free = not shape.closed and not shape.names
    for number in itertools.count() if free else ():
        if len(made) >= least:
            return
        if (name := f"extra{number}") not in made:
            made[name] = members.maker(name)(walk)
    if len(made) < least:
        raise CannotGenerate(f"minProperties {least}, but only {len(made)} names are known")
