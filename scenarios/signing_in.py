"""Tools that take a name and a password: whether names can be told, and passwords tried without end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpfuzz.identities import PASSWORD
from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Surface, pointer
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import plain
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind

NAME = re.compile(r"^(?:user|login|account)?_?(?:name|id)?$|user|mail|login", re.IGNORECASE)
SIGNS_IN = re.compile(r"\b(?:sign|log)[ _-]?(?:in|on)\b|\blogin\b|\bauthenticat|\bpassword", re.IGNORECASE)
TRIES = 30
"""Wrong passwords in a row; a bounded sample, no attack on anybody's account."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    found = _arguments(operation)
    if found is None:
        return None
    name, password = found
    known = next(_names(surface, operation, name), None)
    if index == 0:
        return _told_apart(surface, operation, name, password, known) if known is not None else None
    steps = [_call(surface, operation, name, password, known or "{canary:name}", str(i)) for i in range(TRIES)]
    proof = Proof(kind="unthrottled", expected="after a few failures it is slower, or refuses", params={"steps": TRIES})
    return _case(operation, password, steps, f"{TRIES} wrong passwords", Claim("login-unthrottled", proof))


def _told_apart(surface: Surface, operation: Operation, name: str, password: str, known: str) -> Case:
    """A known name and a made-up one in turn, twice, never with the right password."""
    steps = [
        _call(surface, operation, name, password, known, "1"),
        _call(surface, operation, name, password, "{canary:nobody}", "2"),
        _call(surface, operation, name, password, known, "3"),
        _call(surface, operation, name, password, "{canary:noone}", "4"),
    ]
    params = {"steps": 4, "known": [0, 2], "unknown": [1, 3], "name": known}
    proof = Proof(kind="told-apart", expected="the same words for a wrong name and a wrong password", params=params)
    return _case(operation, name, steps, "a wrong name, a wrong password", Claim("user-enumeration", proof))


def _call(surface: Surface, operation: Operation, name: str, password: str, who: str, canary: str) -> Call:
    given = plain(surface, operation) or {}
    return bind(operation, {**given, quote(name): who, quote(password): f"{{canary:{canary}}}"})


def _case(operation: Operation, argument: str, steps: list[Call], label: str, claim: Claim) -> Case:
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(argument)),
        conversation=Conversation.of(*steps),
        label=label,
        claims=(claim,),
    )


def _arguments(operation: Operation) -> tuple[str, str] | None:
    """The arguments for a name and for a password, where it signs somebody in."""
    names = list(operation.members)
    passwords = [name for name in names if PASSWORD.search(name)]
    others = [name for name in names if name not in passwords and NAME.search(name)]
    said = f"{operation.name.replace('_', ' ')} {operation.description[:500]}"
    return (others[0], passwords[0]) if passwords and others and SIGNS_IN.search(said) else None


def _names(surface: Surface, operation: Operation, argument: str) -> Iterator[str]:
    """Names that are likely to exist: those the schema or a good call tells."""
    for good in surface.good.get(operation.key, ()):
        yield from _text(good.get(argument))
    schema: Json = operation.members[argument]
    if isinstance(schema, dict):
        for word in ("examples", "enum"):
            values = schema.get(word)
            for value in values if isinstance(values, list) else ():
                yield from _text(value)
        yield from _text(schema.get("default"))


def _text(value: Json) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield quote(value)


SCENARIO = Scenario(
    id="signing-in",
    title="Names and passwords",
    about="A tool that takes a name and a password is given a known name and made-up ones, never the right password: "
    "other words for the known name, every time, prove that names can be told. Thirty wrong passwords that are all "
    "refused alike, in no more time, prove that they can be tried without end.",
    draw=draw,
    rules=("user-enumeration", "login-unthrottled"),
    kinds=("tool",),
    cases=2,
    rounds=1,
    early=True,
    alone=True,
    fresh=True,  # learning has tried the same name already, and a sound server remembers
    references=("CWE-204", "CWE-307", "OWASP-API2"),
)
