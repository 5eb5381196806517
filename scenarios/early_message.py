"""A WebSocket without a credential: whether it is opened at all, and whether what is said on it at once is served."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import first_words
from mcpfuzz.strategies.choices import Choices

CALLERS = ("anonymous", "garbage")


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The request goes out right behind the upgrade, without a look at what the server says first: one that begins a
    session, where the revision has sessions."""
    caller = CALLERS[index % len(CALLERS)]
    ask = first_words(surface)
    steps = (
        Step(action=Open(handshake=False, revision=surface.revision), on="c2", as_=caller),
        Step(action=ask, on="c2", as_=caller),
    )
    served = Proof(kind="served", expected="nothing is served before a credential is", params={"step": 1, "steps": 2})
    late = Proof(
        kind="turned-away", expected="the upgrade itself is refused with 401 or 403",
        params={"ask": 1, "steps": 2},
    )  # fmt: skip
    claims = [Claim("auth-missing", served)]
    if "upgrade-credential" in surface.places:  # a first message cannot come before the upgrade
        claims.append(Claim("accepted-before-auth", late))
    good = tuple(Step(action=step.action, on="c2", as_=surface.callers[0]) for step in steps)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="upgrade"),
        conversation=Conversation(steps),
        label="a request right behind an upgrade without a credential",
        claims=tuple(claims),
        control=Conversation(good),
    )


SCENARIO = Scenario(
    id="early-message",
    title="A request before authentication",
    about="A WebSocket is opened without a credential, then with one that is nobody's, and a request follows at once. "
    "A normal answer proves that messages are served before anybody looked who sends them; an upgrade that succeeds "
    "and is closed afterwards, that the credential is looked at too late.",
    draw=draw,
    rules=("auth-missing", "accepted-before-auth"),
    cases=2,
    rounds=1,
    early=True,
    alone=True,
    needs=("websocket", "authenticated"),
    references=("CWE-306", "CWE-770", "OWASP-API2"),
)
