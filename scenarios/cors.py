"""Pages of other sites that may read the answers together with the user's credentials."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.pages import MADE_UP, get, page_case
from mcpfuzz.strategies.choices import Choices

ORIGINS = (
    (f"https://{MADE_UP}", "any site"),
    ("null", "a page in a sandboxed frame, which any site can make"),
    (f"http://localhost.{MADE_UP}", "any site whose name begins with localhost"),
    (f"http://127.0.0.1.{MADE_UP}", "any site whose name begins with the loopback address"),
)
"""(Origin, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The preflight of a site that was just made up: who allows that one allows any."""
    origin, words = ORIGINS[index % len(ORIGINS)]
    expected = "no such site is named, or credentials are not allowed"
    proof = Proof(kind="readable-by-any-site", expected=expected, params={"origin": origin})
    control = _preflight("http://{authority}")
    return page_case(SCENARIO.id, "cors-credentials", "cors", (_preflight(origin),), proof, words, control)


def _preflight(origin: str) -> Step:
    asked = (
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    )
    return get("{address}", *asked, method="OPTIONS")


SCENARIO = Scenario(
    id="cors",
    title="Other sites reading the answers, with credentials",
    about="Preflights come from a site that was just made up, from `null` and from names that begin like ours. That "
    "it is named together with Access-Control-Allow-Credentials proves that any site may read what the user may.",
    draw=draw,
    rules=("cors-credentials",),
    cases=len(ORIGINS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages"),
    references=("CWE-942", "CWE-346", "OWASP-API8"),
)
