"""Paths that lead to decoys outside of the workspace."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, read
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.paths import reads
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    return aimed(SCENARIO.id, surface, operation, index, kind="path", payloads=reads, claims=_claims)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (read(payload.rule),)


SCENARIO = Scenario(
    id="path-traversal",
    title="Paths out of the workspace",
    about="One place of a good call is replaced by a path to a decoy beside the workspace: absolute, climbing, "
    "encoded, by a name that begins alike, through a link. An answer that holds the decoy's canary proves "
    "it.",
    draw=draw,
    rules=(
        "path-traversal",
        "symlink-escape",
    ),
    kinds=("tool", "resource", "prompt"),
    cases=64,
    early=True,
    needs=("workspace", "apart"),
    references=(
        "CWE-22",
        "CWE-59",
        "OWASP-API1",
        "MCP RS-11",
    ),
)
