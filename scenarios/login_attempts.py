"""A login over HTTP: whether wrong passwords are ever slowed."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Http, Open, Operation, Place, Proof, Step, Surface, replace
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.sessions import CLIENT
from mcpfuzz.strategies.choices import Choices

TRIES = 25
"""Wrong passwords in a row; as many once more where that is confirmed. A bounded sample, no attack on an account."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    if surface.sign_in is None or not surface.callers:
        return None
    tried = [Step(action=_with(surface.sign_in, f"{number}")) for number in range(TRIES)]
    right = Step(action=Open(), on=CLIENT, as_=f"{surface.callers[0]}~anew")
    params = {"tries": TRIES, "steps": TRIES + 1}
    expected = "after a few failures it is slower, or refuses"
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="endpoint", name=surface.sign_in.path.partition("?")[0]),
        conversation=Conversation((*tried, right)),
        label=f"{TRIES} wrong passwords, then the right one",
        claims=(Claim("login-unthrottled", Proof(kind="never-slowed", expected=expected, params=params)),),
        control=Conversation((right,)),
    )


def _with(login: Http, name: str) -> Http:
    """The login with a password of its own."""
    body = str(login.body).replace("{canary:password}", f"{{canary:{name}}}")
    return replace(login, body=body)


SCENARIO = Scenario(
    id="login-attempts",
    title="Passwords for a login over HTTP",
    about="The first caller's login is tried with 25 wrong passwords, then they sign in once more. That all are "
    "refused alike, in no more time, and the right one is taken after them, proves that they can be tried without end.",
    draw=draw,
    rules=("login-unthrottled",),
    cases=1,
    rounds=1,
    alone=True,
    fresh=True,
    spoils=True,  # not early: where it is not our server, whoever is locked out stays so
    needs=("sign-in",),
    references=("CWE-307", "OWASP-API2"),
)
