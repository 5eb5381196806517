"""What the argument scenarios share: plans of schemas, and how a generated flaw is put into a good call.

Reach before attack: a payload in one argument proves nothing while the others are rejected. So the good
call is kept and one point of it is replaced; now and then the whole object is generated, for variety.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from mcpfuzz.model import Action, Case, Conversation, Json, Operation, Place, Raw, Surface, unescaped
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.session import envelope
from mcpfuzz.strategies.arguments import CannotGenerate, Labelled, Plan, compile
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.messages import fresh_id
from mcpfuzz.surface import bind
from mcpfuzz.wire import encode

__all__ = ["CannotGenerate", "WHOLE_PERCENT", "case_of", "good_arguments", "grafted", "plan_of"]

_MARK = "\x01arguments\x01"
WHOLE_PERCENT = 25
"""How often the generated object is sent as a whole instead of one point of it in the good call."""


@lru_cache(maxsize=2048)
def _plan(schema: bytes) -> Plan:
    return compile(json.loads(schema))


def plan_of(operation: Operation) -> Plan:
    """The operation's schema, read once.

    Raises:
        CannotGenerate: no arguments can be made from it.
    """
    try:
        return _plan(encode(dict(operation.schema)))
    except (RecursionError, ValueError) as error:
        raise CannotGenerate(f"the schema cannot be read: {type(error).__name__}") from None


def good_arguments(choices: Choices, surface: Surface, operation: Operation) -> Mapping[str, Json] | None:
    """A call known to be good; None where none is known."""
    known = surface.good.get(operation.key)
    return choices.pick(known) if known else None


def case_of(scenario: str, choices: Choices, surface: Surface, operation: Operation, labelled: Labelled) -> Case:
    """A labelled value as a case: in the good call where that keeps the label true."""
    place = Place(kind=operation.kind, name=operation.name, argument=labelled.argument or None)
    action: Action
    if labelled.text is not None:
        action = _deep_call(choices, surface, operation, labelled.text)
    else:
        good = good_arguments(choices, surface, operation)
        arguments = labelled.value
        if good is not None and not choices.chance(WHOLE_PERCENT):
            arguments = grafted(good, labelled)
        action = bind(operation, arguments if isinstance(arguments, dict) else {})
    return Case(
        scenario=scenario,
        place=place,
        conversation=Conversation.of(action),
        label=labelled.why,
        valid=labelled.valid,
        silence_ok=" deep" in labelled.why,
        coercible=labelled.coercible or labelled.keyword == "format",
    )


def grafted(good: Mapping[str, Json], labelled: Labelled) -> Json:
    """The good call with the flawed member in it (or out of it)."""
    value = labelled.value
    name = unescaped(labelled.argument.split("/")[1]) if labelled.argument else None
    if not isinstance(value, dict) or name is None:
        return value
    merged = dict(good)
    if name in value:
        merged[name] = value[name]
    else:
        merged.pop(name, None)
    return merged


def _deep_call(choices: Choices, surface: Surface, operation: Operation, text: str) -> Raw:
    """A call whose arguments are text, nested deeper than a Python value can be handled."""
    call = bind(operation, {})
    params = {**call.params, "arguments": _MARK}
    if BY_DATE[surface.revision].era == "modern":
        params["_meta"] = envelope(BY_DATE[surface.revision])
    message = {"jsonrpc": "2.0", "id": fresh_id(choices), "method": call.method, "params": params}
    framed = encode(message).decode("utf-8")
    return Raw(framed.replace(encode(_MARK).decode("utf-8"), text) + "\n")
