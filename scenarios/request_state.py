"""The state of a request that takes several rounds: changed by the client, and sent by another caller."""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Open, Operation, Place, Proof, Step, Surface, replace
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.rounds import CAPABILITIES
from mcpfuzz.scenarios.attacks import good_calls
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.points import Point, points, put
from mcpfuzz.surface import bind

PLACES = 2
"""Arguments of one operation that are tried."""
_META: Mapping[str, Json] = {CAPABILITIES: {"elicitation": {"form": {}}}}
STATE = "{step:1#/result/requestState}"


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The first round holds a canary. In the second the state says another one, or another caller sends the state."""
    assert operation is not None
    shared, place = divmod(index, PLACES)
    good = good_calls(surface, operation)[0]
    free = [point for point in points(operation.schema, good) if _free(point)]
    if BY_DATE[surface.revision].era != "modern" or place >= len(free):
        return None
    if shared and (len(surface.callers) < 2 or "authenticated" not in surface.places):
        return None
    asked = _round(operation, put(good, free[place], "{canary:own}"))
    first = Step(action=asked, as_=surface.callers[0] if surface.callers else None)
    honest = replace(first, action=_answered(asked, STATE))
    if shared:
        other = surface.callers[1]
        theirs = _answered(_round(operation, put(good, free[place], "{canary:other}")), STATE)
        steps: tuple[Step, ...] = (
            first,
            Step(action=Open(), on="c2", as_=other),
            Step(action=theirs, on="c2", as_=other),
        )
        rule, canary, label = "request-state-shared", "own", f"the state of {surface.callers[0]}, sent by {other}"
    else:
        steps = (first, replace(first, action=_answered(asked, "{swapped:1:own:other}")))
        rule, canary, label = "request-state-forged", "other", "the state with another text in it"
    proof = Proof(
        kind="state-believed", expected="the state is refused",
        params={"steps": len(steps), "step": len(steps) - 1, "canary": canary},
    )  # fmt: skip
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=free[place].pointer),
        conversation=Conversation(steps),
        label=f"{label}, at {free[place].pointer}",
        claims=(Claim(rule, proof),),
        control=Conversation((first, honest)),
    )


def _free(point: Point) -> bool:
    """Whether any text may stand there."""
    bound = {"enum", "const", "pattern", "format"} & set(point.schema)
    return point.schema.get("type", "string") == "string" and not bound


def _round(operation: Operation, arguments: Mapping[str, Json]) -> Call:
    """A call of somebody who can be asked."""
    call = bind(operation, arguments)
    params = call.params if isinstance(call.params, dict) else {}
    return replace(call, params={**params, "_meta": dict(_META)})


def _answered(call: Call, state: str) -> Call:
    """The same in its second round."""
    params = call.params if isinstance(call.params, dict) else {}
    return replace(call, params={**params, "inputResponses": "{inputs:1}", "requestState": state})


SCENARIO = Scenario(
    id="request-state",
    title="The state of a request that takes several rounds",
    about="A call declares that its client can be asked, holds a canary, and is answered with a question and a state "
    "(2026-07-28). The state comes back with another canary in it, or from another caller; a normal answer with the "
    "text that only the state held proves that it is believed.",
    draw=draw,
    rules=("request-state-forged", "request-state-shared"),
    kinds=("tool", "prompt"),
    cases=2 * PLACES,
    rounds=1,
    early=True,
    alone=True,
    references=("CWE-642", "CWE-639", "OWASP-API1"),
)
