"""What the scenarios about state share: a thing is made, its id flows into other calls, and readings tell what
became of it. Ids are slots, so that a story is a value like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mcpfuzz.model import Call, Conversation, Json, Operation, Step, Surface
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.calls import CannotGenerate, plan_of
from mcpfuzz.slots import quote
from mcpfuzz.strategies.arguments import valid
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.relations import affinity, free_texts, id_arguments, looks, makes, reads_only, words
from mcpfuzz.surface import bind

__all__ = [
    "Flow", "also", "flows", "make", "passes", "plain", "readings", "slot_name", "subscription", "use", "walk",
]  # fmt: skip

MOST_FLOWS = 4
LISTINGS: Mapping[str, str] = {
    "tool": "tools/list", "prompt": "prompts/list", "resource": "resources/list",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flow:
    """What one tool makes is named by an argument of another."""

    maker: Operation
    user: Operation
    argument: str
    strength: int


def flows(surface: Surface, user: Operation) -> tuple[Flow, ...]:
    """Where the user's ids may come from, most likely first; never from what is not called."""
    makers = [item for item in surface.operations if makes(item) and item.skipped is None and item is not user]
    found = [
        Flow(maker, user, argument, affinity(maker, user, argument))
        for argument in id_arguments(user)
        for maker in makers
    ]
    best = max((flow.strength for flow in found), default=0)
    least = max(2 if user.key in surface.good else 1, (best + 1) // 2)
    likely = [flow for flow in found if flow.strength >= least]
    return tuple(sorted(likely, key=lambda flow: -flow.strength)[:MOST_FLOWS])


def plain(surface: Surface, operation: Operation, index: int = 0) -> Mapping[str, Json] | None:
    """Arguments to begin with: known to be good, else the simplest that the schema allows; None where none."""
    known = surface.good.get(operation.key)
    if known:
        return known[index % len(known)]
    try:
        drawn = valid(RandomChoices("story", operation.name), plan_of(operation))
    except CannotGenerate:
        return None
    if not isinstance(drawn, dict):
        return None
    return {name: value for name, value in drawn.items() if name in operation.required}


def make(surface: Surface, flow: Flow, canary: str | None = "1", *, after: str = "") -> Call | None:
    """The call that makes the thing, with a canary in its contents; None where no text of ours fits in.

    Args:
        canary: name of the canary; None makes it as it is.
        after: a text that stands before the canary.
    """
    arguments = plain(surface, flow.maker)
    if arguments is None:
        return None
    if canary is None:
        return bind(flow.maker, arguments)
    name = next(free_texts(flow.maker), None)
    return None if name is None else bind(flow.maker, {**arguments, quote(name): f"{after}{{canary:{canary}}}"})


def use(surface: Surface, flow: Flow, step: int, *, how: str = "got") -> Call | None:
    """The call that names what step (counted from 1) made; `how` may be `like`: what nobody made."""
    arguments = plain(surface, flow.user)
    if arguments is None:
        return None
    return bind(flow.user, {**arguments, quote(flow.argument): f"{{{how}:{step}:{slot_name(flow.argument)}}}"})


def also(surface: Surface, flow: Flow, other: Operation) -> Flow | None:
    """The same maker's things, named by another operation."""
    return next((item for item in flows(surface, other) if item.maker.key == flow.maker.key), None)


def readings(surface: Surface, besides: Operation, most: int, *, guess: bool = False) -> list[Call]:
    """Known-good calls of other tools that say they only read: those about the same things, and those that take no
    argument, since they tell of the whole.

    Args:
        guess: those whose name says so as well.
    """
    reading = looks if guess else reads_only
    named, told = words(besides.name), words(besides.description)
    ranked: list[tuple[int, Operation]] = []
    for operation in surface.operations:
        if operation.kind != "tool" or operation is besides or operation.skipped or not reading(operation):
            continue
        if operation.key not in surface.good:
            continue
        own = words(operation.name)
        shared = 3 * len(own & named) + len((own | words(operation.description)) & (told | named))
        score = shared + 2 * (not operation.required)
        if score:
            ranked.append((score, operation))
    ranked.sort(key=lambda item: -item[0])
    return [bind(operation, surface.good[operation.key][0]) for _, operation in ranked[:most]]


def passes(start: Sequence[Call], shown: Sequence[Call], act: Call) -> Conversation:
    """Readings twice, the call, readings twice. The readings of one pass go out together: slow ones cost once."""
    steps = [Step(action=call) for call in start]
    for turn in range(4):
        if turn == 2:
            steps.append(Step(action=act))
        steps += [Step(action=call, group=f"reading {turn + 1}") for call in shown]
    return Conversation(tuple(steps))


def walk(surface: Surface, method: str, first: int) -> Iterator[Call]:
    """All pages of a listing; `first` is the step (counted from 1) that the first page will be."""
    for page in range(surface.pages.get(method, 1)):
        cursor = {} if page == 0 else {"cursor": f"{{step:{first + page - 1}#/result/nextCursor}}"}
        yield Call(method, cursor)


def subscription(surface: Surface, reading: Call | None) -> Call | None:
    """The request to be told when what a reading reads changes; None where the server does not offer that."""
    offered = surface.capabilities.get("resources")
    params = reading.params if reading is not None else None
    if not isinstance(offered, dict) or offered.get("subscribe") is not True or not isinstance(params, dict):
        return None
    if BY_DATE[surface.revision].era == "modern":
        return Call("subscriptions/listen", {"notifications": {"resourceSubscriptions": [params["uri"]]}})
    return Call("resources/subscribe", {"uri": params["uri"]})


def slot_name(name: str) -> str:
    """A name as a slot can hold it."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "_.-") else "_" for sign in name)
