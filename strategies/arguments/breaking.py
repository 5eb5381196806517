"""Arguments with exactly one flaw: a site is chosen, a flaw of it is put into good arguments.

Where the keywords above a site could mind as well, the whole is judged again before it is believed.
"""

from __future__ import annotations

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.container_flaws import container_flaw
from mcpfuzz.strategies.arguments.flaws import flaws, only
from mcpfuzz.strategies.arguments.kit import Kit
from mcpfuzz.strategies.arguments.labels import Labelled
from mcpfuzz.strategies.arguments.limits import TRIES
from mcpfuzz.strategies.arguments.plans import Plan, compile, guarded
from mcpfuzz.strategies.arguments.sites import Elsewhere, Site, placed, sites
from mcpfuzz.strategies.arguments.templates import FILL
from mcpfuzz.strategies.arguments.walk import Walk
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.schemas import CannotGenerate

__all__ = ["break_once", "invalid"]


def invalid(choices: Choices, schema: Json | Plan) -> Labelled:
    """Arguments with exactly one flaw, and its label.

    Raises:
        CannotGenerate: nothing can be broken (the schema allows every object), or no good value is known to
            start from.
    """
    return guarded(compile(schema), lambda kit: break_once(kit, Walk(choices)))  # type: ignore[no-any-return]


def break_once(kit: Kit, walk: Walk) -> Labelled:
    """`invalid` on a kit."""
    known = sites(kit)
    for _ in range(TRIES if known else 0):
        site = walk.choices.pick(known)
        found = _broken(site, walk, None)
        if found is not None:
            return found
    for site in known:  # luck failed: look everywhere
        groups = len(flaws(site)) + 1
        for sort in range(groups):
            found = _broken(site, walk, sort)
            if found is not None:
                return found
    raise CannotGenerate("nothing to break: every object keeps this schema, or no single flaw was found")


def _broken(site: Site, walk: Walk, sort: int | None) -> Labelled | None:
    """One flaw at a site; `sort` picks the keyword, None lets it be drawn. None where it did not come off."""
    kit, groups = site.kit, flaws(site)
    if sort is None:
        sort = walk.choices.integer(0, len(groups))
    base = kit.draw(walk)
    try:
        if sort < len(groups):
            flaw = walk.choices.pick(groups[sort])
        else:
            chosen = container_flaw(site, base, walk)
            if chosen is None:
                return None
            flaw = chosen
        value = placed(site, base, flaw.value, walk)
    except (Elsewhere, CannotGenerate):
        return None
    if flaw.keyword in ("", "properties"):
        return None
    if not site.plain and only(kit.document, kit.schema, FILL(value)) != (site.argument, flaw.keyword):
        return None
    return Labelled(
        value=kit.finished(value), why=flaw.why, pointer=site.argument, keyword=flaw.keyword,
        coercible=flaw.coercible, argument=flaw.argument,
    )  # fmt: skip
