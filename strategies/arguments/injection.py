"""Places in given arguments that a payload can be put in, the most promising first. Knows no payload."""

from __future__ import annotations

import itertools
from typing import Any

from mcpfuzz.model import Json, pointer
from mcpfuzz.strategies.arguments.plans import Plan
from mcpfuzz.strategies.schemas import CannotGenerate, Document, Schemas, Shape

__all__ = ["injection_points"]

_ABSENT = object()
"""Stands for a value that the arguments leave out."""


def injection_points(schema: Json | Plan, arguments: Json) -> tuple[str, ...]:
    """JSON pointers of the places in `arguments` that a payload can be put in: texts first, then numbers.

    Besides the texts and numbers that are there, properties that the schema declares and the arguments
    leave out, and whatever the schema leaves open. Members of an enum and texts with a format or pattern
    come last: servers that validate refuse them. A schema that cannot be read is no hindrance.
    """
    document = schema.kit.document if isinstance(schema, Plan) else Document(schema)
    found: list[tuple[int, str]] = []
    root = schema.schema if isinstance(schema, Plan) else schema
    _points(document, (root,), arguments, (), found)
    return tuple(path for _, path in sorted(found, key=lambda pair: pair[0]))[:200]


def _points(
    document: Document, schemas: Schemas, value: Json, path: tuple[str | int, ...], found: list[tuple[int, str]]
) -> None:
    if len(path) > 32 or len(found) >= 400:
        return
    shape = _base(document, schemas)
    if isinstance(value, dict):
        for name, item in value.items():
            _points(document, shape.properties.get(name, ()) if shape else (), item, (*path, name), found)
        for name, part in itertools.islice(shape.properties.items(), 200) if shape else ():
            if name not in value and (rank := _rank(_base(document, part), _ABSENT)) is not None:
                found.append((rank + 1, pointer(*path, name)))
    elif isinstance(value, list):
        for index, item in enumerate(value[:50]):
            _points(document, shape.items if shape else (), item, (*path, index), found)
    elif (rank := _rank(shape, value)) is not None:
        found.append((rank, pointer(*path)))


def _base(document: Document, schemas: Schemas) -> Shape | None:
    try:
        shapes = document.variants(schemas) if schemas else []
        return next((shape for shape in shapes if "string" in shape.kinds), shapes[0] if shapes else None)
    except (CannotGenerate, RecursionError, TypeError, AttributeError):
        return None


def _rank(shape: Shape | None, value: Any) -> int | None:
    """How promising a place is, 0 best; None: not at all."""
    if shape is None:
        return 0 if isinstance(value, str) else 4 if value is _ABSENT or not isinstance(value, bool) else None
    if "string" in shape.kinds:
        narrow = shape.choices is not None or shape.patterns or shape.formats
        return 6 if narrow else 0 if isinstance(value, str) else 2
    if isinstance(value, str):
        return 6
    return 4 if set(shape.kinds) & {"integer", "number"} else None
