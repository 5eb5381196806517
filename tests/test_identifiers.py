"""Identifiers near one that was seen."""

from __future__ import annotations

import base64

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from mcpfuzz import strategies as mcp_st
from mcpfuzz.likeness import FORMS, near, neighbours
from mcpfuzz.slots import Filler
from mcpfuzz.strategies.identifiers import like


@pytest.mark.parametrize(
    ("seen", "near_it"),
    [
        (124, 123),
        (124, 125),
        ("124", "125"),
        ("inv-0041", "inv-0040"),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"),
        ("018f4c2e-5b7a-7c3d-8e1f-0123456789ab", "018f4c2e-5b7b-7c3d-8e1f-0123456789ab"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"),
        ("507f1f77bcf86cd799439011", "507f1f77bcf86cd799439010"),
        (1541815603606036480, 1541815603606036481),
        (1541815603606036480, 1541815603606036480 + (1 << 22)),
        (base64.b64encode(b"user:41").decode(), base64.b64encode(b"user:42").decode()),
        ("jR", None),
        ("Xk3q", "Xk4q"),
    ],
)
def test_a_neighbour_is_among_the_first(seen: str | int, near_it: str | int | None) -> None:
    found = list(neighbours(seen))
    assert len(found) <= 24
    assert seen not in found
    if near_it is not None:
        assert near_it in found


def test_a_number_has_every_json_type_it_can_be_written_in() -> None:
    found = [(type(item), item) for item in like("124")]
    for wanted in ("124", 124, 124.0, ["124"], "0124", "124 ", None, "*"):
        assert (type(wanted), wanted) in found


def test_a_form_that_changes_nothing_is_none() -> None:
    with pytest.raises(KeyError):
        near("lower", "abc")
    with pytest.raises(KeyError):
        near("number", "abc")


@given(st.one_of(st.text(max_size=60), st.integers(), st.booleans(), st.none(), st.lists(st.integers(), max_size=2)))
@settings(max_examples=200, deadline=None)
def test_whatever_was_seen_nothing_breaks(value: object) -> None:
    list(neighbours(value))
    for form in FORMS:
        try:
            near(form, value)
        except KeyError:
            continue


def test_the_strategy_shrinks_to_what_was_seen() -> None:
    assert find(mcp_st.object_ids(like="inv-0041"), lambda value: True) == "inv-0041"


def test_a_slot_gives_an_earlier_id_in_another_form() -> None:
    filler = Filler()
    filler.remember(0, {"result": {"structuredContent": {"order": "P-41"}, "content": []}})
    assert filler.fill("{near-lower:1:order}") == "p-41"
    assert filler.fill("{near-list:1:order}") == ["P-41"]
