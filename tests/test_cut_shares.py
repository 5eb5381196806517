"""Many operations share the time, so shares are cut: what is drawn from a list has something of all kinds early, and
what is dear comes seldom.
"""

from __future__ import annotations

from collections import Counter

import pytest

from mcpfuzz.model import Case, Operation, Surface, replace
from mcpfuzz.scenarios import hidden_tool, malformed_frames, malformed_messages, malformed_params
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.malformed import COSTLY
from mcpfuzz.strategies.choices import RandomChoices

TOOL = Operation(
    kind="tool", name="t", schema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
)
SURFACE = Surface(
    revision="2025-11-25", revisions=("2025-11-25",), server={}, capabilities={"tools": {}}, operations=(TOOL,),
    good={TOOL.key: ({"n": 1},)},
)  # fmt: skip
STORIES = [malformed_frames.SCENARIO, malformed_messages.SCENARIO, malformed_params.SCENARIO]


def rows(story: Scenario, count: int) -> Counter[str]:
    """Row -> how many of its cases are among the first `count`."""
    made: list[Case | None] = [story.draw(RandomChoices(1, index), SURFACE, None, index) for index in range(count)]
    return Counter(case.row for case in made if case is not None and case.row is not None)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
def test_a_share_that_was_cut_to_a_fifth_has_every_row(story: Scenario) -> None:
    whole = rows(story, 4 * story.cases)
    assert len(whole) >= 6
    assert rows(story, story.cases // 5).keys() == whole.keys()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
def test_rows_that_cost_much_are_drawn_twice_and_then_long_not_again(story: Scenario) -> None:
    once = rows(story, story.cases)
    dear = {row: count for row, count in once.items() if row in COSTLY}
    assert set(dear.values()) <= {2}
    assert min(count for row, count in once.items() if row not in dear) > 8


def test_names_of_hidden_tools_are_common_ones_and_made_ones_in_turns() -> None:
    surface = replace(SURFACE, operations=(replace(TOOL, name="show_widget"),))
    made = (hidden_tool.SCENARIO.draw(RandomChoices(1, index), surface, None, index) for index in range(12))
    names = {case.place.name for case in made if case is not None}
    assert len(names & set(hidden_tool.COMMON)) >= 5
    assert len({name for name in names if name.endswith("_widget")}) >= 5
