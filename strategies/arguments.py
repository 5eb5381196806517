"""Arguments for an operation, made from its JSON Schema: good ones, ones with exactly one flaw, extreme ones.

A seeded walk of our own, fast enough not to count beside the server (facts on performance), and the same
generators as a Hypothesis strategy. Nothing here knows a server, a scenario or a proof.

    valid       keeps the whole schema
    invalid     breaks it once: one JSON pointer, one keyword, checked by the judge of `schemas` before it is
                believed, and whether a server that converts types could take it without harm
    boundary    legal or not: bounds and one beyond, huge numbers, long and odd texts, deep nesting

Values are templates (`mcpfuzz.slots`): long texts are `{repeat:N:X}`, paths lie under `{scratch}`, literal
braces of the schema's own words are quoted. `compile(schema, slots=False)` gives values without slots. No
value names a foreign host, a real path or a command that destroys (`safety`).
"""

from __future__ import annotations

import importlib
import itertools
import json
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mcpfuzz.model import Json, pointer
from mcpfuzz.slots import Filler, has_slots, quote
from mcpfuzz.strategies.choices import Choices, HypothesisChoices, RandomChoices
from mcpfuzz.strategies.safety import is_safe, safe
from mcpfuzz.strategies.schemas import (
    MAX_DEPTH,
    CannotGenerate,
    Document,
    Schemas,
    Shape,
    Undecided,
    class_members,
    fingerprint,
    is_multiple,
    kind_of,
    pattern,
    same,
    shown,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = [
    "CannotGenerate",
    "Labelled",
    "Plan",
    "arguments",
    "boundary",
    "compile",
    "injection_points",
    "invalid",
    "judged",
    "valid",
]

Mode = Literal["valid", "invalid", "any"]
_sre: Any = importlib.import_module("re._constants")

SOFT_DEPTH = 5
"""Levels below which only what is required is made."""
SOFT_NODES = 400
"""Values in one argument object after which only what is required is made."""
MAX_NODES = 8_000
MAX_REQUIRED = 2_000
MAX_ITEMS = 2_000
MAX_TEXT = 1_000_000
"""Characters of a text that a schema may demand; sent as a `{repeat:...}` slot."""
PLAIN_TEXT = 200
"""Characters above which a text is a `{repeat:...}` slot."""
MAX_MEMBERS = 500
"""Members of an enum that are looked at."""
TRIES = 24


# ---- plans ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A schema read once, so that walks over it are fast. Made by `compile`; threads must not share one."""

    schema: Json
    slots: bool
    """Whether values may hold slots."""
    whole: bool
    """Whether values are the arguments of a call, so objects."""
    kit: _Kit = field(repr=False)
    """Its makers, worked out when first needed."""


def compile(schema: Json | Plan, *, slots: bool = True, whole: bool = True) -> Plan:
    """Prepare a schema.

    Args:
        schema: as the server gave it; kept, not copied, and not to be changed.
        slots: values may hold slots; without, they are filled (`{repeat}`) or avoided (`{scratch}`).
        whole: values are the arguments of a call: objects, whatever else the schema allows.

    Raises:
        CannotGenerate: no value can be made; some schemas show it only when a value is drawn.
    """
    if isinstance(schema, Plan):
        return schema
    try:
        kit = _Kit(schema, slots, whole)
        kit.check()
    except RecursionError:
        raise CannotGenerate("the schema is nested too deeply") from None
    return Plan(schema, slots, whole, kit)


_OBJECT: Json = {"type": "object"}
_PLACES = {"scratch": "scratch", "workspace": "workspace", "listener": "http://127.0.0.1:1", "port": "1"}
_FILL = Filler(_PLACES, fresh=lambda: "c0").fill


class _Walk:
    """One value in the making."""

    __slots__ = ("choices", "depth", "left", "lean", "regex")

    def __init__(self, choices: Choices, regex: Callable[[str], str] | None = None) -> None:
        self.choices = choices
        self.depth = 0
        self.left = SOFT_NODES
        self.lean = False
        """Only what is required, until told otherwise."""
        self.regex = regex
        """Makes a text of a pattern that the walk cannot follow; None: that is the end."""


Maker: TypeAlias = Callable[[_Walk], Json]


class _Kit:
    """The makers of one plan, each made when first needed."""

    def __init__(self, schema: Json, slots: bool, whole: bool) -> None:
        self.document = Document(schema)
        self.schema = schema
        self.slots = slots
        self.whole = whole
        self.root: Schemas = (schema, _OBJECT) if whole else (schema,)
        self._makers: dict[tuple[str, tuple[int, ...]], tuple[Schemas, Maker]] = {}
        self._locals: dict[tuple[int, ...], Json] = {}
        self._sites: list[_Site] | None = None

    def check(self) -> None:
        if self.document.height(self.root) == math.inf:
            self.document.variants(self.root)  # has a better reason, if the fault is at the top
            _explain(self.document, self.root)
        self.maker(self.root, "")

    def make(self, walk: _Walk) -> Json:
        value = self.maker(self.root, "")(walk)
        return value if self.slots else _FILL(value)

    def local(self, schemas: Schemas) -> Json:
        """One schema that says what several say."""
        if len(schemas) == 1:
            return schemas[0]
        key = tuple(map(id, schemas))
        found = self._locals.get(key)
        if found is None:
            found = self._locals[key] = {"allOf": list(schemas)}
        return found

    def maker(self, schemas: Schemas, name: str) -> Maker:
        """What makes values for a place; `name` of the property helps to choose words."""
        key = (name, tuple(map(id, schemas)))
        known = self._makers.get(key)
        if known is None:
            known = self._makers[key] = (schemas, self._build(schemas, name))
        return known[1]

    def _build(self, schemas: Schemas, name: str) -> Maker:
        made: list[tuple[Shape, Maker]] = []
        reason = ""
        for shape in self.document.variants(schemas):
            try:
                made.append((shape, self._of_shape(shape, name)))
            except CannotGenerate as error:
                reason = reason or error.reason
        if not made:
            raise CannotGenerate(reason)
        makers = [maker for _, maker in made]
        maker = makers[0] if len(makers) == 1 else _one_of(makers, self._lowest(made))
        if any(shape.loose for shape, _ in made):
            maker = _judged(maker, self.document, self.local(schemas))
        return maker

    def _lowest(self, made: list[tuple[Shape, Maker]]) -> Callable[[], list[Maker]]:
        """The makers, those that end soonest first; worked out when first needed."""
        memo: list[Maker] = []

        def lowest() -> list[Maker]:
            if not memo:
                memo.extend(maker for _, maker in sorted(made, key=lambda pair: self.document.shape_height(pair[0])))
            return memo

        return lowest

    def _of_shape(self, shape: Shape, name: str) -> Maker:
        if shape.choices is not None:
            members = _members(self, shape)
            return lambda walk: walk.choices.pick(members)
        likely = _likely(shape)
        makers: dict[str, Maker] = {}
        reason = ""
        for kind in likely:
            try:
                makers[kind] = _MAKERS[kind](self, shape, name)
            except CannotGenerate as error:
                reason = reason or error.reason
        if not makers:
            raise CannotGenerate(reason)
        maker = _of_kinds(makers)
        hints = _hints(self, shape) if shape.hints else []
        return _hinted(maker, hints) if hints else maker

    def sites(self) -> list[_Site]:
        """Places in the arguments where something can be broken or stretched."""
        if self._sites is None:
            self._sites = list(_sites(self))
        return self._sites


def _explain(document: Document, root: Schemas) -> None:
    """Follow what is required to the part that cannot be, for a reason that names it."""
    if document.too_deep(root):
        raise CannotGenerate(f"the flattest value is deeper than the cap of {MAX_DEPTH} levels")
    trail: list[str] = []
    schemas = root
    for _ in range(4):
        try:
            shapes = document.variants(schemas)
        except CannotGenerate as error:
            raise CannotGenerate(f"{pointer(*trail)}: {error.reason}") from None
        named = ((shape, name) for shape in shapes for name in itertools.islice(shape.required, 50))
        parts = ((name, shape.properties.get(name)) for shape, name in named)
        endless = ((name, part) for name, part in parts if part and document.height(part) == math.inf)
        name, part = next(endless, ("", None))
        if part is None:
            break
        trail.append(name)
        schemas = part
    raise CannotGenerate(f"{shown(pointer(*trail))} needs a part that cannot be, or that holds itself without end")


# ---- small makers ---------------------------------------------------------------------------------


def _one_of(makers: list[Maker], lowest: Callable[[], list[Maker]]) -> Maker:
    def make(walk: _Walk) -> Json:
        if walk.lean or walk.depth > SOFT_DEPTH or walk.left < 0:
            order: Sequence[Maker] = lowest()[:3]
        else:
            first = walk.choices.integer(0, len(makers) - 1)
            order = makers[first:] + makers[:first]
        for maker in order[:-1]:
            try:
                return maker(walk)
            except CannotGenerate:
                continue
        return order[-1](walk)

    return make


def _of_kinds(makers: dict[str, Maker]) -> Maker:
    if len(makers) == 1:
        return next(iter(makers.values()))
    null = makers.pop("null", None)
    rest = list(makers.values())

    def make(walk: _Walk) -> Json:
        if null is not None and walk.choices.chance(15):
            return None
        return (rest[0] if len(rest) == 1 else walk.choices.pick(rest))(walk)

    return make


def _judged(maker: Maker, document: Document, schema: Json) -> Maker:
    """Makes until the judge agrees: for keywords that cannot be built in."""

    def make(walk: _Walk) -> Json:
        lean, why = walk.lean, "its keywords exclude each other, or a value is too rare to be found"
        try:
            for attempt in range(TRIES):
                walk.lean = lean or attempt >= TRIES * 2 // 3
                value = maker(walk)
                try:
                    if not document.errors(schema, _FILL(value), 1):
                        return value
                except Undecided as error:
                    why = str(error)
                    if attempt:
                        break
        finally:
            walk.lean = lean
        raise CannotGenerate(f"{TRIES} values were made, none keeps the schema: {why}")

    return make


def _hinted(maker: Maker, hints: list[Json]) -> Maker:
    def make(walk: _Walk) -> Json:
        if walk.choices.chance(30):
            return walk.choices.pick(hints)
        return maker(walk)

    return make


def _hints(kit: _Kit, shape: Shape) -> list[Json]:
    """default and examples, as far as they keep the schema and are safe; paths among them re-rooted."""
    local, kept = kit.local(shape.schemas), list[Json]()
    for hint in shape.hints[:16]:
        if not _small(hint):
            continue
        quoted = _quoted(hint)
        value = quoted if is_safe(quoted, declared=True) else safe(quoted)
        fits = (kit.slots or not _has_slots(value)) and kit.document.accepts(local, _FILL(value))
        if fits and not any(same(value, other) for other in kept):
            kept.append(value)
    return kept


def _members(kit: _Kit, shape: Shape) -> list[Json]:
    local, members = kit.local(shape.schemas), list[Json]()
    unsafe = False
    for member in itertools.islice(shape.choices or (), MAX_MEMBERS):
        if not _small(member) or kind_of(member) not in shape.kinds or not kit.document.accepts(local, member):
            continue
        quoted = _quoted(member)
        if is_safe(quoted, declared=True):
            members.append(quoted)
        else:
            unsafe = True
    if not members:
        reason = "names a foreign host, a real path or a destroying command" if unsafe else "keeps the schema"
        raise CannotGenerate(f"no member of the enum {'is allowed: each ' if unsafe else ''}{reason}")
    return members


def _small(value: Json) -> bool:
    """Whether a value out of the schema is small enough to be looked at and used."""
    left, stack = 1_000, [(value, 0)]
    while stack:
        item, depth = stack.pop()
        left -= 1 + (len(item) // 100 if isinstance(item, str | list | dict) else 0)
        if left < 0 or depth > MAX_DEPTH:
            return False
        if isinstance(item, dict):
            stack.extend((one, depth + 1) for one in item.values())
        elif isinstance(item, list):
            stack.extend((one, depth + 1) for one in item)
        elif isinstance(item, float) and not math.isfinite(item):
            return False
    return True


def _quoted(value: Json) -> Json:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return {quote(key): _quoted(item) for key, item in value.items()}
    return [_quoted(item) for item in value] if isinstance(value, list) else value


def _has_slots(value: Json) -> bool:
    if isinstance(value, str):
        return has_slots(value)
    if isinstance(value, dict):
        return any(_has_slots(item) for item in value.values())
    return isinstance(value, list) and any(_has_slots(item) for item in value)


def _likely(shape: Shape) -> tuple[str, ...]:
    """The kinds worth making: those the keywords speak of, where no `type` says it."""
    if len(shape.kinds) < 7:
        return shape.kinds
    if shape.properties or shape.required or shape.additional or shape.patterned or shape.min_properties:
        return ("object",)
    if shape.items or shape.prefix or shape.contains or shape.min_items or shape.max_items is not None:
        return ("array",)
    if shape.patterns or shape.formats or shape.min_length or shape.max_length is not None:
        return ("string",)
    if shape.low is not None or shape.high is not None or shape.multiples:
        return ("integer",)
    return ("string", "integer", "boolean", "null", "number", "array", "object")


# ---- numbers --------------------------------------------------------------------------------------


def _finite(bound: float | int | None) -> float | int | None:
    return None if bound is None or abs(bound) == math.inf else bound


def _integer(kit: _Kit, shape: Shape, name: str) -> Maker:
    low, high = _finite(shape.low), _finite(shape.high)
    bottom = None if low is None else math.floor(low) + 1 if shape.low_open else math.ceil(low)
    top = None if high is None else math.ceil(high) - 1 if shape.high_open else math.floor(high)
    step = _step(shape.multiples)
    if step is None:
        bottom, top, step = max(bottom or 0, 0), min(top or 0, 0), 1  # 0 is a multiple of everything
    first = None if bottom is None else -(-bottom // step)
    last = None if top is None else top // step
    if first is None:
        first = 0 if last is None else min(0, last - 100)
    if last is None:
        last = max(first + 100, 100)
    if first > last:
        raise CannotGenerate(f"no integer is between {shown(shape.low)} and {shown(shape.high)} as asked")
    near_first, near_last = max(first, 0) if last >= 0 else first, last
    near_last = min(near_last, near_first + 100)
    far = near_first != first or near_last != last

    def make(walk: _Walk) -> Json:
        walk.left -= 1
        if far and walk.choices.chance(20):
            return walk.choices.integer(first, last) * step
        return walk.choices.integer(near_first, near_last) * step

    return make


def _step(multiples: list[float | int]) -> int | None:
    """The smallest step between integers that are multiples of all, 1 where there are none, None: not found."""
    if all(isinstance(one, int) or one.is_integer() for one in multiples):
        return math.lcm(*map(int, multiples)) if multiples else 1
    step: int
    for step in (*range(1, 101), 200, 250, 500, 1_000, 10_000):
        if all(is_multiple(step * k, one) for one in multiples for k in (1, 2, 3, 7)):
            return step
    return None


def _fits(shape: Shape, value: float | int) -> bool:
    if shape.low is not None and (value < shape.low or (value == shape.low and shape.low_open)):
        return False
    if shape.high is not None and (value > shape.high or (value == shape.high and shape.high_open)):
        return False
    return math.isfinite(value) and all(is_multiple(value, one) for one in shape.multiples)


def _real(kit: _Kit, shape: Shape, name: str) -> Maker:
    limit = 10**15
    low = None if shape.low is None else max(-limit, min(limit, shape.low))
    high = None if shape.high is None else max(-limit, min(limit, shape.high))
    if low is None:
        low = 0 if high is None or high > 0 else high - 100
    if high is None:
        high = low + 100
    spare = [one for one in (low, high, (low + high) / 2, 0) if _fits(shape, one)]
    steps = [step for step in shape.multiples if step > 1e-9]

    def make(walk: _Walk) -> Json:
        walk.left -= 1
        for _ in range(4):
            value = low + (high - low) * walk.choices.integer(0, 1000) / 1000
            if steps:
                value = round(value / steps[0]) * steps[0]
            if _fits(shape, value):
                return value
        if spare:
            return spare[0]
        raise CannotGenerate(f"no number found between {shown(shape.low)} and {shown(shape.high)} as asked")

    return make


# ---- texts ----------------------------------------------------------------------------------------

TAME = "abcdegijlmnopuvwxyz0123456789"
"""Letters of which no verb that destroys can be made (no h, k, f, q, r, s, t)."""
WORDS = (
    "alpha", "beta", "gamma", "delta", "hello", "note", "report", "blue", "seven", "example", "north", "apple",
    "river", "stone", "42", "hello world", "two words", "Zo\u00eb", "x",
)  # fmt: skip
HOSTS = ("a.test", "host.invalid", "example.com", "localhost", "mail.example.org", "b-1.example.net")
PEOPLE = ("alice", "bob", "carol", "dave", "erin-smith", "frank+tag")
_NAMED: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("email", "mail"), ("alice@example.test", "bob@example.com")),
    (("url", "uri", "link", "endpoint", "href"), ("http://127.0.0.1:9/a", "https://a.test/b?c=1", "http://localhost/")),
    (("host", "domain", "address", "ip_"), ("localhost", "127.0.0.1", "a.test", "192.0.2.7")),
    (("path", "file", "dir", "folder", "cwd", "root"), ("notes.txt", "alpha", "docs/notes.txt", "{scratch}/notes.txt",
                                                       "{scratch}")),
    (("timezone", "tz"), ("UTC", "Europe/Berlin", "America/New_York")),
    (("datetime", "timestamp"), ("2026-01-02T03:04:05Z",)),
    (("date", "day", "since", "until"), ("2026-01-02", "2025-12-31")),
    (("time",), ("12:30", "23:59:59")),
    (("lang", "locale"), ("en", "de", "en-US")),
    (("country",), ("DE", "US")),
    (("currency",), ("EUR", "USD")),
    (("color", "colour"), ("#112233", "blue")),
    (("uuid", "guid"), ("00000000-0000-4000-8000-000000000001",)),
    (("expr", "formula", "equation"), ("1 + 1", "2 * 3", "7")),
    (("_id", "id"), ("1", "2", "a1", "7")),
    (("user", "name", "author"), ("alice", "bob", "alpha")),
)  # fmt: skip
"""Plausible words by what a property's name holds; first hit wins."""


def _words(kit: _Kit, name: str) -> tuple[str, ...]:
    lowered = name[:80].lower()
    for parts, words in _NAMED if name else ():
        if any(part in lowered for part in parts):
            return words if kit.slots else tuple(word for word in words if not has_slots(word))
    return WORDS


def _string(kit: _Kit, shape: Shape, name: str) -> Maker:
    if shape.min_length > MAX_TEXT:
        raise CannotGenerate(f"minLength {shown(shape.min_length)} is above the cap of {MAX_TEXT}")
    if shape.patterns:
        return _from_pattern(kit, shape)
    if made := [_FORMATS[one] for one in shape.formats if one in _FORMATS]:
        return _from_format(kit, shape, made)
    low, high = shape.min_length, shape.max_length
    words = [word for word in _words(kit, name) if low <= len(word) and (high is None or len(word) <= high)]
    if high is not None or low:
        words = [word for word in words if not has_slots(word)]
    if low > PLAIN_TEXT:
        return lambda walk: f"{{repeat:{low}:a}}"
    longest = low + 12 if high is None else min(high, low + 12)

    def make(walk: _Walk) -> Json:
        walk.left -= 1
        if words and not walk.choices.chance(15):
            return walk.choices.pick(words)
        return walk.choices.text(low, longest, TAME)

    return make


def _from_format(kit: _Kit, shape: Shape, made: list[Callable[[Choices], str]]) -> Maker:
    document, local = kit.document, kit.local(shape.schemas)
    sure = len(shape.formats) == 1 and not shape.min_length and shape.max_length is None

    def make(walk: _Walk) -> Json:
        walk.left -= 1
        for _ in range(TRIES):
            text = made[0](walk.choices)
            if sure or document.accepts(local, text):
                return quote(text)
        raise CannotGenerate(f"no {'/'.join(shape.formats)} of the length asked was found")

    return make


def _from_pattern(kit: _Kit, shape: Shape) -> Maker:
    patterns = [pattern(text) for text in shape.patterns]  # raises CannotGenerate
    makers: list[_Text] = []
    reason = ""
    try:
        makers.append(_regex(patterns[0].tree, 0))
    except CannotGenerate as error:
        reason = error.reason
    checks = [one for one in patterns if not one.exact or one is not patterns[0]]
    low, high = shape.min_length, shape.max_length
    document, local = kit.document, kit.local(shape.schemas)
    formats = bool(shape.formats)

    def good(text: str) -> bool:
        if len(text) < low or (high is not None and len(text) > high) or not is_safe(text):
            return False
        try:
            return all(one.matches(text) for one in checks) and not (formats and not document.accepts(local, text))
        except Undecided:
            return False

    def make(walk: _Walk) -> Json:
        walk.left -= 1
        for first in makers:
            for stretch in _stretches(low):
                if good(text := first(walk.choices, stretch)):
                    return quote(text)
        if walk.regex is not None:
            for _ in range(TRIES):
                if good(text := walk.regex(patterns[0].text)):
                    return quote(text)
        raise CannotGenerate(reason or f"no text found for pattern {shown(patterns[0].text)}")

    return make


def _stretches(low: int) -> Iterator[int]:
    """How far loops go, try by try: at most so many times above their minimum; negative: exactly so many."""
    near = (low, low - 1, low - 2, 1, low + 1, 2, low // 2, low - 3, 4, low // 3, 6, 8)
    for attempt in range(TRIES):
        yield -max(0, near[attempt // 2]) if attempt % 2 else (3, 3, 1, low)[attempt // 2 % 4]


_Text: TypeAlias = Callable[[Choices, int], str]
_PRINTABLE = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_-. :,;=+!#$&*?@/()[]{}<>|^'\"`~%\\\t\n"
_ALNUM = _PRINTABLE[:62]


def _regex(tree: Any, depth: int) -> _Text:
    """A maker of texts along a parsed pattern. Raises CannotGenerate for what it cannot follow."""
    if depth > MAX_DEPTH:
        raise CannotGenerate("a pattern nested too deeply")
    parts = [part for op, av in tree if (part := _regex_node(op, av, depth)) is not None]
    if len(parts) == 1:
        return parts[0]
    return lambda choices, stretch: "".join([part(choices, stretch) for part in parts])


def _regex_node(op: Any, av: Any, depth: int) -> _Text | None:
    if op is _sre.LITERAL:
        char = chr(av)
        return lambda choices, stretch: char
    if op in (_sre.IN, _sre.NOT_LITERAL, _sre.ANY):
        members = _class(op, av)
        return lambda choices, stretch: choices.pick(members)
    if op is _sre.SUBPATTERN:
        return _regex(av[3], depth + 1)
    if op is _sre.BRANCH:
        branches = [_regex(branch, depth + 1) for branch in av[1]]
        return lambda choices, stretch: choices.pick(branches)(choices, stretch)
    if op in (_sre.AT, _sre.ASSERT, _sre.ASSERT_NOT):
        return None  # judged afterwards: the pattern is not `exact`
    if op in (_sre.MAX_REPEAT, _sre.MIN_REPEAT, getattr(_sre, "POSSESSIVE_REPEAT", None)):
        return _regex_loop(av, depth)
    if op is getattr(_sre, "ATOMIC_GROUP", None):
        return _regex(av, depth + 1)
    raise CannotGenerate(f"a pattern with {str(op).lower()} cannot be followed")


def _class(op: Any, av: Any) -> str:
    members = class_members(op, av, _PRINTABLE)
    if op is not _sre.IN or av[0][0] is _sre.NEGATE:
        members = "".join(char for char in members if char in _ALNUM) or members
    elif not members:
        members = "".join(chr(arg[0] if item is _sre.RANGE else arg) for item, arg in av if item in _CHARS)
    if not members:
        raise CannotGenerate("a pattern's character class holds nothing that can be sent")
    return members


_CHARS = (_sre.RANGE, _sre.LITERAL)


def _regex_loop(av: Any, depth: int) -> _Text:
    low, high, body = int(av[0]), int(av[1]), _regex(av[2], depth + 1)
    if low > 10_000:
        raise CannotGenerate(f"a pattern that repeats {low} times is above the cap of 10000")

    def make(choices: Choices, stretch: int) -> str:
        most = min(high, low + min(abs(stretch), 10_000))
        times = most if stretch < 0 else choices.integer(low, most)
        text = ""
        for _ in range(times):
            text += body(choices, stretch if times < 50 else 0)
            if len(text) > 20_000:
                raise CannotGenerate("a pattern's texts are above the cap of 20000 characters")
        return text

    return make


def _two(number: int) -> str:
    return f"{number:02d}"


def _date(choices: Choices) -> str:
    return f"{choices.integer(2000, 2030)}-{_two(choices.integer(1, 12))}-{_two(choices.integer(1, 28))}"


def _time(choices: Choices) -> str:
    clock = ":".join((_two(choices.integer(0, 23)), _two(choices.integer(0, 59)), _two(choices.integer(0, 59))))
    return clock + choices.pick(("Z", "+01:00", ".5Z", "-08:30"))


def _uuid(choices: Choices) -> str:
    digits = f"{choices.integer(0, (1 << 122) - 1):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _ipv4(choices: Choices) -> str:
    return choices.pick(("127.0.0.", "192.0.2.", "198.51.100.", "203.0.113.")) + str(choices.integer(1, 254))


def _ipv6(choices: Choices) -> str:
    number = choices.integer(1, 65535)
    return choices.pick(("::1", f"2001:db8::{number:x}", f"2001:DB8:0:0:1:0:0:{number:X}"))


def _url(choices: Choices, hosts: Sequence[str] = HOSTS) -> str:
    scheme = choices.pick(("http", "https", "ws", "ftp"))
    host = choices.pick((choices.pick(hosts), _ipv4(choices), f"[{_ipv6(choices)}]"))
    port = choices.pick(("", "", ":8080", ":9"))
    return f"{scheme}://{host}{port}{choices.pick(('', '/', '/a/b', '/a?b=1&c=d', '/%41#e'))}"


def _reference(choices: Choices) -> str:
    return choices.pick((_url(choices), "a/b", "?q=1", "#top", "a;b=c?d", "notes.txt"))


def _duration(choices: Choices) -> str:
    return choices.pick((f"P{choices.integer(1, 30)}D", f"PT{choices.integer(1, 59)}M", "P1Y2M3DT4H5M6S", "P2W"))


_FORMATS: dict[str, Callable[[Choices], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda choices: f"{_date(choices)}T{_time(choices)}",
    "duration": _duration,
    "email": lambda choices: f"{choices.pick(PEOPLE)}@{choices.pick(HOSTS)}",
    "idn-email": lambda choices: choices.pick((*PEOPLE, "zo\u00eb")) + "@" + choices.pick((*HOSTS, "b\u00fccher.test")),
    "hostname": lambda choices: choices.pick((*HOSTS, f"h{choices.integer(0, 9999)}.test")),
    "idn-hostname": lambda choices: choices.pick(
        (*HOSTS, "b\u00fccher.test", f"\u4f8b{choices.integer(0, 99)}.invalid")
    ),
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "uri": lambda choices: choices.pick((_url(choices), f"urn:uuid:{_uuid(choices)}", "mailto:alice@example.test")),
    "uri-reference": _reference,
    "iri": lambda choices: choices.pick((_url(choices), f"http://b\u00fccher.test/\u00e4/{choices.integer(0, 99)}")),
    "iri-reference": lambda choices: choices.pick((_reference(choices), "\u00e4/\u00f6")),
    "uri-template": lambda choices: choices.pick(
        (f"http://a.test/{{id}}/{choices.integer(0, 99)}", "a/{b}", "a{?q,r}", "notes/{+name}")
    ),
    "uuid": _uuid,
    "json-pointer": lambda choices: "",  # every other one starts with "/", as a path does
    "relative-json-pointer": lambda choices: f"{choices.integer(0, 9)}{choices.pick(('', '#', '/a', '/a/0'))}",
    "regex": lambda choices: choices.pick(("a+", "^[a-z]{1,3}$", "(b|c)", "[0-9]*")),
    "byte": lambda choices: choices.pick(("", "YWxwaGE=", "AAEC", "Kg==")),
    "color": lambda choices: f"#{choices.integer(0, 0xFFFFFF):06x}",
}
"""Makers by format; any other format says nothing. All they can say is safe."""
_FLAWED: dict[str, tuple[str, ...]] = {
    "date": ("2026-13-01", "2026-02-30", "yesterday", "01-02-2026"),
    "time": ("25:00:00Z", "12:30", "noon"),
    "date-time": ("2026-02-30T00:00:00Z", "2026-01-02 03:04", "2026-01-02", "now"),
    "duration": ("P", "1 day", "PT"),
    "email": ("alice", "alice@", "@example.test", "alice at example"),
    "idn-email": ("alice", "alice@"),
    "hostname": ("-a.test", "a b", "a_b", "a..test"),
    "idn-hostname": ("a b", "a!b"),
    "ipv4": ("127.0.0", "localhost", "127.0.0.1x"),
    "ipv6": ("127.0.0.1", ":g", "localhost"),
    "uri": ("not a uri", "alpha", "a b:c"),
    "uri-reference": ("a b", "a<b>", "a^b"),
    "iri": ("not an iri", "alpha"),
    "iri-reference": ("a b", "a<b>"),
    "uri-template": ("a{b", "a}b", "a b"),
    "uuid": ("1234", "00000000-0000-4000-8000-00000000000g", "alpha"),
    "json-pointer": ("a", "0"),
    "relative-json-pointer": ("-1", "a"),
    "regex": ("(", "[a", "a**"),
}


# ---- arrays and objects ---------------------------------------------------------------------------


def _array(kit: _Kit, shape: Shape, name: str) -> Maker:
    low, high = shape.min_items, shape.max_items
    if any(item is False for item in shape.items):
        high = len(shape.prefix) if high is None else min(high, len(shape.prefix))
    if shape.contains:
        low = max(low, 1)
    if high is not None and low > high:
        raise CannotGenerate(f"no array has at least {low} and at most {high} items")
    if low > MAX_ITEMS:
        raise CannotGenerate(f"minItems {shown(low)} is above the cap of {MAX_ITEMS}")
    top = low + 3 if high is None else min(high, low + 3)
    makers = _Items(kit, shape, name)

    def make(walk: _Walk) -> Json:
        _enter(walk)
        try:
            lean = walk.lean or walk.depth > SOFT_DEPTH or walk.left < 0
            count = low if lean else walk.choices.integer(low, top)
            made: list[Json] = []
            seen: set[Hashable] = set()
            while len(made) < count:
                try:
                    item = makers.at(len(made))(walk)
                    if shape.unique:
                        item = makers.other(walk, len(made), item, seen)
                except CannotGenerate:
                    if len(made) >= low:
                        break
                    raise
                made.append(item)
            return made
        finally:
            walk.depth -= 1

    return make


class _Items:
    """The makers of an array's places, made when first needed."""

    __slots__ = ("_kit", "_name", "_rest", "_shape")

    def __init__(self, kit: _Kit, shape: Shape, name: str) -> None:
        self._kit, self._shape, self._name = kit, shape, name[:-1] if name.endswith("s") else name
        self._rest: Maker | None = None

    def at(self, index: int) -> Maker:
        shape = self._shape
        if index < len(shape.prefix):
            return self._kit.maker(shape.prefix[index], self._name)
        if shape.contains and index == len(shape.prefix):
            return self._kit.maker((*shape.items, *shape.contains), self._name)
        if self._rest is None:
            self._rest = self._kit.maker(shape.items or (_ANY,), self._name)
        return self._rest

    def other(self, walk: _Walk, index: int, item: Json, seen: set[Hashable]) -> Json:
        """`item`, or another one that is not among `seen`; it is added."""
        maker, shape = self.at(index), self._shape
        for _ in range(TRIES):
            if (mark := fingerprint(_FILL(item))) not in seen:
                seen.add(mark)
                return item
            item = maker(walk)
        local = self._kit.local(shape.prefix[index] if index < len(shape.prefix) else shape.items or (_ANY,))
        for item in (index, index + 1_000, f"item{index}"):
            if (mark := fingerprint(item)) not in seen and self._kit.document.accepts(local, item):
                seen.add(mark)
                return item
        raise CannotGenerate(f"{shape.min_items} unique items were asked for, {len(seen)} were found")


_ANY: Json = {}
"""What an undeclared place may hold."""


def _enter(walk: _Walk) -> None:
    walk.depth += 1
    walk.left -= 1
    if walk.depth > MAX_DEPTH or walk.left < SOFT_NODES - MAX_NODES:
        walk.depth -= 1
        raise CannotGenerate(f"the smallest value is deeper than {MAX_DEPTH} levels or larger than {MAX_NODES} parts")


class _Members:
    """The makers of an object's properties, made when first needed."""

    __slots__ = ("_makers", "kit", "names", "optional", "required", "shape")

    def __init__(self, kit: _Kit, shape: Shape) -> None:
        self.kit, self.shape = kit, shape
        self.names: list[str] | None = None
        self.required = [(quote(name), self.maker(name)) for name in shape.required]
        names = (name for name in shape.properties if name not in shape.required)
        self.optional = list(itertools.islice(names, MAX_MEMBERS))
        self._makers: dict[str, Maker] = {}

    def try_maker(self, name: str) -> Maker:
        """For an optional property; one that cannot be makes CannotGenerate."""
        known = self._makers.get(name)
        if known is None:
            try:
                endless = self.kit.document.height(self.shape.properties[name]) == math.inf
                known = _cannot if endless else self.maker(name)
            except CannotGenerate:
                known = _cannot
            self._makers[name] = known
        return known

    def maker(self, name: str) -> Maker:
        """For a property of this name, declared or not."""
        schemas = self.shape.properties.get(name) or self._undeclared(name)
        return self.kit.maker(schemas, name)

    def _undeclared(self, name: str) -> Schemas:
        schemas = tuple(one for text, one in self.shape.patterned if pattern(text).matches(name))
        return schemas or tuple(one for one in self.shape.additional) or (_ANY,)

    def free_names(self) -> list[str]:
        """Names for properties that nobody declared, as far as any are allowed."""
        if self.names is None:
            shape, kit = self.shape, self.kit
            names = [word for word in WORDS if word not in shape.properties]
            if shape.patterned:
                names = [*_named_by_patterns(shape), *(() if shape.closed else names)]
            elif shape.closed:
                names = []
            if shape.names:
                local = kit.local(shape.names)
                names = [name for name in names if kit.document.accepts(local, name)] or _named_by_schema(kit, shape)
            self.names = names
        return self.names


def _cannot(walk: _Walk) -> Json:
    raise CannotGenerate("an optional property that cannot be")


def _named_by_patterns(shape: Shape) -> list[str]:
    walk, names = RandomChoices("names"), list[str]()
    for text, _ in shape.patterned[:20]:
        made = _regex(pattern(text).tree, 0)
        for stretch in _stretches(0):
            name = made(walk, stretch)
            if name not in names and len(names) < 40 and is_safe(name) and not has_slots(name):
                names.append(name)
    return names


def _named_by_schema(kit: _Kit, shape: Shape) -> list[str]:
    walk = _Walk(RandomChoices("names"))
    maker = kit.maker((*shape.names, {"type": "string"}), "")
    try:
        return list(dict.fromkeys(maker(walk) for _ in range(12)))
    except CannotGenerate:
        return []


def _object(kit: _Kit, shape: Shape, name: str) -> Maker:
    needed = max(len(shape.required), shape.min_properties)
    if needed > MAX_REQUIRED:
        raise CannotGenerate(f"{shown(needed)} required properties are above the cap of {MAX_REQUIRED}")
    lazy: list[_Members] = []
    declared = bool(shape.properties)
    most = math.inf if shape.max_properties is None else shape.max_properties

    def make(walk: _Walk) -> Json:
        _enter(walk)
        try:
            if not lazy:
                lazy.append(_Members(kit, shape))
            members = lazy[0]
            made = {key: maker(walk) for key, maker in members.required}
            if not (walk.lean or walk.depth > SOFT_DEPTH or walk.left < 0):
                _add_optional(walk, members, made, most)
                if not declared and len(made) < most and members.free_names():
                    _add_free(walk, members, made, min(most, len(made) + walk.choices.integer(0, 2)))
            if shape.dependent:
                _add_dependent(walk, members, made)
            if len(made) < shape.min_properties:
                _fill_up(walk, members, made)
            return made
        finally:
            walk.depth -= 1

    return make


def _add_optional(walk: _Walk, members: _Members, made: dict[str, Json], most: float) -> None:
    optional = members.optional
    if len(optional) > 40:
        start = walk.choices.integer(0, len(optional) - 1)
        optional = optional[start : start + 8]
    for name in optional:
        if walk.choices.chance(50) and len(made) < most:
            depth = walk.depth
            try:
                made[quote(name)] = members.try_maker(name)(walk)
            except CannotGenerate:
                walk.depth = depth


def _add_free(walk: _Walk, members: _Members, made: dict[str, Json], most: float) -> None:
    names = members.free_names()
    for _ in range(2 * TRIES):
        if len(made) >= most:
            return
        name = walk.choices.pick(names)
        if name not in made:
            made[name] = members.maker(name)(walk)


def _add_dependent(walk: _Walk, members: _Members, made: dict[str, Json]) -> None:
    queue = list(made)
    for name in queue:
        for other in members.shape.dependent.get(name, ()):
            if other not in made:
                made[quote(other)] = members.maker(other)(walk)
                queue.append(other)


def _fill_up(walk: _Walk, members: _Members, made: dict[str, Json]) -> None:
    shape, least = members.shape, members.shape.min_properties
    for name in members.optional:
        if len(made) >= least:
            return
        if quote(name) not in made and (maker := members.try_maker(name)) is not _cannot:
            made[quote(name)] = maker(walk)
    if shape.dependent:
        _add_dependent(walk, members, made)
    if members.free_names():
        _add_free(walk, members, made, least)
    free = not shape.closed and not shape.names
    for number in itertools.count() if free else ():
        if len(made) >= least:
            return
        if (name := f"extra{number}") not in made:
            made[name] = members.maker(name)(walk)
    if len(made) < least:
        raise CannotGenerate(f"minProperties {least}, but only {len(made)} names are known")


_MAKERS: dict[str, Callable[[_Kit, Shape, str], Maker]] = {
    "null": lambda kit, shape, name: lambda walk: None,
    "boolean": lambda kit, shape, name: lambda walk: walk.choices.chance(50),
    "integer": _integer,
    "number": _real,
    "string": _string,
    "array": _array,
    "object": _object,
}


# ---- valid ----------------------------------------------------------------------------------------


def valid(choices: Choices, schema: Json | Plan) -> Json:
    """Arguments that keep the schema.

    Raises:
        CannotGenerate: there are none, or none was found within the caps; the reason says which.
    """
    return _guarded(compile(schema), lambda kit: kit.make(_Walk(choices)))


def _guarded(plan: Plan, act: Callable[[_Kit], Any]) -> Any:
    try:
        return act(plan.kit)
    except RecursionError:
        raise CannotGenerate("the schema is nested too deeply") from None


# ---- sites: where a value can be broken or stretched ------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A value with what is truly known of it."""

    value: Json
    """The whole arguments; a template."""
    why: str
    """In words: "151 breaks maximum 150"; for an extreme, what it is."""
    pointer: str
    """JSON pointer to the place that is flawed or stretched, as a validator names it."""
    keyword: str
    """The keyword that is broken, "" where none is. `format` is an annotation, no obligation."""
    coercible: bool = False
    """A server that converts types the usual way, or ignores what it does not know, may take it without harm."""
    valid: bool | None = False
    """Whether it keeps the schema; None: cannot be decided (a slot, a costly pattern, dialects differ)."""
    argument: str = ""
    """The property concerned: `pointer`, or for a missing or an unknown property that property's own."""
    text: str | None = None
    """The same arguments as JSON text (a template), nested deeper than a Python value can be handled; send it raw."""


class _Site:
    """A place: how to get there, what is flawed there, what is extreme."""

    __slots__ = ("_extremes", "_flaws", "argument", "kit", "optional", "parts", "plain", "schemas", "steps")

    def __init__(self, kit: _Kit, steps: tuple[tuple[str | int, Schemas], ...], *, optional: bool, plain: bool) -> None:
        self.kit = kit
        self.steps = steps
        """Part and schemas of each level, from the top."""
        self.parts = tuple(quote(part) if isinstance(part, str) else part for part, _ in steps)
        self.schemas = steps[-1][1] if steps else kit.root
        self.argument = pointer(*(part for part, _ in steps))
        self.optional = optional
        self.plain = plain
        """Nothing above can mind what stands here."""
        self._flaws: list[list[_Flaw]] | None = None
        self._extremes: list[list[_Extreme]] | None = None

    @property
    def name(self) -> str:
        return next((part for part in reversed(self.parts) if isinstance(part, str)), "")

    @property
    def local(self) -> Json:
        return self.kit.local(self.schemas) if self.steps else self.kit.schema

    def current(self, base: Json) -> Json:
        for part in self.parts:
            base = base[part]
        return base

    def flaws(self) -> list[list[_Flaw]]:
        """Flawed values for this place, by keyword."""
        if self._flaws is None:
            self._flaws = _flaws(self)
        return self._flaws

    def extremes(self) -> list[list[_Extreme]]:
        """Extreme values for this place, by sort."""
        if self._extremes is None:
            self._extremes = _extremes(self)
        return self._extremes


@dataclass(frozen=True, slots=True)
class _Flaw:
    value: Json
    keyword: str
    why: str
    coercible: bool
    argument: str


@dataclass(frozen=True, slots=True)
class _Extreme:
    value: Json
    why: str
    valid: bool | None
    keyword: str = ""
    deep: str | None = None
    """JSON text of a far deeper twin."""


MAX_SITES = 64
SITE_STEPS = 6_000
"""Parts of the schema that are judged to find what is flawed, or extreme, at one site."""
MAX_WEIGHT = 20_000
"""Values in an array of equal items."""
_PLAIN_WORDS_TEXT = """
    type properties required additionalProperties title description default examples example items minItems
    maxItems $schema $id $ref $defs definitions $comment $anchor allOf readOnly writeOnly deprecated format
"""
_PLAIN_WORDS = frozenset(_PLAIN_WORDS_TEXT.split())


def _sites(kit: _Kit) -> Iterator[_Site]:
    queue: list[_Site] = [_Site(kit, (), optional=False, plain=True)]
    for count in itertools.count():
        if count >= len(queue) or count >= MAX_SITES:
            return
        site = queue[count]
        try:
            parts = kit.document.all_conjuncts(site.schemas)
            shape = kit.document.base(site.schemas)
            kit.maker(site.schemas, site.name)
        except CannotGenerate:
            continue
        yield site
        plain = site.plain and all(_PLAIN_WORDS.issuperset(part) for part in parts)
        if len(site.steps) >= 4 or len(queue) >= MAX_SITES or shape.choices is not None:
            continue
        if "object" in shape.kinds:
            for name, schemas in itertools.islice(shape.properties.items(), 40):
                step = (*site.steps, (name, schemas))
                queue.append(_Site(kit, step, optional=name not in shape.required, plain=plain))
        if "array" in shape.kinds and shape.items and not shape.prefix and shape.max_items != 0:
            queue.append(_Site(kit, (*site.steps, (0, shape.items)), optional=False, plain=plain))


def _placed(site: _Site, base: Json, value: Json, walk: _Walk) -> Json:
    """`base` with `value` at the site; what is missing above it is made. Raises _Elsewhere where a branch forbids."""
    if not site.steps:
        return value
    base = _copy(base)
    holder: Json = base
    for index, part in enumerate(site.parts[:-1]):
        after = site.parts[index + 1]
        here = _get(holder, part)
        if not isinstance(here, dict if isinstance(after, str) else list):
            here = site.kit.maker(site.steps[index][1], "")(walk)
            if not isinstance(here, dict if isinstance(after, str) else list):
                raise _Elsewhere
        _put(holder, part, here := _copy(here))
        holder = here
    _put(holder, site.parts[-1], value)
    return base


class _Elsewhere(Exception):
    """The drawn value has no such place: draw again."""


def _copy(value: Json) -> Json:
    return dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value


def _get(holder: Json, part: str | int) -> Json:
    if isinstance(part, int):
        return holder[part] if part < len(holder) else None
    return holder.get(part)


def _put(holder: Json, part: str | int, value: Json) -> None:
    if isinstance(part, int):
        if not isinstance(holder, list):
            raise _Elsewhere
        holder[part : part + 1] = [value]
    elif isinstance(holder, dict):
        holder[part] = value
    else:
        raise _Elsewhere


# ---- flaws ----------------------------------------------------------------------------------------

_OF_EACH_TYPE: tuple[Json, ...] = (
    None, True, False, 7, 7.5, "seven", "7", "7.0", "true", "", [], ["alpha"], [7], {}, {"alpha": 1}, [[]],
    '["alpha"]', '{"alpha": 1}', 0, 1, -1,
)  # fmt: skip
_OTHER_TEXTS = ("not-in-enum", "", "x", "0", "!", " ", "ALPHA-9", "\u00e9", "a b", "alpha!", "-", "a" * 65, "_")


def _candidates(site: _Site, shape: Shape) -> Iterator[Json]:
    """Values that may be flawed at a site of scalars; the judge decides."""
    yield from _OF_EACH_TYPE
    yield from _OTHER_TEXTS
    for member in itertools.islice(shape.choices or (), 4):
        if isinstance(member, str) and len(member) < PLAIN_TEXT:
            yield from (quote(member + "x"), quote(member.swapcase()), quote(" " + member))
        elif isinstance(member, int | float) and not isinstance(member, bool):
            yield from (member + 1, member - 1000)
    for text in shape.formats:
        yield from _FLAWED.get(text, ())
    yield from _numbers_beyond(shape)
    yield from _texts_beyond(shape)


def _numbers_beyond(shape: Shape) -> Iterator[Json]:
    for bound, away in ((_finite(shape.low), -1), (_finite(shape.high), 1)):
        if bound is not None:
            yield from (bound, bound + away, bound + 1000 * away)
            if abs(bound) < 1e15:
                yield bound + away / 2
    inside = next((one for one in (_finite(shape.low), _finite(shape.high)) if one is not None), 0)
    for step in shape.multiples:
        if abs(inside) < 1e15 and 1e-6 < step < 1e15:
            yield from (inside + step / 2, inside + 1, inside + step + 1, inside - step / 2, inside - 1)


def _texts_beyond(shape: Shape) -> Iterator[str]:
    seeds = ["a", "0", "!"]
    if shape.patterns:
        try:
            made = _regex(pattern(shape.patterns[0]).tree, 0)
            seeds.extend(made(RandomChoices("flaw", n), n) for n in (0, 3, shape.min_length + 1))
        except CannotGenerate:
            seeds.append("9")
    for seed in seeds:
        if not seed or has_slots(seed):
            continue
        if 0 < shape.min_length <= MAX_TEXT:
            yield _stretched(seed, shape.min_length - 1)
        if shape.max_length is not None and shape.max_length <= MAX_TEXT:
            yield _stretched(seed, shape.max_length + 1)
        if shape.patterns:
            yield from (seed + "!", "!" + seed, seed + "\u00e9", _stretched("!", max(shape.min_length, 1)))


def _stretched(seed: str, length: int) -> str:
    if length <= PLAIN_TEXT:
        return (seed * length)[:length]
    return f"{seed}{{repeat:{length - len(seed)}:{seed[-1]}}}" if seed[-1] not in "{}" else "a"


def _flaws(site: _Site) -> list[list[_Flaw]]:
    document, local = site.kit.document, site.local
    if not site.steps and site.kit.whole:
        return []
    shape = document.base(site.schemas)
    found: dict[str, list[_Flaw]] = {}
    end = document.steps + SITE_STEPS
    for value in _candidates(site, shape):
        if document.steps > end:
            break
        broken = _only(document, local, _FILL(value))
        if broken is None or broken[0] or (site.kit.whole and not site.steps):
            continue
        kept = found.setdefault(broken[1], [])
        if len(kept) < 16 and is_safe(value) and not any(same(value, one.value) for one in kept):
            kept.append(_flaw(site, value, broken[1]))
    return list(found.values())


def _only(document: Document, schema: Json, value: Json) -> tuple[str, str] | None:
    """The one thing that is wrong with a value, None where it is fine, doubtful, or more is wrong."""
    try:
        errors = document.errors(schema, value, 2)
    except Undecided:
        return None
    return errors[0] if len(errors) == 1 else None


def _flaw(site: _Site, value: Json, keyword: str, argument: str = "", why: str = "") -> _Flaw:
    asked = next((part[keyword] for part in site.kit.document.all_conjuncts(site.schemas) if keyword in part), None)
    limit = "" if asked is None or keyword in ("anyOf", "oneOf", "not", "properties") else f" {shown(asked)}"
    return _Flaw(
        value, keyword, f"{why or shown(value)} breaks {keyword}{limit}", _coercible(site, value, keyword, argument),
        argument or site.argument,
    )  # fmt: skip


_TOLERATED = frozenset(("uniqueItems", "format"))
"""Flaws that servers pass over without harm: a set is made of the items; a format is an annotation."""


def _coercible(site: _Site, value: Json, keyword: str, argument: str) -> bool:
    if keyword in _TOLERATED:
        return True
    if keyword == "required":
        name = argument.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        declared = site.kit.document.base(site.schemas).properties.get(name, ())
        return any(isinstance(part, dict) and "default" in part for part in declared)
    if keyword not in ("type", "anyOf", "oneOf"):
        return False
    if value is None and site.optional:
        return True  # null for "not given"
    return any(site.kit.document.accepts(site.local, one) for one in _conversions(value))


def _conversions(value: Json) -> Iterator[Json]:
    """What the usual lenient readers make of a value (pydantic's lax mode, JavaScript, JSON in a string)."""
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


_Flawed: TypeAlias = Iterator[tuple[Json, str, str]]
"""(value, argument, why)"""


def _container_flaws(site: _Site, current: Json, choices: Choices) -> _Flawed:
    """(value, argument, why) for a site that holds an array or an object now."""
    if isinstance(current, dict):
        yield from _object_flaws(site, current)
    elif isinstance(current, list):
        yield from _array_flaws(site, current)


UNKNOWN = ("unexpected", "zz-unknown", "Alpha", "0", "", "a b", "x" * 70, "\u00e9", "_x")
"""Names that nobody declares, some of a kind that `propertyNames` may forbid."""


def _object_flaws(site: _Site, current: dict[str, Json]) -> _Flawed:
    shape = site.kit.document.base(site.schemas)
    for name in itertools.islice(shape.required, 40):
        if quote(name) in current:
            yield _without(current, name), site.argument + pointer(name), f"without required {shown(name)}"
    if shape.additional or shape.names or shape.patterned:
        for name in UNKNOWN:
            if name not in shape.properties:
                yield {**current, name: 1}, site.argument + pointer(name), f"with unknown argument {shown(name)}"
    for name, needed in shape.dependent.items():
        for other in needed if quote(name) in current else ():
            why = f"with {shown(name)} but without {shown(other)}"
            yield _without(current, other), site.argument + pointer(other), why
    yield from _counted(shape, current)
    if shape.loose or len(site.kit.document.variants(site.schemas)) > 1:
        yield from _by_branch(site, shape, current)


def _without(current: dict[str, Json], name: str) -> Json:
    return {key: item for key, item in current.items() if key != quote(name)}


def _counted(shape: Shape, current: dict[str, Json]) -> _Flawed:
    if shape.max_properties is not None and shape.max_properties < 1_000:
        extra = {f"extra{n}": n for n in range(shape.max_properties + 1)}
        yield {**current, **extra}, "", f"more properties than {shape.max_properties}"
    if shape.min_properties > len(shape.required):
        kept = {key: item for key, item in current.items() if key in shape.required}
        yield kept, "", f"fewer properties than {shape.min_properties}"


def _by_branch(site: _Site, shape: Shape, current: dict[str, Json]) -> _Flawed:
    """Where branches decide: less, null, and properties whose presence asks for others."""
    for key in list(current)[:10]:
        yield _without(current, key), site.argument + pointer(key), f"without {shown(key)}"
        yield {**current, key: None}, site.argument + pointer(key), f"with null for {shown(key)}"
    walk = _Walk(RandomChoices("present", site.argument))
    for name in itertools.islice(shape.properties, 40):
        if quote(name) not in current:
            item = site.kit.maker(shape.properties[name], name)(walk)
            yield {**current, quote(name): item}, site.argument + pointer(name), f"with {shown(name)}"


def _array_flaws(site: _Site, current: list[Json]) -> _Flawed:
    shape = site.kit.document.base(site.schemas)
    if shape.min_items and len(current) >= shape.min_items:
        yield current[: shape.min_items - 1], "", f"fewer items than {shape.min_items}"
    makers = _Items(site.kit, shape, site.name)
    if shape.max_items is not None and shape.max_items <= MAX_ITEMS:
        walk = _Walk(RandomChoices("more", site.argument))
        more = [makers.at(n)(walk) for n in range(len(current), min(len(current) + 8, shape.max_items + 1))]
        if more and _weight(more[-1]) * shape.max_items <= MAX_WEIGHT:
            more += [more[-1]] * (shape.max_items + 1 - len(current) - len(more))
            yield [*current, *more], "", f"more items than {shape.max_items}"
    if shape.unique and current:
        yield [*current, current[0]], "", "the same item twice"
    if shape.contains:
        yield from (([item] * max(1, shape.min_items), "", "without what contains asks for") for item in _OF_EACH_TYPE)
    if shape.prefix and any(item is False for item in shape.items):
        yield [*current, *["x"] * (len(shape.prefix) + 1)], "", "more items than places"


def invalid(choices: Choices, schema: Json | Plan) -> Labelled:
    """Arguments with exactly one flaw, and its label.

    Raises:
        CannotGenerate: nothing can be broken (the schema allows every object), or no good value is known to
            start from.
    """
    return _guarded(compile(schema), lambda kit: _invalid(kit, _Walk(choices)))  # type: ignore[no-any-return]


def _invalid(kit: _Kit, walk: _Walk) -> Labelled:
    sites = kit.sites()
    for _ in range(TRIES if sites else 0):
        site = walk.choices.pick(sites)
        found = _broken(site, walk, None)
        if found is not None:
            return found
    for site in sites:  # luck failed: look everywhere
        groups = len(site.flaws()) + 1
        for sort in range(groups):
            found = _broken(site, walk, sort)
            if found is not None:
                return found
    raise CannotGenerate("nothing to break: every object keeps this schema, or no single flaw was found")


def _broken(site: _Site, walk: _Walk, sort: int | None) -> Labelled | None:
    """One flaw at a site; `sort` picks the keyword, None lets it be drawn. None where it did not come off."""
    kit, groups = site.kit, site.flaws()
    if sort is None:
        sort = walk.choices.integer(0, len(groups))
    base = kit.maker(kit.root, "")(walk)
    try:
        if sort < len(groups):
            flaw = walk.choices.pick(groups[sort])
        else:
            chosen = _container_flaw(site, base, walk)
            if chosen is None:
                return None
            flaw = chosen
        value = _placed(site, base, flaw.value, walk)
    except (_Elsewhere, CannotGenerate):
        return None
    if flaw.keyword in ("", "properties"):
        return None
    if not site.plain and _only(kit.document, kit.schema, _FILL(value)) != (site.argument, flaw.keyword):
        return None
    return Labelled(
        value=value if kit.slots else _FILL(value), why=flaw.why, pointer=site.argument, keyword=flaw.keyword,
        coercible=flaw.coercible, argument=flaw.argument,
    )  # fmt: skip


def _container_flaw(site: _Site, base: Json, walk: _Walk) -> _Flaw | None:
    try:
        current = site.current(base)
    except (KeyError, IndexError, TypeError):
        current = site.kit.maker(site.schemas, site.name)(walk)
    options = list(_container_flaws(site, current, walk.choices)) if isinstance(current, dict | list) else []
    if not options:
        return None
    start = walk.choices.integer(0, len(options) - 1)
    for value, argument, why in options[start:] + options[:start]:
        broken = _only(site.kit.document, site.local, _FILL(value))
        if broken is not None and not broken[0]:
            return _flaw(site, value, broken[1], argument, why)
    return None


# ---- extremes -------------------------------------------------------------------------------------

_INTEGERS: tuple[int, ...] = (
    0, -1, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32, 2**53,
    2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30, -(10**30), 10**309, 10**1000,
)  # fmt: skip
_REALS = (-0.0, 0.5, 0.1 + 0.2, 1e308, -1e308, 1.7976931348623157e308, 5e-324, 1e-7, 1e16, 1e21, 9007199254740993.0)
_NESTED = (20, 100, 200)
"""Levels of a nested value; beyond, a Python stack, ours or orjson's, ends. Deeper ones are `Labelled.text`."""
_NESTED_TEXT = (1_000, 5_000)
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


def boundary(choices: Choices, schema: Json | Plan, *, surrogates: bool = False) -> Labelled:
    """Arguments with one extreme value, legal or not; `valid` says which, as far as it can be told.

    Args:
        surrogates: half surrogate pairs too, which UTF-8 cannot carry (the wire writes them escaped or raw).

    Raises:
        CannotGenerate: no good value is known to start from.
    """
    return _guarded(compile(schema), lambda kit: _boundary(kit, _Walk(choices), surrogates))  # type: ignore[no-any-return]


def _boundary(kit: _Kit, walk: _Walk, surrogates: bool) -> Labelled:
    sites = kit.sites()
    for _ in range(TRIES if sites else 0):
        site = walk.choices.pick(sites)
        if not site.extremes():
            continue
        extreme = walk.choices.pick(walk.choices.pick(site.extremes()))
        if surrogates and "string" in kit.document.base(site.schemas).kinds and walk.choices.chance(20):
            extreme = _Extreme("a\ud800b", "half a surrogate pair", None)
        base = kit.maker(kit.root, "")(walk)
        try:
            value = _placed(site, base, extreme.value, walk) if site.steps else _merged(base, extreme.value)
        except (_Elsewhere, CannotGenerate):
            continue
        return _stretched_label(site, extreme, value, walk)
    raise CannotGenerate("no place in these arguments takes anything extreme")


def _merged(base: Json, extreme: Json) -> Json:
    """At the top: an empty object stands for itself, more properties join those that are needed."""
    return {**base, **extreme} if isinstance(base, dict) and isinstance(extreme, dict) and extreme else extreme


def _stretched_label(site: _Site, extreme: _Extreme, value: Json, walk: _Walk) -> Labelled:
    kit, verdict, keyword = site.kit, extreme.valid, extreme.keyword
    if not site.plain or not site.steps:
        try:
            errors = kit.document.errors(kit.schema, _FILL(value), 2)
            verdict, keyword = not errors, errors[0][1] if errors else ""
        except Undecided:
            verdict, keyword = None, ""
    verdict = None if extreme.valid is None else verdict
    text = None
    if extreme.deep is not None:
        mark = "\ue000deep\ue000"
        holder = _placed(site, value, mark, walk) if site.steps else {**value, next(reversed(value)): mark}
        text = json.dumps(holder, ensure_ascii=False).replace(f'"{mark}"', extreme.deep)
    return Labelled(
        value=value if kit.slots else _FILL(value), why=extreme.why, pointer=site.argument,
        keyword=keyword if verdict is False else "", valid=verdict, argument=site.argument, text=text,
    )  # fmt: skip


def _extremes(site: _Site) -> list[list[_Extreme]]:
    """By sort; each sort is as likely as any other."""
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


def _weighed(site: _Site, why: str, value: Json, deep: str | None, end: int) -> _Extreme:
    if site.kit.document.steps > end:
        return _Extreme(value, why, None, "", deep)
    if why.endswith(_LINE_END) and site.kit.document.base(site.schemas).patterns:
        return _Extreme(value, why, None)  # Python's "$" takes it, JavaScript's does not
    try:
        errors = site.kit.document.errors(site.local, _FILL(value), 2)
    except Undecided:
        return _Extreme(value, why, None, "", deep)
    return _Extreme(value, why, not errors, errors[0][1] if errors else "", deep)


def _numbers(shape: Shape) -> Iterator[tuple[str, Json, str | None]]:
    for bound, word in ((_finite(shape.low), "the lower bound"), (_finite(shape.high), "the upper bound")):
        if bound is not None:
            yield word, bound, None
            yield f"one below {word}", bound - 1, None
            yield f"one above {word}", bound + 1, None
    for number in _INTEGERS:
        yield f"integer {shown(number)}", number, None
    for real in _REALS:
        yield f"float {real!r}", real, None
    yield "a whole number as float", 7.0, None


def _lengths(site: _Site, shape: Shape) -> Iterator[tuple[str, Json, str | None]]:
    yield "empty text", "", None
    yield "one character", "a", None
    for length, word in ((shape.min_length, "minLength"), (shape.max_length, "maxLength")):
        if length is not None and 0 < length <= MAX_TEXT:
            for size in (length - 1, length, length + 1):
                yield f"{size} characters, {word} {length}", _stretched("a", size), None
    for size in (1_000, 10_000, 50_000, *((1_000_000,) if site.kit.slots else ())):
        yield f"{size} characters", f"{{repeat:{size}:a}}", None
    yield "10000 emoji", "{repeat:10000:\U0001f600}", None
    yield "10000 combining marks", "a{repeat:10000:\u0301}", None


def _bombs(site: _Site) -> Iterator[tuple[str, Json, str | None]]:
    for (unit, end), size in itertools.product(_BOMBS, _LENGTHS):
        # a leading separator would make it a path from the root; "." would be a place
        start = "a" if unit in ("/", "\\\\", ".") else ""
        count = size // len(unit)
        yield f"{count} times {unit!r}, then {end!r}", f"{start}{{repeat:{count}:{unit}}}{end}", None


_LINE_END = "with a line end"


def _with_line_end(site: _Site) -> Iterator[tuple[str, Json, str | None]]:
    try:
        for index in range(4):
            text = site.kit.maker(site.schemas, "")(_Walk(RandomChoices("line end", index)))
            if isinstance(text, str) and not has_slots(text):
                for end in ("\n", "\r\n", "\0", " "):
                    if is_safe(text + end):
                        yield f"{shown(text)} and {end!r}, {_LINE_END if end == chr(10) else 'added'}", text + end, None
    except CannotGenerate:
        return


def _arrays(site: _Site, shape: Shape) -> Iterator[tuple[str, Json, str | None]]:
    yield "empty array", [], None
    makers = _Items(site.kit, shape, site.name)
    walk = _Walk(RandomChoices("array", site.argument))
    sizes = {1, 1_000}
    for bound in (shape.min_items, shape.max_items):
        if bound is not None and bound <= MAX_ITEMS:
            sizes |= {max(0, bound - 1), bound, bound + 1}
    try:
        item = makers.at(len(shape.prefix))(walk)
    except CannotGenerate:
        return
    weight = _weight(item)
    for size in sorted(sizes):
        if size * weight <= MAX_WEIGHT:
            yield f"{size} items, all alike", [item] * size, None
    yield "null among the items", [item, None], None
    yield "an array in the array", [[item]], None


def _weight(value: Json) -> int:
    """Values in it, itself included."""
    count, stack = 0, [value]
    while stack:
        item = stack.pop()
        count += 1
        stack.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return count


def _nests(site: _Site) -> Iterator[tuple[str, Json, str | None]]:
    """Arrays in arrays, objects in objects; the deepest have a deeper twin as text."""
    for form, opening, closing in (("arrays", "[", "]"), ("objects", '{"a":', "}")):
        for levels in _NESTED:
            yield f"{form} nested {levels} deep", _nested(form, levels), None
        for levels in _NESTED_TEXT:
            deep = f"{opening * levels}0{closing * levels}"
            yield f"{form} nested {levels} deep (as text)", _nested(form, _NESTED[-1]), deep


def _nested(form: str, levels: int) -> Json:
    value: Json = 0
    for _ in range(levels):
        value = [value] if form == "arrays" else {"a": value}
    return value


def _objects(site: _Site) -> list[tuple[str, Json, str | None]]:
    found: list[tuple[str, Json, str | None]] = [("empty object", {}, None)]
    for size in (100, 1_000):
        found.append((f"{size} unknown properties", {f"k{n}": n for n in range(size)}, None))
    for why, name in (("an empty name", ""), ("a name with NUL", "a\0b"), ("a prototype's name", "__proto__"),
                      ("a constructor", "constructor"), ("a name of 10000 characters", "n" * 10_000),
                      ("a name with a line end", "a\nb")):  # fmt: skip
        found.append((f"an unknown property: {why}", {name: {"alpha": True} if "_" in name else 1}, None))
    if not site.steps:
        found += [(f"an unknown property: {why}", {"deep": value}, deep) for why, value, deep in _nests(site)]
    return found


# ---- reading --------------------------------------------------------------------------------------


def judged(schema: Json | Plan, value: Json, why: str) -> Labelled:
    """A label for arguments that came from elsewhere: another generator, a harvest, a user's example.

    Of several flaws the first is named, and nothing is said to be coercible.

    Args:
        value: a template; slots are filled with stand-ins for the verdict.
        why: what it is, in words.
    """
    plan = compile(schema)
    document, filled = plan.kit.document, _FILL(value)
    try:
        errors = document.errors(plan.schema, filled, 2)
    except Undecided:
        return Labelled(value=value, why=why, pointer="", keyword="", valid=None)
    if not errors:
        return Labelled(value=value, why=why, pointer="", keyword="", valid=True)
    path, keyword = errors[0]
    lenient = len(errors) == 1 and _mended(document, plan.schema, filled, path, keyword)
    return Labelled(
        value=value, why=f"{why}: breaks {keyword} at {path or 'the top'}", pointer=path, keyword=keyword,
        coercible=lenient, argument=path,
    )  # fmt: skip


def _mended(document: Document, schema: Json, value: Json, path: str, keyword: str) -> bool:
    """Whether converting what stands at `path`, or leaving out a null, makes the value valid."""
    if keyword in _TOLERATED:
        return True
    if keyword not in ("type", "anyOf", "oneOf") or not path:
        return False
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    value = holder = _copy(value)
    for part in parts[:-1]:
        key = int(part) if isinstance(holder, list) else part
        holder[key] = holder = _copy(holder[key])
    last = int(parts[-1]) if isinstance(holder, list) else parts[-1]
    was = holder[last]
    for one in _conversions(was):
        holder[last] = one
        if document.accepts(schema, value):
            return True
    if was is None and isinstance(holder, dict):
        del holder[last]
        return document.accepts(schema, value) is True
    return False


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


_ABSENT = object()


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


# ---- the public strategy --------------------------------------------------------------------------


def arguments(schema: Mapping[str, Any], mode: Mode = "valid") -> SearchStrategy[Any]:
    """A Hypothesis strategy of arguments for a tool with this input schema; shrinks, holds no slots.

    Args:
        schema: a JSON Schema of an object.
        mode: "valid" keeps it, "invalid" breaks it at one place, "any" draws both and extreme values too.

    Raises (when drawn):
        InvalidArgument: no such arguments can be made; the message says why.
    """
    from hypothesis import strategies as st

    memo: list[Plan] = []

    def arguments(draw: DrawFn, schema: _Recipe, mode: str) -> Any:
        from hypothesis.errors import InvalidArgument

        if mode not in _MODES:
            raise InvalidArgument(f"mode={mode!r} is none of {', '.join(_MODES)}")
        try:
            if not memo:
                memo.append(compile(schema.schema, slots=False))
            walk = _Walk(HypothesisChoices(draw), lambda text: draw(st.from_regex(text)))
            return _drawn(memo[0].kit, walk, mode)
        except (CannotGenerate, RecursionError) as error:
            reason = error.reason if isinstance(error, CannotGenerate) else "the schema is nested too deeply"
            if memo and _possible(memo[0], mode):
                from hypothesis import reject

                reject()
            raise InvalidArgument(f"arguments({schema!r}, mode={mode!r}): {reason}") from None

    return st.composite(arguments)(_Recipe(schema), mode)


_MODES = ("valid", "invalid", "any")


class _Recipe:
    """A schema that can be shown, however large: Hypothesis prints it with every failure."""

    __slots__ = ("schema",)

    def __init__(self, schema: Json) -> None:
        self.schema = schema

    def __repr__(self) -> str:
        return shown(self.schema, levels=6, limit=2_000)


def _drawn(kit: _Kit, walk: _Walk, mode: str) -> Json:
    if mode == "any":
        mode = walk.choices.pick(("valid", "boundary", "invalid"))
        if mode == "boundary":
            return _boundary(kit, walk, False).value
        if mode == "invalid":
            try:
                return _invalid(kit, walk).value
            except CannotGenerate:
                mode = "valid"
    return kit.make(walk) if mode == "valid" else _invalid(kit, walk).value


def _possible(plan: Plan, mode: str) -> bool:
    """Whether a few seeded walks find what one draw did not."""
    for seed in range(5):
        try:
            _drawn(plan.kit, _Walk(RandomChoices(seed)), mode)
        except (CannotGenerate, RecursionError):
            continue
        return True
    return False
