"""A ticket for one WebSocket, used after its time."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Operation, Surface, replace
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The control has a ticket that nobody gave out: where that is served, too, tickets are not what is looked at."""
    as_ = f"{surface.callers[0]}~stale"
    case = second_connection(SCENARIO.id, surface, "ticket-expired", "a ticket that has ended", as_=as_, kind="session")
    made_up = tuple(replace(step, as_="garbage") for step in case.conversation.steps)
    return replace(case, control=Conversation(made_up))


SCENARIO = Scenario(
    id="ticket-expiry",
    title="A ticket after its time",
    about="A ticket is fetched and kept until a little after the time that its answer, or the user, says it lives. A "
    "normal answer on a connection that it opens proves that its time is not looked at.",
    draw=draw,
    rules=("ticket-expired",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "ticket-life", "authenticated"),
    references=("CWE-613", "OWASP-API2"),
)
