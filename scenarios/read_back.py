"""What one tool takes from outside and another shows: an attack on one, then readings by all others."""

from __future__ import annotations

from collections.abc import Callable

from mcpfuzz.model import Case, Conversation, Operation, Place, Step, Surface
from mcpfuzz.scenarios.attacks import good_calls, read, readers
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.commands import options
from mcpfuzz.strategies.paths import reads
from mcpfuzz.strategies.payload import Payload
from mcpfuzz.strategies.points import Point, points, put
from mcpfuzz.surface import bind

TOGETHER = 8
"""Payloads that are said before the readings: one of them is to blame, the shrinker finds which."""
READERS = 10
STORIES: tuple[tuple[str, str, Callable[[str], tuple[Payload, ...]]], ...] = (
    ("path-traversal", "path", reads),
    ("argument-injection", "command", options),
)


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The index-th share of payloads, place by place, then good calls of tools that may show what came of it."""
    assert operation is not None
    if operation.annotations.get("readOnlyHint") is True:
        return None
    turn, which = divmod(index, len(STORIES))
    rule, kind, payloads = STORIES[which]
    good = good_calls(surface, operation)[0]
    places = sorted(points(operation.schema, good), key=lambda point: point.rank(kind))
    places = [point for point in places if point.rank(kind) <= 1]
    after = readers(surface, operation, READERS)
    if not places or not after:
        return None
    point, share = places[turn % len(places)], turn // len(places)
    chosen = payloads(point.text)[share * TOGETHER : (share + 1) * TOGETHER]
    if not chosen:
        return None
    return _case(operation, good, point, chosen, rule, Conversation.of(*after))


def _case(
    operation: Operation, good: object, point: Point, chosen: tuple[Payload, ...], rule: str, after: Conversation
) -> Case:
    given = good if isinstance(good, dict) else {}
    attacks = tuple(Step(action=bind(operation, put(given, point, payload.text))) for payload in chosen)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=point.pointer),
        conversation=Conversation((*attacks, *after.steps)),
        label=f"what {point.pointer} leads to outside is taken in, and another tool shows it",
        claims=(read(rule),),
        control=after,
    )


SCENARIO = Scenario(
    id="read-back",
    title="Taken from outside by one tool, shown by another",
    about="Paths to decoys go to a tool that does something with them; then the other tools' good calls are made. A "
    "decoy's canary in one of their answers proves that the first tool took it in.",
    draw=draw,
    rules=("path-traversal", "argument-injection"),
    kinds=("tool",),
    cases=12,
    early=True,
    alone=True,
    needs=("workspace",),
    references=("CWE-22", "OWASP-LLM02"),
)
