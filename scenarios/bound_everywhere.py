"""Where a server of ours listens."""

from __future__ import annotations

from mcpfuzz.identities import ANONYMOUS
from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Look where it listens, then a call without a credential: a server that asks for one may well face a network."""
    steps = (
        Step(action=Open()),
        Step(action=Open(), on="c2", as_=ANONYMOUS),
        Step(action=innocent_call(surface), on="c2", as_=ANONYMOUS),
    )
    params = {"steps": 3, "listens": 0, "served": 2}
    proof = Proof(kind="bound", expected="it listens on loopback, as nobody asked for more", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="transport", name="bound-everywhere"),
        conversation=Conversation(steps),
        label="",
        claims=(Claim("bound-everywhere", proof),),
        control=Conversation(steps[1:]),
    )


SCENARIO = Scenario(
    id="bound-everywhere",
    title="Where it listens",
    about="Where a server that mcpfuzz started listens is read from the system, unless its command or --env says that "
    "it should face a network. Every address, and a caller without a credential who is served, prove it.",
    draw=draw,
    rules=("bound-everywhere",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "loopback-only"),
    references=("CWE-1327", "MCP TS-03"),
)
