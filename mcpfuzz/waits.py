"""Arguments that say how long to wait. A call that waits as long as it was told to is no hang, so whoever judges a
missing answer asks here how long the caller wanted to wait.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from mcpfuzz.model import Json

__all__ = ["TIME_WORDS", "asked_s", "waits_in"]

TIME_WORDS = r"duration|delay|timeout|time_?out|sleep|wait|pause|interval|linger"
"""Names of arguments, or parts of them, that are a length of time to be spent."""
_NAME = re.compile(
    rf"{TIME_WORDS}|(?:^|_)(?:ms|millis|secs?|seconds|minutes|hours)$|(?:Ms|Secs?|Seconds)$|^seconds|^millis"
)
_TEXT = re.compile(rf"\b(?:{TIME_WORDS}|how long)", re.IGNORECASE)
_UNITS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"milli|(?:^|_|\b)m(?:illi)?secs?\b|(?:^|_|\b)ms(?:\b|_|$)|[a-z]Ms$", re.IGNORECASE), 0.001),
    (re.compile(r"min(?:ute)?s?(?:\b|_|$)", re.IGNORECASE), 60.0),
    (re.compile(r"hours?(?:\b|_|$)", re.IGNORECASE), 3600.0),
)
_TIMES = re.compile(
    r"^(?:steps?|times|count|repeats?|repetitions|iterations|rounds|retries|attempts|n)$", re.IGNORECASE
)
_NUMERIC = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|sec|seconds|m|min|minutes|h|hours)?\s*", re.IGNORECASE)
_SUFFIX = {"ms": 0.001, "m": 60.0, "min": 60.0, "minutes": 60.0, "h": 3600.0, "hours": 3600.0}


def waits_in(schema: Mapping[str, Json]) -> dict[str, list[Json]]:
    """Of a tool's inputSchema: the arguments that say how long to wait -> [seconds that one unit of them means, what
    the schema says they are where they are left out (None: it does not say)].

    Where no unit is told it is taken for seconds, the longer reading of the two that are common.
    """
    declared = schema.get("properties")
    found: dict[str, list[Json]] = {}
    for name, inner in declared.items() if isinstance(declared, Mapping) else ():
        told = inner.get("description") if isinstance(inner, Mapping) else None
        text = told if isinstance(told, str) else ""
        if not _NAME.search(name) and not (_numeric(inner) and _TEXT.search(text)):
            continue
        unit = next((unit for pattern, unit in _UNITS if pattern.search(name)), 0.0)
        unit = unit or next((unit for pattern, unit in _UNITS if pattern.search(text)), 1.0)
        found[name] = [unit, inner.get("default") if isinstance(inner, Mapping) else None]
    return found


def _numeric(schema: Json) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") in ("integer", "number")


def asked_s(arguments: Json, waits: Mapping[str, Sequence[Json]]) -> float:
    """Seconds that a call's arguments ask to be waited, at most; 0 where they ask for none.

    Args:
        waits: what `waits_in` found. A count beside it (steps, times, retries ...) multiplies.
    """
    given = arguments if isinstance(arguments, Mapping) else {}
    longest = 0.0
    for name, (unit, default) in waits.items():
        longest = max(longest, _seconds(given.get(name, default), unit if isinstance(unit, float) else 1.0))
    for name, value in given.items():
        if name not in waits and _TIMES.match(str(name)):
            longest *= max(1.0, _seconds(value, 1.0))
    return longest


def _seconds(value: Json, unit: float) -> float:
    if isinstance(value, str):
        match = _NUMERIC.fullmatch(value)
        if match is None:
            return 0.0
        return float(match[1]) * _SUFFIX.get((match[2] or "").lower(), unit if match[2] is None else 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        amount = float(value)
    except OverflowError:
        return math.inf
    return amount * unit if amount > 0 else 0.0  # NaN is not greater
