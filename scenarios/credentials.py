"""Connections without a credential, and with one that is nobody's."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices

CALLERS = (
    ("anonymous", "auth-missing", "no credential at all"),
    ("garbage", "auth-unchecked", "a credential with other characters at its end"),
)
"""(identity, rule, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    caller, rule, words = CALLERS[index % len(CALLERS)]
    return second_connection(SCENARIO.id, surface, rule, words, as_=caller, kind="session")


SCENARIO = Scenario(
    id="credentials",
    title="No credential, and a false one",
    about="A second connection carries no credential, then one that is nobody's, and makes a call that the "
    "first caller may make. A normal answer proves that the credential is not asked for, or not looked "
    "at.",
    draw=draw,
    rules=(
        "auth-missing",
        "auth-unchecked",
    ),
    cases=2,
    rounds=1,
    early=True,
    alone=True,
    needs=(
        "network",
        "credential",
    ),
    references=(
        "CWE-306",
        "CWE-287",
        "OWASP-API2",
    ),
)
