"""Counting: outcomes into cells of half a second, latencies into logarithmic buckets (2 % wide), so that the counts
of many workers add up to what one would have counted. Plain data in and out; no clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mcpfuzz.blocking.outcome import Outcome

__all__ = ["TICK_S", "Cell", "Counter", "percentile"]

TICK_S = 0.5
_BASE_MS = 0.01
_LOG = math.log(1.02)
MAX_ROWS = 200
"""Different error texts, and different rows, that are kept apart."""


def _bucket(ms: float) -> int:
    return int(math.log(ms / _BASE_MS) / _LOG) if ms > _BASE_MS else 0


def _middle(bucket: int) -> float:
    return _BASE_MS * math.exp((bucket + 0.5) * _LOG)


_K = TypeVar("_K")


def _add(mine: dict[_K, int], theirs: Mapping[_K, int]) -> None:
    for key, count in theirs.items():
        mine[key] = mine.get(key, 0) + count


@dataclass(slots=True)
class Cell:
    """Counts of one place and time. Latencies are those of good answers."""

    ok: int = 0
    failed: int = 0
    limited: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    """Detail -> count, refusals included."""
    times: dict[int, int] = field(default_factory=dict)
    firsts: dict[int, int] = field(default_factory=dict)
    """To the first event of SSE answers."""

    def add(self, outcome: Outcome) -> None:
        if outcome.kind == "ok":
            self.ok += 1
            bucket = _bucket(outcome.took_s * 1000)
            self.times[bucket] = self.times.get(bucket, 0) + 1
            if outcome.first_s is not None:
                bucket = _bucket(outcome.first_s * 1000)
                self.firsts[bucket] = self.firsts.get(bucket, 0) + 1
            return
        if outcome.kind == "limited":
            self.limited += 1
        else:
            self.failed += 1
        name = outcome.detail if outcome.detail in self.errors or len(self.errors) < MAX_ROWS else "others"
        self.errors[name] = self.errors.get(name, 0) + 1

    def merge(self, other: Cell) -> None:
        self.ok += other.ok
        self.failed += other.failed
        self.limited += other.limited
        _add(self.errors, other.errors)
        _add(self.times, other.times)
        _add(self.firsts, other.firsts)

    @property
    def requests(self) -> int:
        return self.ok + self.failed + self.limited

    @property
    def error_share(self) -> float:
        """Failures among what was not refused; 0 without any."""
        judged = self.ok + self.failed
        return self.failed / judged if judged else 0.0

    def p(self, share: float) -> float | None:
        """A percentile in ms (p(0.95)); None without answers."""
        return percentile(self.times, share)

    def slower_than(self, ms: float) -> int:
        """Good answers that took longer."""
        return sum(count for bucket, count in self.times.items() if _middle(bucket) > ms)

    def plain(self) -> list[Any]:
        return [self.ok, self.failed, self.limited, self.errors, list(self.times.items()), list(self.firsts.items())]

    @classmethod
    def of(cls, plain: list[Any]) -> Cell:
        ok, failed, limited, errors, times, firsts = plain
        return cls(ok, failed, limited, dict(errors), {int(k): v for k, v in times}, {int(k): v for k, v in firsts})


def percentile(times: Mapping[int, int], share: float) -> float | None:
    """A percentile of bucket counts, in ms."""
    total = sum(times.values())
    if not total:
        return None
    need, seen = math.ceil(share * total), 0
    for bucket in sorted(times):
        seen += times[bucket]
        if seen >= need:
            return _middle(bucket)
    return None


class Counter:
    """All cells of a run: by (scenario, part, role, tick), and by row over the whole run."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str, str, int], Cell] = {}
        self.rows: dict[str, Cell] = {}
        self._last: tuple[tuple[str, str, str, int], Cell] | None = None

    def add(self, place: tuple[str, str, str], row: str, at: float, outcome: Outcome) -> None:
        """One outcome.

        Args:
            place: scenario, part of it, role of whoever asked.
            at: when it was over, seconds since the epoch.
        """
        key = (*place, int(at / TICK_S))
        last = self._last
        if last is not None and last[0] == key:
            cell = last[1]
        else:
            cell = self.cells.setdefault(key, Cell())
            self._last = (key, cell)
        cell.add(outcome)
        known = self.rows.get(row)
        if known is None:
            known = self.rows.setdefault(row if len(self.rows) < MAX_ROWS else "others", Cell())
        known.add(outcome)

    def merge(self, other: Counter) -> None:
        for key, cell in other.cells.items():
            self.cells.setdefault(key, Cell()).merge(cell)
        for row, cell in other.rows.items():
            self.rows.setdefault(row, Cell()).merge(cell)

    def take(self) -> list[Any]:
        """Everything counted since the last `take`, as plain data; counting begins anew."""
        made = self.plain()
        self.cells, self.rows, self._last = {}, {}, None
        return made

    def plain(self) -> list[Any]:
        cells = [[*key, cell.plain()] for key, cell in self.cells.items()]
        return [cells, [[row, cell.plain()] for row, cell in self.rows.items()]]

    @classmethod
    def of(cls, plain: list[Any]) -> Counter:
        made = cls()
        cells, rows = plain
        made.cells = {(str(a), str(b), str(c), int(tick)): Cell.of(cell) for a, b, c, tick, cell in cells}
        made.rows = {str(row): Cell.of(cell) for row, cell in rows}
        return made

    def where(self, scenario: str, parts: Iterable[str] = (), roles: Iterable[str] = ()) -> list[tuple[int, Cell]]:
        """(tick, cell) of a scenario, in order of time; empty `parts` or `roles` mean all."""
        wanted_parts, wanted_roles = set(parts), set(roles)
        made: dict[int, Cell] = {}
        for (name, part, role, tick), cell in self.cells.items():
            fits = (not wanted_parts or part in wanted_parts) and (not wanted_roles or role in wanted_roles)
            if name == scenario and fits:
                made.setdefault(tick, Cell()).merge(cell)
        return sorted(made.items())

    def sum(self, scenario: str, parts: Iterable[str] = (), roles: Iterable[str] = ()) -> Cell:
        """All of that as one cell."""
        whole = Cell()
        for _, cell in self.where(scenario, parts, roles):
            whole.merge(cell)
        return whole
