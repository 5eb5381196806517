"""The first caller's event stream, asked for by another."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Http, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.scenarios.sessions import bare, entered, era
from mcpfuzz.strategies.choices import Choices

OTHER = "c3"


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The first caller asks something under a random id; another, in a session of their own, takes the stream up.

    Where the server answers with JSON, or its streams have no ids, there is nothing to take up, and nothing shows.
    """
    other = surface.callers[1]
    call = innocent_call(surface)
    asked = {"jsonrpc": "2.0", "id": "{canary:own}", "method": call.method, "params": call.params or {}}
    headers = (
        ("Host", "{authority}"), ("Accept", "text/event-stream"), ("Mcp-Session-Id", "{session}"),
        ("MCP-Protocol-Version", era(surface)), ("Last-Event-ID", "{event}"),
    )  # fmt: skip
    begun = Step(action=Open(revision=era(surface)), on=OTHER, as_=other)
    taken = Step(action=Http("GET", "{endpoint}", headers), on=OTHER, as_=other)
    steps = (
        entered(surface, handshake=True),
        bare(surface, "POST", "{session}", asked),
        begun,
        taken,
    )
    proof = Proof(
        kind="stream-replayed", expected="a stream is given to its own session alone",
        params={"steps": len(steps), "asked": 1, "replayed": 3},
    )  # fmt: skip
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="stream-replay"),
        conversation=Conversation(steps),
        label=f"the stream of {surface.callers[0]}, asked for by {other}",
        claims=(Claim("stream-replay", proof),),
        control=Conversation((begun,)),
    )


SCENARIO = Scenario(
    id="stream-replay",
    title="The first caller's event stream, asked for by another",
    about="The first caller asks something under a random id and reads the answer from an event stream. Another begins "
    "a session and asks there for what came behind that stream's first event; the answer under the random id proves "
    "that streams are not kept apart.",
    draw=draw,
    rules=("stream-replay",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "endpoint", "second", "authenticated"),
    references=("CWE-488", "CWE-639", "OWASP-API1"),
)
