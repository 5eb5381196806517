"""Text that is rendered as a template."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, computed, kinds_of_call
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.evaluations import templates
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, index, kind="code", payloads=templates, claims=_claims, calls=calls)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (computed(payload.rule),)


SCENARIO = Scenario(
    id="template-injection",
    title="Text that is rendered as a template",
    about="One place of a good call holds a product of two random numbers between the braces of a template language. "
    "The product in the answer proves it; the same text without braces must not bring it.",
    draw=draw,
    rules=("template-injection",),
    kinds=("tool", "resource", "prompt"),
    cases=32,
    early=True,
    references=("CWE-1336", "OWASP-LLM02"),
)
