"""Text that is run as code."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, kinds_of_call, obeyed
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.evaluations import code
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, index, kind="code", payloads=code, claims=_claims, calls=calls)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (obeyed(payload.rule),)


SCENARIO = Scenario(
    id="code-evaluation",
    title="Text that is run as code",
    about="One place of a good call holds code in the languages that servers are written in. "
    "The file that it makes, named by this case's canary, proves that it ran.",
    draw=draw,
    rules=("code-evaluation",),
    kinds=("tool", "resource", "prompt"),
    cases=40,
    early=True,
    references=("CWE-95", "CWE-94", "OWASP-LLM02"),
)
