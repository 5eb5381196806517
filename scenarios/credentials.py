"""Connections without a credential, and with one that is nobody's."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Open, Operation, Step, Surface, replace
from mcpfuzz.revisions import BY_DATE, LATEST_LEGACY, LATEST_MODERN
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices

CALLERS = (
    ("anonymous", "auth-missing", "no credential at all"),
    ("garbage", "auth-unchecked", "a credential with other characters at its end"),
)
"""(identity, rule, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """In the run's revision, then over Streamable HTTP in one of the other era: who serves both has two handlers."""
    caller, rule, words = CALLERS[index % len(CALLERS)]
    case = second_connection(SCENARIO.id, surface, rule, words, as_=caller, kind="session")
    if index < len(CALLERS):
        return case
    if "endpoint" not in surface.places:
        return None
    revision = (LATEST_LEGACY if BY_DATE[surface.revision].era == "modern" else LATEST_MODERN).date
    _, call = case.conversation.steps
    steps = (Step(action=Open(revision=revision), on=call.on, as_=caller), call)
    return replace(case, conversation=Conversation(steps), label=f"{words}, in revision {revision}")


SCENARIO = Scenario(
    id="credentials",
    title="No credential, and a false one",
    about="A second connection carries no credential, then one that is nobody's, and makes a call that the first "
    "caller may make; over Streamable HTTP also in a revision of the other era. A normal answer proves that the "
    "credential is not asked for, or not looked at.",
    draw=draw,
    rules=(
        "auth-missing",
        "auth-unchecked",
    ),
    cases=4,
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
