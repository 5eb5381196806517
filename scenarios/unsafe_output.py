"""Markup that comes back as markup where it is declared to be escaped."""

from __future__ import annotations

import re

from mcpfuzz.model import Case, Claim, Operation, Proof, Surface
from mcpfuzz.scenarios.attacks import aimed, kinds_of_call
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.markup import markup
from mcpfuzz.strategies.payload import Payload

_CLEAN = re.compile(r"escap|saniti[sz]|clean(ed)? html|safe html|html.?safe|strip(s|ped)? (html|tags|scripts)")


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None

    def claims(payload: Payload) -> tuple[Claim, ...]:
        params = {"canary": "1", "text": payload.keep[0], "declared": declared(operation)}
        return (Claim(payload.rule, Proof(kind="unescaped", expected="markup comes back as text", params=params)),)

    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, index, kind="text", payloads=markup, claims=claims, calls=calls)


def declared(operation: Operation) -> bool:
    """Whether the operation says that what it answers is escaped."""
    return _CLEAN.search(operation.description.lower()) is not None


SCENARIO = Scenario(
    id="unsafe-output",
    title="Markup that comes back as markup",
    about="One place of a good call holds an element, a link or a control sequence with this case's canary. It proves "
    "something only where it comes back as it was, in a channel that is of type text/html or said to be escaped.",
    draw=draw,
    rules=("unsafe-output",),
    kinds=("tool", "resource", "prompt"),
    cases=8,
    early=True,
    references=("CWE-79", "CWE-116", "OWASP-LLM02"),
)
