"""The Authorization header spelled otherwise, with a credential that is nobody's."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Operation, Surface, replace
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices

SPELLINGS = (
    ("bearer", "a false token behind `bearer`"),
    ("BEARER", "a false token behind `BEARER`"),
    ("Basic", "a false token behind `Basic`"),
    ("Token", "a false token behind `Token`"),
    ("", "a false token without a scheme"),
    ("empty", "`Bearer` and nothing behind it"),
    ("null", "`Bearer null`"),
    ("undefined", "`Bearer undefined`"),
)
"""(what `Identity.spelled` makes of it, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """That a false token behind `Bearer` is served is told by another scenario: it is the control here. A server that
    takes `Bearer` alone, in this case alone, refuses all of these, and is right to."""
    form, words = SPELLINGS[index % len(SPELLINGS)]
    as_ = f"{surface.callers[0]}~spelled-{form}"
    case = second_connection(SCENARIO.id, surface, "scheme-unchecked", words, as_=as_, kind="session")
    usual = tuple(replace(step, as_="garbage") for step in case.conversation.steps)
    return replace(case, control=Conversation(usual))


SCENARIO = Scenario(
    id="credential-spelling",
    title="Another scheme, and a credential that is nobody's",
    about="The Authorization header names its scheme in other letters (RFC 9110, 11.1: their case does not matter) "
    "or another scheme, or holds no token. A normal answer, where a false token behind `Bearer` gets none, proves that "
    "only one spelling is verified.",
    draw=draw,
    rules=("scheme-unchecked",),
    cases=len(SPELLINGS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "bearer", "authenticated"),
    references=("CWE-287", "CWE-178", "OWASP-API2"),
)
