"""Flaws of containers: the good array or object at a site with one member less, more or changed.

They are made from the drawn value, so they cannot be listed beforehand as those of `flaws` are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TypeAlias

from mcpfuzz.model import Json, pointer
from mcpfuzz.slots import quote
from mcpfuzz.strategies.arguments.arrays import Items, weight
from mcpfuzz.strategies.arguments.flaws import OF_EACH_TYPE, Flaw, flaw_at, only
from mcpfuzz.strategies.arguments.limits import MAX_ITEMS, MAX_WEIGHT
from mcpfuzz.strategies.arguments.sites import Site
from mcpfuzz.strategies.arguments.templates import FILL
from mcpfuzz.strategies.arguments.walk import Walk
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.schemas import Shape, shown

__all__ = ["container_flaw"]

_Flawed: TypeAlias = Iterator[tuple[Json, str, str]]
"""(value, argument, why)"""
UNKNOWN = ("unexpected", "zz-unknown", "Alpha", "0", "", "a b", "x" * 70, "\u00e9", "_x")
"""Names that nobody declares, some of a kind that `propertyNames` may forbid."""


def container_flaw(site: Site, base: Json, walk: Walk) -> Flaw | None:
    """A flaw of what stands at the site in `base`; None where nothing there can be broken once."""
    try:
        current = site.current(base)
    except (KeyError, IndexError, TypeError):
        current = site.kit.maker(site.schemas, site.name)(walk)
    options = list(_container_flaws(site, current)) if isinstance(current, dict | list) else []
    if not options:
        return None
    start = walk.choices.integer(0, len(options) - 1)
    for value, argument, why in options[start:] + options[:start]:
        broken = only(site.kit.document, site.local, FILL(value))
        if broken is not None and not broken[0]:
            return flaw_at(site, value, broken[1], argument, why)
    return None


def _container_flaws(site: Site, current: Json) -> _Flawed:
    if isinstance(current, dict):
        yield from _object_flaws(site, current)
    elif isinstance(current, list):
        yield from _array_flaws(site, current)


def _object_flaws(site: Site, current: dict[str, Json]) -> _Flawed:
    shape = site.kit.document.base(site.schemas)
    for name in itertools.islice(shape.required, 40):
        if quote(name) in current:
            yield _without(current, name), site.argument + pointer(name), f"without required {shown(name)}"
    if shape.additional or shape.names or shape.patterned:
        for name in UNKNOWN:
            if name not in shape.properties:
                yield {**current, name: 1}, site.argument + pointer(name), f"with unknown argument {shown(name)}"
    for name, needed in shape.dependent.items():
        for other in needed if quote(name) in current else ():
            why = f"with {shown(name)} but without {shown(other)}"
            yield _without(current, other), site.argument + pointer(other), why
    yield from _counted(shape, current)
    if shape.loose or len(site.kit.document.variants(site.schemas)) > 1:
        yield from _by_branch(site, shape, current)


def _without(current: dict[str, Json], name: str) -> Json:
    return {key: item for key, item in current.items() if key != quote(name)}


def _counted(shape: Shape, current: dict[str, Json]) -> _Flawed:
    if shape.max_properties is not None and shape.max_properties < 1_000:
        extra = {f"extra{n}": n for n in range(shape.max_properties + 1)}
        yield {**current, **extra}, "", f"more properties than {shape.max_properties}"
    if shape.min_properties > len(shape.required):
        kept = {key: item for key, item in current.items() if key in shape.required}
        yield kept, "", f"fewer properties than {shape.min_properties}"


def _by_branch(site: Site, shape: Shape, current: dict[str, Json]) -> _Flawed:
    """Where branches decide: less, null, and properties whose presence asks for others."""
    for key in list(current)[:10]:
        yield _without(current, key), site.argument + pointer(key), f"without {shown(key)}"
        yield {**current, key: None}, site.argument + pointer(key), f"with null for {shown(key)}"
    walk = Walk(RandomChoices("present", site.argument))
    for name in itertools.islice(shape.properties, 40):
        if quote(name) not in current:
            item = site.kit.maker(shape.properties[name], name)(walk)
            yield {**current, quote(name): item}, site.argument + pointer(name), f"with {shown(name)}"


def _array_flaws(site: Site, current: list[Json]) -> _Flawed:
    shape = site.kit.document.base(site.schemas)
    if shape.min_items and len(current) >= shape.min_items:
        yield current[: shape.min_items - 1], "", f"fewer items than {shape.min_items}"
    makers = Items(site.kit, shape, site.name)
    if shape.max_items is not None and shape.max_items <= MAX_ITEMS:
        walk = Walk(RandomChoices("more", site.argument))
        more = [makers.at(n)(walk) for n in range(len(current), min(len(current) + 8, shape.max_items + 1))]
        if more and weight(more[-1]) * shape.max_items <= MAX_WEIGHT:
            more += [more[-1]] * (shape.max_items + 1 - len(current) - len(more))
            yield [*current, *more], "", f"more items than {shape.max_items}"
    if shape.unique and current:
        yield [*current, current[0]], "", "the same item twice"
    if shape.contains:
        yield from (([item] * max(1, shape.min_items), "", "without what contains asks for") for item in OF_EACH_TYPE)
    if shape.prefix and any(item is False for item in shape.items):
        yield [*current, *["x"] * (len(shape.prefix) + 1)], "", "more items than places"
