"""Statements that reach the disk."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, kinds_of_call, made, read
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.payload import Payload
from mcpfuzz.strategies.queries import files


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, index, kind="sql", payloads=files, claims=_claims, calls=calls)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (made(payload.rule) if payload.rule == "file-write" else read(payload.rule),)


SCENARIO = Scenario(
    id="sql-files",
    title="Statements that read and write files",
    about="One place of a good call becomes a statement that attaches, copies, exports or reads a file outside of the "
    "workspace. A file with this case's canary in its name, or a decoy's canary in the answer, proves it.",
    draw=draw,
    rules=("file-write", "path-traversal"),
    kinds=("tool", "resource", "prompt"),
    cases=32,
    early=True,
    references=("CWE-73", "CWE-22", "CWE-89", "OWASP-LLM08"),
)
