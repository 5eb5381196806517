"""Text that a shell takes for commands."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, obeyed
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.commands import shell
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    return aimed(SCENARIO.id, surface, operation, index, kind="command", payloads=shell, claims=_claims)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (obeyed(payload.rule),)


SCENARIO = Scenario(
    id="command-injection",
    title="Commands in arguments",
    about="One place of a good call carries a harmless command in every quoting context of a POSIX shell. The "
    "file that it makes, named by this case's canary, proves that it ran.",
    draw=draw,
    rules=("command-injection",),
    kinds=("tool", "resource", "prompt"),
    cases=48,
    early=True,
    references=(
        "CWE-78",
        "CWE-77",
        "OWASP-LLM02",
        "OWASP-API8",
    ),
)
