"""Proposals: calls that may well be good, likeliest first. The user's own examples and values; the plainest call
that the schema allows, pointed at the workspace and at our listener; then what a walk over the schema gives.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping

from mcpfuzz.campaign.demands import PLACE
from mcpfuzz.campaign.wording import brief, worded
from mcpfuzz.caution import takes_away
from mcpfuzz.effects.decoys import PACKED
from mcpfuzz.model import Json, Operation
from mcpfuzz.scenarios.calls import CannotGenerate, plan_of
from mcpfuzz.slots import quote
from mcpfuzz.strategies.arguments import valid
from mcpfuzz.strategies.choices import PlainChoices, RandomChoices
from mcpfuzz.strategies.own_values import own_calls
from mcpfuzz.strategies.points import Point, points, put

__all__ = ["MOST", "hollow", "present", "proposals", "sample_files", "strangers"]

TRIES = 12
"""Drawn calls per operation that may be spent on finding a good one."""
MOST_PLACED = 14
"""Calls per operation that are pointed at the workspace and at our listener."""
MOST = 28
"""Calls per operation, all in all."""
MAX_FILES = 3
"""Files of the workspace that are tried as values."""
OWN_FILES = (f"{{workspace}}/{PACKED}/plain.zip", f"{PACKED}/plain.zip")
"""A file that we laid into it: for tools that want an archive."""
SPARE = ("{workspace}/made.txt", "{workspace}/new.txt", OWN_FILES[0])
"""Files that nothing else needs."""
_STATEMENT = re.compile(r"^(?:sql|query|statement|stmt|select)$|_?(?:sql|query|statement)$", re.IGNORECASE)
_SPEAKS_SQL = re.compile(r"\bSQL|SQL\b|\bSELECT\b|\bdatabase\b")
_FOLDER = re.compile(r"dir(?:ectory)?$|folder$|repo(?:sitory)?(?:_?path)?$|root|workspace|cwd$", re.IGNORECASE)
"""A place that holds others, by its name."""
_BESIDE = re.compile(r"^(?:src|source|dst|dest(?:ination)?|target|output|from|to|location)$", re.IGNORECASE)
"""A place, by its name, where another argument speaks of one."""
_FRESH = re.compile(r"dest|dst|target|output|^to$|^new|save", re.IGNORECASE)
"""A place where something is made, by its name."""


def proposals(
    operation: Operation, examples: tuple[Mapping[str, Json], ...], seed: int, files: tuple[str, ...]
) -> tuple[list[Mapping[str, Json]], str | None]:
    """Arguments to try, likeliest first; and why there are no more, where the schema gives none.

    Args:
        examples: `{"tool": name, "arguments": {...}}`, also `prompt` and `resource`.
        files: see `sample_files`.
    """
    made = list(_shown(operation, examples))
    reason = None
    try:
        plan = plan_of(operation)
        drawn = [valid(PlainChoices(), plan), valid(PlainChoices(full=True), plan)]
        drawn += [
            valid(RandomChoices(seed, "learn", operation.kind, operation.name, nth), plan) for nth in range(TRIES)
        ]
        for index, arguments in enumerate(drawn):
            if not isinstance(arguments, dict):
                continue
            arguments = brief(arguments, operation)
            if index == 0:
                plain = _asking(arguments, operation)
                full = brief(_asking(drawn[1] if isinstance(drawn[1], dict) else arguments, operation), operation)
                if takes_away(operation):  # what nothing else needs comes first
                    files = tuple(sorted((*SPARE[: bool(files)], *files), key=lambda name: name not in SPARE))
                placed = [*itertools.islice(
                    _in_turn(_placed(plain, operation, files), _placed(full, operation, files)), MOST_PLACED
                )]  # fmt: skip
                own = own_calls(operation, arguments, seed)
                said = worded(placed[0] if placed else plain, operation, _elsewhere(operation, plain))
                first = (*own, *placed[:1], said, *placed[1:], plain, full)
                made += [item for nth, item in enumerate(first) if item not in made and item not in first[:nth]]
            if arguments not in made:
                made.append(arguments)
    except CannotGenerate as error:
        reason = f"cannot generate arguments: {error}"
    return (made or [{}])[:MOST], reason


def hollow(arguments: Json) -> bool:
    """Whether a call says nothing: some list or object in it is empty. It may be accepted for just that."""
    if isinstance(arguments, Mapping):
        return any(item == {} or hollow(item) for item in arguments.values())
    return isinstance(arguments, list) and (not arguments or any(map(hollow, arguments)))


def present(workspace: str | None) -> tuple[str, ...]:
    """The workspace and a few files in it, where they are."""
    if workspace is None:
        return ()
    found: list[str] = []
    for folder, folders, names in os.walk(workspace):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != PACKED)[:20]
        for name in sorted(names):
            path = os.path.join(folder, name)
            if (
                len(found) < MAX_FILES
                and not name.startswith(".")
                and os.path.isfile(path)
                and not os.path.islink(path)
            ):
                found.append(path)
    return (workspace, *found)


def sample_files(workspace: str | None) -> tuple[str, ...]:
    """Values that a path may have: the workspace, a few files in it (whole path and relative), and a new one."""
    if workspace is None:
        return ()
    names = [quote(os.path.relpath(path, workspace)) for path in present(workspace)[1:]]
    some = [form for name in names for form in ("{workspace}/" + name, name)]
    return ("{workspace}", *some[:2], "{workspace}/new.txt", OWN_FILES[0], ".", *some[2:], *OWN_FILES[1:])


def strangers(operations: Iterable[Operation], examples: Iterable[Mapping[str, Json]]) -> tuple[str, ...]:
    """What examples name and the server does not offer: `tool 'read'`."""
    known = tuple(operations)
    return tuple(dict.fromkeys(
        f"{kind} {example[kind]!r}"
        for example in examples for kind in ("tool", "prompt", "resource")
        if kind in example and not any(True for one in known for _ in _shown(one, (example,)))
    ))  # fmt: skip


def _shown(operation: Operation, examples: tuple[Mapping[str, Json], ...]) -> Iterator[Mapping[str, Json]]:
    """What examples say of an operation."""
    for example in examples:
        if example.get(operation.kind) == operation.name:
            given = example.get("arguments", {})
            yield given if isinstance(given, dict) else {}
        elif operation.template is not None and isinstance(example.get("resource"), str):
            matched = _match_template(operation.template, example["resource"])
            if matched is not None:
                yield matched


def _asking(arguments: Mapping[str, Json], operation: Operation) -> Mapping[str, Json]:
    """Arguments that hold a statement where a tool speaks of SQL: any word would be a wrong one."""
    for point in points(operation.schema, arguments):
        said = f"{operation.name} {operation.description[:4_000]} {point.schema.get('description') or ''}"
        if isinstance(point.base, str) and _STATEMENT.search(point.name) and _SPEAKS_SQL.search(said):
            arguments = put(arguments, point, "SELECT 1 AS one")
    return arguments


def _in_turn(one: Iterator[Mapping[str, Json]], other: Iterator[Mapping[str, Json]]) -> Iterator[Mapping[str, Json]]:
    """The first of each, then the second of each; every one once."""
    seen: list[Mapping[str, Json]] = []
    for item in itertools.chain.from_iterable(itertools.zip_longest(one, other)):
        if item is not None and item not in seen:
            seen.append(item)
            yield item


def _placed(
    arguments: Mapping[str, Json], operation: Operation, files: tuple[str, ...]
) -> Iterator[Mapping[str, Json]]:
    """Arguments whose texts, however deep, by name or description speak of a place or an address: pointed at the
    workspace, at files in it, and at our own listener."""
    given = [point for point in points(operation.schema, arguments) if isinstance(point.base, str)]
    places = [point for point in given if _speaks_of_place(point.name, point.schema)]
    if places:  # beside a file, a destination is one too
        places += [point for point in given if point not in places and _BESIDE.search(point.name)]
    addresses = [point for point in given if _speaks_of_address(point.name, point.schema)]
    for address in addresses:
        if address not in places:
            arguments = put(arguments, address, "{listener}/page")
    if files and places:
        yield _pointed(arguments, places, files[0], uniform=True)
    if addresses:
        asked = arguments
        for address in addresses:
            asked = put(asked, address, "{listener}/page")
        others = [place for place in places if place not in addresses]
        if files and others:
            yield _pointed(asked, others, "{workspace}/new.txt")
        yield asked
    for value in files[1:] if places else ():
        yield _pointed(arguments, places, value)


def _pointed(
    arguments: Mapping[str, Json], places: list[Point], value: str, *, uniform: bool = False
) -> Mapping[str, Json]:
    """All places at one value; unless `uniform`, where several differ in what they are for, what holds the others is
    the workspace, and what is made is new."""
    kinds = [
        "fresh" if _FRESH.search(place.name) else "folder" if _FOLDER.search(place.name) else "" for place in places
    ]
    for place, kind in zip(places, kinds, strict=True):
        if kind and not uniform and len(set(kinds)) > 1:
            arguments = put(arguments, place, "{workspace}" if kind == "folder" else "{workspace}/made.txt")
        else:
            arguments = put(arguments, place, value)
    return arguments


def _elsewhere(operation: Operation, arguments: Mapping[str, Json]) -> frozenset[str]:
    """Names of texts that speak of a place or an address."""
    given = points(operation.schema, arguments)
    return frozenset(
        point.name for point in given
        if _speaks_of_place(point.name, point.schema) or _speaks_of_address(point.name, point.schema)
    )  # fmt: skip


def _speaks_of_address(name: str, schema: Json) -> bool:
    said = (
        f"{name} {schema.get('description') or ''} {schema.get('format') or ''}" if isinstance(schema, dict) else name
    )
    return re.search(r"\bur[il]\b|_url|endpoint|web ?page|https?:", said, re.IGNORECASE) is not None


def _speaks_of_place(name: str, schema: Json) -> bool:
    description = schema.get("description") if isinstance(schema, dict) else None
    closed = isinstance(schema, dict) and ("enum" in schema or "const" in schema)
    return not closed and PLACE.search(f"{name} {description or ''}") is not None


def _match_template(template: str, uri: str) -> Mapping[str, Json] | None:
    """The variables of a simple template that give `uri`."""
    pattern, position = "", 0
    for match in re.finditer(r"\{([+#./;?&]?)([\w]+)\*?\}", template):
        before = {"/": "/", ".": r"\.", "#": "#", "?": rf"\?{match[2]}=", "&": f"&{match[2]}=", ";": f";{match[2]}="}
        pattern += re.escape(template[position : match.start()]) + before.get(match[1], "") + f"(?P<{match[2]}>.+?)"
        position = match.end()
    found = re.fullmatch(pattern + re.escape(template[position:]), uri)
    return found.groupdict() if found else None
