"""Text that becomes part of a statement."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, computed, kinds_of_call, told_apart
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.payload import Payload
from mcpfuzz.strategies.queries import pairs, unions

BOTH = 32
"""Cases of which every second is a pair of conditions; the others, and all after them, are products."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    turn, odd = divmod(index, 2)
    if index < BOTH and odd:
        return told_apart(SCENARIO.id, surface, operation, turn, pairs=pairs)
    number = turn if index < BOTH else index - BOTH // 2
    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, number, kind="sql", payloads=unions, claims=_claims, calls=calls)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (computed(payload.rule),)


SCENARIO = Scenario(
    id="sql-injection",
    title="Text that becomes part of a statement",
    about="One place of a good call leaves its quotes and asks for the product of two random numbers, or adds a "
    "condition that holds and one that does not. The product in the answer, or answers that tell the "
    "conditions apart, prove it.",
    draw=draw,
    rules=("sql-injection",),
    kinds=("tool", "resource", "prompt"),
    cases=64,
    early=True,
    references=("CWE-89", "OWASP-LLM02", "OWASP-API8"),
)
