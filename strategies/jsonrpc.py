"""Malformed messages for MCP servers, one generator for each class of the ORACLE table that a message can
carry (F1 .. L2): the public face. Which verdict an answer earns is the table's business, not this module's.

    draw(choices, "F1", context)    one case of a class, from a seeded walk or from Hypothesis
    catalogue(context)              the classes that can be drawn for such a server
    malformed_frames()              Hypothesis: the bytes are wrong (F1 .. F10)
    malformed_messages()            Hypothesis: sound JSON, but not a sound message (R1 .. L2)
    requests(revision=...)          Hypothesis: well-formed requests

All of it shrinks towards `ping` (modern: `server/discover`) with the plainest defect of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json
from mcpfuzz.strategies.breaches import is_open
from mcpfuzz.strategies.choices import Choices, strategy_of
from mcpfuzz.strategies.envelopes import ENVELOPES
from mcpfuzz.strategies.frames import FRAMES
from mcpfuzz.strategies.messages import UNREADABLE, Context, Malformed, Offer, base_of, fresh_id, message_of
from mcpfuzz.strategies.methods import LIFECYCLE, NOTICES, UNKNOWN, absent_methods
from mcpfuzz.strategies.params import PARAMS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    # values
    "UNREADABLE", "Context", "Malformed", "Offer",
    # generators
    "catalogue", "draw", "request",
    # strategies
    "malformed_frames", "malformed_messages", "requests",
]  # fmt: skip

_MESSAGES: Mapping[str, Callable[[Choices, Context], Malformed]] = {
    **ENVELOPES, **UNKNOWN, **PARAMS, **NOTICES, **LIFECYCLE,
}  # fmt: skip
_GENERATORS: Mapping[str, Callable[[Choices, Context], Malformed]] = {**FRAMES, **_MESSAGES}
_ANY = Context()

_NEEDS: Mapping[str, tuple[Callable[[Context], bool], str]] = {
    "M2": (lambda it: bool(absent_methods(it)), "methods of an undeclared capability, or revision E"),
    "P1": (lambda it: it.offers("tools"), "tools"),
    "P2": (lambda it: it.offers("tools"), "tools"),
    "P3": (lambda it: bool(it.breakable), "a tool whose inputSchema forbids something"),
    "P4": (lambda it: any(is_open(tool.schema) for tool in it.tools), "a tool whose inputSchema is open"),
    "P5": (lambda it: it.offers("resources"), "resources"),
    "P6": (lambda it: it.offers("resources"), "resources"),
    "P7": (lambda it: it.offers("prompts"), "prompts"),
    "P8": (lambda it: bool(it.lists), "a declared list method"),
    "P11": (lambda it: it.modern, "revision E"),
    "P13": (lambda it: it.modern and bool(it.needing), "revision E and a tool that needs a client capability"),
    "L1": (lambda it: not it.modern, "a revision with initialize"),
    "L2": (lambda it: not (it.modern and it.dual_era), "one era only"),
}
"""Row -> whether a context has what it takes, and that in words. Rows not named need nothing."""


def drawable(row: str, context: Context) -> bool:
    """Whether the row can be drawn for such a server."""
    return row not in _NEEDS or _NEEDS[row][0](context)


def _missing(row: str) -> UsageError:
    """What to raise where it cannot."""
    return UsageError(f"row {row} needs {_NEEDS[row][1]}; catalogue(context) lists the rows that can be drawn")


def catalogue(context: Context | None = None) -> tuple[str, ...]:
    """The rows that have a generator, in the table's order; with a context, those it has enough for."""
    return tuple(row for row in _GENERATORS if context is None or drawable(row, context))


def draw(choices: Choices, row: str, context: Context = _ANY) -> Malformed:
    """One malformed message of a row.

    Args:
        choices: where the choices come from.
        row: F1 .. L2.
        context: what is known of the server; the default suits any.

    Raises:
        UsageError: there is no such row, or the context lacks what it needs (`catalogue(context)`).
    """
    generator = _GENERATORS.get(row)
    if generator is None:
        raise UsageError(f"row {row!r} has no generator; one of {', '.join(_GENERATORS)}")
    if not drawable(row, context):
        raise _missing(row)
    return generator(choices, context)


def request(choices: Choices, context: Context = _ANY) -> dict[str, Json]:
    """A well-formed request with a fresh id: what every malformed one is made from."""
    base = base_of(choices, context, unknown=10)
    return message_of(choices, context, base, fresh_id(choices), vary=50)


# ---- Hypothesis -------------------------------------------------------------------------------------


def malformed_frames(*, rows: Iterable[str] | None = None, context: Context = _ANY) -> SearchStrategy[Malformed]:
    """Frames whose bytes are wrong: not JSON, not UTF-8, too deep, too long, split (rows F1 .. F10).

    `Malformed.encoded()` are the lines to send; mind that F9 fills to as much as 64 MiB.

    Args:
        rows: only these.
        context: what is known of the server.

    Raises:
        UsageError: a row is not a frame's, or cannot be drawn in this context.
    """
    return strategy_of(malformed_frame, _chosen(rows, FRAMES, context), context)


def malformed_messages(*, rows: Iterable[str] | None = None, context: Context = _ANY) -> SearchStrategy[Malformed]:
    """Sound JSON that is no sound message: envelope, method, parameters, notifications, responses and
    lifecycle (rows R1 .. L2). P12 and L1 begin by opening a connection of their own.

    Args:
        rows: only these; by default all that `context` has enough for.
        context: what is known of the server.

    Raises:
        UsageError: a row is not a message's, or cannot be drawn in this context.
    """
    return strategy_of(malformed_message, _chosen(rows, _MESSAGES, context), context)


def requests(*, revision: str = _ANY.revision, context: Context | None = None) -> SearchStrategy[dict[str, Json]]:
    """Well-formed requests, as messages, with an id each.

    Args:
        revision: date of an MCP revision; from 2026-07-28 on each carries its envelope.
        context: what is known of the server; its revision then counts.

    Raises:
        UsageError: there is no such revision.
    """
    return strategy_of(request, context or Context(revision=revision))


def malformed_frame(choices: Choices, rows: tuple[str, ...], context: Context) -> Malformed:
    """One of these rows; a name of its own so that Hypothesis shows it."""
    return _GENERATORS[choices.pick(rows)](choices, context)


def malformed_message(choices: Choices, rows: tuple[str, ...], context: Context) -> Malformed:
    """One of these rows; a name of its own so that Hypothesis shows it."""
    return _GENERATORS[choices.pick(rows)](choices, context)


def _chosen(rows: Iterable[str] | None, known: Mapping[str, object], context: Context) -> tuple[str, ...]:
    if rows is None:
        return tuple(row for row in known if drawable(row, context))
    chosen = tuple(rows)
    for row in chosen:
        if row not in known:
            raise UsageError(f"row {row!r} is none of these: {', '.join(known)}")
        if not drawable(row, context):
            raise _missing(row)
    if not chosen:
        raise UsageError("rows is empty; leave it out for all")
    return chosen
