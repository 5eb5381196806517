"""The scenarios of a load run, as a table, and how a run's time is dealt out among them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcpfuzz.errors import UsageError

__all__ = ["ATTACK", "RECOVERY", "SCENARIOS", "LoadScenario", "Phase", "chosen", "deal"]

ATTACK, RECOVERY = "attack", "recovery"
RECOVERY_SHARE = 0.3
"""Of a scenario's time; cut short once the server is itself again."""
LEAST_RECOVERY_S = 1.6
"""Two ticks and what is cut off at their edges."""
LEAST_S = 2.4
"""A scenario that gets less is not run."""
RAMP = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the users, one step each."""
_NET = ("http", "sse", "ws")
_ALL = (*_NET, "stdio")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadScenario:
    """One of them."""

    id: str
    title: str
    about: str
    doing: str
    """Behaviour of the users (`locustfiles.behaviours`)."""
    weight: float = 1.0
    share: float = 1.0
    """Of the users that take part."""
    judged: str = "watch"
    """Whose answers the objectives are held against: those of the `watch`ing bystander, or of the `load` itself."""
    transports: tuple[str, ...] = _NET
    finds: tuple[str, ...] = ()
    """Rules of its own, besides those of all that are judged."""
    patience_s: float | None = None
    """After so many seconds newcomers must get in again, where they were turned away for want of room (503); None: room
    is the server's own business."""

    @property
    def rules(self) -> tuple[str, ...]:
        """What it can report."""
        judged = {"none": (), "load": ("slo-missed",), "watch": ("load-starvation",)}[self.judged]
        later = () if self.id in ("rate-limit", "baseline") else ("no-recovery",)
        return (*self.finds, *judged, *later, *(("crash",) if self.judged != "none" else ()))


SCENARIOS = (
    LoadScenario(id="rate-limit", title="Find the rate limit", doing="probe", weight=3.5, judged="none",
                 finds=("rate-limit-missing", "rate-limit-bypass", "retry-after-untrue"),
                 about="Limit, burst, scope, how it is told, and what steps around it, found by measurement."),
    LoadScenario(id="baseline", title="Baseline", doing="calls", share=0.1, judged="load", transports=_ALL,
                 about="A few users, ordinary calls: what all later scenarios are compared with."),
    LoadScenario(id="ramp", title="Ramp to the knee", doing="calls", judged="load", weight=1.6, transports=_ALL,
                 about="More users step by step, to where throughput stops growing and latency bends."),
    LoadScenario(id="spike", title="Spike", doing="calls", judged="load", transports=_ALL,
                 about="All users in one instant, then quiet again."),
    LoadScenario(id="soak", title="Soak", doing="calls", share=0.5, judged="load", weight=1.6, transports=_ALL,
                 about="Half of the users for longer: drift of latency, memory and descriptors."),
    LoadScenario(id="expensive-tool", title="Expensive-tool storm", doing="expensive", transports=_ALL,
                 about="All users call the slowest tool while a bystander calls a cheap one (OWASP LLM04)."),
    LoadScenario(id="session-flood", title="Session flood", doing="sessions", finds=("session-leak",),
                 about="Sessions are opened and never closed."),
    LoadScenario(id="connection-flood", title="Connection flood", doing="connections",
                 finds=("unbounded-concurrency",),
                 about="Hundreds of connections and event streams that ask for nothing."),
    LoadScenario(id="slow-clients", title="Slow clients", doing="slow", patience_s=8.0,
                 about="Requests that never end (slowloris) and answers that are never read."),
    LoadScenario(id="large-payloads", title="Large and deep payloads", doing="payloads", transports=_ALL,
                 about="Megabyte arguments and nesting of thousands of levels."),
    LoadScenario(id="cancellation-storm", title="Cancellation storm", doing="cancel", transports=_ALL,
                 about="Calls that are cancelled, or whose connection is cut, at once."),
    LoadScenario(id="notification-storm", title="Notification storm", doing="notify", transports=_ALL,
                 about="Progress and cancellations for calls that never were."),
    LoadScenario(id="reconnect-herd", title="Reconnect herd", doing="herd",
                 about="All users lose their connection and come back in the same instant, again and again."),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What all users do for a while."""

    scenario: str
    part: str
    doing: str
    """Behaviour of the users; `rest` where only the bystander asks."""
    seconds: float
    share: float = 1.0


def chosen(globs: Sequence[str], transport: str) -> tuple[list[LoadScenario], dict[str, str]]:
    """The scenarios to run, in order, and why the rest is not run.

    Raises:
        UsageError: a glob fits none.
    """
    for glob in globs:
        if not any(fnmatch.fnmatchcase(item.id, glob) for item in SCENARIOS):
            raise UsageError(f"--scenario {glob}: no load scenario; there are {', '.join(s.id for s in SCENARIOS)}")
    asked = [s for s in SCENARIOS if not globs or any(fnmatch.fnmatchcase(s.id, glob) for glob in globs)]
    left = {s.id: f"not over {transport}" for s in asked if transport not in s.transports}
    runs = [s for s in asked if s.id not in left]
    if runs and not any(s.id == "baseline" for s in runs) and any(s.judged != "none" for s in runs):
        first = next(index for index, s in enumerate(runs) if s.judged != "none")
        runs.insert(first, next(s for s in SCENARIOS if s.id == "baseline"))
    return runs, left


def deal(scenarios: Iterable[LoadScenario], seconds: float) -> tuple[list[Phase], dict[str, str]]:
    """The phases of a run of `seconds`, and the scenarios for which no time is left."""
    runs = list(scenarios)
    left: dict[str, str] = {}
    while runs and seconds / sum(s.weight for s in runs) < LEAST_S and len(runs) > 1:
        left[runs.pop().id] = "no time left for it: raise --max-time, or choose with --scenario"
    unit = seconds / sum(s.weight for s in runs) if runs else 0.0
    return [phase for scenario in runs for phase in _phases(scenario, unit * scenario.weight)], left


def _phases(scenario: LoadScenario, seconds: float) -> list[Phase]:
    name, rest = scenario.id, max(seconds * RECOVERY_SHARE, LEAST_RECOVERY_S)
    if scenario.doing == "probe":
        return [Phase(scenario=name, part=ATTACK, doing="probe", seconds=seconds)]
    if name == "baseline":
        return [Phase(scenario=name, part=ATTACK, doing=scenario.doing, seconds=seconds, share=scenario.share)]
    recovery = Phase(scenario=name, part=RECOVERY, doing="rest", seconds=rest)
    if name == "ramp":
        step = (seconds - rest) / len(RAMP)
        steps = [
            Phase(scenario=name, part=f"step {share:g}", doing="calls", seconds=step, share=share) for share in RAMP
        ]
        return [*steps, recovery]
    attack = Phase(scenario=name, part=ATTACK, doing=scenario.doing, seconds=seconds - rest, share=scenario.share)
    return [attack, recovery]
