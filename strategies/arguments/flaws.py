"""Flaws of one site: values that break exactly one keyword of its schema, with their label.

Candidates come from tables and from the schema's bounds; the judge of `schemas` decides which keyword each one
breaks, or that it breaks none, or more than one, and is no use.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from mcpfuzz.model import Json, unescaped
from mcpfuzz.slots import has_slots, quote
from mcpfuzz.strategies.arguments.conversions import CONVERTIBLE, TOLERATED, conversions
from mcpfuzz.strategies.arguments.format_texts import FLAWED
from mcpfuzz.strategies.arguments.limits import MAX_TEXT, PLAIN_TEXT, SITE_STEPS
from mcpfuzz.strategies.arguments.numbers import finite
from mcpfuzz.strategies.arguments.pattern_texts import follow
from mcpfuzz.strategies.arguments.sites import Site
from mcpfuzz.strategies.arguments.templates import FILL, stretched
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.safety import is_safe
from mcpfuzz.strategies.schemas import CannotGenerate, Document, Shape, Undecided, pattern, same, shown

__all__ = ["OF_EACH_TYPE", "Flaw", "flaw_at", "flaws", "only"]

OF_EACH_TYPE: tuple[Json, ...] = (
    None, True, False, 7, 7.5, "seven", "7", "7.0", "true", "", [], ["alpha"], [7], {}, {"alpha": 1}, [[]],
    '["alpha"]', '{"alpha": 1}', 0, 1, -1,
)  # fmt: skip
"""A few values of each type, readable as another one or not."""
_OTHER_TEXTS = ("not-in-enum", "", "x", "0", "!", " ", "ALPHA-9", "\u00e9", "a b", "alpha!", "-", "a" * 65, "_")
"""Texts that enums, patterns and lengths may refuse."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A value for one site."""

    value: Json
    keyword: str
    why: str
    coercible: bool
    argument: str


def flaws(site: Site) -> list[list[Flaw]]:
    """Flawed values for a site, by keyword; looked for once."""
    return site.kit.once(_by_keyword, site)


def _by_keyword(site: Site) -> list[list[Flaw]]:
    document, local = site.kit.document, site.local
    if not site.steps and site.kit.whole:
        return []
    shape = document.base(site.schemas)
    found: dict[str, list[Flaw]] = {}
    end = document.steps + SITE_STEPS
    for value in _candidates(site, shape):
        if document.steps > end:
            break
        broken = only(document, local, FILL(value))
        if broken is None or broken[0]:
            continue
        kept = found.setdefault(broken[1], [])
        if len(kept) < 16 and is_safe(value) and not any(same(value, one.value) for one in kept):
            kept.append(flaw_at(site, value, broken[1]))
    return list(found.values())


def only(document: Document, schema: Json, value: Json) -> tuple[str, str] | None:
    """The one thing that is wrong with a value, None where it is fine, doubtful, or more is wrong."""
    try:
        errors = document.errors(schema, value, 2)
    except Undecided:
        return None
    return errors[0] if len(errors) == 1 else None


def flaw_at(site: Site, value: Json, keyword: str, argument: str = "", why: str = "") -> Flaw:
    """A label for a value that breaks `keyword` at a site."""
    asked = next((part[keyword] for part in site.kit.document.all_conjuncts(site.schemas) if keyword in part), None)
    limit = "" if asked is None or keyword in ("anyOf", "oneOf", "not", "properties") else f" {shown(asked)}"
    return Flaw(
        value, keyword, f"{why or shown(value)} breaks {keyword}{limit}", _coercible(site, value, keyword, argument),
        argument or site.argument,
    )  # fmt: skip


def _coercible(site: Site, value: Json, keyword: str, argument: str) -> bool:
    if keyword in TOLERATED:
        return True
    if keyword == "required":
        name = unescaped(argument.rpartition("/")[2])
        declared = site.kit.document.base(site.schemas).properties.get(name, ())
        return any(isinstance(part, dict) and "default" in part for part in declared)
    if keyword not in CONVERTIBLE:
        return False
    if value is None and site.optional:
        return True  # null for "not given"
    return any(site.kit.document.accepts(site.local, one) for one in conversions(value))


def _candidates(site: Site, shape: Shape) -> Iterator[Json]:
    """Values that may be flawed at a site of scalars; the judge decides."""
    yield from OF_EACH_TYPE
    yield from _OTHER_TEXTS
    for member in itertools.islice(shape.choices or (), 4):
        if isinstance(member, str) and len(member) < PLAIN_TEXT:
            yield from (quote(member + "x"), quote(member.swapcase()), quote(" " + member))
        elif isinstance(member, int | float) and not isinstance(member, bool):
            yield from (member + 1, member - 1000)
    for text in shape.formats:
        yield from FLAWED.get(text, ())
    yield from _numbers_beyond(shape)
    yield from _texts_beyond(shape)


def _numbers_beyond(shape: Shape) -> Iterator[Json]:
    for bound, away in ((finite(shape.low), -1), (finite(shape.high), 1)):
        if bound is not None:
            yield from (bound, bound + away, bound + 1000 * away)
            if abs(bound) < 1e15:
                yield bound + away / 2
    inside = next((one for one in (finite(shape.low), finite(shape.high)) if one is not None), 0)
    for step in shape.multiples:
        if abs(inside) < 1e15 and 1e-6 < step < 1e15:
            yield from (inside + step / 2, inside + 1, inside + step + 1, inside - step / 2, inside - 1)


def _texts_beyond(shape: Shape) -> Iterator[str]:
    seeds = ["a", "0", "!"]
    if shape.patterns:
        try:
            made = follow(pattern(shape.patterns[0]).tree)
            seeds.extend(made(RandomChoices("flaw", n), n) for n in (0, 3, shape.min_length + 1))
        except CannotGenerate:
            seeds.append("9")
    for seed in seeds:
        if not seed or has_slots(seed):
            continue
        if 0 < shape.min_length <= MAX_TEXT:
            yield stretched(seed, shape.min_length - 1)
        if shape.max_length is not None and shape.max_length <= MAX_TEXT:
            yield stretched(seed, shape.max_length + 1)
        if shape.patterns:
            yield from (seed + "!", "!" + seed, seed + "\u00e9", stretched("!", max(shape.min_length, 1)))
