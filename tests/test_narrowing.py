"""Fewer readings around an act: the proof's numbers, the control and the claims go with the steps."""

from __future__ import annotations

from typing import Any

import pytest

from mcpfuzz.campaign.narrowing import narrowed
from mcpfuzz.model import Call, Case, Claim, Conversation, Place, Proof, Suspicion
from mcpfuzz.scenarios.stories import passes

START, ACT = Call("start"), Call("act")
READINGS = [Call("one"), Call("two"), Call("three")]
PARAMS: dict[str, Any] = {
    "steps": 14,
    "acts": [0, 7],
    "before": [[1, 2, 3], [4, 5, 6]],
    "after": [[8, 9, 10], [11, 12, 13]],
}


def case(params: dict[str, Any], control: Conversation | None) -> tuple[Case, Suspicion]:
    place = Place(kind="tool", name="t")
    proof = Proof(kind="changed", expected="", params=params)
    made = Case(
        scenario="s", place=place, conversation=passes([START], READINGS, ACT), label="", control=control,
        claims=(Claim("annotation-lies", proof),),
    )  # fmt: skip
    return made, Suspicion(rule="annotation-lies", place=place, title="", proof=proof, observed="", cause="")


def methods(conversation: Conversation | None) -> list[str]:
    assert conversation is not None
    return [step.action.method for step in conversation.steps if isinstance(step.action, Call)]


def test_each_reading_is_the_only_one_once_and_the_proof_names_the_steps_that_are_left() -> None:
    made = list(narrowed(*case(PARAMS, passes([START], READINGS, Call("ping")))))
    assert [methods(fewer.conversation) for fewer, _ in made] == [
        ["start", name, name, "act", name, name] for name in ("one", "two", "three")
    ]
    assert [methods(fewer.control)[3] for fewer, _ in made] == ["ping"] * 3
    for fewer, told in made:
        assert told.proof.params == {"steps": 6, "acts": [0, 3], "before": [[1], [2]], "after": [[4], [5]]}
        assert [claim.proof for claim in fewer.claims] == [told.proof]


@pytest.mark.parametrize(
    ("params", "control"),
    [
        (PARAMS | {"value": 1}, passes([START], READINGS, ACT)),  # names more than readings
        (PARAMS | {"steps": 13}, passes([START], READINGS, ACT)),
        ({"steps": 14, "shown": 3, "before": "1", "after": "2", "acts": [1]}, passes([START], READINGS, ACT)),
        (PARAMS, Conversation.of(Call("ping"))),  # its control could not be told by this proof any more
        ({"steps": 14}, None),
    ],
)
def test_what_is_proved_otherwise_is_left_alone(params: dict[str, Any], control: Conversation) -> None:
    assert list(narrowed(*case(params, control))) == []


def test_what_is_narrow_stays() -> None:
    made, suspicion = next(narrowed(*case(PARAMS, None)))
    assert list(narrowed(made, suspicion)) == []
