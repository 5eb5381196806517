"""The first caller's JSON Web Token without a signature, or with one under another algorithm."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import forged_token
from mcpfuzz.strategies.choices import Choices

VARIANTS = (
    ("none", "alg none"),
    ("None", "alg None"),
    ("NONE", "alg NONE"),
    ("nOnE", "alg nOnE"),
    ("unsigned", "the signature cut off"),
    ("confused", "signed by HMAC with the public key"),
)
"""(variant of `mcpfuzz.tokens`, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    variant, words = VARIANTS[index % len(VARIANTS)]
    return forged_token(SCENARIO.id, surface, "token-unsigned", variant, words)


SCENARIO = Scenario(
    id="unsigned-token",
    title="A token that nobody signed",
    about='The first caller\'s token says that its algorithm is "none" and has no signature, or is signed with the '
    "public key as if it were a secret. A normal answer, where a token under a made-up key gets none, proves that it "
    "itself says how it is verified.",
    draw=draw,
    rules=("token-unsigned",),
    cases=6,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "jwt"),
    references=("CWE-347", "CWE-327", "OWASP-API2"),
)
