"""Injection points: the places in a good call where a text of ours may stand, most promising first.

Knows schemas and good values; knows nothing of payloads. What a place is likely to be (a path, an address,
a command, a query) is read from its name, its description and the good value, and orders the work: nothing
is ever left out for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mcpfuzz.model import Json, pointer

__all__ = ["KINDS", "Point", "aim", "points", "put"]

MAX_POINTS = 60
MAX_DEPTH = 5

KINDS: Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "path": (
        re.compile(
            r"path|file|dir|folder|repo|root|workspace|cwd|uri|dest|source|src|output|location|archive|document"
        ),
        re.compile(r"[/\\]|^\.{1,2}$|\.\w{1,5}$|\{workspace\}"),
    ),
    "command": (
        re.compile(
            r"command|cmd|shell|exec|script|args?\b|argv|option|flag|pattern|branch|host|name|tag|ref|query|path"
        ),
        re.compile(r"^[\w./-]+ [\w./-]"),
    ),
    "address": (
        re.compile(r"ur[il]|link|endpoint|host|site|page|webhook|callback|address|feed|src|source|image|domain|server"),
        re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE),
    ),
    "sql": (
        re.compile(r"sql|query|where|filter|search|order|sort|column|table|name|id\b|number|user|key|statement|cypher"),
        re.compile(r"\b(select|insert|create|match|where)\b", re.IGNORECASE),
    ),
    "code": (
        re.compile(r"expr|formula|calc|eval|code|script|template|message|text|body|content|format|math|query"),
        re.compile(r"[-+*/(){}]|\$"),
    ),
    "id": (
        re.compile(r"id\b|_id|key|name|slug|number|user|code|ref|symbol|ticket|issue|account"),
        re.compile(r"^[\w-]{1,40}$"),
    ),
    "data": (
        re.compile(
            r"data|payload|state|snapshot|blob|object|pickle|ya?ml|config|serial|session|restore|load|document|base64|"
            r"token|cursor|content|body|import"
        ),
        re.compile(r"^[A-Za-z0-9+/]{16,}={0,2}$|^\s*[{\[]|^[\w-]+:\s"),
    ),
    "markup": (
        re.compile(r"xml|feed|svg|rss|soap|wsdl|sitemap|opml|markup|html|document|content|body|data|text|input"),
        re.compile(r"^\s*<"),
    ),
    "text": (re.compile(r""), re.compile(r"")),
}
"""Kind of place -> what its name or description says, what its good value looks like."""


@dataclass(frozen=True, slots=True)
class Point:
    """One place."""

    path: tuple[str | int, ...]
    """From the arguments' root; an index that equals an array's length appends."""
    base: Json
    """The good value there; None where the good call has none."""
    schema: Mapping[str, Json]

    @property
    def pointer(self) -> str:
        return pointer(*self.path)

    @property
    def name(self) -> str:
        """Of the innermost member that holds it."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")

    @property
    def text(self) -> str:
        """The good value as text, empty without one."""
        return self.base if isinstance(self.base, str) else "" if self.base is None else str(self.base)

    def rank(self, kind: str) -> int:
        """How far a place is from being of a kind; 0 is likely, 3 unlikely."""
        name, value = KINDS[kind]
        if "enum" in self.schema or "const" in self.schema:
            return 3
        if self.text and value.search(self.text):
            return 0
        if name.search("/".join(str(part).lower() for part in self.path)):
            return 0
        described = self.schema.get("description")
        return 1 if isinstance(described, str) and name.search(described.lower()) else 2


def points(schema: Mapping[str, Json], good: Mapping[str, Json]) -> tuple[Point, ...]:
    """Every place of text: those of the good call, then those that the schema declares beside it."""
    found = list(_in_value(good, schema, ()))
    seen = {point.path for point in found}
    found += [point for point in _declared(schema, good) if point.path not in seen]
    return tuple(found[:MAX_POINTS])


def aim(found: tuple[Point, ...], kind: str, index: int) -> tuple[Point, int] | None:
    """The index-th (point, turn): likely places take all turns in step with each other, the others follow.

    Args:
        index: counted from 0 over all turns of all places; there is no last one.
    """
    ranked = sorted(found, key=lambda point: point.rank(kind))
    likely = [point for point in ranked if point.rank(kind) <= 1] or ranked
    if not likely:
        return None
    turn, place = divmod(index, len(likely))
    rest = ranked[len(likely) :]
    if rest and turn % 4 == 3:  # every fourth turn goes to places that do not look like it
        turn = turn // 4 * len(likely) + place
        return rest[turn % len(rest)], turn // len(rest)
    return likely[place], turn - turn // 4 if rest else turn


def put(arguments: Mapping[str, Json], point: Point, value: Json) -> dict[str, Json]:
    """A copy of the arguments with a value at a point; missing members on the way are made."""
    made = _with(dict(arguments), point.path, value)
    return made if isinstance(made, dict) else {}


def _with(holder: Json, path: tuple[str | int, ...], value: Json) -> Json:
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        items = list(holder) if isinstance(holder, list | tuple) else []
        if head < len(items):
            items[head] = _with(items[head], rest, value)
        else:
            items.append(_with(None, rest, value))
        return items
    members = dict(holder) if isinstance(holder, Mapping) else {}
    members[head] = _with(members.get(head), rest, value)
    return members


def _in_value(value: Json, schema: Json, path: tuple[str | int, ...]) -> Iterator[Point]:
    """Text leaves of a value."""
    declared = schema if isinstance(schema, Mapping) else {}
    if isinstance(value, str):
        yield Point(path, value, declared)
    elif len(path) >= MAX_DEPTH:
        return
    elif isinstance(value, Mapping):
        members = declared.get("properties")
        for name, item in value.items():
            yield from _in_value(item, members.get(name) if isinstance(members, Mapping) else None, (*path, name))
    elif isinstance(value, list | tuple) and value:
        yield from _in_value(value[0], declared.get("items"), (*path, 0))


def _declared(schema: Mapping[str, Json], good: Mapping[str, Json]) -> Iterator[Point]:
    """Declared members that may hold text and that the good call does not give."""
    members = schema.get("properties")
    for name, declared in members.items() if isinstance(members, Mapping) else ():
        if name in good and good[name] not in ([], {}, None):
            continue
        sub = declared if isinstance(declared, Mapping) else {}
        if "string" in _types(sub):
            yield Point((name,), _hint(sub), sub)
        elif "array" in _types(sub):
            items = sub.get("items")
            if not isinstance(items, Mapping) or "string" in _types(items):
                yield Point((name, 0), None, items if isinstance(items, Mapping) else {})


def _types(schema: Mapping[str, Json]) -> tuple[str, ...]:
    """Types that a schema allows, through anyOf and oneOf; all for one that does not say."""
    given = schema.get("type")
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list):
        return tuple(item for item in given if isinstance(item, str))
    for word in ("anyOf", "oneOf"):
        options = schema.get(word)
        if isinstance(options, list):
            return tuple(kind for option in options if isinstance(option, Mapping) for kind in _types(option))
    return ("string",) if not schema.keys() & {"properties", "items", "enum", "const"} else ()


def _hint(schema: Mapping[str, Json]) -> str | None:
    examples = schema.get("examples")
    for value in (schema.get("default"), *(examples if isinstance(examples, list) else ())):
        if isinstance(value, str) and value:
            return value
    return None
