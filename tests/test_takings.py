"""Of many attacks that were said together, and many readings, the two that matter are left."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from mcpfuzz.campaign.takings import shortest_taking, takes_in
from mcpfuzz.model import Call, Case, Conversation, Exchange, Frame, Place, Proof, Suspicion, Trace, replace

DECOYS = {"decoy/beside": "8f1c77aa01", "decoy/linked": "8f1c77aa02"}
READINGS = Conversation.of(*(Call("tools/call", {"name": f"show{nth}", "arguments": {}}) for nth in range(10)))
SEEN = Suspicion(
    rule="path-traversal", place=Place(kind="tool", name="move"), title="", proof=Proof(kind="file-read", expected=""),
    observed="", cause="",
)  # fmt: skip
NOTHING: Any = None


def story(attacks: int) -> Case:
    steps = Conversation.of(*(Call("tools/call", {"name": "move", "arguments": {"n": n}}) for n in range(attacks)))
    said = Conversation((*steps.steps, *READINGS.steps))
    return Case(scenario="read-back", place=SEEN.place, conversation=said, label="", control=READINGS)


def shrunk(attacks: int, needed: set[int], readings: set[int], tries: int = 100) -> tuple[list[Any], bool, int]:
    """What is left, on a server that shows a decoy in some readings once the needed attacks were made."""
    count = 0

    async def said(conversation: Conversation) -> Trace:
        nonlocal count
        count, made, exchanges = count + 1, set(), []
        for index, step in enumerate(conversation.steps):
            params: Any = step.action.params  # type: ignore[union-attr]
            made |= {params["arguments"].get("n")}
            shown = needed <= made and params["name"] in {f"show{nth}" for nth in readings}
            text = DECOYS["decoy/linked"] if shown else "nothing"
            result = {"jsonrpc": "2.0", "id": index, "result": {"content": [{"type": "text", "text": text}]}}
            answer = Frame(raw=repr(result).encode(), value=result, faults=())
            exchanges.append(Exchange(step=index, sent=b"{}", id=index, answer=answer))
        return Trace(conversation=conversation, exchanges=tuple(exchanges), canaries=DECOYS)

    case = story(attacks)
    before = trio.run(said, case.conversation)
    now = Trace(
        conversation=READINGS, canaries=DECOYS,
        exchanges=tuple(replace(one, step=one.step - attacks) for one in before.exchanges[attacks:]),
    )  # fmt: skip
    count = 0
    best, minimal = trio.run(shortest_taking, case, SEEN, NOTHING, now, said, lambda: count >= tries)
    left = [step.action.params for step in best.steps]  # type: ignore[union-attr]
    return [one["arguments"].get("n", one["name"]) for one in left], minimal, count


@pytest.mark.parametrize("culprit", range(8))
def test_one_attack_and_one_reading_are_left_after_few_starts(culprit: int) -> None:
    left, minimal, count = shrunk(8, {culprit}, {3, 7})
    assert (left, minimal) == ([culprit, "show3"], True)
    assert count <= 4


def test_where_two_attacks_are_needed_they_stay_and_it_is_not_called_minimal() -> None:
    left, minimal, _ = shrunk(8, {1, 6}, {3})
    assert left == [*range(8), "show3"] and not minimal


def test_a_search_without_time_keeps_the_story_as_it_was() -> None:
    left, minimal, _ = shrunk(4, {0}, {0}, tries=0)
    assert left == [0, 1, 2, 3, "show0"] and not minimal


def test_where_no_reading_shows_it_any_more_the_story_stays_as_it_was() -> None:
    left, minimal, count = shrunk(4, {0}, set())
    assert len(left) == 14 and not minimal and count == 0


def test_only_a_decoy_that_other_tools_show_is_such_a_story() -> None:
    assert takes_in(story(3), SEEN)
    assert not takes_in(story(0), SEEN)
    single = Case(scenario="x", place=SEEN.place, conversation=READINGS, label="")
    assert not takes_in(single, SEEN)
