"""What the attacking scenarios share: a payload put into one place of a good call, and what would prove it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Step, Surface
from mcpfuzz.strategies.payload import Payload
from mcpfuzz.strategies.points import Point, aim, points, put
from mcpfuzz.strategies.queries import Pair
from mcpfuzz.surface import bind

__all__ = [
    "Claims",
    "aimed",
    "computed",
    "good_calls",
    "kinds_of_call",
    "made",
    "obeyed",
    "read",
    "readers",
    "told_apart",
]

Claims = Callable[[Payload], tuple[Claim, ...]]
INSIDE = "nothing from outside of the workspace"


def good_calls(surface: Surface, operation: Operation) -> Sequence[Mapping[str, Json]]:
    """Arguments to build on: those known to be good, then the likeliest (where none is good, or what is good says
    nothing), else none (each place is filled alone)."""
    return (*surface.good.get(operation.key, ()), *surface.likely.get(operation.key, ())) or ({},)


def kinds_of_call(surface: Surface, operation: Operation) -> Sequence[Mapping[str, Json]]:
    """Good calls that differ in which arguments they give: for payloads that stand in place of a value."""
    by_names = {tuple(sorted(call)): call for call in reversed(good_calls(surface, operation))}
    return tuple(reversed(by_names.values()))


def aimed(
    scenario: str,
    surface: Surface,
    operation: Operation,
    index: int,
    *,
    kind: str,
    payloads: Callable[[str], tuple[Payload, ...]],
    claims: Claims,
    calls: Sequence[Mapping[str, Json]] = (),
) -> Case | None:
    """The index-th case: a payload at a place of the operation.

    Args:
        kind: what the place is best (`points.KINDS`).
        payloads: good value -> payloads, most likely first.
        claims: what a payload would show.
        calls: what is built on; empty: all good calls.
    """
    good = calls or good_calls(surface, operation)
    turn, which = divmod(index, len(good))
    found = aim(points(operation.schema, good[which]), kind, turn)
    if found is None:
        return None
    point, rank = found
    choice = payloads(point.text)
    if rank >= len(choice):
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
        control=None if payload.benign is None else Conversation.of(bind(operation, put(good, point, payload.benign))),
    )


def read(rule: str) -> Claim:
    """A decoy was read."""
    return Claim(rule, Proof(kind="file-read", expected=INSIDE))


def made(rule: str, canary: str = "1") -> Claim:
    """A file with the case's canary was made, wherever it is."""
    expected = "nothing is made outside of the workspace"
    return Claim(rule, Proof(kind="file-made", expected=expected, params={"canary": canary}))


def obeyed(rule: str) -> Claim:
    """A command, an option or a statement made the file that it names: `{watch}/{canary:1}`."""
    expected = "nothing in the text is obeyed: the file that it names is not made"
    return Claim(rule, Proof(kind="file-made", expected=expected, params={"canary": "1", "named": True}))


def computed(rule: str) -> Claim:
    """The product of the numbers 1 and 2 is in the answer."""
    expected = "text is not evaluated: the product of its numbers stands nowhere"
    return Claim(rule, Proof(kind="computed", expected=expected, params={"of": ["1", "2"]}))


NOBODY = "{canary:nobody}"


def told_apart(
    scenario: str,
    surface: Surface,
    operation: Operation,
    index: int,
    *,
    pairs: Callable[[str], tuple[Pair, ...]],
) -> Case | None:
    """The index-th case: a value, then conditions behind it that hold and that do not, in turn, then the value again.

    The control has the same conditions behind a value that matches nothing: a tool that takes conditions on
    purpose tells them apart there too.

    Args:
        pairs: value -> conditions, most likely first.
    """
    calls = kinds_of_call(surface, operation)
    turn, which = divmod(index, len(calls))
    good = calls[which]
    found = aim(points(operation.schema, good), "sql", turn)
    if found is None:
        return None
    point, rank = found
    choice = [(value, pair) for value in _values(point) for pair in pairs(value)]
    if rank >= len(choice):
        return None
    value, pair = choice[rank]
    said = (value, pair.true[0], pair.false[0], pair.true[1], pair.false[1], value)
    proof = Proof(
        kind="differential",
        expected="a condition inside a value is part of the value",
        params={"plain": 0, "true": [1, 3, 5], "false": [2, 4]},
    )
    return Case(
        scenario=scenario,
        place=Place(kind=operation.kind, name=operation.name, argument=point.pointer),
        conversation=_together(bind(operation, put(good, point, text)) for text in said),
        label=f"{pair.why} at {point.pointer}",
        claims=(Claim(pair.rule, proof),),
        control=_together(bind(operation, put(good, point, _instead(text, value))) for text in said),
    )


def _values(point: Point) -> tuple[str, ...]:
    """Texts that may match something: what the schema shows, and what was accepted."""
    shown = point.schema.get("examples")
    hints = [*(shown if isinstance(shown, list) else ()), point.schema.get("default"), point.base]
    return tuple(dict.fromkeys(hint for hint in hints if isinstance(hint, str) and hint))[:2]


def _together(calls: Iterable[Call]) -> Conversation:
    """Calls that do not wait for each other: reading takes one way there and back."""
    return Conversation(tuple(Step(action=call, group="together") for call in calls))


def _instead(value: Json, base: str) -> Json:
    """A text or operator with a random name in place of the good value."""
    if isinstance(value, str):
        return value.replace(base, NOBODY)
    if isinstance(value, list):
        return [_instead(item, base) for item in value]
    return {name: _instead(item, base) for name, item in value.items()}


def readers(surface: Surface, besides: Operation, most: int) -> list[Call]:
    """Good calls of other tools that may show what an earlier call did; those that say they read first."""
    ready = [item for item in surface.operations if item.kind == "tool" and surface.good.get(item.key)]
    ready.sort(key=lambda item: (item.annotations.get("readOnlyHint") is not True, item is besides))
    calls = [bind(item, surface.good[item.key][0]) for item in ready if item.skipped is None]
    return calls[:most]
