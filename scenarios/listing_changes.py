"""Definitions that change between two listings."""

from __future__ import annotations

from mcpfuzz.model import Call, Case, Claim, Conversation, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import LISTINGS, walk
from mcpfuzz.strategies.choices import Choices

TIMES = 3
"""Listings on one connection."""
BULKY = 2 << 20
"""Characters of all descriptions: so many are not held three times over."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Each listing on one connection first, then with another process."""
    offered = [kind for kind in LISTINGS if LISTINGS[kind] in surface.pages]
    if index >= 2 * len(offered) or sum(len(item.description) for item in surface.operations) > BULKY:
        return None
    kind, other = offered[index % len(offered)], index >= len(offered)
    method = LISTINGS[kind]
    steps: list[Step] = []
    listings: list[list[int]] = []
    for turn in range(2 if other else TIMES):
        first = len(steps)
        on = "c2" if other and turn else "c1"
        steps += [Step(action=call, on=on) for call in walk(surface, method, first + 1)]
        listings.append(list(range(first, len(steps))))
    params = {"steps": len(steps), "listings": listings}
    proof = Proof(kind="relisted", expected="the same as before", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name=method),
        conversation=Conversation(tuple(steps)),
        label="in another process" if other else f"listed {TIMES} times",
        claims=(Claim("listing-changes", proof),),
        control=Conversation.of(Call(method, {})),
    )


SCENARIO = Scenario(
    id="listing-changes",
    title="Definitions that do not stay the same",
    about="Listings are asked for three times on one connection and by a fresh process; nothing else is done between. "
    "A definition whose words differ (numbers, paths, dates and order set aside) proves that what was "
    "approved is not what is used.",
    draw=draw,
    rules=("listing-changes",),
    cases=8,
    early=True,
    alone=True,
    references=("CWE-494", "OWASP-LLM05", "OWASP-LLM03"),
)
