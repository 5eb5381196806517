"""What stands behind a keyword, as the type that the keyword needs.

Each raises CannotGenerate for anything else; the reason says which keyword holds what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.limits import CannotGenerate
from mcpfuzz.strategies.schemas.values import shown

__all__ = ["mapping", "number", "sequence", "size", "strings"]


def number(value: Json, keyword: str) -> float | int:
    """Infinity, which JSON texts can bring about (1e999), is one; NaN is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise CannotGenerate(f"{keyword} is {shown(value)}, not a number")
    return value


def size(value: Json, keyword: str) -> int:
    """A number of characters, items or properties, at least 0: a fraction counts as the next integer above."""
    found = number(value, keyword)
    if found in (math.inf, -math.inf):
        return 10**18 if found > 0 else 0
    return max(0, math.ceil(found))


def mapping(value: Json, keyword: str) -> Mapping[str, Json]:
    """An object, such as that of `properties`."""
    if not isinstance(value, dict):
        raise CannotGenerate(f"{keyword} is {shown(value)}, not an object")
    return value


def sequence(value: Json, keyword: str) -> list[Json]:
    """An array, such as that of `anyOf`; a copy."""
    if not isinstance(value, list | tuple):
        raise CannotGenerate(f"{keyword} is {shown(value)}, not an array")
    return list(value)


def strings(value: Json, keyword: str) -> list[str]:
    """An array of strings, such as that of `required`; a copy."""
    for item in sequence(value, keyword):
        if not isinstance(item, str):
            raise CannotGenerate(f"{keyword} holds {shown(item)}, not a string")
    return list(value)
