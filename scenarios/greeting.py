"""What the server says before it is asked anything."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Open, Operation, Place, Surface
from mcpfuzz.scenarios.base import Scenario, single
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    place = Place(kind="transport", name="start")
    return single(SCENARIO.id, place, Conversation.of(Open()), "the start of the session")


SCENARIO = Scenario(
    id="greeting",
    title="The start of a session",
    about="A connection is opened and nothing is asked. A line on stdout that is no MCP message proves that banners "
    "or logs share the channel with the protocol.",
    draw=draw,
    rules=("stdout-pollution",),
    cases=1,
    rounds=1,
    alone=True,
    early=True,  # one short look, and what it shows spoils all that is read later
    references=("MCP FR-01",),
)
