"""WebSockets that are opened and never say who is there."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface, Wait, Ws
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices

MANY = 20
PING = 9
"""Opcode: whoever has closed answers it by an end."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    if surface.within is None:
        return None
    seconds = 1.2 * surface.within + 1
    names = [f"c{number}" for number in range(2, 2 + MANY)]
    opened = [Step(action=Open(handshake=False), on=name, as_="anonymous", group="open") for name in names]
    looked = [Step(action=Ws(PING, "there?"), on=name, as_="anonymous", group="look") for name in names]
    steps = (*opened, Step(action=Wait(seconds), on=names[0]), *looked)
    params = {"look": list(range(MANY + 1, 2 * MANY + 1)), "seconds": seconds, "steps": len(steps)}
    expected = f"they are closed within {surface.within:g} s"
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="first message"),
        conversation=Conversation(steps),
        label=f"nothing is said for {seconds:g} s",
        claims=(Claim("socket-unclaimed", Proof(kind="unclaimed", expected=expected, params=params)),),
        control=Conversation((opened[0],)),
    )


SCENARIO = Scenario(
    id="silent-socket",
    title="WebSockets on which nobody says who is there",
    about="Twenty WebSockets are opened without a credential, and nothing is said on them for somewhat longer than "
    "the server is said to wait (a minute where nobody says, and the run is a long one). That all are open then proves "
    "that it waits without bound.",
    draw=draw,
    rules=("socket-unclaimed",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("websocket", "first-message", "authenticated", "within"),
    references=("CWE-770", "CWE-400", "OWASP-API4"),
)
