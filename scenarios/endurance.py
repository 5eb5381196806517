"""The same good call, many times over: memory must settle."""

from __future__ import annotations

from mcpfuzz.model import Call, Case, Conversation, Operation, Place, Step, Surface
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.calls import good_arguments
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind

WARM_UP, WINDOWS = 40, (80, 160, 320)
"""Calls before memory is looked at, and in the windows that must all show growth, call for call: a collector
that has not run yet falls behind in the longer ones."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    good = good_arguments(choices, surface, operation)
    if good is None:
        return None
    call = bind(operation, good)
    nothing = Call(BY_DATE[surface.revision].barrier)
    times = (WARM_UP, *WINDOWS)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name),
        conversation=Conversation(tuple(Step(action=call, times=count) for count in times)),
        label=f"{sum(times)} times the same good call",
        control=Conversation(tuple(Step(action=nothing, times=count) for count in times)),
        valid=True,
    )


SCENARIO = Scenario(
    id="endurance",
    title="The same call, many times over",
    about="A known-good call is repeated some hundreds of times while the process's memory is read. Growth in "
    "every window, which as many pings do not show, proves that each call leaves something behind.",
    draw=draw,
    rules=("memory-growth",),
    kinds=("tool", "prompt", "resource"),
    fixed=True,
    cases=1,
    rounds=1,
    alone=True,
    references=("CWE-401", "MCP U10"),
)
