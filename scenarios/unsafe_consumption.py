"""An upstream that answers what no honest one would."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Operation, Place, Proof, Surface
from mcpfuzz.scenarios.attacks import good_calls
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.points import points, put
from mcpfuzz.surface import bind

MODES = ("malformed", "wrong", "deep", "empty", "html", "huge", "hostile", "cut", "number", "status")
"""What our listener answers to a request that holds `mf-MODE` (`effects.answers`)."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Each mode at each place of text: what goes into a request decides what is answered to it."""
    assert operation is not None
    good = good_calls(surface, operation)[0]
    found = sorted(points(operation.schema, good), key=lambda point: point.rank("id"))
    if not found or index >= len(found) * len(MODES):
        return None
    mode, point = MODES[index // len(found)], found[index % len(found)]
    proof = Proof(
        kind="upstream-harm", expected="an error that says the upstream gave no usable answer", params={"mode": mode}
    )
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=point.pointer),
        conversation=Conversation.of(bind(operation, put(good, point, f"mf-{mode}"))),
        label=f"the upstream's answer is {mode}",
        claims=(Claim("unsafe-consumption", proof),),
        keep=(f"mf-{mode}",),
    )


SCENARIO = Scenario(
    id="unsafe-consumption",
    title="An upstream that cannot be trusted",
    about="The server's upstream is our listener, which answers with cut, deep, huge or mistyped data to requests that "
    "carry this case's word. A server that ends, falls silent, or shows its own innards proves that it trusts what it "
    "is told.",
    draw=draw,
    rules=("unsafe-consumption",),
    kinds=("tool", "resource", "prompt"),
    cases=30,
    early=True,
    needs=("upstream",),
    alone=True,
    references=("CWE-20", "CWE-1286", "OWASP-API10"),
)
