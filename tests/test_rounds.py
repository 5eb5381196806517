"""Requests that take several rounds: what follows on a result that asks for input, and what a state hides."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpfuzz.rounds import CAPABILITIES, agreed, altered, asks, following

FORM = {"method": "elicitation/create", "params": {"mode": "form", "requestedSchema": {"type": "object"}}}
ROOTS = {"method": "roots/list"}
SAMPLE = {"method": "sampling/createMessage", "params": {"messages": []}}


def params(**declared: Any) -> dict[str, Any]:
    return {"name": "book", "arguments": {"day": "Monday"}, "_meta": {CAPABILITIES: declared}}


def required(**members: Any) -> dict[str, Any]:
    return {"resultType": "input_required", **members}


def test_only_a_result_of_its_type_asks_for_input() -> None:
    assert asks({"result": required(requestState="s")}) == required(requestState="s")
    for answer in ({"result": {"resultType": "complete"}}, {"result": {}}, {"error": {}}, [], None):
        assert asks(answer) is None


def test_a_state_alone_goes_back_as_it_came() -> None:
    made = following({**params(), "requestState": "before"}, required(requestState="s-1"))
    assert made == {**params(), "requestState": "s-1"}


def test_answers_of_an_earlier_round_are_not_said_again() -> None:
    made = following({**params(), "inputResponses": {"old": {}}}, required(requestState="s-1"))
    assert made is not None and "inputResponses" not in made


def test_questions_are_declined_under_the_keys_of_the_server() -> None:
    declared = params(elicitation={"form": {}}, roots={}, sampling={})
    made = following(declared, required(inputRequests={"a": FORM, "b": ROOTS, "c": SAMPLE}))
    assert made == {**declared, "inputResponses": {"a": {"action": "decline"}, "b": {"roots": []}}}


@pytest.mark.parametrize(
    "result",
    [
        required(inputRequests={"a": FORM}),
        required(inputRequests={"a": {"method": "tools/call"}}),
        required(inputRequests={"a": 7}),
        required(inputRequests=[FORM]),
        required(requestState=7),
        required(inputRequests={}),
        required(),
    ],
)
def test_what_was_not_declared_or_makes_no_sense_is_not_gone_on_with(result: dict[str, Any]) -> None:
    assert following(params(), result) is None


def test_a_yes_fills_the_form_with_the_simplest_content() -> None:
    fields = {
        "yes": {"type": "boolean", "default": False}, "count": {"type": "integer", "minimum": 3},
        "name": {"type": "string", "minLength": 5}, "size": {"type": "string", "enum": ["s", "m"]},
        "kind": {"type": "string", "oneOf": [{"const": "k"}]}, "day": {"type": "string", "default": "Monday"},
    }  # fmt: skip
    form = {"method": "elicitation/create", "params": {"requestedSchema": {"type": "object", "properties": fields}}}
    content = {"yes": True, "count": 3, "name": "yesss", "size": "s", "kind": "k", "day": "Monday"}
    assert agreed(required(inputRequests={"q": form})) == {"q": {"action": "accept", "content": content}}


@pytest.mark.parametrize("result", [required(), required(inputRequests={"a": ROOTS}), required(inputRequests={}), 7])
def test_what_cannot_be_agreed_to_fills_nothing(result: Any) -> None:
    with pytest.raises(KeyError):
        agreed(result)


@given(
    before=st.text(max_size=20), behind=st.text(max_size=20), seal=st.sampled_from(["", ".0123abcd"]),
    url=st.booleans(), padded=st.booleans(),
)  # fmt: skip
def test_a_text_is_exchanged_inside_its_packing(before: str, behind: str, seal: str, url: bool, padded: bool) -> None:
    def packed(text: str) -> str:
        data = json.dumps({"a": before, "text": text, "z": behind}).encode()
        made = (base64.urlsafe_b64encode if url else base64.b64encode)(data).decode()
        return made if padded else made.rstrip("=")

    old, new = "c0123456789abcdef", "cfedcba9876543210"
    made = altered(packed(old) + seal, old, new)
    assert made.endswith(seal) and old not in made and new not in made
    body = made.removesuffix(seal).replace("-", "+").replace("_", "/")
    assert json.loads(base64.b64decode(body + "=" * (-len(body) % 4)))["text"] == new


@pytest.mark.parametrize("state", ["", "sealed", base64.b64encode(b"something else").decode(), 7, None])
def test_what_a_state_does_not_hold_cannot_be_exchanged(state: Any) -> None:
    with pytest.raises(KeyError):
        altered(state, "c0123456789abcdef", "cfedcba9876543210")
