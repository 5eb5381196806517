"""Answers that hold more than anybody should be shown."""

from __future__ import annotations

import re

from mcpfuzz.model import Call, Case, Claim, Conversation, Operation, Place, Proof, Surface
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import flows, make, use
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind

_OFFERS = re.compile(
    r"passw|token|secret|credential|hash|log ?in|sign ?in|api ?key|encrypt|certificate|jwt", re.IGNORECASE
)
"""Whoever says so may show it."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The index-th good call; for what takes an id, of a thing that was made for it."""
    assert operation is not None
    if _OFFERS.search(f"{operation.name.replace('_', ' ')} {operation.description}"):
        return None
    good = surface.good.get(operation.key, ())
    found = flows(surface, operation)
    if index < len(good):
        calls: list[Call | None] = [bind(operation, good[index])]
    elif index - len(good) < len(found):
        flow = found[index - len(good)]
        calls = [make(surface, flow, None), use(surface, flow, 1)]
    else:
        return None
    said = [call for call in calls if call is not None]
    if len(said) < len(calls):
        return None
    declared = dict(operation.output_schema) if operation.output_schema else None
    proof = Proof(kind="exposed", expected="what the caller asked for", params={"declared": declared})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name),
        conversation=Conversation.of(*said),
        label="a good call shows it",
        claims=(Claim("data-exposure", proof),),
        control=Conversation.of(Call(BY_DATE[surface.revision].barrier)),
        valid=True,
    )


SCENARIO = Scenario(
    id="data-exposure",
    title="More than was asked for",
    about="Good calls, and their answers read for hashes of passwords, tokens, and personal data beside what the "
    "outputSchema declares. The value itself, under a name that says what it is, is the proof.",
    draw=draw,
    rules=("data-exposure",),
    kinds=("tool",),
    cases=6,
    early=True,
    references=("CWE-213", "CWE-200", "OWASP-API3", "OWASP-LLM06"),
)
