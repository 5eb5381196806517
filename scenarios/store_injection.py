"""Conditions in the languages of stores that are no SQL databases."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.attacks import good_calls, told_apart
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.operators import operators
from mcpfuzz.strategies.points import aim, points


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    good = good_calls(surface, operation)
    turn, which = divmod(index, len(good))
    found = aim(points(operation.schema, good[which]), "sql", turn)
    if found is None:
        return None
    point, rank = found
    choice = operators(point.text) if isinstance(point.base, str) else ()
    return told_apart(SCENARIO.id, operation, good[which], point, choice[rank]) if rank < len(choice) else None


SCENARIO = Scenario(
    id="store-injection",
    title="Conditions in document stores, XML and directories",
    about="One place of a good call becomes an operator, a predicate or a filter, once so that it changes nothing and "
    "once so that nothing matches. Answers that tell the two apart prove it.",
    draw=draw,
    rules=("nosql-injection", "xpath-injection", "ldap-injection"),
    kinds=("tool", "resource", "prompt"),
    cases=18,
    early=True,
    references=("CWE-943", "CWE-643", "CWE-90", "OWASP-LLM02"),
)
