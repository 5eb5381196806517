"""The pace: how long one answer may take, how many cases go out together, and what is too dear to be said at all;
all of it learned from each operation's own answers.
"""

from __future__ import annotations

from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.reach import Reach
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.model import Call, Case, Operation, Step

__all__ = ["SLOW_S", "VOLLEY", "Pace"]

VOLLEY = 32
"""Cases in flight together while all goes well."""
SLOW_S = 0.25
"""An operation that takes longer is called one at a time, and less often."""
SLOW_CASES = 6
SLOW_SHARE = 0.03
"""Of the budget, at most about, for one share of a slow operation; one case is always played."""
BULKY = 1 << 20
"""What draws larger answers is played one case at a time, so that they are not held together: an operation, and a row
of malformed messages by itself, since megabytes that come back to megabytes say nothing of the others."""
BULKY_ROWS = frozenset({"F9"})
"""Rows whose messages are megabytes long: one at a time, too."""
REPEAT_SHARE = 0.05
"""Of the budget, at most, for one repetition."""
WASTE_SHARE = 0.05
"""Of the budget, at most about, for waiting in vain for one operation that only does what it is told."""
WASTE_S = 2.0
"""So much may be spent on that in any case."""
UNTRIED_S = 60.0
"""What a tally says of an operation that was never called (`reach.Tally`)."""


class Pace:
    """Knows how fast each operation is."""

    def __init__(self, settings: Settings, reach: Reach) -> None:
        self._settings = settings
        self._reach = reach
        self._slowest: dict[tuple[str, str] | None, float] = {}
        self._operation: tuple[str, str] | None = None
        self._wasted: dict[tuple[str, str] | None, float] = {}
        self._bulky: set[tuple[str, str]] = set()
        self._small: set[tuple[str, str]] = set()
        self._wary = False
        self._unheard: set[str] = set()

    def enter(self, operation: Operation | None) -> None:
        """What patience is about from now on; None: the session."""
        self._operation = operation.key if operation is not None else None
        if operation is not None and self._operation not in self._slowest:
            self._slowest[self._operation] = self._reach.tally(*operation.key).slowest_s

    def patience(self) -> float:
        """Seconds one answer may take, learned from this operation's own answers; `--timeout` bounds it."""
        return min(self._settings.timeout, max(1.0, 8 * self._slowest.get(self._operation, 0.1) + 0.5))

    def waste(self, seconds: float) -> None:
        """Take note of a wait for the current operation that ended without an answer and is nobody's fault."""
        self._wasted[self._operation] = self._wasted.get(self._operation, 0.0) + seconds

    def unheard(self, case: Case) -> None:
        """Take note of a case that was not answered and need not be: others like it are not waited for, too."""
        self._unheard.add(_kind(case))

    def in_vain(self, case: Case) -> bool:
        """Whether a case would only be waited for: a server that drops what is nested so deep drops it anywhere."""
        return case.silence_ok and _kind(case) in self._unheard

    def too_dear(self) -> str | None:
        """Why the current operation is to be left alone from now on; None: it is not."""
        spent = self._wasted.get(self._operation, 0.0)
        if self._operation is None or spent <= max(WASTE_S, self._settings.max_time * WASTE_SHARE):
            return None
        return f"{self._operation[1]}: too long was waited for its answers, {spent:.0f} s and more for nothing"

    def expected_s(self) -> float:
        """Seconds that a call of a slow operation may well take; 0 for the others."""
        slowest = self._slowest.get(self._operation, 0.0)
        return slowest if slowest > SLOW_S else 0.0

    def begin(self, largest: int) -> None:
        """Before the first share: bytes of the largest answer until now. Where it was large, whose it was is not known,
        and each operation is first played one case at a time."""
        self._wary = largest > BULKY

    def learn(self, unit: Unit, row: str | None, slowest_s: float, largest: int) -> None:
        """Take note of some answers of a share.

        Args:
            row: of malformed messages.
            slowest_s: of those that say how slow it is when all goes well; 0: none do.
            largest: bytes.
        """
        if slowest_s:
            self._slowest[self._operation] = max(self._slowest.get(self._operation, 0.0), slowest_s)
        (self._bulky if largest > BULKY else self._small).add(_whose(unit, row))

    def slow(self, operation: Operation | None) -> bool:
        """Whether an operation is to be called one at a time."""
        return operation is not None and self._reach.tally(*operation.key).slowest_s > SLOW_S

    def together(self, unit: Unit, row: str | None) -> int:
        """Cases of a share, or of one row in it, that go out together."""
        whose = _whose(unit, row)
        bulky = row in BULKY_ROWS or whose in self._bulky or (self._wary and whose not in self._small)
        return 1 if bulky or self.slow(unit.operation) else VOLLEY

    def count(self, unit: Unit) -> int:
        """Cases of one share; fewer of an operation whose calls take long."""
        if unit.operation is None or not self.slow(unit.operation):
            return unit.count
        each = max(SLOW_S, self._reach.tally(*unit.operation.key).slowest_s)
        return min(unit.count, SLOW_CASES, max(1, int(self._settings.max_time * SLOW_SHARE / each)))

    def too_long(self, case: Case, operation: Operation | None) -> str | None:
        """Why a repetition would take more than its share; None: it does not."""
        steps = case.conversation.steps
        if operation is None:
            return None
        times = sum(step.times for step in steps if step.times > 1)
        tally = self._reach.tally(*operation.key)
        fastest_s = tally.fastest_s if tally.fastest_s < UNTRIED_S else tally.slowest_s or UNTRIED_S
        if not times and len(steps) > 1 and fastest_s < UNTRIED_S:
            times = sum(_calls(step, operation) for step in steps)  # a story that calls the same slow thing over again
        if not times:
            return None
        seconds = times * fastest_s
        if seconds <= self._settings.max_time * REPEAT_SHARE:
            return None
        return f"{operation.name}: {times} calls would take {seconds:.0f} s"


def _kind(case: Case) -> str:
    """What is odd about a case, wherever in its arguments that is."""
    return case.label.rpartition(": ")[2]


def _whose(unit: Unit, row: str | None) -> tuple[str, str]:
    return unit.operation.key if unit.operation is not None else (unit.scenario.id, row or "")


def _calls(step: Step, operation: Operation) -> bool:
    """Whether a step calls a tool."""
    params = step.action.params if isinstance(step.action, Call) else None
    return isinstance(params, dict) and params.get("name") == operation.name
