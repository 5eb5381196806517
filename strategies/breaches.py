"""Which violations of a tool's inputSchema are certain from reading it: what rows P3 and P4 need. It is no
validator: what it does not understand it leaves alone, so that what it names is always a violation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mcpfuzz.model import Json

__all__ = ["WRONG", "Breach", "breaches", "is_open"]

LONGEST = 10_000
"""A longer maxLength is not worth violating."""
LARGEST = 1 << 52
"""A bound beyond it cannot be passed by a number that every reader keeps."""
WRONG: Mapping[str, tuple[str, ...]] = {
    "string": ("number", "array", "object", "real"),
    "integer": ("array", "object", "real"),
    "number": ("array", "object"),
    "boolean": ("array", "object"),
    "array": ("number", "object"),
    "object": ("number", "array"),
}
"""JSON Schema type -> kinds of `junk` that no reading of it admits; text is left out, as some servers read
"5" as 5, and that is worth no report."""


class Breach(NamedTuple):
    """One way to violate a tool's inputSchema that is certain from the schema alone."""

    how: str
    key: str
    detail: Json = None


def breaches(schema: Mapping[str, Json]) -> tuple[Breach, ...]:
    """What of a schema can be violated for sure: anything behind `$ref`, `anyOf` and the like is left alone."""
    required, properties = schema.get("required"), schema.get("properties")
    found = [Breach("missing", key) for key in required if isinstance(key, str)] if isinstance(required, list) else []
    for key, rules in properties.items() if isinstance(properties, Mapping) else ():
        if isinstance(rules, Mapping):
            found += _of_property(key, rules)
    if schema.get("additionalProperties") is False and not schema.get("patternProperties"):
        found.append(Breach("extra", ""))
    return tuple(found)


def _of_property(key: str, rules: Mapping[str, Json]) -> Iterator[Breach]:
    kind = rules.get("type")
    if not isinstance(kind, str) or kind not in WRONG:
        return
    yield Breach("type", key, kind)
    if kind == "string":
        if isinstance(rules.get("enum"), list):
            yield Breach("enum", key)
        if type(rules.get("maxLength")) is int and 0 <= rules["maxLength"] <= LONGEST:
            yield Breach("maxLength", key, rules["maxLength"])
    if kind in ("integer", "number"):
        for bound in ("minimum", "maximum"):
            if type(rules.get(bound)) in (int, float) and abs(rules[bound]) < LARGEST:
                yield Breach(bound, key, rules[bound])


def is_open(schema: Mapping[str, Json]) -> bool:
    """Whether the schema lets arguments pass that it does not name."""
    return schema.get("additionalProperties", True) is True and "unevaluatedProperties" not in schema
