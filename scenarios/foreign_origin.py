"""Connections that come from another web site, by their Origin header."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices

ORIGINS = (
    ("http://attacker.example", "another site"),
    ("null", "a page without an origin of its own"),
    ("https://attacker.example", "another site over TLS"),
    ("http://localhost.attacker.example", "a site whose name begins with localhost"),
    ("http://127.0.0.1.attacker.example", "a site whose name begins with the loopback address"),
)
"""(Origin, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    origin, words = ORIGINS[index % len(ORIGINS)]
    return second_connection(SCENARIO.id, surface, "origin-unchecked", words, headers=(("Origin", origin),))


SCENARIO = Scenario(
    id="foreign-origin",
    title="Connections from another web site",
    about="A second connection says in its Origin header that a page of another site opened it. A normal answer "
    "on it proves that any web page can speak to the server.",
    draw=draw,
    rules=("origin-unchecked",),
    cases=5,
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
