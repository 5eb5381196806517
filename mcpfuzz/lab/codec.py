"""One line of bytes to one JSON value and back, strictly. Knows nothing of JSON-RPC or MCP.

Python's own `json` is lenient in ways that a peer can use: it reads NaN, keeps the last of two equal keys,
lets lone surrogates in (which cannot be written out again) and recurses with the input. `Reading` names each
of these leniencies; the default refuses them all.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, TypeAlias

__all__ = [
    "MAX_DEPTH",
    "MAX_LINE",
    "READABLE_DEPTH",
    "Decoded",
    "Json",
    "Reading",
    "Refused",
    "dumps",
    "finite",
    "loads",
]

Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict."""

MAX_LINE = 4 * 1024 * 1024
"""Bytes of one message. The largest legal argument here is a few kilobytes."""

MAX_DEPTH = 64
"""Nested containers of a message that is served."""

READABLE_DEPTH = 500
"""Nested containers of a message that is read, so that its refusal can carry its id. Python's decoder gives up
near 1,000 (3.11), a C stack at some 10,000s."""

MAX_DIGITS = 1000
"""Digits of an integer; beyond that it is read as a float, which no schema here accepts. CPython's own limit of
4,300 (CVE-2020-10735) would raise instead, and the request's id would be lost with it."""

_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Refused(ValueError):
    """The line is not what we accept. `code` is the JSON-RPC code that says why.

    -32700: not JSON, as RFC 8259 and RFC 7493 (I-JSON) have it. -32600: JSON, but more of it than we take.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the decoder lets through; every field's default is the strict one."""

    max_depth: int | None = READABLE_DEPTH
    """Containers in containers; None: as deep as Python goes, then RecursionError."""
    constants: bool = False
    """Read NaN, Infinity and -Infinity, which are not JSON."""
    surrogates: bool = False
    """Read lone surrogates, which no UTF-8 can carry."""


def _depth(text: str, enough: int) -> int:
    """The deepest nesting, told exactly between MAX_DEPTH and `enough`. No recursion, and no trust in the text."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    deepest = depth = 0
    for match in _BRACKETS.finditer(_STRINGS.sub("", text)):
        depth += 1 if match[0] in "[{" else -1
        deepest = max(deepest, depth)
        if deepest > enough:
            break
    return deepest


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


def _constant(name: str) -> NoReturn:
    raise Refused(-32700, f"Parse error: {name} is not JSON")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused(-32700, "Parse error: an object names a member twice")
    return members


def _no_surrogates(text: str, value: Json) -> None:
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise Refused(-32700, "Parse error: a lone surrogate is not text") from None


class Decoded(NamedTuple):
    """One line's value, and whether it is nested deeper than MAX_DEPTH (never, where depth is not looked at)."""

    value: Json
    deep: bool


def loads(line: bytes, reading: Reading = Reading()) -> Decoded:
    """The value of one line.

    Raises:
        Refused: too long, too deep, a duplicate member, a constant or surrogate that `reading` does not allow.
        ValueError: not UTF-8 (UnicodeDecodeError) or not JSON (json.JSONDecodeError).
        RecursionError: nested deeper than Python goes; only where `reading.max_depth` is None.
    """
    if len(line) > MAX_LINE:
        raise Refused(-32600, "Invalid request: the message is too large")
    text = line.decode("utf-8")
    depth = 0 if reading.max_depth is None else _depth(text, reading.max_depth)
    if reading.max_depth is not None and depth > reading.max_depth:
        raise Refused(-32600, "Invalid request: nested too deep")
    constant = float if reading.constants else _constant
    value = json.loads(text, object_pairs_hook=_unique, parse_constant=constant, parse_int=_integer)
    if not reading.surrogates:
        _no_surrogates(text, value)
    return Decoded(value, depth > MAX_DEPTH)


def dumps(value: Json, *, constants: bool = False) -> str:
    """One line of text without its line end. Raises ValueError for NaN and infinities unless `constants`."""
    return json.dumps(value, ensure_ascii=False, allow_nan=constants, separators=(",", ":"))


def finite(value: float) -> bool:
    """Whether a number can be written as JSON: `1e999` is read as infinity."""
    return isinstance(value, int) or math.isfinite(value)
