"""A thing that was removed, asked for again; a thing that was changed, read as it was."""

from __future__ import annotations

from mcpfuzz.model import Call, Case, Claim, Conversation, Operation, Place, Proof, Step, Surface, pointer
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import Flow, also, flows, make, use
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import changes, free_texts, reads_only, removes
from mcpfuzz.surface import bind


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Made, read, removed or changed, read: for every maker of what this operation reads."""
    assert operation is not None
    if removes(operation) or (changes(operation) and not reads_only(operation)):
        return None
    stories = [
        (flow, other)
        for flow in flows(surface, operation)
        for other in surface.operations
        if other is not operation
        and other.kind == "tool"
        and other.skipped is None
        and (removes(other) or changes(other))
    ]
    stories = [(flow, other) for flow, other in stories if also(surface, flow, other) is not None]
    if index >= len(stories):
        return None
    flow, other = stories[index]
    return _removed(surface, flow, other) if removes(other) else _changed(surface, flow, other)


def _removed(surface: Surface, flow: Flow, remover: Operation) -> Case | None:
    """Only what this conversation made is removed, and by the server's own tool."""
    named = also(surface, flow, remover)
    made, read = make(surface, flow), use(surface, flow, 1)
    gone = use(surface, named, 1) if named else None
    if made is None or read is None or gone is None:
        return None
    params = {"steps": 4, "shown": 1, "gone": 2, "again": 3, "canary": "1"}
    proof = Proof(kind="outlives", expected="what was removed is gone", params=params)
    conversation = Conversation.of(made, read, gone, read)
    return _case(surface, flow, conversation, f"read after {remover.name}", Claim("use-after-delete", proof))


def _changed(surface: Surface, flow: Flow, changer: Operation) -> Case | None:
    """Two things: one is read, changed and read; the other, which nobody read before, shows that the change took."""
    named, read, other = also(surface, flow, changer), use(surface, flow, 1), use(surface, flow, 5)
    field = _same_field(flow.maker, changer)
    if named is None or field is None or read is None or other is None:
        return None
    made = [make(surface, flow, str(canary)) for canary in (1, 3)]
    change = [use(surface, named, step) for step in (1, 5)]
    if made[0] is None or made[1] is None or change[0] is None or change[1] is None:
        return None
    first, second = (
        bind(changer, {**call.params["arguments"], quote(field): f"{{canary:{canary}}}"})
        for call, canary in zip(change, (2, 4), strict=True)
        if call is not None
    )
    params = {"steps": 7, "shown": 1, "changed": 2, "again": 3, "before": "1", "after": "2", "other": 6, "took": "4"}
    proof = Proof(kind="stale", expected="what was changed is shown as it is", params=params)
    conversation = Conversation.of(made[0], read, first, read, made[1], second, other)
    return _case(surface, flow, conversation, f"read after {changer.name}", Claim("stale-read", proof))


def _same_field(maker: Operation, changer: Operation) -> str | None:
    """The changer's argument for the contents that the maker was given."""
    field = next(iter(free_texts(maker)), None)
    given, taken = maker.members.get(field or ""), changer.members
    for name in free_texts(changer):
        if name == field or (len(taken[name]) > 1 and taken[name] == given):
            return name
    return None


def _case(surface: Surface, flow: Flow, conversation: Conversation, label: str, claim: Claim) -> Case:
    """Its control reads only once, at the end: what was not read before has no copy."""
    operation, steps = flow.user, conversation.steps
    unread = Step(action=Call(BY_DATE[surface.revision].barrier))
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(flow.argument)),
        conversation=conversation,
        label=label,
        claims=(claim,),
        control=Conversation((steps[0], unread, *steps[2:])),
    )


SCENARIO = Scenario(
    id="use-after-delete",
    title="Reading what is gone",
    about="A thing is made with a canary in it, read, removed by the server's own tool (or changed), and read again. "
    "An answer that still holds the canary, word for word, proves that a stale copy answers.",
    draw=draw,
    rules=("use-after-delete", "stale-read"),
    kinds=("tool",),
    cases=8,
    early=True,
    alone=True,
    references=("CWE-672", "OWASP-API1"),
)
