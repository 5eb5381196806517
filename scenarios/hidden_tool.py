"""Tools that are not listed and answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, zip_longest

from mcpfuzz.caution import looks_destructive
from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Surface
from mcpfuzz.oracles.reading import strings
from mcpfuzz.scenarios.base import Scenario, per_surface
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import words

MOST = 96
_MENTIONED = re.compile(
    r"\b[a-z][a-z0-9]{1,30}(?:[_-][a-z0-9]{1,30}){1,5}\b|\b[a-z]{2,20}(?:[A-Z][a-z0-9]{1,20}){1,4}\b|`([\w.-]{3,60})`"
)
COMMON = (
    "admin", "debug", "debug_info", "get_config", "get_settings", "show_config", "dump_config", "get_env", "env",
    "status", "health", "internal", "test", "list_users", "get_users", "get_user",
    "admin_panel", "get_secrets", "list_secrets",
    "get_logs", "show_logs", "list_tools", "get_state", "dump_state", "debug_state", "eval", "query", "info", "whoami",
    "login", "get_token", "list_tokens", "list_sessions", "export_data", "metrics",
)  # fmt: skip
PREFIXES = ("admin", "debug", "internal", "list", "get", "export", "all", "test")


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The index-th name: a made-up one first, which must be refused; then the name, without arguments, then with the
    one that the refusal asks for."""
    names = _names(surface)
    if index >= len(names) or not any(item.kind == "tool" for item in surface.operations):
        return None
    name = names[index]
    unknown = _call(f"{name}_{{canary:unknown}}", {})
    given: tuple[dict[str, Json], ...] = ({}, {"{wanted:2}": 1}, {"{wanted:2}": "a"})
    tries = [_call(name, arguments) for arguments in given]
    params = {"steps": 1 + len(tries), "unknown": 0, "tries": list(range(1, 1 + len(tries))), "name": name}
    proof = Proof(kind="hidden", expected="unknown tool", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="tool", name=name),
        conversation=Conversation.of(unknown, *tries),
        label="it is not listed",
        claims=(Claim("hidden-tool", proof),),
    )


def _call(name: str, arguments: dict[str, Json]) -> Call:
    return Call("tools/call", {"name": name, "arguments": arguments})


@per_surface
def _names(surface: Surface) -> tuple[str, ...]:
    """All of them."""
    return tuple(_worth_a_try(surface))


def _worth_a_try(surface: Surface) -> Iterator[str]:
    """Names worth a try, likely ones first: mentioned somewhere; then made after those that are listed and common, in
    turns, since a share may be cut."""
    listed = {item.name for item in surface.operations}
    known = listed | {name for item in surface.operations for name in item.members}
    seen = set(known)
    count = 0
    guessed = (name for pair in zip_longest(COMMON, _derived(surface)) for name in pair if name is not None)
    for name in chain(_mentioned(surface), guessed):
        name = quote(name)
        if name in seen or looks_destructive({"name": name}):
            continue
        seen.add(name)
        count += 1
        if count > MOST:
            return
        yield name


def _mentioned(surface: Surface) -> Iterator[str]:
    for item in surface.operations:
        for match in _MENTIONED.finditer(item.description + "\n" + strings(dict(item.schema))):
            yield match.group(1) or match.group(0)


def _derived(surface: Surface) -> Iterator[str]:
    """The things that listed tools are about, under other verbs; breadth first."""
    things = dict.fromkeys(
        word for item in surface.operations if item.kind == "tool" for word in sorted(words(item.name))
    )
    for prefix in PREFIXES:
        for thing in list(things)[:6]:
            yield f"{prefix}_{thing}"


SCENARIO = Scenario(
    id="hidden-tool",
    title="Tools that are not listed",
    about="Names that descriptions mention, names made after those that are listed and common names of tools for staff "
    "are called. A normal answer, where a made-up name beside it is refused, proves that hiding is all that protects.",
    draw=draw,
    rules=("hidden-tool",),
    cases=MOST,
    early=True,
    alone=True,
    references=("CWE-912", "OWASP-API5", "OWASP-API9"),
)
