"""Connections that come from another web site, by their Origin header."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Http, Operation, Proof, Step, Surface, replace
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices

ORIGINS = (
    ("http://attacker.example", "another site"),
    ("null", "a page without an origin of its own"),
    ("https://attacker.example", "another site over TLS"),
    ("http://localhost.attacker.example", "a site whose name begins with localhost"),
    ("http://127.0.0.1.attacker.example", "a site whose name begins with the loopback address"),
    ("http://attacker-localhost", "a site whose name ends with localhost"),
    ("http://attacker-localhost:{own_port}", "a site whose name ends with localhost, on the same port"),
)
"""(Origin, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """What a browser would send for the page: its question whether it may, then the connection and a call."""
    origin, words = ORIGINS[index % len(ORIGINS)]
    case = second_connection(SCENARIO.id, surface, "origin-unchecked", words, headers=(("Origin", origin),))
    asked = (
        ("Host", "{authority}"),
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    )
    steps = (Step(action=Http("OPTIONS", "{address}", asked)), *case.conversation.steps)
    params = {"preflight": 0, "step": 2, "steps": 3, "origin": origin}
    proof = Proof(kind="page-served", expected="the browser, or the connection, is refused", params=params)
    return replace(case, conversation=Conversation(steps), claims=(Claim("origin-unchecked", proof),))


SCENARIO = Scenario(
    id="foreign-origin",
    title="Connections from another web site",
    about="A second connection says in its Origin header that a page of another site opened it. A normal answer "
    "on it, over HTTP after a preflight that allows it, proves that any web page can speak to the server.",
    draw=draw,
    rules=("origin-unchecked",),
    cases=len(ORIGINS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network",),
    references=(
        "CWE-346",
        "CWE-1385",
        "OWASP-API8",
    ),
)
