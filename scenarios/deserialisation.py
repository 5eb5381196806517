"""Packed objects that call a function."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, kinds_of_call, obeyed
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.documents import packed
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, index, kind="data", payloads=packed, claims=_claims, calls=calls)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (obeyed(payload.rule),)


SCENARIO = Scenario(
    id="deserialisation",
    title="Packed objects that call a function",
    about="One place of a good call holds a pickle, a YAML tag or the like. "
    "The folder or file that it makes, named by this case's canary, proves that it was unpacked.",
    draw=draw,
    rules=("deserialisation",),
    kinds=("tool", "resource", "prompt"),
    cases=20,
    early=True,
    references=("CWE-502", "OWASP-LLM02", "OWASP-API8"),
)
