"""Another caller on the first one's session."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    if len(surface.callers) < 2:
        return None
    others = (*surface.callers[1:], "anonymous")
    other = others[index % len(others)]
    words = f"{other} on the session of {surface.callers[0]}"
    headers = (("Mcp-Session-Id", "{session}"),)
    return second_connection(
        SCENARIO.id, surface, "session-hijack", words, headers=headers, as_=other, handshake=False, kind="session"
    )


SCENARIO = Scenario(
    id="session-hijack",
    title="Another caller on the first one's session",
    about="The first caller has a session; a second one sends its id with their own credential, without "
    "beginning a session. A normal answer proves that the id alone is enough.",
    draw=draw,
    rules=("session-hijack",),
    cases=2,
    rounds=1,
    early=True,
    alone=True,
    needs=(
        "network",
        "second",
    ),
    references=(
        "CWE-639",
        "CWE-384",
        "OWASP-API1",
    ),
)
