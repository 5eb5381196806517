"""A session id that the client makes up."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.sessions import bare, beginning, entered, session_case
from mcpfuzz.strategies.choices import Choices

LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}
BEGUN = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    steps = [
        entered(surface, handshake=False),
        bare(surface, "POST", "{canary:1}", beginning(surface)),
        bare(surface, "POST", "{canary:1}", BEGUN),
        bare(surface, "POST", "{canary:1}", LIST),
        bare(surface, "POST", "{canary:2}", LIST),
    ]
    expected = "an id that the server made, or a refusal"
    return session_case(
        SCENARIO.id, "session-fixation", steps, "fixed", expected, "an id of ours", made=1, chosen=3, unknown=4
    )


SCENARIO = Scenario(
    id="session-fixation",
    title="A session id of the client's choice",
    about="initialize is sent with a made-up Mcp-Session-Id. A normal answer to a later request in that session, while "
    "another made-up id is refused, proves that the server takes the client's word.",
    draw=draw,
    rules=("session-fixation",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "endpoint"),
    references=("CWE-384", "OWASP-API2"),
)
