"""Conditions in the languages of stores that are no SQL databases."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.attacks import told_apart
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.operators import operators


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    return told_apart(SCENARIO.id, surface, operation, index, pairs=operators)


SCENARIO = Scenario(
    id="store-injection",
    title="Conditions in document stores, XML and directories",
    about="One place of a good call becomes an operator, a predicate or a filter, once so that it changes nothing and "
    "once so that nothing matches. Answers that tell the two apart prove it.",
    draw=draw,
    rules=("nosql-injection", "xpath-injection", "ldap-injection"),
    kinds=("tool", "resource", "prompt"),
    cases=12,
    early=True,
    alone=True,
    references=("CWE-943", "CWE-643", "CWE-90", "OWASP-LLM02"),
)
