"""Paths that make files outside of the workspace."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, made
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.paths import writes
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    return aimed(SCENARIO.id, surface, operation, index, kind="path", payloads=writes, claims=_claims)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (made(payload.rule),)


SCENARIO = Scenario(
    id="file-write",
    title="Files written outside of the workspace",
    about="One place of a good call names something new outside of the workspace. A file or folder of that "
    "name, which nobody else can know, proves it.",
    draw=draw,
    rules=("file-write",),
    kinds=("tool", "resource", "prompt"),
    cases=32,
    early=True,
    needs=("workspace", "apart"),
    references=(
        "CWE-22",
        "CWE-73",
        "OWASP-LLM08",
    ),
)
