"""Text that a program takes for options."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, obeyed, read
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.commands import options
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    return aimed(SCENARIO.id, surface, operation, index, kind="command", payloads=options, claims=_claims)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (obeyed(payload.rule), read(payload.rule))


SCENARIO = Scenario(
    id="argument-injection",
    title="Options in arguments",
    about="One place of a good call begins with a dash, or has one behind a blank. A file that an option of "
    "some program writes, named by this case's canary, proves it; so does a decoy that an option reads.",
    draw=draw,
    rules=("argument-injection",),
    kinds=("tool", "resource", "prompt"),
    cases=40,
    early=True,
    references=(
        "CWE-88",
        "OWASP-LLM02",
    ),
)
