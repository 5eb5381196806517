"""One open campaign per target, the clock that all items share, and the record of what was played, from which
the reports are written when the run ends.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mcpfuzz import __version__, nights
from mcpfuzz.baseline import Baseline, Entry
from mcpfuzz.campaign.corpus import folder_of
from mcpfuzz.campaign.ending import counts
from mcpfuzz.campaign.merging import distinct
from mcpfuzz.campaign.session import CampaignSession, Played
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.errors import McpfuzzError
from mcpfuzz.events import Discovered, Event, Finished, Found, Outcome, Started
from mcpfuzz.model import (
    SEVERITIES,
    Conversation,
    Finding,
    Operation,
    OperationStats,
    Proof,
    ScenarioResult,
    Surface,
)
from mcpfuzz.oracles.rules import RULES
from mcpfuzz.pytest_support.thread import Held, TrioThread
from mcpfuzz.reports import Gate, Setting, as_test, describe, known_secrets, open_sinks
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.target import Prepared, Target

__all__ = ["Campaign", "Clock", "Record", "Row", "plan", "write_reports"]

FLOOR_S = 3.0
"""What one item may take while there is time at all: enough to prove and shorten what it finds."""


def plan(scenarios: Sequence[Scenario], surface: Surface) -> list[tuple[str, str, str]]:
    """(scenario, kind, name) of every item, sorted; kind and name are empty for the session's scenarios."""
    made = []
    for scenario in scenarios:
        if not scenario.kinds:
            made.append((scenario.id, "", ""))
            continue
        for operation in surface.operations:
            varies = scenario.fixed or operation.kind != "resource" or operation.template is not None
            if operation.kind in scenario.kinds and varies:
                made.append((scenario.id, operation.kind, operation.name))
    return sorted(made)


class Clock:
    """Shares out the time of all items: each gets an equal part of what is left, and what it leaves is the others'."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None
        self.items = 1
        """Items that are still to come, the next included."""

    def share(self) -> float:
        """Seconds for the next item; 0 or less: the time is spent."""
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        left = self._until - time.monotonic()
        part = max(left / max(1, self.items), min(left, FLOOR_S))
        self.items -= 1
        return part


@dataclass(frozen=True, slots=True)
class Row:
    """What one item came to."""

    scenario: str
    kind: str
    name: str
    played: Played


@dataclass(slots=True)
class Record:
    """All that is known of one target's items; plain values that can be pickled from worker to controller."""

    seed: int
    target: Target
    started: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    began: float = field(default_factory=time.time)
    planned: dict[str, int] = field(default_factory=dict)
    """Items per scenario that were selected."""
    rows: list[Row] = field(default_factory=list)
    surface: Surface | None = None
    operations: tuple[OperationStats, ...] = ()
    requests: int = 0
    restarts: int = 0
    secrets: frozenset[str] = frozenset()

    def merge(self, other: Record) -> None:
        """Take in what another worker knows of the same target."""
        self.rows += other.rows
        self.planned = {
            name: max(self.planned.get(name, 0), other.planned.get(name, 0))
            for name in {**self.planned, **other.planned}
        }
        self.surface = self.surface or other.surface
        self.operations = _merged(self.operations, other.operations)
        self.requests += other.requests
        self.restarts += other.restarts
        self.secrets |= other.secrets


def _merged(one: Iterable[OperationStats], other: Iterable[OperationStats]) -> tuple[OperationStats, ...]:
    known = {(stats.kind, stats.name): stats for stats in one}
    for stats in other:
        mine = known.get((stats.kind, stats.name))
        known[stats.kind, stats.name] = (
            stats
            if mine is None
            else OperationStats(
                kind=stats.kind,
                name=stats.name,
                calls=mine.calls + stats.calls,
                accepted=mine.accepted + stats.accepted,
                rejected=mine.rejected + stats.rejected,
                reached=mine.reached or stats.reached,
                reason=None if mine.reached or stats.reached else mine.reason or stats.reason,
            )
        )
    return tuple(known.values())


@contextlib.asynccontextmanager
async def _campaign(prepared: Prepared, settings: Settings) -> AsyncIterator[CampaignSession]:
    with prepared:
        async with CampaignSession.open(prepared, settings) as session:
            yield session


class Campaign:
    """A target that items and `mcp_fuzz` play on; opened when first needed, and then kept.

    Args:
        report: the path that replay commands name.
    """

    def __init__(self, thread: TrioThread, target: Target, settings: Settings, report: str) -> None:
        self.target = target
        self.settings = settings
        self._thread = thread
        self._report = report
        self._held: Held[CampaignSession] | None = None
        self._failure: McpfuzzError | None = None
        self._gate: Gate | None = None
        self.record = Record(seed=settings.seed, target=target)

    @property
    def session(self) -> CampaignSession:
        """Raises TargetError or UsageError, the same each time, where it cannot be opened."""
        if self._failure is not None:
            raise self._failure
        if self._held is None:
            try:
                prepared = Prepared.of(self.target)
                self.record.secrets = frozenset({*known_secrets(self.target.record, os.environ), *prepared.secrets})
                prepared.on_secrets = self._learn
                bound = 2 * self.settings.start_timeout + self.settings.max_time + 30
                self._held = self._thread.call(self._thread.hold, _campaign(prepared, self.settings), seconds=bound)
            except McpfuzzError as error:
                self._failure = error
                raise
        return self._held.value

    def _learn(self, *secrets: str) -> None:
        """What the target's callers were given on the way; called from the campaign's thread."""
        self.record.secrets |= frozenset(secrets)
        if self._gate is not None:
            self._gate.learn(*secrets)

    def operation(self, kind: str, name: str) -> Operation | None:
        return self.session.surface.operation(kind, name)

    def play(self, scenario: Scenario, operation: Operation | None, max_time: float) -> Played:
        """Blocking; the outcome is recorded for the reports."""
        session = self.session
        session.foreseen = tuple(self.record.planned)
        work = lambda: session.play(scenario, operation, max_time=max_time)  # noqa: E731
        played = self._thread.call(work, seconds=max_time + 60)
        self.record.rows.append(
            Row(scenario.id, operation.kind if operation else "", operation.name if operation else "", played)
        )
        self.record.surface, self.record.operations = session.surface, session.operations
        self.record.requests, self.record.restarts = session.requests, session.restarts
        return played

    def show(self, conversation: Conversation, proof: Proof) -> str | None:
        """What a fresh server shows of the proof's effect; blocking."""
        session = self.session
        steps = len(conversation) + sum(step.times for step in conversation.steps)
        bound = 2 * self.settings.start_timeout + (steps + 2) * self.settings.timeout + 30
        return self._thread.call(lambda: session.show(conversation, proof), seconds=bound)

    def counting(self, played: Played) -> list[Finding]:
        """The findings that make an item fail."""
        return [finding for finding in played.findings if counts(finding, self.settings)]

    def told(self, finding: Finding) -> str:
        """A finding for people: redacted, made visible."""
        self._gate = self._gate or Gate(self.record.secrets)
        shown = self._gate.pass_(Found(finding=finding)).finding
        return "\n".join(filter(None, (describe(shown, RULES, report=self._report), as_test(shown))))

    def close(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._thread.call(held.close, seconds=60)


# ---- reports --------------------------------------------------------------------------------------


def write_reports(
    record: Record, settings: Settings, specs: Sequence[str], report: str, baseline: Baseline | None = None
) -> None:
    """Write what one target's items came to, in each format asked for; then the baseline, should it be updated.

    Raises:
        UsageError: a report cannot be written.
    """
    Path(report).resolve().parent.mkdir(parents=True, exist_ok=True)
    if not any(spec.startswith("json=") for spec in specs):
        specs = (*specs, f"json={report}")
    with open_sinks(
        specs, Gate(record.secrets), version=__version__, setting=Setting(rules=RULES, report=report, terminal=False)
    ) as sinks:
        on: Callable[[Event], None] = sinks.on
        if settings.remember != "no":
            on = nights.listen(folder_of(record.target.state, record.target.record), on)
        if baseline is not None:
            on = baseline.listen(on, lambda entry, finished: _tried(entry, record))
        on(
            Started(
                seed=record.seed,
                started=record.started,
                profile=settings.profile,
                max_time=settings.max_time,
                launch=record.target.record,
            )
        )
        if record.surface is not None:
            sendable = sum(operation.skipped is None for operation in record.surface.operations)
            on(Discovered(surface=record.surface, sendable=sendable))
        finished = _finished(record, settings)
        for finding in finished.findings:
            on(Found(finding=finding))
        on(finished)
    if baseline is not None:
        baseline.save()


def _tried(entry: Entry, record: Record) -> bool:
    """Whether items tried what an entry is about to the end: with -k not all of a scenario's are played."""
    mine = [row for row in record.rows if row.scenario == entry.scenario]
    same = [row for row in mine if (row.kind, row.name) == (entry.kind, entry.name)]
    whole = len(mine) >= record.planned.get(entry.scenario, 1)
    return (
        bool(mine) and all(row.played.status in ("clean", "findings") for row in (same or mine)) and bool(same or whole)
    )


def _finished(record: Record, settings: Settings) -> Finished:
    findings = sorted(distinct(finding for row in record.rows for finding in row.played.findings), key=_rank)
    scenarios = tuple(_result(name, count, record.rows) for name, count in sorted(record.planned.items()))
    outcome: Outcome = "clean"
    if any(counts(finding, settings) for finding in findings):
        outcome = "findings"
    elif all(result.status == "not-run" for result in scenarios):
        outcome = "could-not-test"
    return Finished(
        outcome=outcome,
        reason="nothing was played" if outcome == "could-not-test" else None,
        complete=all(result.status in ("clean", "findings") for result in scenarios),
        duration_s=time.time() - record.began,
        requests=record.requests,
        cases=sum(result.cases for result in scenarios),
        restarts=record.restarts,
        operations=record.operations,
        scenarios=scenarios,
        findings=tuple(findings),
    )


def _rank(finding: Finding) -> tuple[bool, int, str, str]:
    return (finding.confidence != "proved", -SEVERITIES.index(finding.severity), finding.rule, finding.place.name)


def _result(scenario: str, planned: int, rows: Sequence[Row]) -> ScenarioResult:
    """A scenario's items as one line: never clean unless all of them are."""
    mine = [row.played for row in rows if row.scenario == scenario]
    cases = sum(played.cases for played in mine)
    why: Mapping[str, None] = dict.fromkeys(played.reason for played in mine if played.reason)
    reason = "; ".join(why)[:500] or None
    if any(played.status == "findings" for played in mine):
        return ScenarioResult(id=scenario, status="findings", reason=reason, cases=cases)
    if all(played.status == "not-run" for played in mine):
        return ScenarioResult(id=scenario, status="not-run", reason=reason or "its items were not run", cases=cases)
    if len(mine) < planned or any(played.status != "clean" for played in mine):
        return ScenarioResult(
            id=scenario, status="partial", reason=reason or "not all of its items were run", cases=cases
        )
    return ScenarioResult(id=scenario, status="clean", reason=reason, cases=cases)
