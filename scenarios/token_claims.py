"""Tokens that are rightly signed and say what they should not: another time, issuer or audience."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import forged_token
from mcpfuzz.strategies.choices import Choices

VARIANTS = (
    ("expired", "token-expired", "it ended an hour ago"),
    ("early", "token-early", "it begins in an hour"),
    ("issuer", "token-claims", "another issuer"),
    ("audience", "token-claims", "another audience"),
)
"""(variant of `mcpfuzz.tokens`, rule, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    variant, rule, words = VARIANTS[index % len(VARIANTS)]
    return forged_token(SCENARIO.id, surface, rule, variant, words)


SCENARIO = Scenario(
    id="token-claims",
    title="A token of another time, issuer or audience",
    about="With the key that was given for it, the first caller's token is signed anew: expired, not valid yet, from "
    "another issuer, for another audience. A normal answer, where a token under a made-up key gets none, proves that "
    "the claim is not looked at.",
    draw=draw,
    rules=("token-expired", "token-early", "token-claims"),
    cases=4,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "jwt-key"),
    references=("CWE-613", "CWE-287", "OWASP-API2"),
)
