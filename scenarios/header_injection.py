"""Line ends that make headers of their own."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Proof, Surface
from mcpfuzz.scenarios.attacks import aimed, kinds_of_call
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.documents import breaks
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, index, kind="text", payloads=breaks, claims=_claims, calls=calls)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    expected = "a value stays inside its header"
    return (Claim(payload.rule, Proof(kind="upstream-header", expected=expected, params={"canary": "1"})),)


SCENARIO = Scenario(
    id="header-injection",
    title="Values that end a header",
    about="The server's upstream is our listener. One place of a good call holds a line end and a header that is named "
    "by this case's canary; that header in a request proves it.",
    draw=draw,
    rules=("header-injection",),
    kinds=("tool", "resource", "prompt"),
    cases=16,
    early=True,
    needs=("upstream",),
    references=("CWE-113", "CWE-93", "OWASP-API10"),
)
