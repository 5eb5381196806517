"""Another caller on the first one's session."""

from __future__ import annotations

import json

from mcpfuzz.model import Call, Case, Claim, Conversation, Http, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.revisions import BY_DATE, LATEST_LEGACY
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.strategies.choices import Choices

FOREIGN_ID = 710_001
"""No session of ours counts so far."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The first caller begins a session (the stateless era has none: the legacy one then), another goes on with it."""
    others = (*surface.callers[1:2], "anonymous", "garbage")
    if index >= len(others):
        return None
    other = others[index]
    if "stream" in surface.places:
        return (
            _posted(surface, other) if other != "garbage" else None
        )  # a false credential has no stream to post beside
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


def _posted(surface: Surface, other: str) -> Case:
    """HTTP+SSE: a message to where the first caller's go, answered on their stream."""
    owner, named = surface.callers[0], other != "anonymous"
    headers = (("Host", "{authority}"), ("Content-Type", "application/json"), ("Accept", "application/json"))
    ping = {"jsonrpc": "2.0", "id": FOREIGN_ID, "method": "ping"}
    # who has no credential gets no stream: the bare request goes beside the owner's connection then, and as nobody
    post = Step(
        action=Http("POST", "{session}", headers, json.dumps(ping)),
        on="c3" if named else "c2", as_=other if named else None,
    )  # fmt: skip
    steps = (
        *((Step(action=Open(handshake=False), on="c3", as_=other),) if named else ()),
        Step(action=Open(), on="c2", as_=owner),
        post,
        Step(action=Call("ping"), on="c2", as_=owner),
    )
    size = len(steps)
    params = {"steps": size, "post": size - 2, "heard": size - 1, "id": FOREIGN_ID}
    proof = Proof(kind="answered-on", expected="the session is refused to anybody else", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="session-hijack"),
        conversation=Conversation(steps),
        label=f"{other} on the session of {owner}",
        claims=(Claim("session-hijack", proof),),
        control=Conversation((steps[-3], steps[-1])),
    )


SCENARIO = Scenario(
    id="session-hijack",
    title="Another caller on the first one's session",
    about="The first caller has a session; somebody without a credential, then each other caller with their own, sends "
    "its id without beginning a session. A normal answer proves that the id alone is enough.",
    draw=draw,
    rules=("session-hijack",),
    cases=3,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "credential", "authenticated"),
    references=(
        "CWE-639",
        "CWE-384",
        "OWASP-API1",
    ),
)
