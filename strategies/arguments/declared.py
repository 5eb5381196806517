"""Values that a schema itself declares: members of its enums, its default, its examples.

A stranger wrote them, so they are checked before they are used: small, safe, and keeping the schema.
"""

from __future__ import annotations

import itertools
import math

from mcpfuzz.model import Json
from mcpfuzz.slots import quoted
from mcpfuzz.strategies.arguments.limits import MAX_MEMBERS
from mcpfuzz.strategies.arguments.templates import FILL, slotted
from mcpfuzz.strategies.safety import is_safe, safe
from mcpfuzz.strategies.schemas import MAX_DEPTH, CannotGenerate, Document, Shape, kind_of, same

__all__ = ["hints_of", "members_of"]


def hints_of(document: Document, local: Json, shape: Shape, slots: bool) -> list[Json]:
    """default and examples, as far as they keep the schema and are safe; paths among them re-rooted."""
    kept: list[Json] = []
    for hint in shape.hints[:16]:
        if not _small(hint):
            continue
        value = quoted(hint)
        if not is_safe(value, declared=True):
            value = safe(value)
        fits = (slots or not slotted(value)) and document.accepts(local, FILL(value))
        if fits and not any(same(value, other) for other in kept):
            kept.append(value)
    return kept


def members_of(document: Document, local: Json, shape: Shape) -> list[Json]:
    """Members of enum and const that may be sent. Raises CannotGenerate where there is none."""
    members: list[Json] = []
    unsafe = False
    for member in itertools.islice(shape.choices or (), MAX_MEMBERS):
        if not _small(member) or kind_of(member) not in shape.kinds or not document.accepts(local, member):
            continue
        value = quoted(member)
        if is_safe(value, declared=True):
            members.append(value)
        else:
            unsafe = True
    if not members:
        reason = "names a foreign host, a real path or a destroying command" if unsafe else "keeps the schema"
        raise CannotGenerate(f"no member of the enum {'is allowed: each ' if unsafe else ''}{reason}")
    return members


def _small(value: Json) -> bool:
    """Whether a value out of the schema is small enough to be looked at and used."""
    left, stack = 1_000, [(value, 0)]
    while stack:
        item, depth = stack.pop()
        left -= 1 + (len(item) // 100 if isinstance(item, str | list | dict) else 0)
        if left < 0 or depth > MAX_DEPTH:
            return False
        if isinstance(item, dict):
            stack.extend((one, depth + 1) for one in item.values())
        elif isinstance(item, list):
            stack.extend((one, depth + 1) for one in item)
        elif isinstance(item, float) and not math.isfinite(item):
            return False
    return True
