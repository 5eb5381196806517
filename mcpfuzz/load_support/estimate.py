"""The estimate of a rate limit from the outside: flood one key until it is refused, watch when it is let in again,
and see which other keys are still served meanwhile. Drives a `Prober`, which holds the clients and the clock, so that
the same code is tried out against simulated policies.

A run of good answers between two refusals is a cluster. A token bucket lets single ones in, a fixed window a whole
quota at once: the sizes of whole clusters over the time between their starts is the rate of both.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mcpfuzz.blocking.outcome import Outcome

__all__ = ["Estimate", "Key", "Prober", "estimate"]

MAX_FLOOD = 4_000
"""Requests of one flood; a limit beyond is not within the range probed."""
FLOOD_S = 2.5
STEADY_S = 8.0
ENOUGH = 24
"""Admissions after the first refusal that make a rate."""
PAUSE_S = 0.002
"""Between two polls of a key that is refused."""


@dataclass(frozen=True, slots=True)
class Key:
    """Who asks, and for what: each member is 0, the first of its kind, or 1, another."""

    identity: int = 0
    session: int = 0
    address: int = 0
    tool: int = 0
    step: str = ""
    """A way around, a name in `findings._STEPS`; empty: none."""


class Prober(Protocol):
    """What can be varied, and how a request is made."""

    varies: frozenset[str]
    """Of identity, session, address, tool: those of which there are two."""
    steps: tuple[str, ...]
    """Ways around that can be tried."""
    apart: frozenset[str]
    """Those that are sessions of their own: where the limit is a session's, they show nothing more."""

    def send(self, key: Key) -> Outcome:
        """One request as `key`."""

    def crowd(self, key: Key, seconds: float) -> list[tuple[float, Outcome]]:
        """As many requests as can be made side by side, with the instants of their answers."""

    def now(self) -> float:
        """Monotonic seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(slots=True)
class Estimate:
    """What was found. `per_s` and `burst` are None without a limit, or where they could not be measured."""

    scope: str = "unknown"
    per_s: float | None = None
    burst: int | None = None
    confidence: float = 0.0
    kind: str = ""
    """bucket or window."""
    form: str = ""
    """How a refusal comes: 429, 503, rpc, tool."""
    retry_after: str = "none"
    """truthful, too-short, too-long, none, or untried."""
    bypasses: list[str] = field(default_factory=list)
    starves: bool = False
    """Whether one identity's excess shuts another out."""
    probed_per_s: float = 0.0
    probed_requests: int = 0
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


def estimate(prober: Prober, seconds: float) -> Estimate:
    """Find the policy within about `seconds`."""
    return _Work(prober, prober.now() + seconds).run()


@dataclass(slots=True)
class _Seen:
    at: float
    outcome: Outcome

    @property
    def let_in(self) -> bool:
        """Whether the limit let it pass; an error of the tool's own did pass, an unknown path did not."""
        return self.outcome.kind in ("ok", "tool-error", "rpc-error")

    @property
    def refused(self) -> bool:
        return self.outcome.kind == "limited"


class _Work:
    def __init__(self, prober: Prober, until: float) -> None:
        self.prober = prober
        self.until = until
        self.found = Estimate()
        self.log: list[_Seen] = []

    @property
    def left(self) -> float:
        return self.until - self.prober.now()

    def run(self) -> Estimate:
        budget = self.left
        flood = self._flood(Key(), min(FLOOD_S, budget * 0.25))
        if not flood[-1].refused:
            return self._no_limit(flood, budget)
        self.found.form = flood[-1].outcome.form
        self._rate(self._steady(min(STEADY_S, budget * 0.45)))
        self._burst(flood)
        self._scope()
        self._around()
        self._retry_after()
        self._burst_again()
        return self.found

    # ---- asking

    def _ask(self, key: Key) -> _Seen:
        outcome = self.prober.send(key)
        self.found.probed_requests += 1
        seen = _Seen(self.prober.now(), outcome)
        self.log.append(seen)
        return seen

    def _flood(self, key: Key, seconds: float) -> list[_Seen]:
        """Until the first refusal, or the end of the range."""
        began, made = self.prober.now(), [self._ask(key)]
        while not made[-1].refused and len(made) < MAX_FLOOD and self.prober.now() - began < seconds:
            made.append(self._ask(key))
        took = max(made[-1].at - began, 1e-6)
        self.found.probed_per_s = max(self.found.probed_per_s, len(made) / took)
        return made

    def _no_limit(self, flood: Sequence[_Seen], budget: float) -> Estimate:
        """One after another met no limit; side by side is faster."""
        seconds = min(2.0, budget * 0.2)
        began = self.prober.now()
        crowd = self.prober.crowd(Key(), seconds)
        took = max(self.prober.now() - began, 1e-6)
        self.found.probed_requests += len(crowd)
        self.found.probed_per_s = max(self.found.probed_per_s, len(crowd) / took)
        good = sum(outcome.kind == "ok" for _, outcome in crowd) + sum(s.outcome.kind == "ok" for s in flood)
        refusals = [at for at, outcome in crowd if outcome.kind == "limited"]
        if refusals:
            self.found.form = next(outcome.form for _, outcome in crowd if outcome.kind == "limited")
            after = [at for at, outcome in crowd if outcome.kind != "limited" and at > refusals[0]]
            span = crowd[-1][0] - refusals[0]
            self.found.per_s = len(after) / span if span > 0.2 else None
            self.found.confidence = 0.3
            self.found.notes.append("the limit is met only side by side: its scope is not told")
            return self.found
        if good * 2 < len(flood) + len(crowd):
            self.found.notes.append("most probes failed: nothing can be said of a limit")
            return self.found
        self.found.scope, self.found.confidence = "none", 0.9
        return self.found

    # ---- rate and burst

    def _steady(self, seconds: float) -> list[_Seen]:
        """Poll the exhausted key; ends early with enough admissions."""
        end, made, admitted, clusters = self.prober.now() + seconds, [], 0, 0
        pause, last_in = PAUSE_S, self.prober.now()
        while self.prober.now() < end:
            seen = self._ask(Key())
            made.append(seen)
            if seen.let_in:
                clusters += len(made) < 2 or not made[-2].let_in
                admitted, pause, last_in = admitted + 1, PAUSE_S, seen.at
                if admitted >= ENOUGH and clusters >= 4 and self.prober.now() > end - seconds * 0.8:
                    break
            else:
                if seen.at - last_in > 2.0:
                    pause = min(pause * 1.5, 0.5)  # some limiters count refused attempts too: ask less
                self.prober.sleep(pause)
        return made

    def _rate(self, steady: Sequence[_Seen]) -> None:
        clusters = _clusters(steady)
        if len(clusters) >= 2:
            span = clusters[-1][0].at - clusters[0][0].at
            self.found.per_s = sum(map(len, clusters[:-1])) / span if span > 0 else None
        elif clusters and steady:
            span = steady[-1].at - steady[0].at
            self.found.per_s = len(clusters[0]) / span if span > 0 else None
            self.found.notes.append("one admission only: the rate is rough")
        sizes = [len(cluster) for cluster in clusters[:-1]]
        window = len(sizes) >= 1 and statistics.median(sizes) >= 3 and _bunched(clusters)
        self.found.kind = "window" if window else "bucket" if clusters else ""
        if window:
            self.found.burst = max(sizes)
        if not clusters:
            self.found.notes.append("no admission while it was watched: the window is longer than the time given")
        total = sum(map(len, clusters))
        self.found.confidence = 0.95 if total >= 12 else 0.8 if len(clusters) >= 3 else 0.5 if clusters else 0.2

    def _burst(self, flood: Sequence[_Seen]) -> None:
        """The bucket's size: what the flood was let, less what ran in meanwhile."""
        if self.found.kind == "window":
            return
        admitted = [seen for seen in flood if seen.let_in]
        if not admitted:
            return
        took = flood[-1].at - admitted[0].at
        refilled = (self.found.per_s or 0.0) * took
        self.found.burst = max(self.found.burst or 1, round(len(admitted) - refilled))

    def _burst_again(self) -> None:
        """Before the first flood somebody may have drunk from the bucket: rest until it is full, and once more."""
        if self.found.kind != "bucket" or not self.found.per_s or not self.found.burst:
            return
        rest = self.found.burst / self.found.per_s * 1.3 + 0.3
        if rest + 1.0 > self.left:
            self.found.notes.append("no time to let the bucket fill: the burst is what the first flood was let")
            return
        self.prober.sleep(rest)
        flood = self._flood(Key(), min(FLOOD_S, max(self.left, 0.5)))
        if flood[-1].refused:
            self._burst(flood)

    # ---- scope

    def _exhaust(self) -> bool:
        """Make sure that the first key is refused right now."""
        return any(self._ask(Key()).refused for _ in range(MAX_FLOOD // 4))

    def _passes(self, key: Key) -> float:
        """How much of a small burst of `key` is let in while the first key is exhausted: 0 to 1."""
        size = max(1, min(5, (self.found.burst or 1) // 2))
        shares = []
        for _ in range(3):
            if not self._exhaust():
                return 0.5
            began = self.prober.now()
            asked = [self._ask(key) for _ in range(size)]
            good = sum(s.outcome.kind == "ok" if key.step else s.let_in for s in asked)
            # a way around may be slow (a new connection): what ran into the bucket meanwhile proves nothing
            refilled = (self.found.per_s or 0.0) * (self.prober.now() - began) if key.step else 0.0
            shares.append(max(0.0, good - refilled) / size)
            if size > 1 and shares[-1] in (0.0, 1.0):
                break
            wait = size / self.found.per_s if self.found.per_s else 1.0
            if wait > 0.6 or self.left < 2:
                break
            self.prober.sleep(wait * 1.1)
        return sum(shares) / len(shares)

    def _scope(self) -> None:
        tries = [
            ("session", Key(session=1)),
            ("identity", Key(identity=1)),
            ("address", Key(address=1)),
            ("tool", Key(tool=1)),
        ]
        passed: dict[str, float] = {}
        for name, key in tries:
            if name in self.prober.varies:
                passed[name] = self._passes(key)
        sure = [abs(share - 0.5) * 2 for share in passed.values()]
        self.found.scope = next((name for name, _ in tries if passed.get(name, 0.0) > 0.5), "global")
        if self.found.scope == "session":
            self.found.bypasses.append("new-session")
        missing = {"session", "identity", "address", "tool"} - set(passed)
        trust = min(sure, default=0.0)
        if self.found.scope == "global" and "identity" in missing:
            trust = min(trust, 0.5)
            self.found.notes.append("one identity only: a limit for each identity would look the same")
        self.found.starves = "identity" in passed and passed["identity"] <= 0.5
        self.found.confidence = round(min(self.found.confidence, max(trust, 0.1)), 2)

    def _around(self) -> None:
        for step in self.prober.steps:
            if step in self.prober.apart and self.found.scope == "session":
                continue
            if self.left > 1.5 and self._passes(Key(step=step)) > 0.5:
                self.found.bypasses.append(step)

    # ---- what the refusal says

    def _retry_after(self) -> None:
        told = [(seen.at, seen.outcome.retry_after_s) for seen in self.log if seen.refused]
        values = [wait for _, wait in told if wait is not None]
        if not values:
            return
        self.found.retry_after = "untried"
        if not self._exhaust():
            return
        wait = self.log[-1].outcome.retry_after_s
        if wait is None or wait + 0.5 > self.left:
            return
        if self._too_long():
            self.found.retry_after = "too-long"
            return
        self.prober.sleep(wait + 0.02)
        self.found.retry_after = "truthful" if self._ask(Key()).let_in else "too-short"

    def _too_long(self) -> bool:
        """Whether admissions came over a second earlier than refusals had said (the header knows whole seconds)."""
        long = counted = 0
        promise: float | None = None
        for seen in self.log:
            if seen.refused:
                wait = seen.outcome.retry_after_s
                promise = None if wait is None else seen.at + wait
            elif promise is not None and seen.let_in:
                counted += 1
                long += promise - seen.at > 1.2
                promise = None
        return counted >= 3 and long * 2 > counted


def _clusters(steady: Sequence[_Seen]) -> list[list[_Seen]]:
    """Runs of admissions, each after a refusal."""
    made: list[list[_Seen]] = []
    after = True  # the flood ended with a refusal
    for seen in steady:
        if seen.let_in:
            if after:
                made.append([])
            made[-1].append(seen)
        after = seen.refused or (after and not seen.let_in)
    return made


def _bunched(clusters: Sequence[Sequence[_Seen]]) -> bool:
    """Whether clusters are short beside the gaps between them."""
    if len(clusters) < 2:
        return False
    inside = statistics.median(cluster[-1].at - cluster[0].at for cluster in clusters[:-1])
    gaps = [b[0].at - a[-1].at for a, b in zip(clusters, clusters[1:], strict=False)]
    return statistics.median(gaps) > 2 * inside
