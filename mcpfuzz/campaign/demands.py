"""What a refusal asks for: the same call with what it says is missing, of another type, not among the words allowed, or
too much. Many servers declare less than they check. Zod, ajv, pydantic and plain sentences are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mcpfuzz.campaign.harvest import QUOTED, hints
from mcpfuzz.harvest import missing, refusals
from mcpfuzz.model import Json
from mcpfuzz.slots import quote
from mcpfuzz.strategies.arguments.words import words_for
from mcpfuzz.strategies.safety import destructive, is_safe

__all__ = ["PLACE", "amended"]

MOST = 6
"""Demands of one refusal that are met."""
MAX_DEPTH = 4
PLACE = re.compile(r"path|dir(?:ectory)?\b|folder|file|repo|root|workspace|cwd", re.IGNORECASE)
"""What speaks of a place."""
_ISSUES = re.compile(r"\[\s*\{")
_PYDANTIC = re.compile(r"(?m)^([\w.]{1,80})\n\s+(.{1,300}?)\s*\[type=(\w+)")
_UNKNOWN = re.compile(r"(?i)(?:unexpected keyword argument|unrecogni[sz]ed key\S*[^\"'`]{0,20})\s*[\"'`]([\w$-]{1,60})")
_TYPES: tuple[tuple[str, Json], ...] = (
    ("str", "a"), ("int", 1), ("num", 1), ("float", 1), ("bool", True), ("list", []), ("array", []), ("tuple", []),
    ("dict", {}), ("obj", {}), ("record", {}),
)  # fmt: skip
"""How the name of a type begins -> a value of it."""


@dataclass(frozen=True, slots=True)
class _Demand:
    """One thing that a refusal says of one argument."""

    path: tuple[str | int, ...]
    kind: str = ""
    """The type or format that is expected; empty: nothing is said of it."""
    options: tuple[Json, ...] = ()
    extra: bool = False
    """It must not be there."""


def amended(
    arguments: Mapping[str, Json], refusal: Json, declared: Mapping[str, Json], place: str | None
) -> Mapping[str, Json] | None:
    """The call as its refusal asks for it; None where it asks for nothing that can be told.

    Args:
        declared: a value for each declared member, as the schema allows it.
        place: for what speaks of a place (`{workspace}`), where there is one.
    """
    made: Mapping[str, Json] = arguments
    for count, demand in enumerate(_demands(refusal, arguments)):
        if count == MOST:
            break
        made = _met(made, demand, declared, place)
    return made if made != arguments else None


def _demands(refusal: Json, arguments: Mapping[str, Json]) -> Iterator[_Demand]:
    for text in refusals(refusal):
        text = text[:8_000]
        found = [*_issues(text), *_pydantic(text)]
        found += [_Demand((name,), extra=True) for name in _UNKNOWN.findall(text)]
        if found:
            yield from found
            return
        named = [name for name, value in arguments.items() if isinstance(value, str) and _names(text, value)]
        if len(named) > 1:
            named = [name for name in named if name in text]
        if len(named) == 1 and (options := tuple(hints(refusal))):  # "Invalid mode 'x': must be one of a, b"
            yield _Demand((named[0],), options=options)
            return
    try:
        yield _Demand((missing(refusal),))
    except KeyError:
        return


def _issues(text: str) -> Iterator[_Demand]:
    """Lists of issues in JSON: zod's (`path`, `expected`, `options`), ajv's (`instancePath`, `params`)."""
    begin = _ISSUES.search(text)
    if begin is None:
        return
    try:
        issues, _ = json.JSONDecoder().raw_decode(text, begin.start())
    except (ValueError, RecursionError):
        return
    for issue in issues:
        if not isinstance(issue, dict):
            continue
        path, params = issue.get("path"), issue.get("params")
        if isinstance(path, list) and all(isinstance(part, str | int) for part in path):
            place = tuple(path)[:MAX_DEPTH]
            for key in _strings(issue.get("keys")):
                yield _Demand((*place, key), extra=True)
            if place:
                options = next((found for word in ("options", "values") if (found := _plain(issue.get(word)))), ())
                kind = next(
                    (issue[word] for word in ("format", "validation", "expected") if _told(issue.get(word))), ""
                )
                if "'" in kind:  # zod 3 says of an absent one of several words: 'a' | 'b'
                    kind, options = "", options or tuple(QUOTED.findall(kind))
                yield _Demand(place, kind, options)
        elif isinstance(params, dict) and isinstance(params.get("missingProperty"), str):
            above = [part for part in str(issue.get("instancePath", "")).split("/") if part]
            yield _Demand((*above, params["missingProperty"])[:MAX_DEPTH])


def _pydantic(text: str) -> Iterator[_Demand]:
    for place, said, kind in _PYDANTIC.findall(text):
        path = tuple(int(part) if part.isdecimal() else part for part in place.split("."))[:MAX_DEPTH]
        told = kind.removesuffix("_type").removesuffix("_parsing")
        extra = kind in ("unexpected_keyword_argument", "extra_forbidden")
        options = tuple(QUOTED.findall(said)) if kind in ("literal_error", "enum") else ()
        yield _Demand(path, "" if kind == "missing" else told, options, extra)


def _met(
    arguments: Mapping[str, Json], demand: _Demand, declared: Mapping[str, Json], place: str | None
) -> Mapping[str, Json]:
    """The arguments with one demand met; as they were where it cannot be."""
    changed = _with(arguments, demand.path, demand, declared if len(demand.path) == 1 else {}, place)
    return changed if isinstance(changed, dict) else arguments


def _with(
    holder: Json, path: tuple[str | int, ...], demand: _Demand, declared: Mapping[str, Json], place: str | None
) -> Json:
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        items = list(holder) if isinstance(holder, list) else []
        if not 0 <= head <= len(items):
            return items
        old = items[head] if head < len(items) else None
        items[head : head + 1] = [_with(old, rest, demand, {}, place) if rest else _value(demand, old, {}, place)]
        return items
    members = dict(holder) if isinstance(holder, dict) else {}
    name = quote(head)
    if rest:
        members[name] = _with(members.get(name), rest, demand, {}, place)
    elif demand.extra:
        members.pop(name, None)
    else:
        members[name] = _value(demand, members.get(name), declared, place)
    return members


def _value(demand: _Demand, old: Json, declared: Mapping[str, Json], place: str | None) -> Json:
    """A value that may do, plain: one of the options, what the schema allows, a word for the name."""
    for option in demand.options:
        if not isinstance(option, str) or (is_safe(option) and not destructive(option)):
            return quote(option) if isinstance(option, str) else option
    name = next((part for part in reversed(demand.path) if isinstance(part, str)), "")
    known = declared.get(name)
    if known is not None and known != old:
        return known
    kind = demand.kind.lower()
    wanted = next((value for begin, value in _TYPES if kind.startswith(begin)), None)
    if wanted is not None and not isinstance(wanted, str):
        return wanted
    if place is not None and PLACE.search(name):
        return place
    if kind in ("url", "uri"):
        return "{listener}/page"
    return words_for(kind if kind and wanted is None else name, slots=False)[0]


def _names(text: str, value: str) -> bool:
    """Whether a refusal names a value: in quotes, or behind a colon ("Invalid type: x. Must be ...")."""
    if not value:
        return False
    behind = re.search(rf": {re.escape(value)}(?![\w-])", text) if len(value) <= 200 else None
    return behind is not None or any(f"{sign}{value}{sign}" in text for sign in "'\"`")


def _strings(value: Json) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _plain(value: Json) -> tuple[Json, ...]:
    return tuple(item for item in value if isinstance(item, str | int)) if isinstance(value, list) else ()


def _told(value: Json) -> bool:
    return isinstance(value, str) and value != ""
