"""The order of work: breadth first, so that every operation of every scenario gets its share before any
gets a second. The order depends on the seed, the profile and the surface alone, never on the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcpfuzz.model import Operation, Surface
from mcpfuzz.scenarios.base import Scenario

__all__ = ["Unit", "units"]

SHARE_FLOOR = 4
"""Cases a pair gets in a round at least, however many operations there are."""
SESSION_FLOOR = 64
"""The same on the session, which there is one of: every kind of malformed message a few times."""
SLICE = 16
"""Cases a pair gets before the next pair's turn: what fits into one volley."""
SLICE_CROWD = 160
"""Cases that all operations together get of one scenario before the next has its turn, where they are many."""
SLICE_ALONE = 4
"""The same where each case is played by itself: as many would cost a slow server's whole time."""
ROUND_CASES = 12_000
"""About how many cases one round has in all; many operations share it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One share: so many cases of one scenario on one operation."""

    scenario: Scenario
    operation: Operation | None
    first: int
    """Index of the first case; a case is drawn from (seed, scenario, operation, index)."""
    count: int
    round: int

    @property
    def key(self) -> tuple[str, str, str]:
        operation = self.operation
        return (self.scenario.id, operation.kind if operation else "", operation.name if operation else "")


def units(
    scenarios: tuple[Scenario, ...],
    surface: Surface,
    rounds: int,
    only: tuple[tuple[str, str], ...] = (),
    shard: tuple[int, int] = (1, 1),
) -> Iterator[Unit]:
    """All work in order: a slice of every pair, then the next slice of every pair.

    Args:
        rounds: how often all is gone through; scenarios may have fewer.
        only: (kind, name) of the operations to test; empty: all.
        shard: (K, N): every N-th pair, beginning with the K-th.
    """
    pairs = list(_pairs(scenarios, surface, only))[shard[0] - 1 :: shard[1]]
    wanted = sum(scenario.cases for scenario, _ in pairs)
    scale = min(1.0, ROUND_CASES / wanted) if wanted else 1.0
    shares = [(pair, share(pair[0], scale)) for pair in pairs]
    crowd = len({operation.key for _, operation in pairs if operation is not None})
    for turn in range(rounds):
        left = [(pair, count) for pair, count in shares if pair[0].rounds is None or turn < pair[0].rounds]
        step = 0
        while left:
            for (scenario, operation), count in left:
                size = slice_of(scenario, crowd) or count
                start = step * size
                yield Unit(scenario, operation, turn * count + start, min(size, count - start), turn)
            step += 1
            left = [(pair, count) for pair, count in left if 0 < step * slice_of(pair[0], crowd) < count]


FREQUENT = ("path-traversal", "file-write", "command-injection", "argument-injection")
"""What published flaws of MCP servers are most often: first of all that is asked of each operation."""
LIKELY = ("ssrf", "sql-injection")
"""What they are next most often: before what costs less."""
ASKED = frozenset({"address-header"})
"""Needs that only one story has: whoever gives such a thing asks for that one, and it comes as early as these."""
GIVEN = frozenset({"workspace", "upstream", "address-header", "credential", "second", "ticket", "read-only"})
"""Needs that only a user's word fills: what they were given for is tried before all else, since it is asked about."""


def slice_of(scenario: Scenario, crowd: int) -> int:
    """Cases a pair gets at a time; 0: all of its share. What a user gave something for is not kept waiting.

    Args:
        crowd: how many operations share the time: the more, the less each gets before all had a turn.
    """
    most = max(SHARE_FLOOR, min(SLICE, SLICE_CROWD // max(1, crowd)))
    if not scenario.alone:
        return most if scenario.kinds else 0
    if scenario.kinds and not GIVEN.isdisjoint(scenario.needs):
        return most
    return SLICE_ALONE if scenario.kinds or scenario.rounds is None else 0


def share(scenario: Scenario, scale: float) -> int:
    """Cases of one pair in one round. A list that is gone through once, on the session, is gone through whole."""
    if scenario.cases == 1 or (scenario.rounds is not None and not scenario.kinds):
        return scenario.cases
    floor = SHARE_FLOOR if scenario.kinds else min(scenario.cases, SESSION_FLOOR)
    return max(floor, int(scenario.cases * scale))


def _pairs(
    scenarios: tuple[Scenario, ...], surface: Surface, only: tuple[tuple[str, str], ...]
) -> Iterator[tuple[Scenario, Operation | None]]:
    for scenario in sorted(
        scenarios,
        key=lambda item: (
            not item.early,
            item.early and bool(item.kinds) and item.id not in FREQUENT and ASKED.isdisjoint(item.needs),
            item.early and GIVEN.isdisjoint(item.needs),
            bool(item.kinds) if item.early else item.rounds is not None,
            bool(item.kinds),
            bool(item.kinds) and item.alone,  # what goes out in volleys first: it costs least
            LIKELY.index(item.id) if item.id in LIKELY else len(LIKELY),
            item.cases,
            item.id,
        ),
    ):
        if not surface.places.issuperset(scenario.needs):
            continue
        if not scenario.kinds:
            yield scenario, None
            continue
        for operation in (*surface.operations, *(surface.hidden if scenario.hidden else ())):
            if operation.kind == "resource" and operation.template is None and not scenario.fixed:
                continue
            if operation.kind in scenario.kinds and operation.skipped is None and (not only or operation.key in only):
                yield scenario, operation
