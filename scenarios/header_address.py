"""Headers that name an upstream: addresses that a server should not ask on a caller's word."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.attacks import good_calls
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.addresses import TLS, addresses
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """One of the user's headers becomes an address of our bait, on a connection of its own."""
    assert operation is not None
    if not surface.headers:
        return None
    turn, which = divmod(index, len(surface.headers))
    name, value = surface.headers[which]
    payloads = [payload for payload in addresses(value) if payload.rule != TLS]
    good = good_calls(surface, operation)
    if turn >= len(payloads):
        return None
    payload = payloads[turn]
    call = bind(operation, good[turn % len(good)])
    hit = Proof(kind="listener-hit", expected="loopback is not asked", params={"canary": "1", "steps": 2})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name),
        conversation=Conversation(
            (Step(action=Open(headers=((name, payload.text),)), on="c2"), Step(action=call, on="c2"))
        ),
        label=f"{payload.why} in the header {name}",
        claims=(Claim("ssrf", hit),),
        control=Conversation((Step(action=Open(), on="c2"), Step(action=call, on="c2"))),
    )


SCENARIO = Scenario(
    id="header-address",
    title="Addresses in headers",
    about="A header that the user gives with an address becomes an address of our listener on loopback, and tools are "
    "called. A request that carries this case's canary proves that whoever sends headers chooses the upstream.",
    draw=draw,
    rules=("ssrf",),
    kinds=("tool", "resource", "prompt"),
    cases=4,
    early=True,
    alone=True,
    needs=("network", "address-header"),
    references=("CWE-918", "OWASP-API7"),
)
