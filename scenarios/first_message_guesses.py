"""First messages of a WebSocket, tried one after the other until one is right."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Surface, Ws, replace
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import first_words
from mcpfuzz.strategies.choices import Choices

GUESSES = 30
TEXT = 1
"""Opcode."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The control has another false one at the end: where that is served too, first messages are not what is asked."""
    proof = Proof(kind="served", expected="the connection is closed long before", params={"step": 3, "steps": 4})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="first message"),
        conversation=_tried(surface, "{first-message}"),
        label=f"the right first message behind {GUESSES} false ones",
        claims=(Claim("first-message-unthrottled", proof),),
        control=_tried(surface, "{false-message}"),
        silence_ok=True,
    )


def _tried(surface: Surface, last: str) -> Conversation:
    opened = Open(handshake=False, revision=surface.revision)
    said = Conversation.of(opened, Ws(TEXT, "{false-message}"), Ws(TEXT, last), first_words(surface))
    steps = (replace(step, on="c2", as_="anonymous") for step in said.steps)
    return Conversation(tuple(replace(step, times=GUESSES) if index == 1 else step for index, step in enumerate(steps)))


SCENARIO = Scenario(
    id="first-message-guesses",
    title="First messages, guessed",
    about="A WebSocket without a credential says the first caller's first message with other characters at its end, "
    "thirty times, and then the right one. That a request is served after it proves that nothing bounds how often one "
    "may guess on a connection.",
    draw=draw,
    rules=("first-message-unthrottled",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("websocket", "first-message", "authenticated"),
    references=("CWE-307", "OWASP-API2"),
)
