"""What one Locust process knows of a scenario run: its orders, the phase under way, its counts.

The director (`director`) sends phases to all processes; each counts for itself and reports what it counted with
Locust's own worker reports, so that a run on many machines adds up to one.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment

from mcpfuzz.blocking import Outcome
from mcpfuzz.load_support.counting import Counter
from mcpfuzz.load_support.orders import VARIABLE, Orders
from mcpfuzz.load_support.plan import Phase
from mcpfuzz.locustfiles.users import fire

__all__ = ["PHASE", "POLICY", "REST", "STATE", "PhaseOver", "State"]

PHASE, POLICY = "mcpfuzz-phase", "mcpfuzz-policy"
"""Names of the messages between master and workers."""
REST = Phase(scenario="", part="", doing="rest", seconds=0.0, share=0.0)


class PhaseOver(BaseException):
    """Raised in whoever acts when the phase changes."""


@dataclass(slots=True)
class State:
    """Of this process."""

    phase: Phase = REST
    changed: Event = field(default_factory=Event)
    """Set, and replaced, when the phase changes."""
    users: int = 0
    """That live. Each has a number, and who takes part in a phase is read from that."""
    free: list[int] = field(default_factory=list)
    """Numbers of those that have gone; Locust moves users where workers come and go."""
    acting: set[gevent.Greenlet] = field(default_factory=set)
    """Of those that take part now; `PhaseOver` is raised in them when the phase changes."""
    counter: Counter = field(default_factory=Counter)
    facts: dict[str, dict[str, int]] = field(default_factory=dict)
    watch_per_s: float = 10.0
    began: float = 0.0
    """When the phase began, monotonic."""
    dice: random.Random = field(default_factory=random.Random)
    """Of all users of this process; `seed` makes it another one in each."""
    lane: tuple[int, int] = (0, 1)
    """Number of this process among those with users, and how many there are."""
    _orders: Orders | None = None

    @property
    def orders(self) -> Orders:
        if self._orders is None:
            self._orders = Orders.read(os.environ[VARIABLE])
        return self._orders

    def born(self) -> int:
        """A new user's number: the lowest that is free."""
        self.users += 1
        return heapq.heappop(self.free) if self.free else self.users - 1

    def gone(self, number: int) -> None:
        """A user has left."""
        self.users -= 1
        heapq.heappush(self.free, number)

    def enter(self, phase: Phase, watch_per_s: float) -> None:
        """Begin a phase."""
        self.phase, self.watch_per_s = phase, watch_per_s
        old, self.changed = self.changed, Event()
        old.set()
        acting, self.acting = self.acting, set()
        for one in acting:
            gevent.kill(one, PhaseOver)  # does not wait
        self.began = monotonic()

    @property
    def taking_part(self) -> int:
        """How many users act in the phase under way: those with the lowest numbers."""
        return 0 if self.phase.doing in ("rest", "probe") else math.ceil(self.phase.share * self.users)

    @contextlib.contextmanager
    def while_it_lasts(self) -> Iterator[None]:
        """What is done here ends with the phase, in the greenlet that does it: another one for each user would be a
        quarter of its memory."""
        me = gevent.getcurrent()
        self.acting.add(me)
        try:
            yield
        except PhaseOver:
            pass
        finally:
            self.acting.discard(me)

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


STATE = State()
