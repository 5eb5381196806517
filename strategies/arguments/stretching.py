"""Arguments with one extreme value: a site is chosen, an extreme of it is put into good arguments."""

from __future__ import annotations

import json

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.extremes import Extreme, extremes
from mcpfuzz.strategies.arguments.kit import Kit
from mcpfuzz.strategies.arguments.labels import Labelled
from mcpfuzz.strategies.arguments.limits import TRIES
from mcpfuzz.strategies.arguments.plans import Plan, compile, guarded
from mcpfuzz.strategies.arguments.sites import Elsewhere, Site, placed, sites
from mcpfuzz.strategies.arguments.templates import FILL
from mcpfuzz.strategies.arguments.walk import Walk
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.schemas import CannotGenerate, Undecided

__all__ = ["boundary", "stretch_once"]


def boundary(choices: Choices, schema: Json | Plan, *, surrogates: bool = False) -> Labelled:
    """Arguments with one extreme value, legal or not; `valid` says which, as far as it can be told.

    Args:
        surrogates: half surrogate pairs too, which UTF-8 cannot carry (the wire writes them escaped or raw).

    Raises:
        CannotGenerate: no good value is known to start from.
    """
    return guarded(compile(schema), lambda kit: stretch_once(kit, Walk(choices), surrogates))  # type: ignore[no-any-return]


def stretch_once(kit: Kit, walk: Walk, surrogates: bool) -> Labelled:
    """`boundary` on a kit."""
    known = sites(kit)
    for _ in range(TRIES if known else 0):
        site = walk.choices.pick(known)
        sorts = extremes(site)
        if not sorts:
            continue
        extreme = walk.choices.pick(walk.choices.pick(sorts))
        if surrogates and "string" in kit.document.base(site.schemas).kinds and walk.choices.chance(20):
            extreme = Extreme("a\ud800b", "half a surrogate pair", None)
        base = kit.draw(walk)
        try:
            value = placed(site, base, extreme.value, walk) if site.steps else _merged(base, extreme.value)
        except (Elsewhere, CannotGenerate):
            continue
        return _label(site, extreme, value, walk)
    raise CannotGenerate("no place in these arguments takes anything extreme")


def _merged(base: Json, extreme: Json) -> Json:
    """At the top: an empty object stands for itself, more properties join those that are needed."""
    return {**base, **extreme} if isinstance(base, dict) and isinstance(extreme, dict) and extreme else extreme


def _label(site: Site, extreme: Extreme, value: Json, walk: Walk) -> Labelled:
    kit, verdict, keyword = site.kit, extreme.valid, extreme.keyword
    if not site.plain or not site.steps:
        try:
            errors = kit.document.errors(kit.schema, FILL(value), 2)
            verdict, keyword = not errors, errors[0][1] if errors else ""
        except Undecided:
            verdict, keyword = None, ""
    verdict = None if extreme.valid is None else verdict
    text = None
    if extreme.deep is not None:
        mark = "\ue000deep\ue000"
        holder = placed(site, value, mark, walk) if site.steps else {**value, next(reversed(value)): mark}
        text = json.dumps(holder, ensure_ascii=False).replace(f'"{mark}"', extreme.deep)
    return Labelled(
        value=kit.finished(value), why=extreme.why, pointer=site.argument,
        keyword=keyword if verdict is False else "", valid=verdict, argument=site.argument, text=text,
    )  # fmt: skip
