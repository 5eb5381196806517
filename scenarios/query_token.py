"""The first caller's bearer token in the URL instead of the header."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Operation, Surface, replace
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    as_ = f"{surface.callers[0]}~query"
    case = second_connection(SCENARIO.id, surface, "query-token", "access_token=", as_=as_, kind="endpoint")
    nobody = tuple(replace(step, as_="anonymous") for step in case.conversation.steps)
    return replace(case, control=Conversation(nobody))


SCENARIO = Scenario(
    id="query-token",
    title="The credential in the URL",
    about="The first caller's bearer token is sent as ?access_token= and in no header. A normal answer, where a caller "
    "without a credential gets none, proves that it is taken from there.",
    draw=draw,
    rules=("query-token",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "authenticated"),
    references=("CWE-598", "OWASP-API2"),
)
