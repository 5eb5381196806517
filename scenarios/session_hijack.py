"""Another caller on the first one's session."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.revisions import BY_DATE, LATEST_LEGACY
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The first caller begins a session (the stateless era has none: the legacy one then), another goes on with it."""
    others = (surface.callers[1], "anonymous", "garbage")
    other = others[index % len(others)]
    legacy = surface.revision if BY_DATE[surface.revision].sessions else LATEST_LEGACY.date
    call = innocent_call(surface)
    taken = Open(handshake=False, headers=(("Mcp-Session-Id", "{session}"),), revision=legacy)
    steps = (
        Step(action=Open(revision=legacy), on="c2", as_=surface.callers[0]),
        Step(action=taken, on="c3", as_=other),
        Step(action=call, on="c3", as_=other),
    )
    proof = Proof(kind="served", expected="the session is refused to anybody else", params={"step": 2, "steps": 3})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="session-hijack"),
        conversation=Conversation(steps),
        label=f"{other} on the session of {surface.callers[0]}",
        claims=(Claim("session-hijack", proof),),
        control=Conversation((steps[0], Step(action=call, on="c2", as_=surface.callers[0]))),
    )


SCENARIO = Scenario(
    id="session-hijack",
    title="Another caller on the first one's session",
    about="The first caller has a session; a second one sends its id with their own credential, without "
    "beginning a session. A normal answer proves that the id alone is enough.",
    draw=draw,
    rules=("session-hijack",),
    cases=3,
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
