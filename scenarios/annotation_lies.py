"""Tools that say they only read, or may be repeated, and leave a mark all the same."""

from __future__ import annotations

from mcpfuzz.model import Call, Case, Claim, Json, Operation, Place, Proof, Surface
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import also, flows, make, passes, plain, readings, use
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import reads_only
from mcpfuzz.surface import bind

MOST_READINGS = 4


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Readings of what was made for it, where it takes an id; else of all that reads."""
    assert operation is not None
    hints = operation.annotations
    if not reads_only(operation) and hints.get("idempotentHint") is not True:
        return None
    found = flows(surface, operation)
    if index < len(found):
        flow = found[index]
        made = make(surface, flow, None)
        act = use(surface, flow, 1)
        others = (
            item for item in surface.operations if item is not operation and reads_only(item) and not item.skipped
        )
        uses = [use(surface, other, 1) for other in (also(surface, flow, item) for item in others) if other is not None]
        shown = [call for call in uses if call is not None][:MOST_READINGS]
        return None if made is None or act is None else _case(surface, operation, [made], shown, act)
    arguments = plain(surface, operation)
    if arguments is None or index > len(found) or operation.key not in surface.good:
        return None
    return _case(surface, operation, [], readings(surface, operation, MOST_READINGS), bind(operation, arguments))


def _case(surface: Surface, operation: Operation, before: list[Call], shown: list[Call], act: Call) -> Case | None:
    """Readings twice, the call, readings twice; a call that may be repeated is made before the readings too."""
    if not shown:
        return None
    repeated = not reads_only(operation)
    start = [*before, act] if repeated else before
    size, at = len(shown), len(start)
    spans = [list(range(at + turn * size + (turn > 1), at + turn * size + (turn > 1) + size)) for turn in range(4)]
    middle = at + 2 * size
    params: dict[str, Json] = {
        "steps": middle + 1 + 2 * size, "acts": [*([at - 1] if repeated else []), middle], "before": spans[:2],
        "after": spans[2:],
    }  # fmt: skip
    still = Call(BY_DATE[surface.revision].barrier)
    said = "repeating it changes nothing" if repeated else "reading changes nothing"
    claim = Claim("annotation-lies", Proof(kind="changed", expected=said, params=params))
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name),
        conversation=passes(start, shown, act),
        label="it says idempotentHint" if repeated else "it says readOnlyHint",
        claims=(claim,),
        control=passes(start, shown, still),
    )


SCENARIO = Scenario(
    id="annotation-lies",
    title="Tools that only read, they say",
    about="What other tools show is read twice, then a tool with readOnlyHint is called (or one with idempotentHint "
    "once more), and all is read twice again. A state that was settled before, is settled after, and is another "
    "one proves that the annotation lies.",
    draw=draw,
    rules=("annotation-lies",),
    kinds=("tool",),
    cases=6,
    alone=True,
    references=("CWE-1059", "OWASP-LLM08"),
)
