"""Values that climb out of their place in an upstream's path."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Operation, Place, Proof, Surface
from mcpfuzz.scenarios.attacks import good_calls
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.addresses import climbs
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.points import aim, points, put
from mcpfuzz.surface import bind


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """A benign value first, which shows where the place lies, then one that climbs."""
    assert operation is not None
    good = good_calls(surface, operation)
    turn, which = divmod(index, len(good))
    found = aim(points(operation.schema, good[which]), "id", turn)
    if found is None or found[1] >= len(climbs()):
        return None
    point, payload = found[0], climbs()[found[1]]
    benign = Conversation.of(bind(operation, put(good[which], point, "{canary:benign}")))
    attack = Conversation.of(bind(operation, put(good[which], point, payload.text)))
    proof = Proof(
        kind="upstream-escape",
        expected="the upstream's path stays behind the place of the argument",
        params={"benign": "benign", "canary": "1"},
    )
    bait = Proof(kind="listener-hit", expected="no other host is asked", params={"canary": "1"})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=point.pointer),
        conversation=Conversation((*benign.steps, *attack.steps)),
        label=f"{payload.why} at {point.pointer}",
        claims=(Claim("upstream-path", proof), Claim("ssrf", bait)),
        keep=payload.keep,
    )


SCENARIO = Scenario(
    id="upstream-path",
    title="Values that climb out of an upstream's path",
    about="The server's upstream is our listener. A benign value shows where an argument stands in the path that is "
    "asked; a request for a path outside of that place, which carries this case's canary, proves the climb.",
    draw=draw,
    rules=("upstream-path", "ssrf"),
    kinds=("tool", "resource", "prompt"),
    cases=32,
    early=True,
    alone=True,
    needs=("upstream",),
    references=("CWE-22", "CWE-918", "OWASP-API10"),
)
