"""A connection that was opened in time, after its token has ended: each request is a use of the token."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface, Wait
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.strategies.choices import Choices

LEEWAYS = (0, 5, 10, 30, 60, 300)
"""Seconds for which servers take a token beyond its end. For each there is a token that is nearly over by that: those
that the server refuses are passed over."""
OVER_S = 5.0
"""Until all of them have ended (`campaign.entry.BRIEF_S`)."""
GRACE_S = 3.0
"""For a server that looks through its connections now and then."""
EXPECTED = "the connection is closed, or its requests are refused, when its token has ended"


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Whether a token is over by the server's own clock and leeway is seen on fresh connections with another token of
    the same end; that those are refused for this alone, on one whose token is good."""
    owner, call = surface.callers[0], innocent_call(surface)
    names = [f"{owner}~ends-{leeway}" for leeway in LEEWAYS]
    old, new = _names("open"), _names("fresh")
    # what waits does so on the connection whose token was not over at all: where that is refused, nothing is waited for
    steps = [
        *(Step(action=Open(), on=on, as_=as_, group="open") for on, as_ in zip(old, names, strict=True)),
        *(Step(action=call, on=on, as_=as_, group="before") for on, as_ in zip(old, names, strict=True)),
        Step(action=Wait(OVER_S), on=old[0]),
        *(Step(action=Open(), on=on, as_=as_, group="fresh") for on, as_ in zip(new, names, strict=True)),
        Step(action=Open(), on="own", as_=owner),
        Step(action=call, on="own", as_=owner),
        *(Step(action=call, on=on, as_=as_, group="at once") for on, as_ in zip(old, names, strict=True)),
        Step(action=Wait(GRACE_S), on=old[0]),
        *(Step(action=call, on=on, as_=as_, group="after") for on, as_ in zip(old, names, strict=True)),
    ]
    many = len(LEEWAYS)
    ways = [
        {"before": many + way, "fresh": 2 * many + 1 + way, "after": 4 * many + 4 + way} for way in range(many)
    ]  # fmt: skip
    params = {"ways": ways, "own": 3 * many + 2, "steps": len(steps)}
    proof = Proof(kind="outlived", expected=EXPECTED, params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="exp"),
        conversation=Conversation(tuple(steps)),
        label="a call on a connection whose token has ended",
        silence_ok=True,  # who is shown the door may be so without a word
        claims=(Claim("token-outlived", proof),),
        control=Conversation((Step(action=Open(), on="own", as_=owner), Step(action=call, on="own", as_=owner))),
    )


def _names(word: str) -> list[str]:
    return [f"{word}-{leeway}" for leeway in LEEWAYS]


SCENARIO = Scenario(
    id="open-after-expiry",
    title="An open connection after its token has ended",
    about="With the key that was given for it, the first caller's token is signed anew to end within seconds, by "
    "several leeways; connections are opened with it, and used when it has ended. A normal answer, some seconds after "
    "fresh connections with a token of the same end are refused, proves that its time is looked at only at the door.",
    draw=draw,
    rules=("token-outlived",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "jwt-key", "authenticated"),
    references=("CWE-613", "OWASP-API2"),
)
