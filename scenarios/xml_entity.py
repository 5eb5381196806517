"""XML that names other documents."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Proof, Surface
from mcpfuzz.scenarios.attacks import aimed, kinds_of_call, read
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.documents import xml
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, index, kind="markup", payloads=xml, claims=_claims, calls=calls)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    asked = Proof(kind="listener-hit", expected="no other document is asked for", params={"canary": "1"})
    return (read(payload.rule), Claim(payload.rule, asked))


SCENARIO = Scenario(
    id="xml-entity",
    title="XML that names other documents",
    about="One place of a good call holds XML whose entities are a decoy file or an address of our listener. "
    "The decoy's canary in the answer, or a request that carries this case's canary, proves it.",
    draw=draw,
    rules=("xml-entity",),
    kinds=("tool", "resource", "prompt"),
    cases=16,
    early=True,
    references=("CWE-611", "OWASP-API8"),
)
