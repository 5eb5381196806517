"""What the attacking scenarios share: a payload put into one place of a good call, and what would prove it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Surface
from mcpfuzz.strategies.payload import Payload
from mcpfuzz.strategies.points import Point, aim, points, put
from mcpfuzz.surface import bind

__all__ = ["Claims", "aimed", "good_calls", "made", "read", "readers"]

Claims = Callable[[Payload], tuple[Claim, ...]]
INSIDE = "nothing from outside of the workspace"


def good_calls(surface: Surface, operation: Operation) -> Sequence[Mapping[str, Json]]:
    """Arguments to build on: those known to be good, else none at all (each place is then filled alone)."""
    return surface.good.get(operation.key) or ({},)


def aimed(
    scenario: str,
    surface: Surface,
    operation: Operation,
    index: int,
    *,
    kind: str,
    payloads: Callable[[str], tuple[Payload, ...]],
    claims: Claims,
    most: int = 200,
) -> Case | None:
    """The index-th case: a payload at a place of the operation.

    Args:
        kind: what the place is best (`points.KINDS`).
        payloads: good value -> payloads, most likely first.
        claims: what a payload would show.
        most: payloads of one place that are tried at all.
    """
    good = good_calls(surface, operation)
    turn, which = divmod(index, len(good))
    found = aim(points(operation.schema, good[which]), kind, turn)
    if found is None:
        return None
    point, rank = found
    choice = payloads(point.text)
    if rank >= min(most, len(choice)):
        return None
    return case(scenario, operation, good[which], point, choice[rank], claims(choice[rank]))


def case(
    scenario: str,
    operation: Operation,
    good: Mapping[str, Json],
    point: Point,
    payload: Payload,
    claims: tuple[Claim, ...],
) -> Case:
    """One call with a payload at a point."""
    call = bind(operation, put(good, point, payload.text))
    return Case(
        scenario=scenario,
        place=Place(kind=operation.kind, name=operation.name, argument=point.pointer),
        conversation=Conversation.of(call),
        label=f"{payload.why} at {point.pointer}",
        claims=claims,
        keep=payload.keep,
    )


def read(rule: str) -> Claim:
    """A decoy was read."""
    return Claim(rule, Proof(kind="file-read", expected=INSIDE))


def made(rule: str, canary: str = "1") -> Claim:
    """A file with the case's canary was made."""
    expected = "nothing is made outside of the workspace"
    return Claim(rule, Proof(kind="file-made", expected=expected, params={"canary": canary}))


def readers(surface: Surface, besides: Operation, most: int) -> list[Call]:
    """Good calls of other tools that may show what an earlier call did; those that say they read first."""
    ready = [item for item in surface.operations if item.kind == "tool" and surface.good.get(item.key)]
    ready.sort(key=lambda item: (item.annotations.get("readOnlyHint") is not True, item is besides))
    calls = [bind(item, surface.good[item.key][0]) for item in ready if item.skipped is None]
    return calls[:most]
