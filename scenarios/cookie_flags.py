"""Cookies that hold a session, and how they are guarded."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.sessions import bare, beginning, entered, session_case
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """A session is begun, a page asked for, and both without a credential: whichever sets a cookie."""
    steps = [
        entered(surface, handshake=False),
        bare(surface, "POST", None, beginning(surface)),
        bare(surface, "GET", None),
        bare(surface, "POST", None, beginning(surface), credential=False),
    ]
    expected = "HttpOnly, SameSite and, over https, Secure on every cookie that holds a session, or no cookie"
    return session_case(
        SCENARIO.id, "cookie-flags", steps, "bare-cookie", expected, "cookies of a beginning session",
        encrypted=int("encrypted" in surface.places),
    )  # fmt: skip


SCENARIO = Scenario(
    id="cookie-flags",
    title="How cookies that hold a session are guarded",
    about="A session is begun, with a credential and without. A Set-Cookie of a session or a credential that lacks "
    "HttpOnly or SameSite is what proves it.",
    draw=draw,
    rules=("cookie-flags",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "endpoint"),
    references=("CWE-1004", "CWE-614", "CWE-1275", "OWASP-API8"),
)
