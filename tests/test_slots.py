"""Slots are filled when a step is sent; what is no slot passes through unharmed."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcpfuzz import slots
from mcpfuzz.errors import Fault
from mcpfuzz.slots import MAX_REPEAT_BYTES, Filler, canary, has_slots, quote

PLACES = {"workspace": "/w", "scratch": "/s", "listener": "http://127.0.0.1:9", "port": "8080"}
pieces = st.lists(
    st.text(max_size=6)
    | st.sampled_from(
        [
            "{",
            "}",
            "{brace}",
            "{workspace}",
            "{canary:1}",
            "{repeat:3:x}",
            "{step:1#/a}",
            "{base64:",
            "{{",
            "brace}",
            "workspace}",
        ]
    ),
    max_size=8,
).map("".join)


@given(pieces)
@example("{{workspace}}")
@example("{brace}brace}")
@example("{{brace}}")
@settings(deadline=None)
def test_a_quoted_text_fills_to_itself(text: str) -> None:
    assert Filler().fill(quote(text)) == text


@given(pieces)
@settings(deadline=None)
def test_a_text_without_slots_is_untouched(text: str) -> None:
    if not has_slots(text):
        assert Filler().fill(text) == text
        assert quote(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{name}",
        "${HOME}",
        "{{ jinja }}",
        "{0}",
        "{workspace",
        "workspace}",
        "{ workspace }",
        "{canary}",
        "{canary:}",
        "{repeat:x:y}",
        "{repeat:3:}",
        "{step:x#/a}",
        "{step:1}",
        "{step:1#a}",
        "{Workspace}",
        '{"a":1}',
        "{port:1}",
    ],
)
def test_unknown_braces_are_no_slots(text: str) -> None:
    assert not has_slots(text)
    assert Filler(PLACES).fill(text) == text


@pytest.mark.parametrize("name", PLACES)
def test_a_place_is_filled_inside_a_text(name: str) -> None:
    assert Filler(PLACES).fill(f"<{{{name}}}/x>") == f"<{PLACES[name]}/x>"


@pytest.mark.parametrize("slot", ["{workspace}", "{listener}", "{step:1#/a}", "{step:1#}"])
def test_a_slot_that_this_run_cannot_fill_is_a_key_error(slot: str) -> None:
    with pytest.raises(KeyError):
        Filler().fill(slot)


def test_slots_are_filled_in_keys_and_at_any_depth() -> None:
    value = {"{workspace}": [{"a": "{port}"}, ("{scratch}",)]}
    assert Filler(PLACES).fill(value) == {"/w": [{"a": "8080"}, ["/s"]]}


def test_filling_leaves_the_template_alone() -> None:
    value = {"a": ["{workspace}"]}
    Filler(PLACES).fill(value)
    assert value == {"a": ["{workspace}"]}


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "", "plain", [], {}])
def test_values_without_slots_keep_value_and_type(value: Any) -> None:
    filled = Filler().fill(value)
    assert filled == value
    assert type(filled) is type(value)


# ---- canaries


def test_a_canary_is_the_same_all_through_one_run() -> None:
    filler = Filler()
    one, text = filler.fill(["{canary:1}", "x{canary:1}y"])
    assert text == f"x{one}y"
    assert filler.canaries == {"1": one}


def test_canaries_of_two_names_differ() -> None:
    one, two = Filler().fill(["{canary:1}", "{canary:2}"])
    assert one != two


def test_a_canary_is_fresh_in_each_run() -> None:
    assert Filler().fill("{canary:1}") != Filler().fill("{canary:1}")


def test_a_canary_cannot_be_guessed_and_holds_no_slot() -> None:
    made = {canary() for _ in range(100)}
    assert len(made) == 100
    assert all(len(token) >= 16 and token.isalnum() for token in made)


# ---- repetition


def test_a_repetition_is_written_out() -> None:
    assert Filler().fill("<{repeat:3:ab}>") == "<ababab>"


def test_a_repetition_of_nothing_is_empty() -> None:
    assert Filler().fill("{repeat:0:ab}") == ""


def test_a_repetition_of_exactly_the_cap_passes() -> None:
    assert len(Filler().fill(f"{{repeat:{MAX_REPEAT_BYTES}:x}}")) == MAX_REPEAT_BYTES


@pytest.mark.parametrize("slot", [f"{{repeat:{MAX_REPEAT_BYTES + 1}:x}}", "{repeat:999999999:abcdef}"])
def test_a_repetition_beyond_the_cap_is_refused(slot: str) -> None:
    with pytest.raises(Fault, match="cap"):
        Filler().fill(slot)


def test_the_cap_counts_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "MAX_REPEAT_BYTES", 100)
    with pytest.raises(Fault):
        Filler().fill("{repeat:100:\N{GRINNING FACE}}")


def test_the_cap_holds_for_all_slots_of_a_text_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "MAX_REPEAT_BYTES", 100)
    with pytest.raises(Fault):
        Filler().fill("{repeat:90:x}" * 50)


# ---- earlier answers


ANSWER = {"result": {"id": 7, "list": ["a", {"b/c": None}], "": 1}}


@pytest.mark.parametrize(
    ("slot", "value"),
    [
        ("{step:2#}", ANSWER),
        ("{step:2#/result/id}", 7),
        ("{step:2#/result/list/0}", "a"),
        ("{step:2#/result/list/1/b~1c}", None),
        ("{step:2#/result/}", 1),
        ("id={step:2#/result/id}", "id=7"),
    ],
)
def test_a_step_slot_takes_what_its_pointer_names_and_keeps_its_type_where_it_stands_alone(
    slot: str, value: Any
) -> None:
    filler = Filler()
    filler.remember(1, ANSWER)
    assert filler.fill(slot) == value
    assert type(filler.fill(slot)) is type(value)


@pytest.mark.parametrize(
    "slot", ["{step:1#/nope}", "{step:1#/list/2}", "{step:1#/list/x}", "{step:1#/list/-1}", "{step:2#}", "{step:0#}"]
)
def test_a_step_slot_that_names_nothing_is_a_key_error(slot: str) -> None:
    filler = Filler()
    filler.remember(0, {"list": [1]})
    with pytest.raises(KeyError):
        filler.fill(slot)


@pytest.mark.parametrize(
    "slot", ["{step:1#/\N{SUPERSCRIPT TWO}}", "{step:1#/" + "9" * 5_000 + "}", "{step:" + "9" * 5_000 + "#}"]
)
def test_a_step_slot_with_a_number_that_is_none_is_a_key_error(slot: str) -> None:
    filler = Filler()
    filler.remember(0, [1])
    with pytest.raises(KeyError):
        filler.fill(slot)


def test_what_a_server_answered_is_not_filled_again() -> None:
    filler = Filler({"workspace": "/w"})
    filler.remember(0, {"a": "{workspace}{canary:1}"})
    assert filler.fill("{step:1#/a}") == "{workspace}{canary:1}"
    assert filler.canaries == {}


def test_a_text_is_packed_with_its_own_slots_filled() -> None:
    filler = Filler(PLACES)
    packed = filler.fill("{base64:(S'{workspace}/{canary:1}'\n}")
    assert base64.b64decode(packed).decode() == f"(S'/w/{filler.canaries['1']}'\n"


def test_what_is_packed_counts_as_growth() -> None:
    filler = Filler(PLACES)
    with pytest.raises(Fault):
        filler.fill(["{base64:{repeat:40000000:a}}", "{base64:{repeat:40000000:a}}"])
