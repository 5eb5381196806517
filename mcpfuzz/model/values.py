"""JSON values, and what is done with any value: change a field, follow a JSON pointer, tell it in a few words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

__all__ = ["Json", "at_pointer", "brief", "pointer", "replace", "unescaped"]

Json: TypeAlias = Any
"""A JSON value as Python sees it: None, bool, int, float, str, list, dict."""
_T = TypeVar("_T")


def replace(value: _T, **changes: Any) -> _T:
    """`dataclasses.replace`, under the name the package uses."""
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]


def brief(value: Json, most: int) -> str:
    """A value for people, in so many characters; what a stranger sent may be nested deeper than can be told."""
    try:
        return repr(value)[:most]
    except RecursionError:
        return f"{type(value).__name__} nested too deep"[:most]


def pointer(*parts: str | int) -> str:
    """A JSON pointer from unescaped parts (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def unescaped(part: str) -> str:
    """One part of a JSON pointer as the name that it stands for (RFC 6901)."""
    return part.replace("~1", "/").replace("~0", "~")


def at_pointer(value: Json, path: str) -> Json:
    """The value at an RFC 6901 pointer. Raises KeyError where there is none."""
    for part in map(unescaped, path.split("/")[1:]):
        if isinstance(value, Mapping):
            value = value[part]
        elif isinstance(value, Sequence) and not isinstance(value, str) and _is_index(part, len(value)):
            value = value[int(part)]
        else:
            raise KeyError(path)
    return value


def _is_index(part: str, length: int) -> bool:
    # isdigit() alone lets through what int() refuses: superscripts, and over 4,300 digits
    return part.isascii() and part.isdigit() and len(part) <= len(str(length)) and int(part) < length
