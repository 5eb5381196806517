"""JSON values as JSON Schema sees them: their kinds, when two are the same, how one is shown.

Knows no schema. The rules are those of Draft 2020-12 (Core, sections 4.2.2, 6.3): 2.0 is an integer, 1 equals 1.0,
true equals no number.
"""

from __future__ import annotations

import reprlib
from collections.abc import Hashable, Iterable
from fractions import Fraction

from mcpfuzz.model import Json

__all__ = ["KINDS", "fingerprint", "fingerprints", "is_multiple", "is_unique", "kind_of", "same", "shown"]

KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")
"""Types of JSON Schema, simplest first; here "number" means a number that is no integer."""


def kind_of(value: Json) -> str:
    """The JSON Schema type of a value; 2.0 is an integer, "number" is what is none."""
    if value is None:
        return "null"
    found = _KIND.get(type(value))
    if found is not None:
        return found
    return "integer" if value.is_integer() else "number"


_KIND = {bool: "boolean", int: "integer", str: "string", list: "array", tuple: "array", dict: "object"}


def same(one: Json, two: Json) -> bool:
    """Equality of JSON values: 1 is 1.0, but True is not 1."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(item, two[key]) for key, item in one.items())
    return bool(one == two)


def fingerprint(value: Json) -> Hashable:
    """Something hashable that is equal for values that are the `same`, and only for them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return (type(value), value)
    if isinstance(value, dict):
        return frozenset((key, fingerprint(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(fingerprint, value))
    return value  # type: ignore[no-any-return]


def fingerprints(values: Iterable[Json]) -> frozenset[Hashable]:
    """`fingerprint` of each."""
    return frozenset([one if type(one) is str else fingerprint(one) for one in values])


def is_unique(items: list[Json]) -> bool:
    """Whether no two are the `same`."""
    return len(set(map(fingerprint, items))) == len(items)


def is_multiple(value: float | int, step: float | int) -> bool:
    """As `jsonschema` decides it, floats and their rounding included."""
    try:
        if isinstance(step, float):
            quotient = value / step
            return int(quotient) == quotient
        return value % step == 0
    except (OverflowError, ValueError):
        return Fraction(value) % Fraction(step) == 0


def shown(value: object, *, levels: int = 3, limit: int = 60) -> str:
    """A value for a reason or a label: short, whatever it is.

    Args:
        levels: of nesting that are shown.
        limit: of characters.
    """
    if isinstance(value, int) and value.bit_length() > 400:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, dict | list) and len(value) > limit // 7:
        return f"{'an object' if isinstance(value, dict) else 'an array'} of {len(value)}"
    teller = reprlib.Repr()
    teller.maxlevel, teller.maxstring, teller.maxother, teller.maxlong = levels, limit, limit, 400
    teller.maxdict = teller.maxlist = limit // 7
    text = repr(value) if isinstance(value, float) else teller.repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
