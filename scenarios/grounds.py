"""What a thing lies in: a story about the task of a project makes the project first, so that a server that was just
started can tell it again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcpfuzz.model import Action, Call, Claim, Json, Operation, Step, Surface, replace
from mcpfuzz.scenarios.stories import Flow, flows, plain, slot_name
from mcpfuzz.slots import quote
from mcpfuzz.strategies.relations import names_id, words
from mcpfuzz.surface import bind

__all__ = ["grounded"]

DEEPEST = 2
"""Things below a thing: the project of a list of tasks."""
_OF_STEP = re.compile(r"(\{(?:got|like|near-[a-z0-9]+|wanted|step|inputs|swapped):)(\d{1,4})")


def grounded(
    surface: Surface, maker: Operation | None, steps: list[Step], claims: list[Claim]
) -> tuple[list[Step], list[Claim]]:
    """A story behind what must be there first: its maker, in the first step, names that, and all its steps come later.

    Args:
        maker: of what the first step makes; None: nothing need be there.
    """
    below = _ground(surface, maker) if maker is not None else []
    made = steps[0].action
    if not below or not isinstance(made, Call) or not isinstance(made.params, dict):
        return steps, claims
    *first, again = below
    assert isinstance(again.params, dict)
    by, given = len(first), again.params["arguments"]
    held = {name: value for name, value in made.params["arguments"].items() if "{canary:" in str(value)}
    begun = replace(steps[0], action=replace(made, params={**made.params, "arguments": {**given, **held}}))
    moved = [replace(step, action=_later(step.action, by)) for step in steps[1:]]
    told = [replace(claim, proof=replace(claim.proof, params=_shifted(claim.proof.params, by))) for claim in claims]
    return [*(Step(action=call) for call in first), begun, *moved], told


def _later(action: Action, by: int) -> Action:
    return replace(action, params=_later_by(action.params, by)) if isinstance(action, Call) else action


def _shifted(params: Mapping[str, Json], by: int) -> dict[str, Json]:
    """All numbers of steps, alone or in lists."""

    def moved(value: Json) -> Json:
        if isinstance(value, list):
            return [item + by for item in value]
        return value + by if isinstance(value, int) else value

    return {name: moved(value) for name, value in params.items()}


def _ground(surface: Surface, maker: Operation) -> list[Call]:
    """What must be there before a maker can make its things, first things first, and then the maker's own part of it:
    a call that names the last of them in place of one that learning left behind. Empty where nothing need be."""
    calls: list[Call] = []
    chain = [maker]
    named: list[str] = []
    while len(chain) <= DEEPEST and (below := _below(surface, chain[-1])) is not None and below.maker not in chain:
        chain.append(below.maker)
        named.append(below.argument)
    for operation, argument in zip(reversed(chain), [None, *reversed(named)], strict=True):
        arguments = plain(surface, operation)
        if arguments is None:
            return []
        if argument is not None:
            arguments = {**arguments, quote(argument): f"{{got:{len(calls)}:{slot_name(argument)}}}"}
        calls.append(bind(operation, arguments))
    return calls if len(calls) > 1 else []


def _below(surface: Surface, maker: Operation) -> Flow | None:
    """What an id that the maker needs is of: by the argument's own words."""
    for flow in flows(surface, maker):
        about = words(flow.argument)
        if (
            flow.argument in maker.required
            and names_id(maker, flow.argument)
            and about
            and about <= words(flow.maker.name)
        ):
            return flow
    return None


def _later_by(value: Json, by: int) -> Json:
    """A template whose slots name steps that come so many later."""
    if isinstance(value, str):
        return _OF_STEP.sub(lambda match: f"{match[1]}{int(match[2]) + by}", value)
    if isinstance(value, Mapping):
        return {_later_by(key, by): _later_by(item, by) for key, item in value.items()}
    return [_later_by(item, by) for item in value] if isinstance(value, list) else value
