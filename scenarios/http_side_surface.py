"""The HTTP operations that a server offers beside MCP, as its OpenAPI document describes them."""

from __future__ import annotations

from mcpfuzz.model import (
    Case,
    Claim,
    Conversation,
    Http,
    HttpFailure,
    Json,
    Operation,
    Place,
    Proof,
    Step,
    Surface,
)
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.pages import get
from mcpfuzz.strategies.choices import Choices

MOST = 40
RULES: dict[str, tuple[str, str, str]] = {
    "server-error": ("http-server-error", "http-fails", "a status that says whose fault it is"),
    "response-schema": ("http-response-schema", "http-breaks-schema", "a body as the OpenAPI document has it"),
}
"""Check -> rule, proof, what a sound server does. What ended a connection is for the universal oracles."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """A benign request, so that there is one; then what Schemathesis saw, one request each, to be proved."""
    if index == 0:
        place = Place(kind="endpoint", name="http")
        return Case(scenario=SCENARIO.id, place=place, conversation=Conversation((get("/"),)), label="")
    if index > len(surface.failures):
        return None
    seen = surface.failures[index - 1]
    control = None if seen.passed is None else Conversation((_step(surface, seen.passed),))
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="endpoint", name=seen.operation),
        conversation=Conversation((_step(surface, seen.request),)),
        label=seen.operation,
        claims=_claims(seen),
        control=control,
    )


def _claims(seen: HttpFailure) -> tuple[Claim, ...]:
    if seen.check == "lost":
        return ()
    rule, kind, expected = RULES[seen.check]
    params: dict[str, Json] = {} if seen.check == "server-error" else {"status": seen.status, "schema": seen.schema}
    return (Claim(rule, Proof(kind=kind, expected=expected, params=params)),)


def _step(surface: Surface, request: Http) -> Step:
    """As the first caller, whose credential goes along."""
    return Step(action=request, as_=surface.callers[0] if surface.callers else None)


SCENARIO = Scenario(
    id="http-side-surface",
    title="HTTP operations beside MCP",
    about="Where the server also serves an OpenAPI document, Schemathesis draws requests from it, within and beyond "
    "what it allows. Server errors and successes that break the documented schema are said again on a fresh server.",
    draw=draw,
    rules=("http-server-error", "http-response-schema"),
    cases=MOST,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "endpoint", "schemathesis", "openapi"),
    references=("CWE-755", "CWE-684", "OWASP-API8"),
)
