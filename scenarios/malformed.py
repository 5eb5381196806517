"""Drawing cases of the ORACLE table's rows: what the three malformed-* scenarios share."""

from __future__ import annotations

import re
from functools import lru_cache

from mcpfuzz.model import Case, Json, Operation, Place, Surface
from mcpfuzz.scenarios.base import Draw
from mcpfuzz.strategies import jsonrpc
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.jsonrpc import UNREADABLE, Context, Malformed

__all__ = ["case_of", "context_of", "rows_drawer"]

PER_ROW = 16
"""Neighbouring cases of one row, so that a volley holds one row and its stray answers can be judged."""
COSTLY = {"F9": 12, "F8": 4, "P12": 3, "L1": 3}
"""Rows that are drawn only every so many turns: megabytes to send, or a process to start."""

TELLING = "F9"
"""The row that is drawn first: two cases that end every reader which gives up on a long line."""
LARGE, LARGEST = 10 << 20, 14 << 20
"""Bytes of a long message that are enough, from and to: known readers give up at 10 MiB, or bound nothing at all."""
TRIES = 24
"""Draws of a long message until one is of the size that is wanted."""

_contexts: dict[int, tuple[Surface, Context, tuple[str, ...]]] = {}


def context_of(surface: Surface) -> Context:
    """The generators' view of a surface, made once per surface."""
    return _known(surface)[1]


def _known(surface: Surface) -> tuple[Surface, Context, tuple[str, ...]]:
    """A surface, its context, and the rows that can be drawn in that."""
    known = _contexts.get(id(surface))
    if known is None or known[0] is not surface:
        _contexts.clear()
        context = Context.of(surface)
        known = _contexts[id(surface)] = (surface, context, jsonrpc.catalogue(context))
    return known


@lru_cache(maxsize=64)
def _wanted(letters: str, catalogue: tuple[str, ...], without: tuple[str, ...]) -> tuple[str, ...]:
    rows = [row for row in catalogue if row[0] in letters and row not in without]
    return tuple(sorted(rows, key=lambda row: row != TELLING))


def rows_drawer(scenario: str, kind: str, letters: str, *, without: tuple[str, ...] = ()) -> Draw:
    """A `Draw` over the rows whose first letter is in `letters`."""

    def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
        _, context, catalogue = _known(surface)
        rows = _wanted(letters, catalogue, without)
        turn, position = divmod(index // PER_ROW, len(rows))
        row = rows[position]
        if row in COSTLY and (turn % COSTLY[row] or index % PER_ROW >= 2):
            return None
        malformed = jsonrpc.draw(choices, row, context)
        least, most = (0, LARGE) if index % PER_ROW else (LARGE, LARGEST)  # one of a turn is more than some hold
        for _ in range(TRIES):
            if row != "F9" or least < _bytes(malformed) <= most:
                break
            malformed = jsonrpc.draw(choices, row, context)
        return case_of(scenario, kind, malformed)

    return draw


def _bytes(malformed: Malformed) -> int:
    """How long a message will be once its repetitions are filled."""
    repeated = re.findall(r"\{repeat:(\d+):([^{}]+)\}", repr(malformed.actions))
    return sum(int(count) * len(unit.encode("utf-8", "replace")) for count, unit in repeated)


def case_of(scenario: str, kind: str, malformed: Malformed) -> Case:
    """One malformed message as a case."""
    ids: Json = malformed.id
    if ids is UNREADABLE:
        ids = None
    elif isinstance(ids, tuple):
        ids = list(ids)
    return Case(
        scenario=scenario,
        place=Place(kind=kind, name=malformed.method or "message"),  # type: ignore[arg-type]
        conversation=malformed.conversation(on="c2" if malformed.needs_new_connection else "c1"),
        label=f"{malformed.row} {malformed.why}",
        row=malformed.row,
        ids=ids,
        trap=malformed.trap,
    )
