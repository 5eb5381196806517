"""What is good for one time, used twice: one after the other, and together."""

from __future__ import annotations

from mcpfuzz.model import Call, Case, Claim, Conversation, Operation, Place, Proof, Step, Surface, pointer
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import Flow, flows, make, use
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import once, reads_only, removes

TOGETHER = 8
"""Calls that go out together."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """For every maker of what the operation takes: replayed where it says that it works once, then raced."""
    assert operation is not None
    if reads_only(operation) or removes(operation):
        return None
    stories = [
        (flow, race)
        for flow in flows(surface, operation)
        for race in (False, True)
        if race or once(operation, flow.maker)
    ]
    if index >= len(stories):
        return None
    flow, race = stories[index]
    made, used, unknown = make(surface, flow, None), use(surface, flow, 1), use(surface, flow, 1, how="like")
    if made is None or used is None or unknown is None:
        return None
    return _raced(flow, made, used, unknown) if race else _replayed(flow, made, used, unknown)


def _replayed(flow: Flow, made: Call, used: Call, unknown: Call) -> Case:
    params = {"steps": 4, "unknown": 1, "first": 2, "again": 3}
    proof = Proof(kind="replayed", expected="a refusal: it was used before", params=params)
    return _case(
        flow, Conversation.of(made, unknown, used, used), "the same once more", Claim("replayed-action", proof),
        Conversation.of(made, unknown, used, unknown),
    )  # fmt: skip


def _raced(flow: Flow, made: Call, used: Call, unknown: Call) -> Case:
    params = {
        "steps": TOGETHER + 3, "unknown": 1, "together": list(range(2, TOGETHER + 2)), "last": TOGETHER + 2,
    }  # fmt: skip
    proof = Proof(kind="raced", expected="one of the calls succeeds", params=params)
    one_by_one = Conversation.of(made, unknown, *[used] * (TOGETHER + 1))
    together = (Step(action=used, group="race"),) * TOGETHER
    conversation = Conversation((Step(action=made), Step(action=unknown), *together, Step(action=used)))
    return _case(flow, conversation, f"{TOGETHER} times together", Claim("race", proof), one_by_one)


def _case(flow: Flow, conversation: Conversation, label: str, claim: Claim, control: Conversation) -> Case:
    operation = flow.user
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(flow.argument)),
        conversation=conversation,
        label=label,
        claims=(claim,),
        control=control,
    )


SCENARIO = Scenario(
    id="replay-and-race",
    title="Once, twice, at the same time",
    about="A thing is made and used twice, where its tools say that it works once; and many times together. The same "
    "success again proves the replay; several successes together, where one by one only the first succeeds, "
    "prove the race. An id that nobody gave out must be refused.",
    draw=draw,
    rules=("replayed-action", "race"),
    kinds=("tool",),
    cases=8,
    early=True,
    alone=True,
    references=("CWE-294", "CWE-367", "OWASP-API6"),
)
