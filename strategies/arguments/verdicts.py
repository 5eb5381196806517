"""Labels for arguments that came from elsewhere: another generator, a harvest, a user's example."""

from __future__ import annotations

from mcpfuzz.model import Json, unescaped
from mcpfuzz.strategies.arguments.conversions import CONVERTIBLE, TOLERATED, conversions
from mcpfuzz.strategies.arguments.labels import Labelled
from mcpfuzz.strategies.arguments.plans import Plan, compile
from mcpfuzz.strategies.arguments.sites import shallow
from mcpfuzz.strategies.arguments.templates import FILL
from mcpfuzz.strategies.schemas import Document, Undecided

__all__ = ["judged"]


def judged(schema: Json | Plan, value: Json, why: str) -> Labelled:
    """A label for arguments that came from elsewhere: another generator, a harvest, a user's example.

    Of several flaws the first is named, and nothing is said to be coercible.

    Args:
        value: a template; slots are filled with stand-ins for the verdict.
        why: what it is, in words.
    """
    plan = compile(schema)
    document, filled = plan.kit.document, FILL(value)
    try:
        errors = document.errors(plan.schema, filled, 2)
    except Undecided:
        return Labelled(value=value, why=why, pointer="", keyword="", valid=None)
    if not errors:
        return Labelled(value=value, why=why, pointer="", keyword="", valid=True)
    path, keyword = errors[0]
    lenient = len(errors) == 1 and _mended(document, plan.schema, filled, path, keyword)
    return Labelled(
        value=value, why=f"{why}: breaks {keyword} at {path or 'the top'}", pointer=path, keyword=keyword,
        coercible=lenient, argument=path,
    )  # fmt: skip


def _mended(document: Document, schema: Json, value: Json, path: str, keyword: str) -> bool:
    """Whether converting what stands at `path`, or leaving out a null, makes the value valid."""
    if keyword in TOLERATED:
        return True
    if keyword not in CONVERTIBLE or not path:
        return False
    parts = [unescaped(part) for part in path.split("/")[1:]]
    value = holder = shallow(value)
    for part in parts[:-1]:
        key = int(part) if isinstance(holder, list) else part
        holder[key] = holder = shallow(holder[key])
    last = int(parts[-1]) if isinstance(holder, list) else parts[-1]
    was = holder[last]
    for one in conversions(was):
        holder[last] = one
        if document.accepts(schema, value):
            return True
    if was is None and isinstance(holder, dict):
        del holder[last]
        return document.accepts(schema, value) is True
    return False
