"""A schema is a stranger's word: whatever stands in it, every story is drawn, or left out, and none breaks the run."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from typing import Any

import pytest

from mcpfuzz.campaign.proposals import proposals
from mcpfuzz.model import AuthorizationServer, Http, Json, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.calls import CannotGenerate
from mcpfuzz.scenarios.catalogue import catalogue
from mcpfuzz.strategies.choices import RandomChoices

DEEP: Json = reduce(lambda inner, _: [inner], range(900), "x")
NESTED: Json = reduce(lambda inner, _: {"type": "object", "properties": {"a": inner}}, range(300), {"type": "string"})
ODD: dict[str, dict[str, Json]] = {
    "draft-3": {"type": "object", "properties": {"id": {"type": "string", "required": True}}, "required": True},
    "numbers": {"type": 7, "properties": 7, "required": 7},
    "lists": {"type": [], "properties": ["id"], "required": [[], {}, 1, None]},
    "words": {"type": "object", "properties": "all", "required": "id"},
    "members": {
        "type": "object", "required": ["text", "id"],
        "properties": {
            "id": 3, "text": None, "path": True, "url": [], "query": {"type": ["string"], "maxLength": "9"},
            "name": {"type": {}, "enum": 5, "examples": 3, "description": []}, "password": {"type": "string",
            "default": []}, "force": {"type": "boolean", "default": "x"}, "limit": {"type": "integer", "maximum": "9"},
        },
    },
    "deep": {"type": "object", "properties": {"id": {"type": "string", "description": DEEP, "default": DEEP}}},
    "nested": NESTED,
}  # fmt: skip
NAMES = ("create_note", "get_note", "delete_note", "list_notes", "update_note", "sign_in", "fetch_page", "run_query")
ALL = frozenset(need for scenario in catalogue().values() for need in scenario.needs)


def surface(schema: dict[str, Json], revision: str) -> Surface:
    """Tools of each kind of name with this schema, in which everything is there that a story may need."""
    tools = tuple(
        Operation(kind="tool", name=name, description=f"{name} of yours by its id", schema=schema, output_schema=schema)
        for name in NAMES
    )
    given: dict[str, Any] = {
        "good": {tools[0].key: ({"text": "a"},), tools[1].key: ({},)},
        "callers": ("alice", "bob"),
        "pages": {"tools/list": 1},
        "tasks": {tools[0].key: 0.1},
        "authorization": AuthorizationServer(authorize="/a", token="/t", register="/r"),
        "sign_in": Http("POST", "/login", (), "{canary:password}"),
        "headers": (("X-Up", "http://127.0.0.1:1"),),
        "within": 1.0,
    }
    return Surface(
        revision=revision, revisions=(revision,), server={}, capabilities={"tools": {}}, operations=tools,
        places=ALL, **given,
    )  # fmt: skip


@pytest.mark.parametrize("scenario", catalogue().values(), ids=catalogue())
@pytest.mark.parametrize("odd", ODD)
def test_a_story_is_drawn_from_any_schema_or_left_out(scenario: Scenario, odd: str) -> None:
    known = surface(ODD[odd], "2025-11-25")
    for operation in known.operations if "tool" in scenario.kinds else (None,) if not scenario.kinds else ():
        for index in range(min(scenario.cases, 6)):
            with suppress(CannotGenerate):
                case = scenario.draw(RandomChoices(1, scenario.id, index), known, operation, index)
                assert case is None or len(case.conversation) > 0


@pytest.mark.parametrize("odd", ODD)
def test_good_calls_are_proposed_for_any_schema(odd: str) -> None:
    for operation in surface(ODD[odd], "2026-07-28").operations:
        made, _ = proposals(operation, (), 1, ("{workspace}",))
        assert made and all(isinstance(call, dict) for call in made)
