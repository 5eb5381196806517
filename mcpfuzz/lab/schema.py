"""A validator for the part of JSON Schema 2020-12 that this server's own schemas use. Knows nothing else.

It is meant for schemas written here, not for schemas of strangers: an unknown keyword is a programming error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache

from mcpfuzz.lab.codec import Json, finite

__all__ = ["Invalid", "Schema", "closed", "conform"]

Schema = Mapping[str, Json]

_NOTES = frozenset({"title", "description", "examples", "default", "format", "$defs", "$schema"})
"""Keywords that say nothing about validity here."""


class Invalid(ValueError):
    """The value does not conform; `str()` is one sentence that names the place and quotes the value."""


def closed(properties: Mapping[str, Schema], *required: str, **more: Json) -> dict[str, Json]:
    """The schema of an object that has these members and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def quoted(value: Json) -> str:
    """The offending value as ASCII JSON, shortened, so that a person can find it in what was sent."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


@cache
def _pattern(source: str) -> re.Pattern[str]:
    # In ECMA 262 `$` is the very end; in Python it also matches before a final line feed.
    return re.compile(source[:-1] + r"\Z" if source.endswith("$") else source)


def _integer(value: Json) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


_TYPES: Mapping[str, Callable[[Json], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: not isinstance(value, bool) and _integer(value),
    "number": lambda value: not isinstance(value, bool) and isinstance(value, (int, float)),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _same(one: Json, other: Json) -> bool:
    """JSON equality: True is not 1, but 1.0 is."""
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


_CHECKS: Mapping[str, tuple[str, Callable[[Json, Json], bool], str]] = {
    # keyword: (the type it speaks of, whether value meets limit, what to say)
    "enum": ("any", lambda value, limit: any(_same(value, one) for one in limit), "must be one of {limit}"),
    "const": ("any", _same, "must be {limit}"),
    "minimum": ("number", lambda value, limit: not value < limit, "must be at least {limit}"),
    "maximum": ("number", lambda value, limit: not value > limit, "must be at most {limit}"),
    "exclusiveMinimum": ("number", lambda value, limit: not value <= limit, "must be more than {limit}"),
    "minLength": ("string", lambda value, limit: len(value) >= limit, "must have at least {limit} characters"),
    "maxLength": ("string", lambda value, limit: len(value) <= limit, "must have at most {limit} characters"),
    "pattern": ("string", lambda value, limit: bool(_pattern(limit).search(value)), "must match {limit}"),
    "minItems": ("array", lambda value, limit: len(value) >= limit, "must have at least {limit} items"),
    "maxItems": ("array", lambda value, limit: len(value) <= limit, "must have at most {limit} items"),
    "uniqueItems": ("array", lambda value, limit: not limit or _unique(value), "must not repeat items"),
}
_STRUCTURE = frozenset({"type", "properties", "required", "additionalProperties", "items", "$ref"})


def _unique(items: list[Json]) -> bool:
    return len({json.dumps(item, sort_keys=True) for item in items}) == len(items)


def conform(schema: Schema, value: Json, *, constants: bool = False, root: Schema | None = None, at: str = "") -> Json:
    """The value, as its schema understands it: `2.0` where an integer is asked for becomes `2`.

    Recurses with the value: whoever calls bounds the value's depth (`codec.MAX_DEPTH`).

    Args:
        constants: let NaN and infinities pass as numbers.
        root: the schema that holds `$defs`; the schema itself at the top.
        at: where the value is, for messages; empty at the top.

    Raises:
        Invalid: at the first place that does not conform.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return conform(
            root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, constants=constants, root=root, at=at
        )
    _typed(schema, value, at, constants)
    for keyword, limit in schema.items():
        if keyword in _CHECKS:
            kind, meets, complaint = _CHECKS[keyword]
            if (kind == "any" or _TYPES[kind](value)) and not meets(value, limit):
                limit = json.dumps(limit) if not isinstance(limit, str) else limit
                raise Invalid(f"{at or 'the value'} {complaint.format(limit=limit)}, not {quoted(value)}")
        elif keyword not in _STRUCTURE and keyword not in _NOTES:
            raise NotImplementedError(keyword)
    if isinstance(value, dict):
        return _members(schema, value, constants, root, at)
    if isinstance(value, list) and "items" in schema:
        return [
            conform(schema["items"], item, constants=constants, root=root, at=f"{at}[{index}]")
            for index, item in enumerate(value)
        ]
    if schema.get("type") == "integer":
        return int(value)
    return value


def _typed(schema: Schema, value: Json, at: str, constants: bool) -> None:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_TYPES[kind](value) for kind in kinds):
        raise Invalid(f"{at or 'the value'} must be of type {' or '.join(kinds)}, not {quoted(value)}")
    if isinstance(value, float) and not constants and not finite(value):
        raise Invalid(f"{at or 'the value'} must be a finite number")


def _members(schema: Schema, value: dict[str, Json], constants: bool, root: Schema, at: str) -> dict[str, Json]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise Invalid(f"{at + '.' if at else ''}{name} is required")
    if schema.get("additionalProperties") is False:
        for name in value:
            if name not in properties:
                raise Invalid(f"{at or 'the arguments'} must not have a member {quoted(name)}")
    return {
        name: conform(properties[name], item, constants=constants, root=root, at=f"{at}.{name}" if at else name)
        if name in properties
        else item
        for name, item in value.items()
    }
