"""How a campaign fares: what each scenario did, what was found, and the news of it now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mcpfuzz.campaign.supply import Supply
from mcpfuzz.events import Event, Progress
from mcpfuzz.model import Finding

__all__ = ["ScenarioTally", "Score"]

PROGRESS_S = 0.25
"""Between two pieces of news, at least."""


@dataclass(slots=True)
class ScenarioTally:
    """How one scenario fares."""

    cases: int = 0
    planned: int = 0
    """Units of the first round."""
    done: int = 0
    findings: int = 0
    reasons: dict[str, None] = field(default_factory=dict)
    """Why something was not done, in order of appearance."""


class Score:
    """The figures of one campaign.

    Args:
        emit: takes every event; must not wait.
        started: `time.monotonic()` of the run's beginning.

    Attributes:
        what: what is being done, for people.
    """

    def __init__(self, scenarios: Iterable[str], supply: Supply, emit: Callable[[Event], None], started: float) -> None:
        self.tallies = {name: ScenarioTally() for name in scenarios}
        self.findings: list[Finding] = []
        self.emit = emit
        self.what = ""
        self._supply = supply
        self._started = started
        self._phase = "attacking"
        self._told = 0.0

    def enter(self, phase: str) -> None:
        """Another phase of work begins; it is told at once, unless it is the usual one."""
        self._phase = phase
        self.tell(force=phase != "attacking")

    def tell(self, *, force: bool = False) -> None:
        """How far it is, where that was not told a moment ago."""
        now = time.monotonic()
        if not force and now - self._told < PROGRESS_S:
            return
        self._told = now
        self.emit(
            Progress(
                phase=self._phase,  # type: ignore[arg-type]
                elapsed_s=now - self._started,
                requests=self._supply.requests,
                cases=sum(tally.cases for tally in self.tallies.values()),
                restarts=self._supply.restarts,
                findings=len(self.findings),
                what=self.what,
            )
        )
