"""Credentials in what the server writes to stderr."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The first caller begins anew and makes a call."""
    caller = surface.callers[0]
    steps = (
        Step(action=Open(), on="c2", as_=caller),
        Step(action=innocent_call(surface), on="c2", as_=caller),
    )
    proof = Proof(kind="credential-logged", expected="a log that names no credential", params={"steps": len(steps)})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="credential-logged"),
        conversation=Conversation(steps),
        label="a call of the first caller's",
        claims=(Claim("credential-logged", proof),),
        control=Conversation((Step(action=innocent_call(surface)),)),
    )


SCENARIO = Scenario(
    id="logged-credentials",
    title="Credentials in the server's log",
    about="The first caller connects and makes a call; that their credential then stands in what the server wrote to "
    "stderr is the proof. It needs a server that mcpfuzz started.",
    draw=draw,
    rules=("credential-logged",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "credential"),
    references=("CWE-532", "OWASP-API8"),
)
