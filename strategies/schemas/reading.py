"""Keywords into a shape: one small reader a keyword, found by name in a table.

A reader narrows the shape by what its keyword asks, or sets `Shape.loose` where that cannot be built in and
made values must be judged. Keywords that let a value choose (anyOf, oneOf, if) are `variants`' business.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.limits import CannotGenerate
from mcpfuzz.strategies.schemas.operands import mapping, number, sequence, size, strings
from mcpfuzz.strategies.schemas.shapes import Shape
from mcpfuzz.strategies.schemas.values import KINDS, fingerprint, fingerprints, shown

__all__ = ["READERS", "Reader"]

Reader: TypeAlias = Callable[[Shape, Json, Json], None]
"""(shape, what stands behind the keyword, the whole schema object)"""


def _read_type(shape: Shape, value: Json, schema: Json) -> None:
    names = [value] if isinstance(value, str) else strings(value, "type")
    for name in names:
        if name not in KINDS:
            raise CannotGenerate(f"type {shown(name)} is none of JSON Schema's")
    allowed = {*names, "integer"} if "number" in names else set(names)
    shape.kinds = tuple(kind for kind in shape.kinds if kind in allowed)


def _read_enum(shape: Shape, value: Json, schema: Json) -> None:
    members = sequence(value, "enum")
    if shape.choices is None:
        shape.choices = members
    else:
        few, many = sorted((shape.choices, members), key=len)
        known = fingerprints(many)
        shape.choices = [one for one in few if fingerprint(one) in known]


def _read_low(shape: Shape, value: Json, schema: Json) -> None:
    _lower(shape, number(value, "minimum"), schema.get("exclusiveMinimum") is True)


def _lower(shape: Shape, value: float | int, is_open: bool) -> None:
    if shape.low is None or value > shape.low or (value == shape.low and is_open):
        shape.low, shape.low_open = value, is_open


def _read_high(shape: Shape, value: Json, schema: Json) -> None:
    _upper(shape, number(value, "maximum"), schema.get("exclusiveMaximum") is True)


def _upper(shape: Shape, value: float | int, is_open: bool) -> None:
    if shape.high is None or value < shape.high or (value == shape.high and is_open):
        shape.high, shape.high_open = value, is_open


def _read_low_open(shape: Shape, value: Json, schema: Json) -> None:
    if not isinstance(value, bool):  # draft 4 said true beside `minimum`
        _lower(shape, number(value, "exclusiveMinimum"), True)


def _read_high_open(shape: Shape, value: Json, schema: Json) -> None:
    if not isinstance(value, bool):
        _upper(shape, number(value, "exclusiveMaximum"), True)


def _read_multiple(shape: Shape, value: Json, schema: Json) -> None:
    if number(value, "multipleOf") <= 0 or value == math.inf:
        raise CannotGenerate(f"multipleOf is {shown(value)}, not a positive number")
    shape.multiples.append(value)


def _least(name: str) -> Reader:
    def read(shape: Shape, value: Json, schema: Json) -> None:
        setattr(shape, name, max(getattr(shape, name), size(value, name)))

    return read


def _most(name: str) -> Reader:
    def read(shape: Shape, value: Json, schema: Json) -> None:
        if number(value, name) < 0:
            raise CannotGenerate(f"{name} is {shown(value)}: nothing is that small")
        size, old = math.floor(min(value, 10**18)), getattr(shape, name)
        setattr(shape, name, size if old is None else min(old, size))

    return read


def _read_pattern(shape: Shape, value: Json, schema: Json) -> None:
    if not isinstance(value, str):
        raise CannotGenerate(f"pattern is {shown(value)}, not a string")
    if value not in shape.patterns:
        shape.patterns.append(value)


def _read_format(shape: Shape, value: Json, schema: Json) -> None:
    if isinstance(value, str) and value not in shape.formats:
        shape.formats.append(value)


def _read_unique(shape: Shape, value: Json, schema: Json) -> None:
    shape.unique = shape.unique or value is True


def _read_items(shape: Shape, value: Json, schema: Json) -> None:
    if isinstance(value, list):  # draft 7: a tuple, and `additionalItems` for the rest
        _read_prefix(shape, value, schema)
        shape.items += (schema.get("additionalItems", True),)
    else:
        shape.items += (value,)
        shape.loose = shape.loose or (value is not True and bool(shape.prefix) and "prefixItems" not in schema)


def _read_prefix(shape: Shape, value: Json, schema: Json) -> None:
    shape.loose = shape.loose or bool(shape.prefix) or bool(shape.items and "items" not in schema)
    for index, item in enumerate(sequence(value, "prefixItems")):
        if index < len(shape.prefix):
            shape.prefix[index] += (item,)
        else:
            shape.prefix.append((item,))


def _read_contains(shape: Shape, value: Json, schema: Json) -> None:
    if schema.get("minContains", 1) != 0:
        shape.contains += (value,)
    shape.loose = True


def _read_properties(shape: Shape, value: Json, schema: Json) -> None:
    for name, item in mapping(value, "properties").items():
        shape.properties[name] = (*shape.properties.get(name, ()), item)


def _read_required(shape: Shape, value: Json, schema: Json) -> None:
    if not isinstance(value, bool):  # draft 3 said true inside a property
        shape.required.update(dict.fromkeys(strings(value, "required")))


def _read_patterned(shape: Shape, value: Json, schema: Json) -> None:
    shape.patterned.extend(mapping(value, "patternProperties").items())
    shape.loose = True


def _read_additional(shape: Shape, value: Json, schema: Json) -> None:
    if value is not True:
        shape.additional += (value,)
        shape.loose = shape.loose or value is not False


def _read_names(shape: Shape, value: Json, schema: Json) -> None:
    shape.names += (value,)
    shape.loose = True


def _read_dependent(shape: Shape, value: Json, schema: Json) -> None:
    for name, needed in mapping(value, "dependentRequired").items():
        shape.dependent.setdefault(name, []).extend(strings(needed, "dependentRequired"))


def _read_dependencies(shape: Shape, value: Json, schema: Json) -> None:
    for name, needed in mapping(value, "dependencies").items():
        if isinstance(needed, list):
            shape.dependent.setdefault(name, []).extend(strings(needed, "dependencies"))
        else:
            shape.loose = True


def _read_unevaluated(shape: Shape, value: Json, schema: Json) -> None:
    if value is not True:
        shape.additional += (value,)
        shape.loose = True


def _read_hint(shape: Shape, value: Json, schema: Json) -> None:
    shape.hints.append(value)


def _read_hints(shape: Shape, value: Json, schema: Json) -> None:
    if isinstance(value, list):
        shape.hints.extend(value[:8])


def _read_loose(shape: Shape, value: Json, schema: Json) -> None:
    shape.loose = True


READERS: dict[str, Reader] = {
    "type": _read_type,
    "enum": _read_enum,
    "const": lambda shape, value, schema: _read_enum(shape, [value], schema),
    "minimum": _read_low,
    "maximum": _read_high,
    "exclusiveMinimum": _read_low_open,
    "exclusiveMaximum": _read_high_open,
    "multipleOf": _read_multiple,
    "minLength": _least("min_length"),
    "maxLength": _most("max_length"),
    "pattern": _read_pattern,
    "format": _read_format,
    "minItems": _least("min_items"),
    "maxItems": _most("max_items"),
    "uniqueItems": _read_unique,
    "prefixItems": _read_prefix,
    "items": _read_items,
    "contains": _read_contains,
    "maxContains": _read_loose,
    "properties": _read_properties,
    "required": _read_required,
    "patternProperties": _read_patterned,
    "additionalProperties": _read_additional,
    "propertyNames": _read_names,
    "minProperties": _least("min_properties"),
    "maxProperties": _most("max_properties"),
    "dependentRequired": _read_dependent,
    "dependencies": _read_dependencies,
    "dependentSchemas": _read_loose,
    "unevaluatedProperties": _read_unevaluated,
    "unevaluatedItems": _read_loose,
    "not": _read_loose,
    "default": _read_hint,
    "example": _read_hint,
    "examples": _read_hints,
}
