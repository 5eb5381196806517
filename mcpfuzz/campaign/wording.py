"""What a schema's own words say of its texts and times: values in quotes, what a tool that speaks of revisions wants,
and the shortest wait that a call may ask for. Pure; only proposals, which a server may refuse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from mcpfuzz.model import Json, Operation
from mcpfuzz.slots import quote
from mcpfuzz.strategies.arguments.words import WORDS, words_for
from mcpfuzz.strategies.points import Point, points, put
from mcpfuzz.strategies.safety import destructive, is_safe
from mcpfuzz.waits import asked_s, waits_in

__all__ = ["brief", "worded"]

BRIEF_S = 0.1
LONG_S = 1.0
"""A call that waits longer by itself is asked to be brief."""
_QUOTED = re.compile(r"(?<!\w)([\"'`])([A-Za-z0-9][\w./+:-]{0,40})\1(?!\w)")
_REVISIONS = re.compile(r"\b(?:commits?|branch(?:es)?|revisions?)\b", re.IGNORECASE)
_LIMIT = re.compile(r"time_?out", re.IGNORECASE)
"""How long a caller would wait at most: less of it is no shorter work, but none."""


def worded(arguments: Mapping[str, Json], operation: Operation, taken: frozenset[str]) -> Mapping[str, Json]:
    """Arguments whose texts are what their own description quotes ("'local', 'remote' or 'all'"), and a revision in
    tools that speak of those where a text's name says nothing.

    Args:
        taken: names of texts that are something else already, such as places.
    """
    declared = operation.schema.get("properties")
    names = frozenset(declared) if isinstance(declared, Mapping) else frozenset()
    for point in points(operation.schema, arguments):
        closed = not isinstance(point.schema, Mapping) or "enum" in point.schema or "const" in point.schema
        if closed or point.name in taken or not isinstance(point.base, str):
            continue
        word = _quoted(point, names) or _revision(point, operation)
        if word is not None:
            arguments = put(arguments, point, word)
    return arguments


def _quoted(point: Point, names: frozenset[str]) -> str | None:
    """The first word in quotes that is no other argument's name."""
    told = str(point.schema.get("description") or "")[:4_000] if isinstance(point.schema, Mapping) else ""
    found = (word for _, word in _QUOTED.findall(told) if word not in names)
    return next((quote(word) for word in found if is_safe(word) and not destructive(word)), None)


def _revision(point: Point, operation: Operation) -> str | None:
    plain = words_for(point.name, slots=True) is WORDS
    return "HEAD" if plain and _REVISIONS.search(f"{operation.name} {operation.description[:4_000]}") else None


def brief(arguments: Mapping[str, Json], operation: Operation) -> Mapping[str, Json]:
    """Arguments that do not ask a tool to wait for longer than need be; as they are where they do not."""
    waits = {name: wait for name, wait in waits_in(operation.schema).items() if not _LIMIT.search(name)}
    if not waits or asked_s(arguments, waits) <= LONG_S:
        return arguments
    declared = operation.schema.get("properties")
    made = dict(arguments)
    for name, (unit, _) in waits.items():
        schema = declared.get(name) if isinstance(declared, Mapping) else None
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        if kind not in ("integer", "number") or not isinstance(schema, Mapping) or not isinstance(unit, float):
            continue
        least = schema.get("minimum")
        value = max(BRIEF_S / unit, least if isinstance(least, int | float) else 0.0)
        made[name] = math.ceil(value) if kind == "integer" else value
    return made
