"""Arguments that keep the schema: the server must take them in its stride."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Operation, Place, Surface, replace
from mcpfuzz.scenarios.base import Scenario, single
from mcpfuzz.scenarios.calls import good_arguments, plan_of
from mcpfuzz.strategies.arguments import valid
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The good call first, then the schema's whole range."""
    assert operation is not None
    good = good_arguments(choices, surface, operation) if index == 0 else None
    if operation.kind == "resource" and operation.template is None:
        good = {"uri": operation.name}
    made = good if good is not None else valid(choices, plan_of(operation))
    if not isinstance(made, dict):
        return None
    place = Place(kind=operation.kind, name=operation.name)
    label = "the known-good call" if good is not None else "arguments that obey the schema"
    case = single(SCENARIO.id, place, Conversation.of(bind(operation, made)), label)
    return replace(case, valid=True)


SCENARIO = Scenario(
    id="valid-arguments",
    title="Arguments that keep the schema",
    about="Every operation is called with generated arguments that obey its schema. Whatever it answers must be "
    "well-formed, obey its own outputSchema, and leave the server as it was.",
    draw=draw,
    rules=("output-schema", "result-shape", "stdout-pollution", "oversized-answer"),
    fixed=True,
    kinds=("tool", "prompt", "resource", "completion"),
    references=("MCP TL-09", "MCP PR-09"),
)
