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

    Of several flaws the first is named; which of them a lenient server mends is not worked out, so such a value counts
    as coercible.

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
    lenient = len(errors) > 1 or _mended(document, plan.schema, filled, path, keyword)
    return Labelled(
        value=value, why=f"{why}: breaks {keyword} at {path or 'the top'}", pointer=path, keyword=keyword,
        coercible=lenient, argument=path,
    )  # fmt: skip


def _mended(document: Document, schema: Json, value: Json, path: str, keyword: str) -> bool:
    """Whether converting what stands at `path`, leaving out a null, or a default makes the value valid."""
    if keyword in TOLERATED:
        return True
    if keyword == "required":
        return bool(path) or _defaulted(document, schema, value)
    if keyword not in (*CONVERTIBLE, "enum", "const") or not path:
        return False
    parts = [unescaped(part) for part in path.split("/")[1:]]
    value = holder = shallow(value)
    for part in parts[:-1]:
        key = int(part) if isinstance(holder, list) else part
        holder[key] = holder = shallow(holder[key])
    last = int(parts[-1]) if isinstance(holder, list) else parts[-1]
    was = holder[last]
    for one in conversions(was) if keyword in CONVERTIBLE else ():
        holder[last] = one
        if document.accepts(schema, value):
            return True
    if was is None and isinstance(holder, dict):
        del holder[last]
        return document.accepts(schema, value) is True
    return False


def _defaulted(document: Document, schema: Json, value: Json) -> bool:
    """Whether the members that have a default, put in where they are missing, make the value valid."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not isinstance(value, dict):
        return False
    known = {name: one["default"] for name, one in properties.items() if isinstance(one, dict) and "default" in one}
    return document.accepts(schema, {**known, **value}) is True
