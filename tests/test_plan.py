"""The order of work: what is a list is gone through whole, what is drawn without end shares the round."""

from __future__ import annotations

from typing import Any

import pytest

from mcpfuzz.campaign.ending import lacking
from mcpfuzz.campaign.plan import ROUND_CASES, SESSION_FLOOR, SHARE_FLOOR, share, units
from mcpfuzz.model import Case, Operation, Send, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.catalogue import catalogue
from mcpfuzz.slots import Filler
from mcpfuzz.strategies.choices import Choices, RandomChoices
from mcpfuzz.wire import encode


def nothing(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    return None


def scenario(name: str, cases: int, *, kinds: bool = False, **more: Any) -> Scenario:
    of = ("tool",) if kinds else ()
    return Scenario(id=name, title=name, about=name, draw=nothing, rules=(), cases=cases, kinds=of, **more)  # type: ignore[arg-type]


def offering(tools: int, *places: str) -> Surface:
    operations = tuple(Operation(kind="tool", name=f"t{number}", schema={}) for number in range(tools))
    return Surface(
        revision="2025-11-25", revisions=(), server={}, capabilities={}, operations=operations, good={},
        places=frozenset(places),
    )  # fmt: skip


def test_a_list_is_gone_through_whole_however_much_there_is_besides() -> None:
    surface = offering(100)
    listed, drawn, each = scenario("listed", 40, rounds=1), scenario("drawn", 300), scenario("each", 400, kinds=True)
    done = dict.fromkeys(("listed", "drawn", "each"), 0)
    for unit in units((listed, drawn, each), surface, 1):
        done[unit.scenario.id] += unit.count
    assert done["listed"] == 40
    assert done["drawn"] < 300 and sum(done.values()) < 1.1 * ROUND_CASES


def test_every_pair_has_its_first_cases_before_any_has_more_and_slow_ones_have_few() -> None:
    fast, slow = scenario("fast", 40, kinds=True), scenario("slow", 10, kinds=True, alone=True)
    work = [(unit.scenario.id, unit.first, unit.count) for unit in units((slow, fast), offering(1), 1)]
    assert work == [
        ("fast", 0, 16), ("slow", 0, 4), ("fast", 16, 16), ("slow", 4, 4), ("fast", 32, 8), ("slow", 8, 2),
    ]  # fmt: skip


def test_what_a_user_gave_something_for_comes_first_and_in_larger_shares() -> None:
    given = scenario("given", 24, kinds=True, alone=True, early=True, needs=("workspace",))
    other = scenario("other", 8, kinds=True, early=True)
    work = [(unit.scenario.id, unit.count) for unit in units((other, given), offering(1, "workspace"), 1)]
    assert work == [("given", 16), ("other", 8), ("given", 8)]


def test_what_is_found_most_often_comes_first_and_many_operations_share_the_first_turn() -> None:
    given = scenario("given", 24, kinds=True, alone=True, early=True, needs=("workspace",))
    cheap, frequent = (
        scenario("cheap", 4, kinds=True, early=True),
        scenario("command-injection", 48, kinds=True, early=True),
    )
    likely = scenario("ssrf", 32, kinds=True, early=True)
    work = list(units((cheap, given, likely, frequent), offering(20, "workspace"), 1))
    assert list(dict.fromkeys(unit.scenario.id for unit in work)) == ["command-injection", "given", "ssrf", "cheap"]
    assert {unit.count for unit in work[:20]} == {8}


def test_a_second_round_goes_on_where_the_first_ended() -> None:
    work = [unit.first for unit in units((scenario("each", 20, kinds=True),), offering(1), 2)]
    assert work == [0, 16, 20, 36]


def test_of_the_long_lines_of_a_turn_one_is_more_than_ten_mebibytes() -> None:
    story, slots = catalogue()["malformed-frames"], Filler({})
    drawn = [story.draw(RandomChoices(1, nth), offering(2), None, nth) for nth in range(story.cases)]
    sizes = []
    for case in drawn:
        if case is not None and case.row == "F9":
            action = case.conversation.steps[0].action
            assert isinstance(action, Send)
            sizes.append(len(encode(slots.fill(action.message))))
    assert len(sizes) == 2
    assert 10 << 20 < sizes[0] < 15 << 20
    assert sizes[1] < 11 << 20


@pytest.mark.parametrize(
    ("places", "told"),
    [
        (frozenset(), "give a caller"), (frozenset({"credential"}), "does not tell its callers apart"),
        (frozenset({"credential", "authenticated"}), None),
    ],
)  # fmt: skip
def test_where_nobody_was_named_that_is_what_a_story_about_callers_lacks(
    places: frozenset[str], told: str | None
) -> None:
    story, surface = scenario("s", 1, needs=("authenticated",)), offering(1, *places)
    why = lacking(story, surface)
    assert why is None if told is None else told in (why or "")


def test_a_story_on_the_session_keeps_a_share_that_shows_every_kind_however_many_operations_there_are() -> None:
    stories = catalogue()
    assert share(stories["malformed-messages"], 0.01) == SESSION_FLOOR
    assert share(stories["boundary-arguments"], 0.01) == SHARE_FLOOR
