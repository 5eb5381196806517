"""The order of work: what is a list is gone through whole, what is drawn without end shares the round."""

from __future__ import annotations

from mcpfuzz.campaign.plan import ROUND_CASES, units
from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices


def nothing(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    return None


def scenario(name: str, cases: int, *, rounds: int | None = None, kinds: bool = False) -> Scenario:
    of = ("tool",) if kinds else ()
    return Scenario(
        id=name, title=name, about=name, draw=nothing, rules=(), cases=cases, rounds=rounds, kinds=of,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_list_is_gone_through_whole_however_much_there_is_besides() -> None:
    tools = tuple(Operation(kind="tool", name=f"t{number}", schema={}) for number in range(100))
    surface = Surface(
        revision="2025-11-25", revisions=(), server={}, capabilities={}, operations=tools, good={}
    )  # fmt: skip
    listed, drawn, each = scenario("listed", 40, rounds=1), scenario("drawn", 300), scenario("each", 400, kinds=True)
    done = dict.fromkeys(("listed", "drawn", "each"), 0)
    for unit in units((listed, drawn, each), surface, 1):
        done[unit.scenario.id] += unit.count
    assert done["listed"] == 40
    assert done["drawn"] < 300 and sum(done.values()) < 1.1 * ROUND_CASES
