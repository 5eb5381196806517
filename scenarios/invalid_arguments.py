"""Arguments with exactly one flaw that the schema forbids: the server must refuse them, and survive."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.calls import case_of, plan_of
from mcpfuzz.strategies.arguments import invalid
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    return case_of(SCENARIO.id, choices, surface, operation, invalid(choices, plan_of(operation)))


SCENARIO = Scenario(
    id="invalid-arguments",
    title="Arguments with one flaw",
    about="One place of a good call breaks the schema by one keyword, and it is known which. A normal answer "
    "proves that the schema is declared but not enforced.",
    draw=draw,
    rules=("unvalidated-arguments", "extra-argument-accepted", "stack-trace-leak", "path-leak", "secret-leak"),
    kinds=("tool",),
    cases=48,
    references=("MCP TL-12", "MCP TL-18", "CWE-20"),
)
