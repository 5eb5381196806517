"""What lenient servers make of a value of the wrong type, so that a label can say who might take it without harm.

The rules are those of pydantic's lax mode, of JavaScript, of JSON in a string.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from mcpfuzz.model import Json

__all__ = ["CONVERTIBLE", "TOLERATED", "conversions"]

TOLERATED = frozenset(("uniqueItems", "format"))
"""Flaws that servers pass over without harm: a set is made of the items; a format is an annotation."""
CONVERTIBLE = frozenset(("type", "anyOf", "oneOf"))
"""Flaws that converting a value may mend."""


def conversions(value: Json) -> Iterator[Json]:
    """What the usual lenient readers make of a value; nothing for arrays, objects, null."""
    if isinstance(value, bool):
        yield from (int(value), str(value).lower(), str(value))
    elif isinstance(value, int | float):
        yield str(value)
        if value in (0, 1):
            yield bool(value)
    elif isinstance(value, str):
        yield from _read_text(value)


def _read_text(value: str) -> Iterator[Json]:
    text = value.strip()
    if text.lower() in ("true", "t", "yes", "y", "on", "1"):
        yield True
    if text.lower() in ("false", "f", "no", "n", "off", "0"):
        yield False
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        yield number
        if number.is_integer():
            yield int(number)
    if text[:1] in ("[", "{", '"', "n"):
        try:
            yield json.loads(text)
        except ValueError:
            return
