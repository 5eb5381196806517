"""What stands behind a keyword, as the type that the keyword needs. Anything else is CannotGenerate, which says
which keyword holds what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.limits import CannotGenerate
from mcpfuzz.strategies.schemas.values import shown

__all__ = ["mapping", "number", "sequence", "size", "strings"]


def number(value: Json, keyword: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise CannotGenerate(f"{keyword} is {shown(value)}, not a number")
    return value


def size(value: Json, keyword: str) -> int:
    found = number(value, keyword)
    if found in (math.inf, -math.inf):
        return 10**18 if found > 0 else 0
    return max(0, math.ceil(found))


def mapping(value: Json, keyword: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise CannotGenerate(f"{keyword} is {shown(value)}, not an object")
    return value


def sequence(value: Json, keyword: str) -> list[Json]:
    if not isinstance(value, list | tuple):
        raise CannotGenerate(f"{keyword} is {shown(value)}, not an array")
    return list(value)


def strings(value: Json, keyword: str) -> list[str]:
    for item in sequence(value, keyword):
        if not isinstance(item, str):
            raise CannotGenerate(f"{keyword} holds {shown(item)}, not a string")
    return list(value)
