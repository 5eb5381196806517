"""Arguments that another generator makes from the same schema: what ours does not think of."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Operation, Place, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.calls import WHOLE_PERCENT, CannotGenerate, good_arguments, grafted, plan_of
from mcpfuzz.strategies.arguments import judged
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The pool from its beginning, each value once: as a whole, or its flaw in a good call, judged as it is sent."""
    assert operation is not None
    pool = surface.pools.get(operation.key, ())
    if not pool:
        raise CannotGenerate("Schemathesis can draw nothing from its schema")
    if index >= len(pool):
        return None
    words, value = pool[index]
    plan = plan_of(operation)
    label = judged(plan, value, words)
    good = good_arguments(choices, surface, operation)
    if good is not None and label.valid is False and not choices.chance(WHOLE_PERCENT):
        label = judged(plan, grafted(good, label), words)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=label.argument or None),
        conversation=Conversation.of(bind(operation, label.value if isinstance(label.value, dict) else {})),
        label=f"arguments that obey the schema ({words})" if label.valid else label.why,
        valid=label.valid,
        coercible=label.coercible or label.keyword == "format",
    )


SCENARIO = Scenario(
    id="schemathesis-arguments",
    title="Arguments that Schemathesis makes",
    about="The same schema through another generator: Schemathesis's valid, invalid and boundary values, drawn in a "
    "process beside the campaign. Labels are our own; a normal answer to what the schema forbids proves that it is "
    "declared but not enforced.",
    draw=draw,
    rules=("unvalidated-arguments", "extra-argument-accepted", "output-schema", "crash", "stack-trace-leak"),
    kinds=("tool",),
    needs=("schemathesis",),
    references=("MCP TL-12", "MCP TL-18", "CWE-20"),
)
