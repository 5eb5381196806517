"""What one Locust process knows of a scenario run: its orders, the phase under way, its counts.

The director (`director`) sends phases to all processes; each counts for itself and reports what it counted with
Locust's own worker reports, so that a run on many machines adds up to one.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from gevent.event import Event
from locust.env import Environment

from mcpfuzz.blocking import Outcome
from mcpfuzz.load_support.counting import Counter
from mcpfuzz.load_support.orders import VARIABLE, Orders
from mcpfuzz.load_support.plan import Phase
from mcpfuzz.locustfiles.users import fire

__all__ = ["PHASE", "POLICY", "REST", "STATE", "State"]

PHASE, POLICY = "mcpfuzz-phase", "mcpfuzz-policy"
"""Names of the messages between master and workers."""
REST = Phase(scenario="", part="", doing="rest", seconds=0.0, share=0.0)


@dataclass(slots=True)
class State:
    """Of this process."""

    phase: Phase = REST
    changed: Event = field(default_factory=Event)
    """Set, and replaced, when the phase changes."""
    actors: list[object] = field(default_factory=list)
    """Living users, in the order of their births; who takes part in a phase is read from the position."""
    counter: Counter = field(default_factory=Counter)
    facts: dict[str, dict[str, int]] = field(default_factory=dict)
    watch_per_s: float = 10.0
    _orders: Orders | None = None

    @property
    def orders(self) -> Orders:
        if self._orders is None:
            self._orders = Orders.read(os.environ[VARIABLE])
        return self._orders

    def enter(self, phase: Phase, watch_per_s: float) -> None:
        """Begin a phase."""
        self.phase, self.watch_per_s = phase, watch_per_s
        old, self.changed = self.changed, Event()
        old.set()

    def takes_part(self, actor: object) -> bool:
        """Whether a user acts in the phase under way."""
        if self.phase.doing in ("rest", "probe") or actor not in self.actors:
            return False
        return self.actors.index(actor) < math.ceil(self.phase.share * len(self.actors))

    def count(
        self, environment: Environment, role: str, row: str, outcome: Outcome, phase: Phase | None = None
    ) -> None:
        """One outcome, for Locust's tables and for the verdict."""
        phase = phase or self.phase
        fire(environment, row, outcome)
        self.counter.add((phase.scenario, phase.part, role), row, time.time(), outcome)

    def note(self, what: str, number: int = 1) -> None:
        """Something that a scenario counts besides requests."""
        facts = self.facts.setdefault(self.phase.scenario, {})
        facts[what] = facts.get(what, 0) + number

    def take(self) -> dict[str, Any]:
        """What was counted since the last time, for the master."""
        facts, self.facts = self.facts, {}
        return {"counter": self.counter.take(), "facts": facts}

    def message(self) -> dict[str, Any]:
        return {"phase": asdict(self.phase), "watch_per_s": self.watch_per_s}


STATE = State()
