"""Shrinking: neighbours get lighter, keep their types, and a greedy walk over them ends at the plainest case."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpfuzz.campaign.prover import Prover, _shown_by
from mcpfuzz.campaign.shrink import keeps, simpler, single_readings, weight
from mcpfuzz.campaign.smallest import Smallest
from mcpfuzz.campaign.supply import OutOfStarts
from mcpfuzz.model import (
    Action,
    Call,
    Case,
    Claim,
    Close,
    Conversation,
    Json,
    Open,
    Place,
    Proof,
    Raw,
    Send,
    Step,
    Surface,
    Suspicion,
    Wait,
)
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.slots import Filler

TRIES = 20_000


def calling(arguments: Any, **more: Any) -> Conversation:
    return Conversation.of(Call("tools/call", {"name": "t", "arguments": arguments, **more}))


def arguments_of(conversation: Conversation) -> Any:
    action = conversation.steps[0].action
    assert isinstance(action, Call)
    return action.params["arguments"]


def shrunk(start: Conversation, shows: Callable[[Conversation], bool], *, inside: bool = True) -> Conversation:
    """The prover's walk: the first lighter neighbour that still shows it, until there is none."""
    best, tries = start, 0
    assert shows(best)
    while True:
        for candidate in simpler(best, inside=inside):
            tries += 1
            assert tries < TRIES
            if weight(candidate) < weight(best) and shows(candidate):
                best = candidate
                break
        else:
            return best


def smallest(
    start: Conversation, shows: Callable[[Conversation], bool], *, most: int = 200, inside: bool = True
) -> Smallest:
    """The prover's search; it tries `most` conversations at most."""
    tries = 0

    async def tried(candidate: Conversation) -> bool:
        nonlocal tries
        tries += 1
        return shows(candidate)

    search = Smallest(start, tried, lambda: tries >= most, inside=inside)
    trio.run(search.find)
    assert shows(search.best)
    return search


def frame(conversation: Conversation) -> str:
    action = conversation.steps[0].action
    assert isinstance(action, Raw) and isinstance(action.data, str)
    return str(Filler({}).fill(action.data))


def shrunk_arguments(start: Any, shows: Callable[[Any], bool]) -> Any:
    return arguments_of(shrunk(calling(start), lambda conversation: shows(arguments_of(conversation))))


# ---- minima


@pytest.mark.parametrize(("start", "minimum"), [(40, 1), (7, 3), (100, 99)])
def test_the_steps_that_matter_are_what_is_left(start: int, minimum: int) -> None:
    needed = {f"s{number}" for number in range(0, start, max(1, start // minimum))}
    steps = tuple(Step(action=Call(f"s{number}")) for number in range(start))

    def shows(conversation: Conversation) -> bool:
        return needed <= {step.action.method for step in conversation.steps if isinstance(step.action, Call)}

    assert len(shrunk(Conversation(steps), shows)) == len(needed)


def test_one_step_of_forty_is_found_in_few_tries() -> None:
    tries = 0

    def shows(conversation: Conversation) -> bool:
        nonlocal tries
        tries += 1
        return any(step.action == Call("bad") for step in conversation.steps)

    steps = [Call(f"s{number}") for number in range(39)]
    assert shrunk(Conversation.of(*steps[:23], Call("bad"), *steps[23:]), shows) == Conversation.of(Call("bad"))
    assert tries < 40


def test_repetitions_become_fewer() -> None:
    start = Conversation((Step(action=Call("ping"), times=1_000),))
    assert shrunk(start, lambda conversation: conversation.steps[0].times >= 7).steps[0].times == 7


def test_one_key_of_an_object_is_found() -> None:
    start = {f"k{number}": {"deep": ["text", number]} for number in range(30)}
    assert shrunk_arguments(start, lambda value: "k17" in value) == {"k17": {}}


def test_one_item_of_an_array_is_found() -> None:
    start = {"list": [{"id": number} for number in range(30)]}
    assert shrunk_arguments(start, lambda value: {"id": 17} in value.get("list", [])) == {"list": [{"id": 17}]}


@pytest.mark.parametrize("text", ["x" * 37 + "'" + "y" * 200, "'", "a'b", "'" + "x" * 30])
def test_the_one_character_of_a_text_is_found(text: str) -> None:
    assert shrunk_arguments({"q": text}, lambda value: "'" in value.get("q", "")) == {"q": "'"}


def test_a_long_text_that_only_must_be_long_gets_exactly_long_enough() -> None:
    made = shrunk_arguments({"q": "xyz" * 500}, lambda value: len(value.get("q", "")) >= 257)
    assert len(made["q"]) == 257


def test_a_text_of_which_only_the_length_matters_becomes_plain() -> None:
    assert shrunk_arguments({"q": "xyz"}, lambda value: len(value.get("q", "")) >= 2) == {"q": "aa"}


@pytest.mark.parametrize(
    ("start", "bound"), [(10**6, 1_000), (1_999, 1_000), (2**40, 3_000), (99, 12), (-(10**6), -1_000)]
)
def test_a_number_beyond_a_bound_shrinks_to_the_bound(start: int, bound: int) -> None:
    assert shrunk_arguments({"n": start}, lambda value: abs(value.get("n", 0)) >= abs(bound)) == {"n": bound}


@pytest.mark.parametrize(
    ("start", "shows", "minimum"), [(-777, lambda n: n < 0, -1), (12345, lambda n: n != 0, 1), (-5, lambda n: True, 0)]
)
def test_a_number_of_which_little_is_asked_becomes_small(
    start: int, shows: Callable[[int], bool], minimum: int
) -> None:
    assert shrunk_arguments({"n": start}, lambda value: "n" in value and shows(value["n"])) == {"n": minimum}


def test_minus_zero_becomes_zero() -> None:
    assert str(shrunk_arguments({"n": -0.0}, lambda said: said.get("n") == 0)["n"]) == "0.0"


def attack(path: str) -> Case:
    claim = Claim(rule="path-traversal", proof=Proof(kind="file-read", params={}, expected=""))
    place = Place(kind="tool", name="t", argument="/path")
    return Case(
        scenario="s",
        place=place,
        conversation=calling({"path": path}),
        label="",
        claims=(claim,),
        keep=("/decoys/one",),
    )


@pytest.mark.parametrize(
    ("rule", "path", "kept"),
    [
        ("path-traversal", "/decoys/one", True),
        ("path-traversal", "/decoys", False),
        ("path-traversal", "", False),
        ("crash", "/decoys", False),  # names something
        ("crash", "", True),
        ("crash", "aaa", True),
        ("crash", "a/a", False),
    ],
)
def test_half_a_path_is_never_sent_and_what_was_found_in_passing_needs_none(rule: str, path: str, kept: bool) -> None:
    assert keeps(attack("../../decoys/one"), calling({"path": path}), rule) is kept


def test_a_crash_that_an_attack_met_shrinks_to_a_plain_text() -> None:
    case = attack("../../decoys/one")
    found = shrunk(case.conversation, lambda one: bool(arguments_of(one).get("path")) and keeps(case, one, "crash"))
    assert arguments_of(found) == {"path": "a"}


def test_a_repetition_slot_gets_exactly_long_enough() -> None:
    def length(conversation: Conversation) -> int:
        text = arguments_of(conversation).get("q", "")
        if "{repeat:" not in text:
            return len(text)
        return int(text.partition("{repeat:")[2].partition(":")[0])

    made = smallest(calling({"q": "{repeat:100000:x}"}), lambda conversation: length(conversation) >= 77)
    assert made.minimal and not made.rough and length(made.best) == 77
    rough = smallest(calling({"q": "{repeat:100000:x}"}), lambda conversation: length(conversation) >= 1_234)
    assert rough.minimal and rough.rough and 1_234 <= length(rough.best) <= 1_234 * 1.12


@pytest.mark.parametrize(
    "nest", ["{repeat:52231:[}{repeat:52231:]}", '{"k":' * 5_000 + "0" + "}" * 5_000], ids=["slot", "written out"]
)
def test_what_must_be_closed_is_turned_down_with_what_opens_it(nest: str) -> None:
    def deep(conversation: Conversation) -> bool:
        said = frame(conversation)
        opened = max(said.count("["), said.count("{"))
        return opened >= 993 and opened == max(said.count("]"), said.count("}"))

    made = smallest(Conversation.of(Raw('{"jsonrpc":"2.0","id":1,"method":"ping","params":' + nest + "}\n")), deep)
    said = frame(made.best)
    assert 993 <= max(said.count("["), said.count("{")) <= 1_100


def test_what_closes_is_left_out_where_it_does_not_matter() -> None:
    start = Conversation.of(Raw('{"id":1,"params":{repeat:52231:[}{repeat:52231:]}}\n'))
    made = smallest(start, lambda one: frame(one).count("[") >= 993)
    assert made.minimal and made.rough
    assert set(frame(made.best)) == {"[", "\n"} and frame(made.best).count("[") <= 1_100


def test_a_size_costs_few_tries() -> None:
    tries = 0

    def shows(conversation: Conversation) -> bool:
        nonlocal tries
        tries += 1
        return conversation.steps[0].times >= 7_654

    made = smallest(Conversation((Step(action=Call("ping"), times=1_000_000),)), shows, inside=False)
    assert 7_654 <= made.best.steps[0].times <= 8_500 and tries < 30


def test_a_search_that_must_stop_keeps_what_it_has_and_does_not_call_it_minimal() -> None:
    made = smallest(calling({"q": "{repeat:100000:x}"}), lambda one: "repeat" in repr(one), most=3)
    assert not made.minimal


def test_of_readings_before_and_after_each_is_tried_alone() -> None:
    one, other, act = Call("one"), Call("other"), Call("act")
    pairs = list(single_readings(Conversation.of(one, other, act, one, other)))
    assert pairs == [Conversation.of(one, act, one), Conversation.of(other, act, other)]
    assert list(single_readings(Conversation.of(one, act, one))) == []
    assert list(single_readings(Conversation.of(one, other, act, other, one))) == []


def test_a_frame_that_must_stay_json_loses_members_and_not_characters() -> None:
    said = {"jsonrpc": "2.0", "id": 408210, "method": "m", "params": {"a": ["x" * 40, "\ud800"], "b": {"c": "d" * 60}}}

    def shows(conversation: Conversation) -> bool:
        try:
            read = json.loads(frame(conversation))
        except ValueError:
            return False
        return isinstance(read, dict) and read.get("method") == "m" and "\\ud800" in json.dumps(read.get("params"))

    found = smallest(Conversation.of(Raw(json.dumps(said) + "\n")), shows, most=150)
    assert found.minimal and len(frame(found.best)) < len('{"method":"m","params":{"a":["\\ud800"]}}\n') + 1


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_raw_bytes_shrink_to_what_matters_and_keep_their_line_end(end: bytes) -> None:
    def shows(conversation: Conversation) -> bool:
        action = conversation.steps[0].action
        assert isinstance(action, Raw)
        assert isinstance(action.data, bytes)
        return b"\xff" in action.data and action.data.endswith(end)

    assert shrunk(Conversation.of(Raw(b"{" * 300 + b"\xff" + b"}" * 300 + end)), shows) == Conversation.of(
        Raw(b"\xff" + end)
    )


# ---- what every neighbour keeps


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("{repeat:500:ab}")
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(st.text(max_size=3), values, max_size=4)
actions: st.SearchStrategy[Action] = st.one_of(
    objects.map(lambda arguments: Call("tools/call", {"name": "t", "arguments": arguments})),
    objects.map(
        lambda arguments: Send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": arguments}})
    ),
    st.text(max_size=20).map(lambda uri: Call("resources/read", {"uri": uri})),
    st.text(max_size=20).map(
        lambda text: Call("completion/complete", {"ref": {}, "argument": {"name": "a", "value": text}})
    ),
    values.map(lambda params: Call("any", params)),
    values.map(Send),
    st.binary(max_size=30).map(Raw),
    st.text(max_size=20).map(Raw),
    st.sampled_from([Open(), Close(), Wait(0.1)]),
)
conversations = st.lists(st.builds(Step, action=actions, times=st.integers(1, 9)), min_size=1, max_size=4).map(
    lambda steps: Conversation(tuple(steps))
)


@given(conversations)
@settings(deadline=None)
def test_every_neighbour_can_be_made_and_weighed_and_has_a_step(conversation: Conversation) -> None:
    for candidate in simpler(conversation):
        assert candidate.steps
        assert weight(candidate)[0] <= weight(conversation)[0]


@given(conversations)
@settings(deadline=None)
def test_the_walk_ends_whatever_shows(conversation: Conversation) -> None:
    end = shrunk(conversation, lambda _: True)
    assert len(end) == 1
    assert weight(end) <= weight(conversation)


def same_types(before: Any, after: Any) -> bool:
    """Whether `after` is `before` with parts left out or made smaller, types kept."""
    if type(before) is not type(after):
        return False
    if isinstance(before, dict):
        return all(key in before and same_types(before[key], item) for key, item in after.items())
    if isinstance(before, list):
        return len(after) <= len(before) and all(any(same_types(old, new) for old in before) for new in after)
    return True


@given(objects)
@settings(deadline=None)
def test_types_never_change(arguments: dict[str, Any]) -> None:
    for candidate in simpler(calling(arguments)):
        assert same_types(arguments, arguments_of(candidate))


@given(objects)
@settings(deadline=None)
def test_what_names_the_operation_is_never_touched(arguments: dict[str, Any]) -> None:
    for candidate in simpler(calling(arguments, _meta={"k": "v"})):
        action = candidate.steps[0].action
        assert isinstance(action, Call)
        assert (action.method, action.params["name"], action.params["_meta"]) == ("tools/call", "t", {"k": "v"})


@pytest.mark.parametrize(
    ("meta", "left"),
    [
        ({"mcpfuzz/k": 7}, {}),
        ({"mcpfuzz/k": 7, "x/y": 1}, {"_meta": {"x/y": 1}}),
        ({"mcpfuzz/k": "{repeat:9000:x}"}, {"_meta": {"mcpfuzz/k": "{repeat:9000:x}"}}),
        ({"a/b": 1}, {"_meta": {"a/b": 1}}),
    ],
)
def test_what_we_added_to_tell_cases_apart_is_left_out_without_leave(meta: Json, left: dict[str, Json]) -> None:
    params: Json = {"name": "a", "_meta": meta}
    message: dict[str, Json] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    made = smallest(Conversation.of(Send(message)), lambda _: True, inside=False)
    assert made.best == Conversation.of(Send({**message, "params": {"name": "a", **left}}))


@given(conversations)
@settings(deadline=None)
def test_without_leave_only_steps_are_left_out(conversation: Conversation) -> None:
    said = {repr(step.action) for step in conversation.steps}
    for candidate in simpler(conversation, inside=False):
        assert {repr(step.action) for step in candidate.steps} <= said


@given(conversations)
@settings(deadline=None)
def test_making_neighbours_leaves_the_conversation_alone(conversation: Conversation) -> None:
    before = repr(conversation)
    list(simpler(conversation))
    assert repr(conversation) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e308, -0.0, 5e-324, True, None])
def test_odd_values_have_neighbours_or_none_but_never_raise(value: Any) -> None:
    for candidate in simpler(calling({"n": value})):
        made = arguments_of(candidate)
        assert "n" not in made or type(made["n"]) is type(value)


def test_where_no_server_starts_any_more_that_is_the_reason_and_not_a_control_that_was_never_said() -> None:
    class Supply:
        starts, starts_left = 0, 0

        async def client(self) -> Any:
            raise OutOfStarts("no more starts")

    surface = Surface(revision="2025-11-25", revisions=(), server={}, capabilities={}, operations=(), good={})
    supply: Any = Supply()
    prover = Prover(supply, Bench(revision="2025-11-25"), surface, 1.0, math.inf, lambda: 1.0, lambda phase: None)
    place = Place(kind="tool", name="t")
    proof = Proof(kind="leak", expected="", params={"rule": "path-leak"})
    suspicion = Suspicion(rule="path-leak", place=place, title="t", proof=proof, observed="o", cause="c")
    first, second, attack = (Call("tools/call", {"name": name}) for name in ("a", "b", "t"))
    case = Case(
        scenario="s", place=place, conversation=Conversation.of(attack, first, second), label="",
        control=Conversation.of(first, second),
    )  # fmt: skip
    prover._showing.add(_shown_by(suspicion, Step(action=first)))
    finding = trio.run(partial(prover.prove, case, suspicion, shrink_s=1.0))
    assert (finding.confidence, finding.note) == ("suspect", "no more starts")
