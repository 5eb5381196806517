"""A call that waits as long as its caller asked it to is no hang; one that waits for anything else is."""

from __future__ import annotations

from typing import Any

import pytest

from mcpfuzz.campaign.pace import Pace
from mcpfuzz.campaign.reach import Reach
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.model import Call, Case, Conversation, Ending, Exchange, Json, Operation, Place, Surface, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.judging import judge_trace
from mcpfuzz.waits import asked_s, waits_in


def schema(**properties: dict[str, Json]) -> dict[str, Json]:
    return {"type": "object", "properties": {**properties}}


NUMBER: dict[str, Json] = {"type": "number"}
NAPS = schema(delayMs=NUMBER, text={"type": "string"})


@pytest.mark.parametrize(
    ("name", "inner", "unit"),
    [
        ("delayMs", NUMBER, 0.001),
        ("delay_ms", NUMBER, 0.001),
        ("duration", {"type": "number", "description": "Duration of the operation in seconds"}, 1.0),
        ("duration", {"type": "integer", "description": "how long, in milliseconds"}, 0.001),
        ("timeout", NUMBER, 1.0),
        ("wait_minutes", NUMBER, 60.0),
        ("seconds", NUMBER, 1.0),
        ("n", {"type": "integer", "description": "How long to sleep"}, 1.0),
    ],
)
def test_an_argument_that_says_how_long_to_wait_is_told_by_name_or_description(
    name: str, inner: dict[str, Json], unit: float
) -> None:
    assert waits_in(schema(**{name: inner})) == {name: [unit, None]}


@pytest.mark.parametrize("name", ["items", "terms", "programs", "text", "count", "depth", "forms", "secs_of_who"])
def test_other_arguments_are_no_waits(name: str) -> None:
    assert waits_in(schema(**{name: NUMBER})) == {}


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        ({"delayMs": 65536}, 65.536),
        ({"delayMs": "2000"}, 2.0),
        ({"delayMs": "3s"}, 3.0),
        ({"delayMs": 1000, "times": 7}, 7.0),
        ({"delayMs": -5}, 0.0),
        ({"delayMs": True}, 0.0),
        ({"delayMs": float("nan")}, 0.0),
        ({"text": "65536"}, 0.0),
        ({}, 0.0),
        ([], 0.0),
    ],
)
def test_what_was_asked_is_counted_in_seconds(arguments: Json, seconds: float) -> None:
    assert asked_s(arguments, waits_in(NAPS)) == pytest.approx(seconds)


def test_what_is_left_out_is_what_the_schema_says_it_is() -> None:
    naps = waits_in(schema(duration={"type": "number", "default": 10, "description": "in seconds"}))
    assert naps == {"duration": [1.0, 10]}
    assert [asked_s(given, naps) for given in ({}, None, {"duration": 2})] == [10.0, 10.0, 2.0]


def rules(arguments: dict[str, Json], *, waited_s: float, transport: str = "stdio", silent: bool = False) -> set[str]:
    """What is suspicious where a call with these arguments is not answered."""
    tool = Operation(kind="tool", name="nap", schema=NAPS)
    surface = Surface(
        revision="2025-11-25", revisions=(), server={}, capabilities={}, operations=(tool,), good={}
    )  # fmt: skip
    call = Call("tools/call", {"name": "nap", "arguments": arguments})
    made: dict[str, Any] = {"kind": "silent", "detail": "ping unanswered"} if silent else {}
    trace = Trace(
        conversation=Conversation.of(call),
        exchanges=(Exchange(step=0, sent=b"{}", id=1, waited_s=waited_s),),
        ending=Ending(**made),
    )
    case = Case(scenario="s", place=Place(kind="tool", name="nap"), conversation=Conversation.of(call), label="")
    bench = Bench(revision="2025-11-25", transport=transport)
    return {suspicion.rule for suspicion in judge_trace(case, trace, bench, surface)}


@pytest.mark.parametrize(
    ("arguments", "waited_s", "found"),
    [
        ({"delayMs": 65536}, 10.0, set()),
        ({"delayMs": 10_000}, 10.0, set()),
        ({"delayMs": 200}, 10.0, {"no-answer"}),
        ({"delayMs": 0, "text": "65536"}, 10.0, {"no-answer"}),
        ({}, 10.0, {"no-answer"}),
    ],
)
def test_a_wait_that_was_asked_for_is_no_missing_answer(
    arguments: dict[str, Json], waited_s: float, found: set[str]
) -> None:
    assert rules(arguments, waited_s=waited_s) == found


@pytest.mark.parametrize(("transport", "found"), [("stdio", set()), ("ws", set()), ("sse", set()), ("http", {"hang"})])
def test_a_wait_that_was_asked_for_may_hold_up_its_own_connection_but_not_other_requests_over_http(
    transport: str, found: set[str]
) -> None:
    assert rules({"delayMs": 65536}, waited_s=10.0, transport=transport, silent=True) == found


def test_a_hang_that_nobody_asked_for_is_told_beside_a_wait_that_was_too_short_for_it() -> None:
    assert rules({"delayMs": 50}, waited_s=10.0, silent=True) == {"hang"}


def pace(max_time: float) -> Pace:
    made = Pace(Settings(scenarios=(), seed=1, max_time=max_time), Reach())
    made.enter(Operation(kind="tool", name="nap", schema=NAPS))
    return made


def test_an_operation_that_only_waits_as_told_is_left_alone_after_a_twentieth_of_the_budget() -> None:
    clock = pace(60)
    clock.waste(2.9)
    assert clock.too_dear() is None
    clock.waste(0.2)
    assert "nap" in str(clock.too_dear())
    clock.enter(Operation(kind="tool", name="other", schema=NAPS))
    assert clock.too_dear() is None
    clock.enter(None)
    clock.waste(100)
    assert clock.too_dear() is None  # the session is nobody's operation
