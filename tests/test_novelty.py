"""What was said is not said again: what makes two cases the same, and who rests."""

from __future__ import annotations

import pytest

from mcpfuzz.campaign.novelty import MOST_REST, Novelty, body
from mcpfuzz.model import Action, Call, Case, Claim, Conversation, Json, Open, Place, Proof, Raw, Send, Step, replace
from mcpfuzz.scenarios.catalogue import catalogue

KEY = ("boundary-arguments", "tool", "echo")


def case(*actions: Action, scenario: str = "valid-arguments", row: str | None = None, ids: Json = None) -> Case:
    place = Place(kind="tool", name="echo")
    return Case(
        scenario=scenario, place=place, conversation=Conversation.of(*actions), label="x", row=row, ids=ids
    )  # fmt: skip


def call(text: str) -> Call:
    return Call("tools/call", {"name": "echo", "arguments": {"text": text}})


def sent(request_id: Json) -> Case:
    return case(Send({"jsonrpc": "2.0", "id": request_id, "method": "ping"}), row="R1", ids=request_id)


def test_a_call_that_was_drawn_is_not_new_and_another_is() -> None:
    novelty = Novelty()
    assert [novelty.new(case(call(text))) for text in ("a", "a", "b", "a")] == [True, False, True, False]


def test_the_same_words_in_another_scenario_or_row_are_new() -> None:
    novelty = Novelty()
    assert novelty.new(case(call("a")))
    assert novelty.new(case(call("a"), scenario="boundary-arguments"))
    assert novelty.new(case(call("a"), row="P1"))


def test_the_same_words_with_another_claim_or_label_of_truth_are_new() -> None:
    novelty, plain = Novelty(), case(call("a"))
    claims = [
        (Claim("ssrf", Proof(kind="hit", expected="none", params={"canary": name})),) for name in ("1", "2")
    ]  # fmt: skip
    made = [plain, replace(plain, valid=True), *(replace(plain, claims=claim) for claim in claims)]
    assert [novelty.new(one) for one in made] == [True] * 4
    assert [novelty.new(one) for one in made] == [False] * 4


@pytest.mark.parametrize("pair", [(4_000_000_000_001, 4_000_000_000_002), ("z12ab34cd", "z98ab34cd")])
def test_an_id_alone_makes_nothing_new(pair: tuple[Json, Json]) -> None:
    assert body(sent(pair[0])) == body(sent(pair[1]))


@pytest.mark.parametrize("pair", [([7], [8]), (7.5, 8.5), (True, False), (0, -1), ("a", "b"), (7, 8)])
def test_an_id_that_is_none_or_was_chosen_does(pair: tuple[Json, Json]) -> None:
    one, other = (case(Send({"id": value, "method": "ping"}), row="R1") for value in pair)
    assert body(one) != body(other)
    assert body(sent(7)) != body(sent(8))


def test_an_id_in_bytes_is_taken_out_and_a_number_beside_it_is_not() -> None:
    one, other, far = (
        case(Raw(f'{{"jsonrpc":"2.0","id":{request_id},"method":"tools/call","params":{{"a":{number}}}}}\n'))
        for request_id, number in ((10_000_000_001, 5), (10_000_000_002, 5), (10_000_000_001, 6))
    )
    assert body(one) == body(other) != body(far)


def test_an_argument_that_is_called_id_makes_a_call_new() -> None:
    one, other = (
        case(Call("tools/call", {"name": "echo", "arguments": {"id": number}}))
        for number in (10_000_000_001, 10_000_000_002)
    )
    assert body(one) != body(other)


@pytest.mark.parametrize(
    "steps",
    [
        (Step(action=call("a")), Step(action=call("a"))),
        (Step(action=call("a"), times=3),),
        (Step(action=call("a"), on="c2"),),
        (Step(action=Open()),),
    ],
)
def test_stories_are_always_new(steps: tuple[Step, ...]) -> None:
    made = case(call("a"))
    story = Case(scenario="s", place=made.place, conversation=Conversation(steps), label="x")
    novelty = Novelty()
    assert novelty.new(story) and novelty.new(story)


def test_what_tries_the_servers_state_is_not_asked_for_anything_new() -> None:
    concerned = {name for name, item in catalogue().items() if Novelty.concerns(item)}
    assert {"boundary-arguments", "malformed-frames", "ssrf"} <= concerned
    assert concerned.isdisjoint({"endurance", "store-injection", "hidden-tool"})


def test_a_pair_that_brings_little_rests_longer_each_time_and_not_in_the_first_round() -> None:
    novelty, turns = Novelty(), []
    for turn in range(40):
        if not novelty.rests(KEY, turn):
            turns.append(turn)
            novelty.note(KEY, turn, 16, 3)
    assert turns == [0, 2, 6, 14, 30]
    assert not novelty.rests(KEY, 0)


def test_no_rest_is_longer_than_the_most_and_news_end_it() -> None:
    novelty = Novelty()
    for _ in range(20):
        novelty.note(KEY, 100, 16, 0)
    assert novelty.rests(KEY, 100 + MOST_REST - 1) and not novelty.rests(KEY, 100 + MOST_REST)
    novelty.note(KEY, 100, 16, 16)
    assert not novelty.rests(KEY, 101)
