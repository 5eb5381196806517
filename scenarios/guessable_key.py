"""Tokens signed with the keys of tutorials."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import forged_token
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.tokens import GUESSES


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    number = index % len(GUESSES)
    words = f"signed with {GUESSES[number][:50]!r}"
    return forged_token(SCENARIO.id, surface, "token-guessable-key", f"guess-{number}", words)


SCENARIO = Scenario(
    id="guessable-key",
    title="A token signed with a well-known key",
    about="The first caller's claims are signed with keys that stand in tutorials and templates. A normal answer, "
    "where a token under a made-up key gets none, proves that the server's key is one of them.",
    draw=draw,
    rules=("token-guessable-key",),
    cases=len(GUESSES),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "jwt"),
    references=("CWE-1391", "CWE-798", "OWASP-API2"),
)
