"""Dry runs that are not dry."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcpfuzz.model import Case, Claim, Conversation, Json, Operation, Place, Proof, Step, Surface, pointer
from mcpfuzz.scenarios.attacks import good_calls
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind

_DRY = re.compile(r"dry_?run|simulat|preview|what_?if|check_?only|plan_?only|test_?mode|no_?op|pretend", re.IGNORECASE)
TIMES = 4
"""The first answer tells what there is to do, the second that it was done, two more that nothing else changes."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The same dry run again and again, on a connection of its own: what earlier calls did is not in the way."""
    assert operation is not None
    flags = [name for name, schema in operation.members.items() if _DRY.search(name) and _is_flag(schema)]
    good = good_calls(surface, operation)
    if index >= len(flags) * len(good):
        return None
    flag, arguments = flags[index % len(flags)], good[index // len(flags)]
    call = bind(operation, {**arguments, flag: True})
    proof = Proof(kind="repeated", expected="a dry run says the same as long as nothing else is done")
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(flag)),
        conversation=Conversation(tuple(Step(action=call, on="c2") for _ in range(TIMES))),
        label=f"a dry run, and another, at {pointer(flag)}",
        claims=(Claim("read-only-bypass", proof),),
    )


def _is_flag(schema: Json) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "boolean"


SCENARIO = Scenario(
    id="dry-run",
    title="Dry runs that are not dry",
    about="A call that is told to change nothing is repeated. A second answer that differs from the first, and a third "
    "and fourth that do not differ from the second, prove that the first changed something.",
    draw=draw,
    rules=("read-only-bypass",),
    kinds=("tool",),
    cases=4,
    early=True,
    alone=True,
    references=("CWE-684", "OWASP-LLM08"),
)
