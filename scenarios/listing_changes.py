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
    """Each listing over again on one connection first, then all of them with another process: it is started once."""
    offered = [method for method in LISTINGS.values() if method in surface.pages]
    if index > len(offered) or not offered or sum(len(item.description) for item in surface.operations) > BULKY:
        return None
    if index < len(offered):
        return _case(surface, (offered[index],), ("c1",) * TIMES, f"listed {TIMES} times")
    return _case(surface, tuple(offered), ("c1", "c2"), "in another process")


def _case(surface: Surface, methods: tuple[str, ...], turns: tuple[str, ...], label: str) -> Case:
    """The listings, once on each of these connections in turn; each is compared with itself."""
    steps: list[Step] = []
    listings: dict[str, list[list[int]]] = {method: [] for method in methods}
    for on in turns:
        for method in methods:
            first = len(steps)
            steps += [Step(action=call, on=on) for call in walk(surface, method, first + 1)]
            listings[method].append(list(range(first, len(steps))))
    proofs = [
        Proof(
            kind="relisted", expected="the same as before", params={"steps": len(steps), "listings": listings[method]}
        )
        for method in methods
    ]
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name=methods[0] if len(methods) == 1 else "listings"),
        conversation=Conversation(tuple(steps)),
        label=label,
        claims=tuple(Claim("listing-changes", proof) for proof in proofs),
        control=Conversation.of(Call(methods[0], {})),
    )


SCENARIO = Scenario(
    id="listing-changes",
    title="Definitions that do not stay the same",
    about="Listings are asked for three times on one connection and by a fresh process; nothing else is done between. "
    "A definition whose words differ (numbers, paths, dates and order set aside) proves that what was "
    "approved is not what is used.",
    draw=draw,
    rules=("listing-changes",),
    cases=4,
    early=True,
    alone=True,
    references=("CWE-494", "OWASP-LLM05", "OWASP-LLM03"),
)
