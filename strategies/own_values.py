"""Values for arguments that only the user knows how to make (a customer's number with its check digit, a code of
theirs): generators by the name of the argument, from modules of the user's own. Who loads those is
`mcpfuzz.extensions`; nothing here knows files.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping

from mcpfuzz.model import Json, Operation
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices, RandomChoices

__all__ = ["OwnValue", "own_calls", "set_own_values"]

OwnValue = Callable[[Choices], Json]
ROUNDS = 3
"""Calls that are made of them for one operation."""
_known: dict[str, OwnValue] = {}


def set_own_values(values: Mapping[str, OwnValue]) -> None:
    """From now on exactly these: glob of an argument's name -> generator."""
    _known.clear()
    _known.update(values)


def own_calls(operation: Operation, drawn: Mapping[str, Json], seed: int) -> Iterator[Mapping[str, Json]]:
    """Arguments that were drawn from the schema, with the user's values where an argument is called as a glob says;
    nothing where no glob fits."""
    names = [*drawn, *(name for name in operation.members if name not in drawn)]
    fitting = {name: make for name in names if (make := _maker(name)) is not None}
    for turn in range(ROUNDS if fitting else 0):
        choices = RandomChoices(seed, "own", operation.kind, operation.name, turn)
        yield {**drawn, **{name: _plain(make(choices)) for name, make in fitting.items()}}


def _maker(name: str) -> OwnValue | None:
    return next((make for glob, make in _known.items() if fnmatch.fnmatchcase(name, glob)), None)


def _plain(value: Json) -> Json:
    """A value that no slot is read into."""
    return quote(value) if isinstance(value, str) else value
