"""A WebSocket message that never ends: its fragments must not be kept without bound."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface, Ws
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices

FRAGMENT = "{repeat:65536:x}"
"""Small, so that a limit on frames is no answer."""
COUNT = 2048
"""128 MiB: the most generous of the known libraries' defaults is 100."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """By somebody without a credential, where those are told apart; then by the first caller."""
    first = index == 0 and "authenticated" in surface.places
    if index and "authenticated" not in surface.places:
        return None
    as_, when = ("anonymous", " before authentication") if first else (None, "")
    steps = (
        Step(action=Open(handshake=not first), on="c2", as_=as_),
        Step(action=Ws(1, FRAGMENT, fin=False), on="c2"),
        Step(action=Ws(0, FRAGMENT, fin=False), on="c2", times=COUNT),
    )
    expected = "the connection is ended with 1009 long before"
    proof = Proof(kind="swallowed", expected=expected, params={"steps": len(steps)})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="transport", name="fragments"),
        conversation=Conversation(steps),
        label=f"{COUNT * 64 >> 10} MiB of one message in fragments{when}",
        claims=(Claim("message-unbounded", proof),),
        control=Conversation(steps[:1]),
    )


SCENARIO = Scenario(
    id="endless-message",
    title="A message that never ends",
    about="Fragment after fragment of one WebSocket message, the last of which never comes, while the process's memory "
    "is read: before anybody said who they are, and after. That nearly all of it is held, and the connection stays "
    "open, proves that nothing bounds a message.",
    draw=draw,
    rules=("message-unbounded",),
    cases=2,
    rounds=1,
    alone=True,
    needs=("network", "websocket", "process"),
    references=("CWE-770", "CWE-400", "OWASP-API4"),
)
