"""Two hundred sessions, one after the other: how their ids are made."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.sessions import bare, beginning, entered, session_case, stream_begun
from mcpfuzz.strategies.choices import Choices

SAMPLES = 200


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    begun = stream_begun(surface) if "stream" in surface.places else bare(surface, "POST", None, beginning(surface))
    steps = [entered(surface, handshake=False), *[begun] * SAMPLES]
    expected = "ids of 128 bits of chance"
    return session_case(SCENARIO.id, "guessable-session", steps, "guessable", expected, f"{SAMPLES} sessions")


SCENARIO = Scenario(
    id="guessable-session",
    title="How session ids are made",
    about="Two hundred sessions are begun, one after the other. Ids (over HTTP+SSE: the paths that the streams give to "
    "post to) that repeat, that are counted up or that hold less than 64 bits of chance can be guessed.",
    draw=draw,
    rules=("guessable-session",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages"),
    references=("CWE-330", "CWE-340", "OWASP-API2"),
)
