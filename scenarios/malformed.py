"""Drawing cases of the ORACLE table's rows: what the three malformed-* scenarios share."""

from __future__ import annotations

import re
from functools import lru_cache

from mcpfuzz.model import Case, Json, Operation, Place, Send, Surface
from mcpfuzz.scenarios.base import Draw, per_surface
from mcpfuzz.strategies import jsonrpc
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.jsonrpc import UNREADABLE, Context, Malformed
from mcpfuzz.wire import encode

__all__ = ["case_of", "context_of", "rows_drawer"]

COSTLY = {"F9": 192, "F8": 64, "P12": 192, "L1": 192}
"""Rows that are drawn in the first two of so many turns only: megabytes to send, or a process to start."""

LARGE, LARGEST = 10 << 20, 14 << 20
"""Bytes of a long message that are enough, from and to: known readers give up at 10 MiB, or bound nothing at all."""
TRIES = 24
"""Draws of a long message until one is of the size that is wanted."""

context_of = per_surface(Context.of)
"""The generators' view of a surface."""
_REPEATED = re.compile(rb"\{repeat:(\d+):([^{}]+)\}")


@per_surface
def _catalogue(surface: Surface) -> tuple[str, ...]:
    """The rows that can be drawn in it."""
    return jsonrpc.catalogue(context_of(surface))


@lru_cache(maxsize=64)
def _wanted(letters: str, catalogue: tuple[str, ...], without: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(row for row in catalogue if row[0] in letters and row not in without)


def rows_drawer(scenario: str, kind: str, letters: str, *, without: tuple[str, ...] = ()) -> Draw:
    """A `Draw` over the rows whose first letter is in `letters`, one of each in turn: where many operations share the
    time a share is cut, and all rows have had theirs all the same. The engine gathers them into volleys of one row, so
    that stray answers can be judged."""

    def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
        context = context_of(surface)
        rows = _wanted(letters, _catalogue(surface), without)
        turn, position = divmod(index, len(rows))
        row = rows[position]
        if row in COSTLY and turn % COSTLY[row] >= 2:
            return None
        malformed = jsonrpc.draw(choices, row, context)
        if row == "F9":  # the first is more than some hold
            least, most = (0, LARGE) if turn % COSTLY[row] else (LARGE, LARGEST)
            for _ in range(TRIES):
                if least < _bytes(malformed) <= most:
                    break
                malformed = jsonrpc.draw(choices, row, context)
            else:
                return None
        return case_of(scenario, kind, malformed)

    return draw


def _bytes(malformed: Malformed) -> int:
    """How long a message will be once its repetitions are filled: on the wire, where a character takes one to four."""
    sent = [encode(action.message) for action in malformed.actions if isinstance(action, Send)]
    return sum(int(count) * len(unit) for data in sent for count, unit in _REPEATED.findall(data))


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
