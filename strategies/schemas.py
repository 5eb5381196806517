"""What a JSON Schema says: reading it, merging it, judging a value by it. Nothing is generated here, nothing
is drawn, and nothing is ever fetched: a `$ref` that does not lead into the document itself is an error.

The schema comes from a server that may mean harm, so every step has a bound, and what goes over it, or makes
no sense, ends as `CannotGenerate` with a reason:

    Document      one schema with its `$ref`s; remembers what it has worked out, by identity of the parts
    .conjuncts    all schemas that hold at one place, through `$ref` and `allOf`, each once: 2**30 paths
                  through shared references are thirty parts
    .variants     the same, with one branch chosen of each anyOf, oneOf and if: at most MAX_VARIANTS Shapes
    .errors       what is wrong with a value, named as Draft 2020-12 validators name it
"""

from __future__ import annotations

import datetime
import importlib
import ipaddress
import itertools
import math
import re
import reprlib
import warnings
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote, urljoin

from mcpfuzz.model import Json, pointer

__all__ = [
    "FORMAT_CHECKS",
    "CannotGenerate",
    "Document",
    "Pattern",
    "Schemas",
    "Shape",
    "Undecided",
    "class_members",
    "fingerprint",
    "is_multiple",
    "is_unique",
    "kind_of",
    "pattern",
    "same",
    "shown",
]

# re's own parser, as Hypothesis uses it; there is no public one. Loaded by name, since no stub knows it.
_sre: Any = importlib.import_module("re._constants")
_sre_parser: Any = importlib.import_module("re._parser")

Schemas: TypeAlias = tuple[Json, ...]
"""Schemas that all hold at one place."""

KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")
"""Types of JSON Schema, simplest first; here "number" means a number that is no integer."""
MAX_CONJUNCTS = 1_000
MAX_VARIANTS = 16
MAX_INDEXED = 50_000
"""Nodes looked through for `$anchor` and `$id`."""
MAX_DEPTH = 64
"""Levels of schema that are followed. Real tools have fewer than ten."""
MAX_STEPS = 6_000
"""Parts of a schema that one verdict may look at."""
MAX_PATTERN = 2_000
"""Characters of a regular expression."""


class CannotGenerate(ValueError):
    """No value can be made from this schema: impossible, unreadable, or larger than a cap, which is named."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Undecided(Exception):
    """A value cannot be judged within bounds: a costly pattern, a keyword that is not understood."""


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


def _fingerprints(values: Iterable[Json]) -> frozenset[Hashable]:
    return frozenset([one if type(one) is str else fingerprint(one) for one in values])


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


# ---- patterns -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression, and how long a text it may be tried on: servers send catastrophic ones."""

    text: str
    regex: re.Pattern[str]
    tree: Any
    """As `re` parsed it, for generators."""
    exact: bool
    """No lookaround, reference or inner anchor: what is built along the tree matches."""
    limit: int
    """Longest text that is tried; a longer one is Undecided."""

    def matches(self, text: str) -> bool:
        """Whether it is found in `text`. Raises Undecided where that could take long."""
        if len(text) > self.limit:
            raise Undecided(f"pattern {shown(self.text)} on {len(text)} characters")
        return self.regex.search(text) is not None


@lru_cache(maxsize=512)
def pattern(text: str) -> Pattern:
    """Compile. Raises CannotGenerate where Python's `re` does not know it."""
    if len(text) > MAX_PATTERN:
        raise CannotGenerate(f"a pattern of {len(text)} characters is above the cap of {MAX_PATTERN}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            regex, tree = re.compile(text), _sre_parser.parse(text)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise CannotGenerate(f"pattern {shown(text)} is not understood: {error}") from None
    cost = _Cost()
    cost.add(tree)
    return Pattern(text, regex, tree, cost.exact, cost.limit(anchored=text.startswith(("^", "\\A"))))


def _ascii_set(op: Any, av: Any) -> frozenset[int] | None:
    """The ASCII characters that one node matches, None where it is no single character."""
    if op is _sre.LITERAL:
        return frozenset((av,)) if av < 128 else frozenset()
    if op is _sre.IN or op is _sre.ANY or op is _sre.NOT_LITERAL:
        return frozenset(code for code in range(128) if _in_class(op, av, chr(code)))
    return None


_CATEGORY: dict[Any, Callable[[str], bool]] = {
    _sre.CATEGORY_DIGIT: str.isdigit,
    _sre.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(),
    _sre.CATEGORY_SPACE: str.isspace,
    _sre.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    _sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    _sre.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
}


def _in_class(op: Any, av: Any, char: str) -> bool:
    if op is _sre.ANY:
        return char != "\n"
    if op is _sre.NOT_LITERAL:
        return bool(ord(char) != av)
    negated, hit = False, False
    for item, arg in av:
        if item is _sre.NEGATE:
            negated = True
        elif item is _sre.LITERAL:
            hit = hit or ord(char) == arg
        elif item is _sre.RANGE:
            hit = hit or arg[0] <= ord(char) <= arg[1]
        elif item is _sre.CATEGORY:
            hit = hit or _CATEGORY[arg](char)
    return hit != negated


def class_members(op: Any, av: Any, alphabet: str) -> str:
    """The characters of `alphabet` that a character class matches."""
    return "".join([char for char in alphabet if _in_class(op, av, char)])


_LOOPS = tuple(getattr(_sre, name) for name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") if hasattr(_sre, name))


class _Cost:
    """How a backtracking matcher may fare: loops in loops are exponential, n loops in a row n-th power."""

    def __init__(self) -> None:
        self.loops = 0
        self.branches = 0
        """Alternatives inside loops."""
        self.exponential = False
        self.exact = True
        self._times = 1
        """How often the fixed loops around repeat what is being looked at."""

    def limit(self, *, anchored: bool) -> int:
        """The longest text on which a failing match takes at most about a million steps."""
        if self.exponential:
            return int(math.log(1e5) / math.log(2 + self.loops + self.branches))
        degree = min(1_000, self.loops + (0 if anchored else 1))
        if degree <= 1:
            return 1_000_000
        return next(n for n in itertools.count() if math.comb(n + degree, degree) > 1_000_000) - 1

    def add(self, tree: Any, inside: bool = False, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise CannotGenerate("a pattern nested too deeply")
        last = len(tree) - 1
        for index, (op, av) in enumerate(tree):
            if op in _LOOPS:
                self._loop(av, inside, depth)
            elif op is _sre.SUBPATTERN:
                self.add(av[3], inside, depth + 1)
                self.exact = self.exact and not av[1] and not av[2]
            elif op is _sre.BRANCH:
                self.exponential = self.exponential or (inside and not _distinct(av[1]))
                self.branches += self._times * len(av[1]) if inside else 0
                for branch in av[1]:
                    self.add(branch, inside, depth + 1)
            elif op is _sre.AT:
                self.exact = self.exact and not inside and depth == 0 and index in (0, last)
            elif _ascii_set(op, av) is None:
                self._other(op, av, inside, depth)

    def _loop(self, av: Any, inside: bool, depth: int) -> None:
        low, high, body = av
        self.loops += self._times * (high > low)
        before, self._times = self._times, min(1_000, self._times * max(1, low))
        self.add(body, inside or high > 1, depth + 1)
        self._times = before
        if high > 1 and _has_loop(body) and not _led(body):
            self.exponential = True

    def _other(self, op: Any, av: Any, inside: bool, depth: int) -> None:
        self.exact = False
        if op in (_sre.ASSERT, _sre.ASSERT_NOT):
            self.add(av[1], inside, depth + 1)
        elif op is getattr(_sre, "ATOMIC_GROUP", None):
            self.add(av, inside, depth + 1)
        else:  # back references, conditionals: no promise
            self.exponential = True
            self.loops += 1


def _has_loop(tree: Any) -> bool:
    for op, av in tree:
        if op in _LOOPS and (av[1] > av[0] or _has_loop(av[2])):
            return True
        if op is _sre.SUBPATTERN and _has_loop(av[3]):
            return True
        if op is _sre.BRANCH and any(_has_loop(branch) for branch in av[1]):
            return True
    return False


def _led(body: Any) -> bool:
    """Whether a loop's body starts, or ends, with a character that none of its own loops can match: "-[a-z]+"."""
    while len(body) == 1 and body[0][0] is _sre.SUBPATTERN:
        body = body[0][1][3]
    nodes = list(body)
    return bool(nodes) and (_marked(nodes[0], nodes[1:]) or _marked(nodes[-1], nodes[:-1]))


def _marked(mark: Any, rest: list[Any]) -> bool:
    if mark[0] is not _sre.LITERAL:
        return False
    for op, av in rest:
        node = av[2][0] if op in _LOOPS and len(av[2]) == 1 else (op, av)
        chars = _ascii_set(*node)
        if chars is None or mark[1] in chars:
            return False
    return bool(mark[1] < 128)


def _distinct(branches: Any) -> bool:
    """Whether no two branches start alike."""
    seen: set[int] = set()
    for branch in branches:
        first = _ascii_set(*branch[0]) if len(branch) else None
        if not first or first & seen:
            return False
        seen |= first
    return True


# ---- formats --------------------------------------------------------------------------------------

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_IDN_LABEL = r"[^\W_](?:[^\W_]|-){0,62}(?<!-)"
_IDN_HOST = re.compile(rf"{_IDN_LABEL}(?:[.\u3002]{_IDN_LABEL})*\.?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII)
_DURATION = re.compile(r"P(?=[\dT])(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[!#$&-;=?@A-Z\[\]_a-z~]|%[0-9A-Fa-f]{2})*")
_URI_REFERENCE = re.compile(r"(?:[!#$&-;=?@A-Z\[\]_a-z~]|%[0-9A-Fa-f]{2})*")
_IRI_CHARS = re.compile(r"[^\s<>\"{}|\\^`\x00-\x1f]*")
_TEMPLATE = re.compile(r"(?:[^\s{}<>\"\\^`|]|\{[+#./;?&=,!@|]?\w[\w.,:*%]*\})*")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_RELATIVE = re.compile(r"(?:0|[1-9]\d*)(?:#|(?:/(?:[^~/]|~[01])*)*)", re.ASCII)


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def _is_date_time(text: str) -> bool:
    return text[10:11] in ("T", "t") and _is_date(text[:10]) and _TIME.fullmatch(text[11:]) is not None


def _is_email(text: str) -> bool:
    local, at, host = text.rpartition("@")
    return bool(at and local and host) and not any(char.isspace() for char in text)


def _is_host(text: str) -> bool:
    return len(text) <= 253 and _HOST.fullmatch(text) is not None


def _is_address(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], text: str) -> bool:
    try:
        return "%" not in text and bool(kind(text).packed)
    except ValueError:
        return False


def _is_regex(text: str) -> bool:
    try:
        return bool(pattern(text).text == text)
    except CannotGenerate:
        return False


FORMAT_CHECKS: dict[str, Callable[[str], bool]] = {
    "date": _is_date,
    "time": lambda text: _TIME.fullmatch(text) is not None,
    "date-time": _is_date_time,
    "duration": lambda text: _DURATION.fullmatch(text) is not None,
    "email": lambda text: text.isascii() and _is_email(text),
    "idn-email": _is_email,
    "hostname": _is_host,
    "idn-hostname": lambda text: len(text) <= 253 and _IDN_HOST.fullmatch(text) is not None,
    "ipv4": lambda text: _is_address(ipaddress.IPv4Address, text),
    "ipv6": lambda text: _is_address(ipaddress.IPv6Address, text),
    "uri": lambda text: _URI.fullmatch(text) is not None,
    "uri-reference": lambda text: _URI_REFERENCE.fullmatch(text) is not None,
    "iri": lambda text: _IRI_CHARS.fullmatch(text) is not None and ":" in text[1:],
    "iri-reference": lambda text: _IRI_CHARS.fullmatch(text) is not None,
    "uri-template": lambda text: _TEMPLATE.fullmatch(text) is not None,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "json-pointer": lambda text: _POINTER.fullmatch(text) is not None,
    "relative-json-pointer": lambda text: _RELATIVE.fullmatch(text) is not None,
    "regex": _is_regex,
}
"""What a text of a format must look like; other formats say nothing. Format is an annotation: a server that
does not assert it breaks no rule."""


# ---- shapes ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Shape:
    """Many schemas of one place, read together. Made by `Document.variants`, not changed afterwards."""

    schemas: Schemas
    """What it was read from, chosen branches included."""
    kinds: tuple[str, ...] = KINDS
    choices: list[Json] | None = None
    """Members of enum and const, None where there is neither."""
    low: float | int | None = None
    high: float | int | None = None
    low_open: bool = False
    """`low` itself is not allowed."""
    high_open: bool = False
    multiples: list[float | int] = field(default_factory=list)
    min_length: int = 0
    max_length: int | None = None
    patterns: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    min_items: int = 0
    max_items: int | None = None
    unique: bool = False
    prefix: list[Schemas] = field(default_factory=list)
    items: Schemas = ()
    contains: Schemas = ()
    properties: dict[str, Schemas] = field(default_factory=dict)
    required: dict[str, None] = field(default_factory=dict)
    """Names, as an ordered set."""
    patterned: list[tuple[str, Json]] = field(default_factory=list)
    additional: Schemas = ()
    """What properties that nobody names must be; False among them: there may be none."""
    names: Schemas = ()
    min_properties: int = 0
    max_properties: int | None = None
    dependent: dict[str, list[str]] = field(default_factory=dict)
    hints: list[Json] = field(default_factory=list)
    """default, examples, example: not yet checked."""
    loose: bool = False
    """A keyword could not be built in: made values must be judged."""

    @property
    def closed(self) -> bool:
        """Whether no property beyond the named ones is allowed."""
        return any(schema is False for schema in self.additional)


def _number(value: Json, keyword: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise CannotGenerate(f"{keyword} is {shown(value)}, not a number")
    return value


def _size(value: Json, keyword: str) -> int:
    number = _number(value, keyword)
    if number in (math.inf, -math.inf):
        return 10**18 if number > 0 else 0
    return max(0, math.ceil(number))


def _mapping(value: Json, keyword: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise CannotGenerate(f"{keyword} is {shown(value)}, not an object")
    return value


def _sequence(value: Json, keyword: str) -> list[Json]:
    if not isinstance(value, list | tuple):
        raise CannotGenerate(f"{keyword} is {shown(value)}, not an array")
    return list(value)


def _strings(value: Json, keyword: str) -> list[str]:
    for item in _sequence(value, keyword):
        if not isinstance(item, str):
            raise CannotGenerate(f"{keyword} holds {shown(item)}, not a string")
    return list(value)


def _read_type(shape: Shape, value: Json, schema: Json) -> None:
    names = [value] if isinstance(value, str) else _strings(value, "type")
    for name in names:
        if name not in KINDS:
            raise CannotGenerate(f"type {shown(name)} is none of JSON Schema's")
    allowed = {*names, "integer"} if "number" in names else set(names)
    shape.kinds = tuple(kind for kind in shape.kinds if kind in allowed)


def _read_enum(shape: Shape, value: Json, schema: Json) -> None:
    members = _sequence(value, "enum")
    if shape.choices is None:
        shape.choices = members
    else:
        few, many = sorted((shape.choices, members), key=len)
        known = _fingerprints(many)
        shape.choices = [one for one in few if fingerprint(one) in known]


def _read_low(shape: Shape, value: Json, schema: Json) -> None:
    _lower(shape, _number(value, "minimum"), schema.get("exclusiveMinimum") is True)


def _lower(shape: Shape, value: float | int, is_open: bool) -> None:
    if shape.low is None or value > shape.low or (value == shape.low and is_open):
        shape.low, shape.low_open = value, is_open


def _read_high(shape: Shape, value: Json, schema: Json) -> None:
    _upper(shape, _number(value, "maximum"), schema.get("exclusiveMaximum") is True)


def _upper(shape: Shape, value: float | int, is_open: bool) -> None:
    if shape.high is None or value < shape.high or (value == shape.high and is_open):
        shape.high, shape.high_open = value, is_open


def _read_low_open(shape: Shape, value: Json, schema: Json) -> None:
    if not isinstance(value, bool):  # draft 4 said true beside `minimum`
        _lower(shape, _number(value, "exclusiveMinimum"), True)


def _read_high_open(shape: Shape, value: Json, schema: Json) -> None:
    if not isinstance(value, bool):
        _upper(shape, _number(value, "exclusiveMaximum"), True)


def _read_multiple(shape: Shape, value: Json, schema: Json) -> None:
    if _number(value, "multipleOf") <= 0 or value == math.inf:
        raise CannotGenerate(f"multipleOf is {shown(value)}, not a positive number")
    shape.multiples.append(value)


def _least(name: str) -> Callable[[Shape, Json, Json], None]:
    def read(shape: Shape, value: Json, schema: Json) -> None:
        setattr(shape, name, max(getattr(shape, name), _size(value, name)))

    return read


def _most(name: str) -> Callable[[Shape, Json, Json], None]:
    def read(shape: Shape, value: Json, schema: Json) -> None:
        if _number(value, name) < 0:
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
    for index, item in enumerate(_sequence(value, "prefixItems")):
        if index < len(shape.prefix):
            shape.prefix[index] += (item,)
        else:
            shape.prefix.append((item,))


def _read_contains(shape: Shape, value: Json, schema: Json) -> None:
    if schema.get("minContains", 1) != 0:
        shape.contains += (value,)
    shape.loose = True


def _read_properties(shape: Shape, value: Json, schema: Json) -> None:
    for name, item in _mapping(value, "properties").items():
        shape.properties[name] = (*shape.properties.get(name, ()), item)


def _read_required(shape: Shape, value: Json, schema: Json) -> None:
    if not isinstance(value, bool):  # draft 3 said true inside a property
        shape.required.update(dict.fromkeys(_strings(value, "required")))


def _read_patterned(shape: Shape, value: Json, schema: Json) -> None:
    shape.patterned.extend(_mapping(value, "patternProperties").items())
    shape.loose = True


def _read_additional(shape: Shape, value: Json, schema: Json) -> None:
    if value is not True:
        shape.additional += (value,)
        shape.loose = shape.loose or value is not False


def _read_names(shape: Shape, value: Json, schema: Json) -> None:
    shape.names += (value,)
    shape.loose = True


def _read_dependent(shape: Shape, value: Json, schema: Json) -> None:
    for name, needed in _mapping(value, "dependentRequired").items():
        shape.dependent.setdefault(name, []).extend(_strings(needed, "dependentRequired"))


def _read_dependencies(shape: Shape, value: Json, schema: Json) -> None:
    for name, needed in _mapping(value, "dependencies").items():
        if isinstance(needed, list):
            shape.dependent.setdefault(name, []).extend(_strings(needed, "dependencies"))
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


_READ: dict[str, Callable[[Shape, Json, Json], None]] = {
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


def _settle(shape: Shape) -> Shape:
    """The contradictions that can be seen without trying. Raises CannotGenerate."""
    kinds = set(shape.kinds)
    if shape.choices is not None:
        if not shape.choices:
            raise CannotGenerate("no value is in all enums")
    elif not kinds:
        raise CannotGenerate("the types exclude each other")
    for kind, least, most, words in (
        ("string", shape.min_length, shape.max_length, "minLength"),
        ("array", shape.min_items, shape.max_items, "minItems"),
        ("object", shape.min_properties, shape.max_properties, "minProperties"),
        ("object", len(shape.required), shape.max_properties, "required"),
    ):
        if most is not None and least > most and kind in kinds:
            kinds.discard(kind)
            reason = f"{words} asks for {shown(least)}, the maximum is {shown(most)}"
    low, high = shape.low, shape.high
    if low is not None and high is not None and (low > high or (low == high and (shape.low_open or shape.high_open))):
        kinds -= {"integer", "number"}
        reason = f"no number is between {shown(low)} and {shown(high)}"
    if not kinds and shape.choices is None:
        raise CannotGenerate(reason)
    shape.kinds = tuple(kind for kind in shape.kinds if kind in kinds)
    return shape


# ---- documents ------------------------------------------------------------------------------------

_NEVER: Json = {"not": {}}
"""What the schema `false` is read as."""


class Document:
    """One schema and all that it refers to in itself.

    It keeps the schema, does not copy it and expects that nobody changes it.
    """

    def __init__(self, root: Json) -> None:
        self.root = root
        self._conjuncts: dict[int, tuple[Json, tuple[Json, ...]]] = {}
        self._variants: dict[tuple[int, ...], tuple[Schemas, list[Shape]]] = {}
        self._bases: dict[tuple[int, ...], tuple[Schemas, Shape]] = {}
        self._heights: dict[tuple[int, ...], float] = {}
        self._members: dict[int, frozenset[Hashable]] = {}
        self.steps = 0
        """Parts judged so far: callers that judge many values stop by it."""
        self._absent: dict[tuple[int, str], tuple[Json, Json]] = {}
        self._places: dict[str, Json] | None = None

    # -- references

    def resolve(self, reference: Json) -> Json:
        """What a `$ref` leads to. Raises CannotGenerate where it leads out, or nowhere."""
        if not isinstance(reference, str):
            raise CannotGenerate(f"$ref is {shown(reference)}, not a string")
        base, _, fragment = reference.partition("#")
        target = self._base(base, reference) if base else self.root
        fragment = unquote(fragment)
        if not fragment:
            return target
        if not fragment.startswith("/"):
            return self._named("#" + fragment, reference)
        for part in fragment[1:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and part in target:
                target = target[part]
            elif isinstance(target, list) and part.isdecimal() and int(part[:9]) < len(target):
                target = target[int(part[:9])]
            else:
                raise CannotGenerate(f"$ref {shown(reference)} leads nowhere")
        return target

    def _base(self, base: str, reference: str) -> Json:
        own = self.root.get("$id") if isinstance(self.root, dict) else None
        for name in (base, urljoin(own, base) if isinstance(own, str) else base):
            if name in self._index():
                return self._index()[name]
        raise CannotGenerate(f"$ref {shown(reference)} leads out of the schema; nothing is ever fetched")

    def _named(self, name: str, reference: str) -> Json:
        try:
            return self._index()[name]
        except KeyError:
            raise CannotGenerate(f"$ref {shown(reference)} leads nowhere") from None

    def _index(self) -> dict[str, Json]:
        if self._places is None:
            self._places = {}
            for node in self._nodes():
                self._note(node, self._places)
        return self._places

    def _nodes(self) -> Iterator[dict[str, Json]]:
        """The objects in the document, from the top, at most MAX_INDEXED of its parts."""
        queue: deque[Json] = deque([self.root])
        for _ in range(MAX_INDEXED):
            if not queue:
                return
            node = queue.popleft()
            if isinstance(node, dict):
                yield node
                queue.extend(item for item in node.values() if isinstance(item, dict | list))
            elif isinstance(node, list):
                queue.extend(item for item in node[:MAX_CONJUNCTS] if isinstance(item, dict | list))

    def _note(self, node: dict[str, Json], places: dict[str, Json]) -> None:
        own = self.root.get("$id") if isinstance(self.root, dict) else None
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(keyword), str):
                places.setdefault("#" + node[keyword], node)
        if isinstance(name := node.get("$id"), str):
            places.setdefault(name, node)
            places.setdefault(urljoin(own, name) if isinstance(own, str) else name, node)

    # -- reading

    def conjuncts(self, schema: Json) -> tuple[Json, ...]:
        """All schemas that hold where `schema` holds, through `$ref` and `allOf`, each once.

        Raises:
            CannotGenerate: one is no schema, refers out of the document, or there are too many.
        """
        known = self._conjuncts.get(id(schema))
        if known is not None:
            return known[1]
        found: list[Json] = []
        seen: set[int] = set()
        queue: deque[Json] = deque([schema])
        while queue:
            part = queue.popleft()
            if part is True or id(part) in seen:
                continue
            if part is False:
                part = _NEVER
            if not isinstance(part, dict):
                raise CannotGenerate(f"a schema is {shown(part)}, not an object")
            seen.add(id(part))
            found.append(part)
            for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
                if keyword in part:
                    queue.append(self.resolve(part[keyword]))
            if "allOf" in part:
                queue.extend(_sequence(part["allOf"], "allOf"))
            if len(found) + len(queue) > MAX_CONJUNCTS:
                raise CannotGenerate(f"more than {MAX_CONJUNCTS} schemas hold at one place")
        self._conjuncts[id(schema)] = (schema, tuple(found))
        return tuple(found)

    def all_conjuncts(self, schemas: Schemas) -> list[Json]:
        """`conjuncts` of several schemas of one place."""
        if len(schemas) == 1:
            return list(self.conjuncts(schemas[0]))
        found = {id(part): part for schema in schemas for part in self.conjuncts(schema)}
        return list(found.values())

    def base(self, schemas: Schemas) -> Shape:
        """What holds whatever branch is taken."""
        key = tuple(map(id, schemas))
        known = self._bases.get(key)
        if known is None:
            known = self._bases[key] = (schemas, self._shape(schemas, self.all_conjuncts(schemas)))
        return known[1]

    def variants(self, schemas: Schemas) -> list[Shape]:
        """The shapes a value may have here, one per choice of branches, contradictory ones left out.

        Raises:
            CannotGenerate: none is left; the reason is the first one's.
        """
        key = tuple(map(id, schemas))
        known = self._variants.get(key)
        if known is None:
            shapes: list[Shape] = []
            reasons: list[str] = []
            self._expand(schemas, frozenset(), shapes, reasons, [200])
            if not shapes:
                raise CannotGenerate(reasons[0] if reasons else "every branch refers to itself")
            known = self._variants[key] = (schemas, shapes)
        return known[1]

    def _expand(
        self, schemas: Schemas, done: frozenset[tuple[int, str]], out: list[Shape], reasons: list[str], left: list[int]
    ) -> None:
        left[0] -= 1
        if left[0] < 0 or len(out) >= MAX_VARIANTS:
            return
        try:
            parts = self.all_conjuncts(schemas)
            group = next(((p, k) for p in parts for k in _groups(p) if (id(p), k) not in done), None)
            if group is None:
                out.append(self._shape(schemas, parts))
                return
            branches = self._branches(*group)
        except CannotGenerate as error:
            reasons.append(error.reason)
            return
        here, tried = set(map(id, parts)), set()
        for branch in branches:
            if len(out) >= MAX_VARIANTS:
                return
            try:
                ids = frozenset(id(part) for part in self.all_conjuncts(branch))
            except CannotGenerate as error:
                reasons.append(error.reason)
                continue
            if ids not in tried and not (ids and ids <= here and group[1] in ("anyOf", "oneOf")):
                tried.add(ids)
                self._expand((*schemas, *branch), done | {(id(group[0]), group[1])}, out, reasons, left)

    def _branches(self, schema: Json, keyword: str) -> list[Schemas]:
        if keyword == "if":
            otherwise = (schema["else"],) if "else" in schema else ()
            return [(schema["if"], *((schema["then"],) if "then" in schema else ())), otherwise]
        if keyword.startswith(_DEPENDENT):
            name = keyword.removeprefix(_DEPENDENT)
            key = (id(schema), name)
            if key not in self._absent:
                self._absent[key] = ({"properties": {name: False}}, {"required": [name]})
            absent, present = self._absent[key]
            return [(absent,), (present, schema["dependentSchemas"][name])]
        branches = _sequence(schema[keyword], keyword)
        if not branches:
            raise CannotGenerate(f"{keyword} is empty")
        return [(branch,) for branch in branches[:MAX_CONJUNCTS]]

    def _shape(self, schemas: Schemas, parts: Iterable[Json]) -> Shape:
        shape = Shape(schemas)
        for part in parts:
            if part is _NEVER or part.get("not", None) in (True, {}):
                raise CannotGenerate("the schema is false: nothing is allowed here")
            for keyword, value in part.items():
                read = _READ.get(keyword)
                if read is not None:
                    read(shape, value, part)
            if "oneOf" in part or "if" in part:
                shape.loose = True
        if shape.closed:
            _close(shape, parts)
        return _settle(shape)

    def height(self, schemas: Schemas) -> float:
        """Levels of the flattest value (1 for a scalar), infinite where every value holds another one."""
        return _Height(self, self._heights).of(schemas, 0)

    def too_deep(self, schemas: Schemas) -> bool:
        """Whether the flattest value is deeper than MAX_DEPTH, as far as was looked."""
        height = _Height(self, self._heights)
        return height.of(schemas, 0) == math.inf and height.too_deep

    def shape_height(self, shape: Shape) -> float:
        """`height` of one variant."""
        return _Height(self, self._heights).of_shape(shape, 0)

    def names(self) -> frozenset[str]:
        """Names of properties that the schema itself speaks of, as far as the first MAX_INDEXED parts go."""
        found: set[str] = set()
        for node in self._nodes():
            for keyword in ("properties", "dependentRequired", "dependentSchemas"):
                if isinstance(node.get(keyword), dict):
                    found.update(node[keyword])
            if isinstance(required := node.get("required"), list):
                found.update(name for name in required if isinstance(name, str))
        return frozenset(found)

    # -- judging

    def is_member(self, value: Json, members: list[Json]) -> bool:
        """Whether `value` is in an enum of the document."""
        if len(members) < 32:
            return any(same(value, member) for member in members)
        known = self._members.get(id(members))
        if known is None:
            known = self._members[id(members)] = _fingerprints(members)
        return fingerprint(value) in known

    def errors(self, schema: Json, value: Json, limit: int = 2) -> list[tuple[str, str]]:
        """What is wrong: (JSON pointer, keyword) as validators name it, each once, at most about `limit` of them.

        `propertyNames` errors are named so; a known `format` counts.

        Raises:
            Undecided: a bound was met, or a keyword is not understood.
        """
        trial = _Trial(self, limit)
        try:
            trial.judge(schema, value, ())
        except CannotGenerate as error:
            raise Undecided(error.reason) from None
        except (TypeError, AttributeError, KeyError, ValueError, RecursionError) as error:
            raise Undecided(f"the schema cannot be read: {type(error).__name__}") from None
        return [(pointer(*path), keyword) for path, keyword in trial.found]

    def accepts(self, schema: Json, value: Json) -> bool | None:
        """Whether `value` is valid; None where it is undecided."""
        try:
            return not self.errors(schema, value, 1)
        except Undecided:
            return None


_DEPENDENT = "dependentSchemas/"


def _groups(part: Json) -> Iterator[str]:
    """The keywords of a schema that let a value choose."""
    yield from (keyword for keyword in ("anyOf", "oneOf", "if") if keyword in part)
    if "dependentSchemas" in part:
        yield from (_DEPENDENT + name for name in _mapping(part["dependentSchemas"], "dependentSchemas"))


def _close(shape: Shape, parts: Iterable[Json]) -> None:
    """Take out the properties that some part with `additionalProperties: false` does not name."""
    for part in parts:
        if part.get("additionalProperties", True) is not False:
            continue
        own = part.get("properties") or {}
        patterns = list(part.get("patternProperties") or ())
        if patterns:
            continue  # judged afterwards: patternProperties makes the shape loose
        for name in [name for name in shape.properties if name not in own]:
            del shape.properties[name]
        missing = next((name for name in shape.required if name not in own), None)
        if missing is not None and "object" in shape.kinds:
            shape.kinds = tuple(kind for kind in shape.kinds if kind != "object")
            if not shape.kinds:
                raise CannotGenerate(f"required {shown(missing)} is not among the allowed properties")


class _Height:
    """Depth first with a mark on what is being looked at: a place inside itself has no finite value."""

    def __init__(self, document: Document, known: dict[tuple[int, ...], float]) -> None:
        self._document, self._known, self._open = document, known, set[tuple[int, ...]]()
        self._left = 5_000
        self.too_deep = False

    def of(self, schemas: Schemas, depth: int) -> float:
        key = tuple(map(id, schemas))
        if key in self._known:
            return self._known[key]
        self._left -= 1
        self.too_deep = self.too_deep or depth > MAX_DEPTH
        if key in self._open or depth > MAX_DEPTH or self._left < 0:
            return math.inf
        self._open.add(key)
        try:
            best = min((self.of_shape(shape, depth) for shape in self._document.variants(schemas)), default=math.inf)
        except CannotGenerate:
            best = math.inf
        self._open.discard(key)
        if best < math.inf:
            self._known[key] = best
        return best

    def of_shape(self, shape: Shape, depth: int) -> float:
        if shape.choices is not None or any(kind not in ("array", "object") for kind in shape.kinds):
            return 1
        tallest = []
        if "array" in shape.kinds:
            tallest.append(self._array(shape, depth))
        if "object" in shape.kinds:
            tallest.append(self._object(shape, depth))
        return 1 + min(tallest)

    def _array(self, shape: Shape, depth: int) -> float:
        needed = shape.prefix[: shape.min_items]
        if shape.items and shape.min_items > len(shape.prefix):
            needed.append(shape.items)
        return max((self.of(place, depth + 1) for place in needed), default=0)

    def _object(self, shape: Shape, depth: int) -> float:
        needed = [shape.properties[name] for name in itertools.islice(shape.required, 200) if name in shape.properties]
        return max((self.of(place, depth + 1) for place in needed), default=0)


# ---- judging --------------------------------------------------------------------------------------

Path: TypeAlias = tuple[str | int, ...]


class _Trial:
    """One value before the schema."""

    __slots__ = ("_left", "_verdicts", "document", "found", "limit")

    def __init__(self, document: Document, limit: int, outer: _Trial | None = None) -> None:
        self.document = document
        self.found: list[tuple[Path, str]] = []
        self.limit = limit
        self._left: list[int] = outer._left if outer else [MAX_STEPS]
        self._verdicts: dict[tuple[int, int], bool] = outer._verdicts if outer else {}
        """Of one part on one value: shared branches are judged once, however many ways lead to them."""

    def judge(self, schema: Json, value: Json, path: Path) -> None:
        for part in self.document.conjuncts(schema):
            self._part(part, value, path)
            if len(self.found) >= self.limit:
                return

    def _part(self, part: Json, value: Json, path: Path) -> None:
        self._left[0] -= 1
        self.document.steps += 1
        if self._left[0] < 0 or len(path) > 2 * MAX_DEPTH:
            raise Undecided(f"a verdict takes more than {MAX_STEPS} steps")
        for keyword, arg in part.items():
            check = _CHECKS.get(keyword)
            if check is not None:
                check(self, arg, value, part, path)
                if len(self.found) >= self.limit:
                    return

    def accepts(self, schema: Json, value: Json) -> bool:
        """Whether `value` keeps a branch; nothing is noted."""
        return all(self._holds(part, value) for part in self.document.conjuncts(schema))

    def _holds(self, part: Json, value: Json) -> bool:
        key = (id(part), id(value))
        verdict = self._verdicts.get(key)
        if verdict is None:
            inner = _Trial(self.document, 1, self)
            inner._part(part, value, ())
            verdict = self._verdicts[key] = not inner.found
        return verdict

    def fail(self, path: Path, keyword: str) -> None:
        if (path, keyword) not in self.found:
            self.found.append((path, keyword))


def _type(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    kind = kind_of(value)
    names = (arg,) if isinstance(arg, str) else arg
    if kind in names or (kind == "integer" and "number" in names):
        return
    if not (value is None and schema.get("nullable") is True):  # OpenAPI's word for it
        trial.fail(path, "type")


def _enum(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not trial.document.is_member(value, arg):
        trial.fail(path, "enum")


def _const(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not same(value, arg):
        trial.fail(path, "const")


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _minimum(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if _is_number(value) and (value < arg or (value == arg and schema.get("exclusiveMinimum") is True)):
        trial.fail(path, "minimum")


def _maximum(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if _is_number(value) and (value > arg or (value == arg and schema.get("exclusiveMaximum") is True)):
        trial.fail(path, "maximum")


def _exclusive_minimum(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(arg, bool) and _is_number(value) and value <= arg:
        trial.fail(path, "exclusiveMinimum")


def _exclusive_maximum(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(arg, bool) and _is_number(value) and value >= arg:
        trial.fail(path, "exclusiveMaximum")


def _multiple_of(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if _is_number(value) and not is_multiple(value, arg):
        trial.fail(path, "multipleOf")


def is_multiple(value: float | int, step: float | int) -> bool:
    """As `jsonschema` decides it, floats and their rounding included."""
    try:
        if isinstance(step, float):
            quotient = value / step
            return int(quotient) == quotient
        return value % step == 0
    except (OverflowError, ValueError):
        return Fraction(value) % Fraction(step) == 0


def _min_length(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, str) and len(value) < arg:
        trial.fail(path, "minLength")


def _max_length(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, str) and len(value) > arg:
        trial.fail(path, "maxLength")


def _pattern(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, str) and not pattern(arg).matches(value):
        trial.fail(path, "pattern")


def _format(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, str) and isinstance(arg, str):
        check = FORMAT_CHECKS.get(arg)
        if check is not None and not check(value):
            trial.fail(path, "format")


def _min_items(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, list) and len(value) < arg:
        trial.fail(path, "minItems")


def _max_items(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, list) and len(value) > arg:
        trial.fail(path, "maxItems")


def _unique_items(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if arg is True and isinstance(value, list) and not is_unique(value):
        trial.fail(path, "uniqueItems")


def is_unique(items: list[Json]) -> bool:
    """Whether no two are the `same`."""
    return len(set(map(fingerprint, items))) == len(items)


def _prefix_items(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, list):
        for index, (item, part) in enumerate(zip(value, arg, strict=False)):
            trial.judge(part, item, (*path, index))


def _items(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(value, list) or arg is True:
        return
    if isinstance(arg, list):
        _prefix_items(trial, arg, value, schema, path)
        arg, start, keyword = schema.get("additionalItems", True), len(arg), "additionalItems"
    else:
        start, keyword = len(schema.get("prefixItems", ())), "items"
    if arg is False:
        if len(value) > start:
            trial.fail(path, keyword)
        return
    for index in range(start, len(value)):
        trial.judge(arg, value[index], (*path, index))
        if len(trial.found) >= trial.limit:
            return


def _contains(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(value, list):
        return
    hits = sum(trial.accepts(arg, item) for item in value)
    least, most = schema.get("minContains", 1), schema.get("maxContains", math.inf)
    if hits > most:
        trial.fail(path, "maxContains")
    elif hits < least:
        trial.fail(path, "contains" if not hits else "minContains")


def _properties(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if name in arg:
                trial.judge(arg[name], item, (*path, name))
                if len(trial.found) >= trial.limit:
                    return


def _required(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict) and isinstance(arg, list):
        for name in arg:
            if name not in value:
                trial.fail(path, "required")
                if len(trial.found) >= trial.limit:
                    return


def _extras(value: dict[str, Json], schema: Json) -> Iterator[str]:
    own, patterns = schema.get("properties") or {}, [pattern(text) for text in schema.get("patternProperties") or ()]
    return (name for name in value if name not in own and not any(one.matches(name) for one in patterns))


def _additional(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(value, dict) or arg is True:
        return None
    for name in _extras(value, schema):
        if arg is False:
            return trial.fail(path, "additionalProperties")
        trial.judge(arg, value[name], (*path, name))
        if len(trial.found) >= trial.limit:
            return None
    return None


def _pattern_properties(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for text, part in arg.items():
            for name, item in value.items():
                if pattern(text).matches(name):
                    trial.judge(part, item, (*path, name))


def _property_names(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for name in value:
            if not trial.accepts(arg, name):
                trial.fail(path, "propertyNames")


def _min_properties(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict) and len(value) < arg:
        trial.fail(path, "minProperties")


def _max_properties(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict) and len(value) > arg:
        trial.fail(path, "maxProperties")


def _dependent_required(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for name, needed in arg.items():
            if name in value:
                for other in needed:
                    if other not in value:
                        trial.fail(path, "dependentRequired")


def _dependencies(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(value, dict):
        return
    for name, needed in arg.items():
        if name not in value:
            continue
        if not isinstance(needed, list):
            trial.judge(needed, value, path)
        elif any(other not in value for other in needed):
            trial.fail(path, "dependencies")


def _dependent_schemas(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for name, part in arg.items():
            if name in value:
                trial.judge(part, value, path)


def _any_of(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not any(trial.accepts(branch, value) for branch in _sequence(arg, "anyOf")):
        trial.fail(path, "anyOf")


def _one_of(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if sum(trial.accepts(branch, value) for branch in _sequence(arg, "oneOf")) != 1:
        trial.fail(path, "oneOf")


def _not(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if trial.accepts(arg, value):
        trial.fail(path, "not")


def _if(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    branch = schema.get("then" if trial.accepts(arg, value) else "else", True)
    trial.judge(branch, value, path)


def _unevaluated_properties(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict) and arg is not True:
        known = _evaluated(trial, schema, value, 0)
        if any(name not in known and not trial.accepts(arg, item) for name, item in value.items()):
            trial.fail(path, "unevaluatedProperties")


def _evaluated(trial: _Trial, schema: Json, value: dict[str, Json], depth: int) -> set[str]:
    """Names of properties that some applicable subschema has spoken about."""
    if not isinstance(schema, dict):
        return set()
    if depth > MAX_DEPTH:
        raise Undecided("unevaluatedProperties nested too deeply")
    known = {name for name in value if name in (schema.get("properties") or {})}
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if keyword in schema:
            known.update(name for name, item in value.items() if trial.accepts(schema[keyword], item))
    for text in schema.get("patternProperties") or ():
        known.update(name for name in value if pattern(text).matches(name))
    for branch in _speaking(trial, schema, value):
        known |= _evaluated(trial, branch, value, depth + 1)
    return known


def _speaking(trial: _Trial, schema: Json, value: dict[str, Json]) -> Iterator[Json]:
    """The subschemas of the same place that count: what is referred to, and what holds."""
    for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
        if keyword in schema:
            yield trial.document.resolve(schema[keyword])
    yield from (one for name, one in (schema.get("dependentSchemas") or {}).items() if name in value)
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from (one for one in schema.get(keyword) or () if trial.accepts(one, value))
    if "if" in schema:
        holds = trial.accepts(schema["if"], value)
        if holds:
            yield schema["if"]
        yield schema.get("then" if holds else "else", True)


def _unevaluated_items(trial: _Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, list) and arg is not True:
        parts = trial.document.conjuncts(schema)
        if any(word in part for part in parts for word in ("anyOf", "oneOf", "if", "contains")):
            raise Undecided("unevaluatedItems beside branches")
        known = max((len(part.get("prefixItems", ())) for part in parts), default=0)
        if any("items" in part for part in parts) or len(value) <= known:
            return
        if arg is False:
            trial.fail(path, "unevaluatedItems")
            return
        for index in range(known, len(value)):
            trial.judge(arg, value[index], (*path, index))


_Check: TypeAlias = Callable[[_Trial, Json, Json, Json, Path], None]
_CHECKS: dict[str, _Check] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _exclusive_minimum,
    "exclusiveMaximum": _exclusive_maximum,
    "multipleOf": _multiple_of,
    "minLength": _min_length,
    "maxLength": _max_length,
    "pattern": _pattern,
    "format": _format,
    "minItems": _min_items,
    "maxItems": _max_items,
    "uniqueItems": _unique_items,
    "prefixItems": _prefix_items,
    "items": _items,
    "contains": _contains,
    "properties": _properties,
    "required": _required,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "minProperties": _min_properties,
    "maxProperties": _max_properties,
    "dependentRequired": _dependent_required,
    "dependencies": _dependencies,
    "dependentSchemas": _dependent_schemas,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
}
