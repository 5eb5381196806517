"""Text that makes a careless pattern explode: one piece many times over, then something that cannot fit."""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz.model import Case, Conversation, Json, Operation, Place, Surface, pointer
from mcpfuzz.scenarios.base import Scenario, single
from mcpfuzz.scenarios.calls import good_arguments
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.surface import bind

PIECES = ("a", "0", "a,", " ", ",", "/", "-", ".", "a ", "a-", "a.", "A", "<", "(", "=", "\\", "\t", "@a.", "1,", "[")
"""Most likely first: what the class of a nested repetition usually holds, then separators."""
TAILS = ("!", "\n", "\x00", "/")
PATH_TAILS = ("/", "!", "\n", "\x00")
"""For a part of a URI, which most patterns end at a slash."""
SHORT, LONG = 64, 30_000
"""Enough for an exponential pattern (1.5 to the 64th), and for a cubic one."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The index-th of (piece, length) for each text argument in turn."""
    assert operation is not None
    good = good_arguments(choices, surface, operation) or {}
    names = _texts(operation, good)
    if not names:
        return None
    turn, name = index // len(names), names[index % len(names)]
    pieces, tails = _pieces(good.get(name)), TAILS
    if operation.template is not None:
        pieces, tails = tuple(dict.fromkeys((",", *pieces))), PATH_TAILS
    piece, times = pieces[turn % len(pieces)], LONG if turn % 6 == 5 else _short(operation, name)
    body = piece * times if times != LONG else f"{{repeat:{times // len(piece)}:{piece}}}"
    tail = tails[turn // len(pieces) % len(tails)]
    place = Place(kind=operation.kind, name=operation.name, argument=pointer(name))
    label = f"{name}: {times // (1 if times != LONG else len(piece))} times {piece!r}, then {tail!r}"
    return single(SCENARIO.id, place, Conversation.of(bind(operation, {**good, quote(name): body + tail})), label)


def _short(operation: Operation, name: str) -> int:
    """As often as the argument's own limit lets it be."""
    declared = operation.members.get(name)
    limit = declared.get("maxLength") if isinstance(declared, dict) else None
    return max(24, min(SHORT, limit - 1)) if isinstance(limit, int) else SHORT


def _texts(operation: Operation, good: Mapping[str, Json]) -> list[str]:
    """Names of arguments that take text."""
    declared = [
        name
        for name, schema in operation.members.items()
        if isinstance(schema, dict)
        and schema.get("type", "string") in ("string", ["string", "null"])
        and "enum" not in schema
    ]
    return declared or [name for name, value in good.items() if isinstance(value, str)]


def _pieces(value: Json) -> tuple[str, ...]:
    """The usual pieces, after the first character and the separators of a value known to be good."""
    if not isinstance(value, str) or not value or "{" in value:
        return PIECES
    own = dict.fromkeys(char for char in value[:40] if not char.isalnum())
    return tuple(dict.fromkeys((value[0], *own, *PIECES)))


SCENARIO = Scenario(
    id="exploding-text",
    title="Text that makes a pattern explode",
    about="Each text argument of a good call is replaced by one piece repeated many times and an end that cannot "
    "match. A call that is never answered while a benign one is, on a fresh server too, proves unbounded work.",
    draw=draw,
    rules=("hang", "no-answer"),
    kinds=("tool", "prompt", "resource", "completion"),
    cases=32,
    references=("CWE-1333", "OWASP-API4", "OWASP-LLM04"),
)
