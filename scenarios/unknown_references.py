"""Completions asked for what does not exist: an error of the right shape is due, never a crash."""

from __future__ import annotations

from mcpfuzz.model import Call, Case, Conversation, Operation, Place, Surface
from mcpfuzz.scenarios.base import Scenario, single
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    params = dict(bind(operation, {"value": choices.text(0, 8)}).params)
    nobody = "nosuch" + choices.text(3, 8, "abcdefghij")
    form = index % 3
    if form == 0:
        params["argument"] = {**params["argument"], "name": nobody}
        label = "an argument that does not exist"
    elif form == 1:
        field = "name" if params["ref"]["type"] == "ref/prompt" else "uri"
        params["ref"] = {**params["ref"], field: nobody if field == "name" else f"nosuch://{nobody}"}
        label = "a reference that does not exist"
    else:
        params["ref"] = {**params["ref"], "type": "ref/" + nobody}
        label = "a kind of reference that does not exist"
    place = Place(kind=operation.kind, name=operation.name)
    return single(SCENARIO.id, place, Conversation.of(Call("completion/complete", params)), label)


SCENARIO = Scenario(
    id="unknown-references",
    title="Completions of what does not exist",
    about="completion/complete names a prompt, template or argument that the server does not have. Whatever comes "
    "back must be well-formed and leak nothing.",
    draw=draw,
    rules=("result-shape", "stack-trace-leak"),
    kinds=("completion",),
    cases=9,
    references=("MCP CP-03",),
)
