"""The end of stdin: the server must leave."""

from __future__ import annotations

from mcpfuzz.model import Case, Close, Conversation, Operation, Place, Surface
from mcpfuzz.scenarios.base import Scenario, single
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    return single(SCENARIO.id, Place(kind="transport", name="stdin"), Conversation.of(Close()), "the end of stdin")


SCENARIO = Scenario(
    id="shutdown",
    title="The end of stdin",
    about="The client closes the server's stdin and waits. A process that still runs seconds later proves that "
    "it outlives its client.",
    draw=draw,
    rules=("no-shutdown",),
    cases=1,
    rounds=1,
    alone=True,
    references=("MCP FR-06",),
)
