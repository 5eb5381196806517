"""Extreme arguments, legal or not: bounds and one beyond, huge numbers, long and odd texts, deep nesting."""

from __future__ import annotations

import re

from mcpfuzz.model import Case, Json, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.calls import case_of, plan_of
from mcpfuzz.strategies.arguments import boundary
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.wire import encode

BULKY = 12_000
"""Bytes of one call beyond which one draw in ten is kept."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    plan = plan_of(operation)
    stretched = boundary(choices, plan)
    if "unknown propert" in stretched.why and choices.chance(75):  # named arguments are what a tool works on
        stretched = boundary(choices, plan)
    if _bulk(stretched.value) > BULKY and choices.chance(90):  # megabytes cost time and show little more
        stretched = boundary(choices, plan)
    return case_of(SCENARIO.id, choices, surface, operation, stretched)


def _bulk(value: Json) -> int:
    """Bytes that long texts will have once sent."""
    text = encode(value).decode("utf-8", "replace")
    return len(text) + sum(int(count) for count in re.findall(r"\{repeat:(\d+):", text))


SCENARIO = Scenario(
    id="boundary-arguments",
    title="Extreme arguments",
    about="One point of a good call is stretched: the least and the greatest number, text that makes a careless "
    "pattern explode, nesting without end. The server must stay alive, answer, and keep its answers small.",
    draw=draw,
    rules=("crash", "hang", "no-answer", "oversized-answer", "stack-trace-leak"),
    kinds=("tool", "prompt", "resource", "completion"),
    cases=120,
    references=("CWE-248", "CWE-1333", "CWE-674", "OWASP-API4"),
)
