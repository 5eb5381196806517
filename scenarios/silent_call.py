"""A tool named in a notification: nothing may be done, since nobody asked for an answer."""

from __future__ import annotations

from mcpfuzz.model import Action, Call, Case, Conversation, Operation, Place, Send, Surface
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.calls import good_arguments
from mcpfuzz.session import envelope
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind

READINGS = 6
"""Known-good calls of tools without arguments to change anything, and listings, that are compared."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    good = good_arguments(choices, surface, operation)
    readings = _readings(surface, operation)
    if good is None or not readings or operation.annotations.get("readOnlyHint") is True:
        return None
    call = bind(operation, good)
    params = dict(call.params)
    if BY_DATE[surface.revision].era == "modern":
        params["_meta"] = envelope(BY_DATE[surface.revision])
    silent: Action = Send({"jsonrpc": "2.0", "method": call.method, "params": params})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name),
        conversation=Conversation.of(*readings, silent, *readings),
        label="a tools/call without an id was carried out",
        control=Conversation.of(*readings, Call(BY_DATE[surface.revision].barrier), *readings),
    )


def _readings(surface: Surface, tested: Operation) -> list[Call]:
    made = [Call("resources/list", {})] if "resources" in surface.capabilities else []
    for other in surface.operations:
        if other.kind == "tool" and other is not tested and other.annotations.get("readOnlyHint") is True:
            made += [bind(other, good) for good in sorted(surface.good.get(other.key, ()), key=len)[:1]]  # the plainest
    return made[:READINGS]


SCENARIO = Scenario(
    id="silent-call",
    title="A tool called by notification",
    about="A tools/call is sent without an id, and what read-only tools and listings answer is compared before and "
    "after. A change that a ping in its place does not bring proves that the message was carried out.",
    draw=draw,
    rules=("malformed-message",),
    kinds=("tool",),
    cases=1,
    rounds=1,
    alone=True,
    references=("MCP JR-06", "MCP U8"),
)
