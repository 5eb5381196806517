"""Values that JSON does not have, or that no two readers agree on, in the place of one good argument."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Json, Operation, Place, Raw, Surface, pointer
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.calls import good_arguments
from mcpfuzz.session import envelope
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.messages import fresh_id
from mcpfuzz.surface import bind
from mcpfuzz.wire import encode

_MARK = "\x01value\x01"
FORMS: tuple[tuple[str, str, str], ...] = (
    ("F3", "NaN", "NaN"),
    ("F5", '"\\ud800"', "half a surrogate pair"),
    ("F3", "Infinity", "Infinity"),
    ("F3", "-Infinity", "-Infinity"),
    ("F5", '"a\\udfffb"', "half a surrogate pair inside text"),
    ("F3", "[NaN]", "NaN in an array"),
)
"""(row, JSON text, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    good = good_arguments(choices, surface, operation) or {}
    names = list(good or operation.members)
    if not names:
        return None
    name = names[index // len(FORMS) % len(names)]
    row, text, words = FORMS[index % len(FORMS)]
    call = bind(operation, {**good, quote(name): _MARK})
    params: dict[str, Json] = dict(call.params)
    if BY_DATE[surface.revision].era == "modern":
        params["_meta"] = envelope(BY_DATE[surface.revision])
    request_id = fresh_id(choices)
    framed = encode({"jsonrpc": "2.0", "id": request_id, "method": call.method, "params": params}).decode("utf-8")
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(name)),
        conversation=Conversation.of(Raw(framed.replace(encode(_MARK).decode("utf-8"), text) + "\n")),
        label=f"{row} {words} at {pointer(name)}",
        row=row,
        ids=request_id,
    )


SCENARIO = Scenario(
    id="hostile-values",
    title="Values that JSON does not have",
    about="One argument of a good call becomes NaN, Infinity or half a surrogate pair. The server must refuse it or "
    "answer in valid JSON, and live.",
    draw=draw,
    rules=("malformed-frame", "crash"),
    kinds=("tool", "prompt"),
    cases=18,
    references=("MCP FR-05", "CWE-20"),
)
