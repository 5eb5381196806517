"""A ticket for one WebSocket, used once more and by many at once."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.strategies.choices import Choices

AT_ONCE = 20
EXPECTED = "a ticket opens one connection, once"


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    holder = f"{surface.callers[0]}~ticket"
    return _again(surface, holder) if index == 0 else _at_once(surface, holder)


def _one_after_another(surface: Surface, holder: str, other: str) -> Conversation:
    call = innocent_call(surface)
    return Conversation(
        (
            Step(action=Open(), on="c2", as_=holder),
            Step(action=call, on="c2", as_=holder),
            Step(action=Open(), on="c3", as_=other),
            Step(action=call, on="c3", as_=other),
        )
    )


def _again(surface: Surface, holder: str) -> Case:
    """The control has a ticket that nobody gave out: where that is served, too, tickets are not what is looked at."""
    proof = Proof(kind="served", expected=EXPECTED, params={"step": 3, "steps": 4})
    return _case(
        _one_after_another(surface, holder, holder), "a ticket once more", Claim("ticket-reused", proof),
        _one_after_another(surface, holder, "garbage"),
    )  # fmt: skip


def _at_once(surface: Surface, holder: str) -> Case:
    """The control is the same ticket many times, one after another: that is the other case."""
    names = [f"c{number}" for number in range(2, 2 + AT_ONCE)]
    call = innocent_call(surface)
    calls = [Step(action=call, on=name, as_=holder) for name in names]
    together = [Step(action=Open(), on=name, as_=holder, group="together") for name in names]
    proof = Proof(
        kind="served-often", expected=EXPECTED, params={"of": list(range(AT_ONCE, 2 * AT_ONCE)), "steps": 2 * AT_ONCE}
    )
    control = Conversation((together[0], calls[0], *(Step(action=call, on="c1") for _ in calls[1:])))
    label = f"a ticket in {AT_ONCE} upgrades at once"
    return _case(Conversation((*together, *calls)), label, Claim("ticket-reused", proof), control)


def _case(conversation: Conversation, label: str, claim: Claim, control: Conversation) -> Case:
    place = Place(kind="session", name="ticket-reused")
    return Case(
        scenario=SCENARIO.id, place=place, conversation=conversation, label=label, claims=(claim,), control=control
    )


SCENARIO = Scenario(
    id="ticket-reuse",
    title="A ticket used twice",
    about="The first caller's ticket opens a WebSocket, and then another one; and twenty upgrades at once carry the "
    "same ticket. A normal answer on a second connection, where a made-up ticket gets none, proves that a ticket that "
    "somebody saw in a log still opens.",
    draw=draw,
    rules=("ticket-reused",),
    cases=2,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "ticket", "authenticated"),
    references=("CWE-294", "CWE-367", "OWASP-API2"),
)
