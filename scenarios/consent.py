"""An authorization server that leads on to another one: whether whoever brings a client is asked first."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.authorizing import CALLBACK, asked, authorization_case, followed, registered, submitted
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices

MISSING = ("consent-missing", "consent-unasked", "a page that asks for consent")
UNBOUND = ("consent-unbound", "consent-unbound", "refused: this browser has agreed to nothing")


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    server = surface.authorization
    if server is None or index > 1:
        return None
    begun = (registered(server), asked(server), followed())
    if index == 0:
        return authorization_case(
            SCENARIO.id, MISSING, server.authorize, (*begun, followed()), "a client that nobody has seen before",
            registered=CALLBACK,
        )  # fmt: skip
    return authorization_case(
        SCENARIO.id, UNBOUND, server.authorize, (*begun, submitted(), followed(cookies=False)),
        "the answer in another browser", registered=CALLBACK,
    )  # fmt: skip


SCENARIO = Scenario(
    id="consent",
    title="Consent before somebody else's sign-in",
    about="A client that was just registered asks for a code, where {issuer} is the server that people sign in at. A "
    "code without any page before it proves that nobody is asked; a code in a browser without the cookies of who "
    "agreed proves that one may agree and another one pay.",
    draw=draw,
    rules=("consent-missing", "consent-unbound"),
    cases=2,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages", "authorization-server", "registration", "issuer"),
    references=("CWE-441", "CWE-352", "OWASP-API2", "OWASP-LLM08"),
)
