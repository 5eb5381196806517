"""The end of a session: what it ends, and who may end it."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.sessions import bare, entered, session_case
from mcpfuzz.strategies.choices import Choices

LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Ended by its owner and used; ended by nobody in particular and used."""
    use = bare(surface, "POST", "{session}", LIST)
    opened = entered(surface, handshake=True)
    if index == 0:
        steps = [opened, use, bare(surface, "DELETE", "{session}"), use]
        return session_case(
            SCENARIO.id, "session-not-ended", steps, "goes-on", "404 from then on", "used after DELETE",
            before=1, end=2, after=3,
        )  # fmt: skip
    if "authenticated" not in surface.places:
        return None
    steps = [opened, use, bare(surface, "DELETE", "{session}", credential=False), use]
    return session_case(
        SCENARIO.id, "auth-missing", steps, "ended-by-other", "DELETE without a credential is refused",
        "DELETE without a credential", before=1, end=2, after=3,
    )  # fmt: skip


SCENARIO = Scenario(
    id="session-end",
    title="The end of a session",
    about="A session is ended with DELETE and used again; a normal answer proves that it goes on. Then somebody "
    "without a credential ends it; that its owner is refused from then on proves that nobody asked for one.",
    draw=draw,
    rules=("session-not-ended", "auth-missing"),
    cases=2,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "endpoint"),
    references=("CWE-613", "CWE-306", "OWASP-API2"),
)
