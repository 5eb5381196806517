"""Addresses that a server should not ask."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Operation, Proof, Surface
from mcpfuzz.scenarios.attacks import aimed, read
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.addresses import TLS, addresses
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.payload import Payload


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    return aimed(SCENARIO.id, surface, operation, index, kind="address", payloads=addresses, claims=_claims)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    params = {} if payload.rule == TLS else {"canary": "1"}
    hit = Proof(kind="listener-hit", expected="loopback is not asked", params=params)
    return (Claim("ssrf", hit), read("ssrf"))


SCENARIO = Scenario(
    id="ssrf",
    title="Addresses that only the server can reach",
    about="One place of a good call becomes a URL of our listener on loopback, in every spelling. A request "
    "that carries this case's canary proves that the server asked it.",
    draw=draw,
    rules=("ssrf",),
    kinds=("tool", "resource", "prompt"),
    cases=32,
    early=True,
    references=(
        "CWE-918",
        "OWASP-API7",
        "OWASP-LLM02",
    ),
)
