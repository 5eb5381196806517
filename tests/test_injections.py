"""The public strategy of attacks: whole values of every kind, harmless by default, aimed where a test wants them."""

from __future__ import annotations

import json

import pytest
from hypothesis import find, given, settings

from mcpfuzz.errors import UsageError
from mcpfuzz.slots import has_slots
from mcpfuzz.strategies import injections
from mcpfuzz.strategies.injections import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_every_kind_are_whole_and_the_likeliest_is_the_simplest(kind: str) -> None:
    first = find(injections(kind, good="alpha"), lambda value: True, settings=settings(database=None))

    @settings(max_examples=100, database=None, deadline=None)
    @given(injections(kind, good="alpha"))
    def holds(value: object) -> None:
        assert not has_slots(json.dumps(value))

    holds()
    assert first not in ("", None)


def test_what_it_shows_names_its_kind() -> None:
    assert repr(injections("upstream-path")) == "injections_upstream_path()"


def test_it_aims_where_the_test_says() -> None:
    aimed = injections("write", canary="here", places={"watch": "/nonexistent/mine"})
    found = find(aimed, lambda value: "/nonexistent/mine/here" in value, settings=settings(database=None))
    assert found == "/nonexistent/mine/here"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"kind": "sqli"}, "no such kind; there is path, write"),
        ({"kind": "path", "places": {"home": "/"}}, "no home; there is outside, watch"),
        ({"kind": "markup", "good": "<b>bold</b>"}, "is itself of that kind"),
    ],
)
def test_what_cannot_be_had_is_told(words: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        injections(**words)  # type: ignore[arg-type]
