"""Extreme values of one site, by sort: numbers, lengths, odd texts, patterns' worst cases, sizes, nesting.

Legal or not; the judge says which, as far as it can be told. Each sort is as likely as any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mcpfuzz.model import Json
from mcpfuzz.slots import has_slots
from mcpfuzz.strategies.arguments.arrays import Items, weight
from mcpfuzz.strategies.arguments.limits import MAX_ITEMS, MAX_TEXT, MAX_WEIGHT, SITE_STEPS
from mcpfuzz.strategies.arguments.numbers import finite
from mcpfuzz.strategies.arguments.sites import Site
from mcpfuzz.strategies.arguments.templates import FILL, stretched
from mcpfuzz.strategies.arguments.walk import Walk
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.safety import is_safe
from mcpfuzz.strategies.schemas import CannotGenerate, Shape, Undecided, shown

__all__ = ["NESTED_TEXT", "Extreme", "extremes"]

_INTEGERS: tuple[int, ...] = (
    0, -1, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32, 2**53,
    2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30, -(10**30), 10**309, 10**1000,
)  # fmt: skip
_REALS = (-0.0, 0.5, 0.1 + 0.2, 1e308, -1e308, 1.7976931348623157e308, 5e-324, 1e-7, 1e16, 1e21, 9007199254740993.0)
_NESTED = (20, 100, 200)
"""Levels of a nested value; beyond, a Python stack, ours or orjson's, ends. Deeper ones are `Labelled.text`."""
NESTED_TEXT = (1_000, 5_000)
_LENGTHS = (25, 1_000, 20_000, 50_000)
_BOMBS = (
    ("a", "!"), ("0", "x"), (" ", "x"), (",", "x"), ("/", "!"), ("-", "!"), ("\t", "x"), ("(", "x"), ("a,", "!"),
    ("ab ", "!"), ("=", "!"), ("1,", "x"), ("\\\\", "!"), ("\n", "x"), ("<a>", "!"), ("[", "!"), ("\u00e9", "!"),
    (".", "!"),
)  # fmt: skip
"""(unit, odd end): many of the first, then the second, make catastrophic patterns explode."""
_ODD_TEXTS: tuple[tuple[str, str], ...] = (
    ("a NUL", "\0"),
    ("a NUL inside", "a\0b"),
    ("right-to-left", "\u202ealpha\u202c"),
    ("zalgo", "a" + "\u0301\u0316\u0334" * 30),
    ("emoji", "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"),
    ("combining only", "\u0301"),
    ("byte order mark", "\ufeffalpha"),
    ("line separator", "a\u2028b"),
    ("grows when folded", "\u0130\u00df\ufb01"),
    ("grows when normalised", "\ufdfa" * 20),
    ("not a character", "\uffff"),
    ("beyond the first plane", "\U0001d4d0\U0010fffd"),
    ("control characters", "\x01\x07\x08\x7f\x85"),
    ("escape sequence", "\x1b[31mred\x1b[0m"),
    ("line ends", "a\r\nb\nc\rd"),
    ("other digits", "\u0661\u0662\u0663"),
    ("a space", " "),
    ("spaces around", "  alpha  "),
    ("a tab", "\t"),
    ("quotes", "'\"`"),
    ("null as text", "null"),
    ("undefined", "undefined"),
    ("not a number", "NaN"),
    ("infinity", "Infinity"),
    ("prototype", "__proto__"),
    ("constructor", "constructor"),
    ("a number as text", "-1"),
    ("hex", "0x10"),
    ("an array as text", "[]"),
    ("an object as text", "{}"),
    ("many digits", "9" * 400),
    ("exponent", "1e308"),
    ("percent", "%s %n %d"),
    ("a template", "${7*7}{{7*7}}"),
    ("backslash", "a\\"),
    ("markup", "<b>alpha</b>"),
)
_ODD_NAMES: tuple[tuple[str, str], ...] = (
    ("an empty name", ""),
    ("a name with NUL", "a\0b"),
    ("a prototype's name", "__proto__"),
    ("a constructor", "constructor"),
    ("a name of 10000 characters", "n" * 10_000),
    ("a name with a line end", "a\nb"),
)
_Listed: TypeAlias = Iterator[tuple[str, Json, str | None]]
"""(what it is, value, JSON text of a far deeper twin)"""


@dataclass(frozen=True, slots=True)
class Extreme:
    """A value for one site; `valid` and `keyword` as in Labelled."""

    value: Json
    why: str
    valid: bool | None
    keyword: str = ""
    deep: str | None = None
    """JSON text of a far deeper twin."""


def extremes(site: Site) -> list[list[Extreme]]:
    """Extreme values for a site, by sort; looked for once."""
    return site.kit.once(_by_sort, site)


def _by_sort(site: Site) -> list[list[Extreme]]:
    shape = site.kit.document.base(site.schemas)
    if shape.choices is not None and not site.kit.whole:
        return []
    if not site.steps and site.kit.whole:
        groups = [_objects(site)]
    else:
        kinds, groups = set(shape.kinds), list[list[tuple[str, Json, str | None]]]()
        if kinds & {"integer", "number"}:
            groups += [list(_numbers(shape))]
        if "string" in kinds:
            groups += [list(_lengths(site, shape)), list(_bombs(site)), [(why, text, None) for why, text in _ODD_TEXTS]]
            groups += [list(_with_line_end(site))] if shape.patterns or shape.formats else []
        if "array" in kinds:
            groups += [list(_arrays(site, shape)), list(_nests(site))]
        if "object" in kinds:
            groups += [_objects(site), list(_nests(site))]
    end = site.kit.document.steps + SITE_STEPS
    return [made for group in groups if (made := [_weighed(site, *one, end) for one in group])]


def _weighed(site: Site, why: str, value: Json, deep: str | None, end: int) -> Extreme:
    if site.kit.document.steps > end:
        return Extreme(value, why, None, "", deep)
    if why.endswith(_LINE_END) and site.kit.document.base(site.schemas).patterns:
        return Extreme(value, why, None)  # Python's "$" takes it, JavaScript's does not
    try:
        errors = site.kit.document.errors(site.local, FILL(value), 2)
    except Undecided:
        return Extreme(value, why, None, "", deep)
    return Extreme(value, why, not errors, errors[0][1] if errors else "", deep)


def _numbers(shape: Shape) -> _Listed:
    for bound, word in ((finite(shape.low), "the lower bound"), (finite(shape.high), "the upper bound")):
        if bound is not None:
            yield word, bound, None
            yield f"one below {word}", bound - 1, None
            yield f"one above {word}", bound + 1, None
    for number in _INTEGERS:
        yield f"integer {shown(number)}", number, None
    for real in _REALS:
        yield f"float {real!r}", real, None
    yield "a whole number as float", 7.0, None


def _lengths(site: Site, shape: Shape) -> _Listed:
    yield "empty text", "", None
    yield "one character", "a", None
    for length, word in ((shape.min_length, "minLength"), (shape.max_length, "maxLength")):
        if length is not None and 0 < length <= MAX_TEXT:
            for size in (length - 1, length, length + 1):
                yield f"{size} characters, {word} {length}", stretched("a", size), None
    for size in (1_000, 10_000, 50_000, *((1_000_000,) if site.kit.slots else ())):
        yield f"{size} characters", f"{{repeat:{size}:a}}", None
    yield "10000 emoji", "{repeat:10000:\U0001f600}", None
    yield "10000 combining marks", "a{repeat:10000:\u0301}", None


def _bombs(site: Site) -> _Listed:
    for (unit, end), size in itertools.product(_BOMBS, _LENGTHS):
        # a leading separator would make it a path from the root; "." would be a place
        start = "a" if unit in ("/", "\\\\", ".") else ""
        count = size // len(unit)
        yield f"{count} times {unit!r}, then {end!r}", f"{start}{{repeat:{count}:{unit}}}{end}", None


_LINE_END = "with a line end"


def _with_line_end(site: Site) -> _Listed:
    try:
        for index in range(4):
            text = site.kit.maker(site.schemas, "")(Walk(RandomChoices("line end", index)))
            if isinstance(text, str) and not has_slots(text):
                for end in ("\n", "\r\n", "\0", " "):
                    if is_safe(text + end):
                        yield f"{shown(text)} and {end!r}, {_LINE_END if end == chr(10) else 'added'}", text + end, None
    except CannotGenerate:
        return


def _arrays(site: Site, shape: Shape) -> _Listed:
    yield "empty array", [], None
    makers = Items(site.kit, shape, site.name)
    walk = Walk(RandomChoices("array", site.argument))
    sizes = {1, 1_000}
    for bound in (shape.min_items, shape.max_items):
        if bound is not None and bound <= MAX_ITEMS:
            sizes |= {max(0, bound - 1), bound, bound + 1}
    try:
        item = makers.at(len(shape.prefix))(walk)
    except CannotGenerate:
        return
    parts = weight(item)
    for size in sorted(sizes):
        if size * parts <= MAX_WEIGHT:
            yield f"{size} items, all alike", [item] * size, None
    yield "null among the items", [item, None], None
    yield "an array in the array", [[item]], None


def _nests(site: Site) -> _Listed:
    """Arrays in arrays, objects in objects; the deepest have a deeper twin as text."""
    for form, opening, closing in (("arrays", "[", "]"), ("objects", '{"a":', "}")):
        for levels in _NESTED:
            yield f"{form} nested {levels} deep", _nested(form, levels), None
        for levels in NESTED_TEXT:
            deep = f"{opening * levels}0{closing * levels}"
            yield f"{form} nested {levels} deep (as text)", _nested(form, _NESTED[-1]), deep


def _nested(form: str, levels: int) -> Json:
    value: Json = 0
    for _ in range(levels):
        value = [value] if form == "arrays" else {"a": value}
    return value


def _objects(site: Site) -> list[tuple[str, Json, str | None]]:
    found: list[tuple[str, Json, str | None]] = [("empty object", {}, None)]
    for size in (100, 1_000):
        found.append((f"{size} unknown properties", {f"k{n}": n for n in range(size)}, None))
    for why, name in _ODD_NAMES:
        found.append((f"an unknown property: {why}", {name: {"alpha": True} if "_" in name else 1}, None))
    if not site.steps:
        found += [(f"an unknown property: {why}", {"deep": value}, deep) for why, value, deep in _nests(site)]
    return found
