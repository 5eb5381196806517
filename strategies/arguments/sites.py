"""Sites: the places in arguments where one thing can be broken or stretched, reached from the top of a schema.

`placed` puts a value at a site of drawn arguments and makes what is missing on the way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from mcpfuzz.model import Json, pointer
from mcpfuzz.slots import quote
from mcpfuzz.strategies.arguments.kit import Kit
from mcpfuzz.strategies.arguments.limits import MAX_SITES
from mcpfuzz.strategies.arguments.walk import Walk
from mcpfuzz.strategies.schemas import CannotGenerate, Schemas

__all__ = ["Elsewhere", "Site", "placed", "shallow", "sites"]

_PLAIN_WORDS_TEXT = """
    type properties required additionalProperties title description default examples example items minItems
    maxItems $schema $id $ref $defs definitions $comment $anchor allOf readOnly writeOnly deprecated format
"""
_PLAIN_WORDS = frozenset(_PLAIN_WORDS_TEXT.split())
"""Keywords that cannot mind what stands below them."""


class Elsewhere(Exception):
    """The drawn value has no such place: draw again."""


class Site:
    """A place: how to get there, what its schemas are."""

    __slots__ = ("argument", "kit", "optional", "parts", "plain", "schemas", "steps")

    def __init__(self, kit: Kit, steps: tuple[tuple[str | int, Schemas], ...], *, optional: bool, plain: bool) -> None:
        self.kit = kit
        self.steps = steps
        """Part and schemas of each level, from the top."""
        self.parts = tuple(quote(part) if isinstance(part, str) else part for part, _ in steps)
        self.schemas = steps[-1][1] if steps else kit.root
        self.argument = pointer(*(part for part, _ in steps))
        self.optional = optional
        self.plain = plain
        """Nothing above can mind what stands here."""

    @property
    def name(self) -> str:
        """Of the nearest property above, or this one."""
        return next((part for part in reversed(self.parts) if isinstance(part, str)), "")

    @property
    def local(self) -> Json:
        """One schema that says what holds here."""
        return self.kit.local(self.schemas) if self.steps else self.kit.schema

    def current(self, base: Json) -> Json:
        """What stands here in `base`. Raises KeyError, IndexError, TypeError where nothing does."""
        for part in self.parts:
            base = base[part]
        return base


def sites(kit: Kit) -> list[Site]:
    """The sites of a schema, from the top down; looked for once."""
    return kit.once(_all_sites, kit)


def _all_sites(kit: Kit) -> list[Site]:
    return list(_found(kit))


def _found(kit: Kit) -> Iterator[Site]:
    queue: list[Site] = [Site(kit, (), optional=False, plain=True)]
    for count in itertools.count():
        if count >= len(queue) or count >= MAX_SITES:
            return
        site = queue[count]
        try:
            parts = kit.document.all_conjuncts(site.schemas)
            shape = kit.document.base(site.schemas)
            kit.maker(site.schemas, site.name)
        except CannotGenerate:
            continue
        yield site
        plain = site.plain and all(_PLAIN_WORDS.issuperset(part) for part in parts)
        if len(site.steps) >= 4 or len(queue) >= MAX_SITES or shape.choices is not None:
            continue
        if "object" in shape.kinds:
            for name, schemas in itertools.islice(shape.properties.items(), 40):
                step = (*site.steps, (name, schemas))
                queue.append(Site(kit, step, optional=name not in shape.required, plain=plain))
        if "array" in shape.kinds and shape.items and not shape.prefix and shape.max_items != 0:
            queue.append(Site(kit, (*site.steps, (0, shape.items)), optional=False, plain=plain))


def placed(site: Site, base: Json, value: Json, walk: Walk) -> Json:
    """`base` with `value` at the site; what is missing above it is made. Raises Elsewhere where a branch forbids."""
    if not site.steps:
        return value
    base = shallow(base)
    holder: Json = base
    for index, part in enumerate(site.parts[:-1]):
        after = site.parts[index + 1]
        here = _get(holder, part)
        if not isinstance(here, dict if isinstance(after, str) else list):
            here = site.kit.maker(site.steps[index][1], "")(walk)
            if not isinstance(here, dict if isinstance(after, str) else list):
                raise Elsewhere
        _put(holder, part, here := shallow(here))
        holder = here
    _put(holder, site.parts[-1], value)
    return base


def shallow(value: Json) -> Json:
    """A copy that can be changed at the top."""
    return dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value


def _get(holder: Json, part: str | int) -> Json:
    if isinstance(part, int):
        return holder[part] if part < len(holder) else None
    return holder.get(part)


def _put(holder: Json, part: str | int, value: Json) -> None:
    if isinstance(part, int):
        if not isinstance(holder, list):
            raise Elsewhere
        holder[part : part + 1] = [value]
    elif isinstance(holder, dict):
        holder[part] = value
    else:
        raise Elsewhere
