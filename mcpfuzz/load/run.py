"""`mcpfuzz load`: prepares the target, finds out what to call, starts Locust in a process of its own and turns the
record that it writes into the same report as `run`. Nothing here imports locust or gevent.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcpfuzz import __version__, host
from mcpfuzz.blocking import Endpoint, reach
from mcpfuzz.errors import McpfuzzError, TargetError
from mcpfuzz.events import Discovered, Event, Finished, Found, Noted, Outcome, Progress, Started
from mcpfuzz.load.locust import Locust, check_installed
from mcpfuzz.load.serving import Served
from mcpfuzz.load.settings import LoadSettings, LoadTarget, settings_of, target_of_load
from mcpfuzz.load_support.findings import findings_of
from mcpfuzz.load_support.orders import Orders, Record
from mcpfuzz.load_support.plan import RECOVERY, chosen, deal
from mcpfuzz.load_support.survey import Survey, take_survey
from mcpfuzz.load_support.verdict import load_json, recovered_after
from mcpfuzz.model import SEVERITIES, Finding, Operation, OperationStats, ScenarioResult, Surface
from mcpfuzz.oracles.rules import RULES
from mcpfuzz.reports import Gate, Look, Setting, known_secrets, open_sinks

__all__ = ["EXIT_CODES", "run_load"]

EXIT_CODES: Mapping[Outcome, int] = {"clean": 0, "findings": 1, "could-not-test": 3, "fault": 4, "interrupted": 130}
OVERHEAD_S = 4.0
"""Locust's start and end, and the report."""
SURVEY_SHARE = 0.12
SURVEY_PATIENCE_S = 3.0
GRACE_S = 15.0
"""Beyond --max-time: then Locust is stopped."""


def run_load(command: tuple[str, ...], options: Mapping[str, Any]) -> int:
    """Put load on a target; the exit code.

    Raises:
        UsageError: options or target are wrong.
    """
    settings = settings_of(options)
    check_installed()
    host.become_subreaper()
    with target_of_load(command, options) as target:
        if settings.worker:
            return _worker(target, settings)
        load: dict[str, Any] = {}
        extra = {"load": load}
        gate = Gate({*known_secrets(target.record, os.environ), *target.secrets})
        target.prepared.on_secrets = gate.learn
        look = Look(color=settings.color, quiet=settings.quiet, verbose=settings.verbose)
        setting = Setting(rules=RULES, look=look, extra=extra)
        _fill(load, Record(), settings, {}, None)
        with open_sinks(settings.reports, gate, version=__version__, setting=setting) as reports:
            return EXIT_CODES[_Run(target, settings, load, reports.on).run()]


def _fill(
    load: dict[str, Any], record: Record, settings: LoadSettings, left: Mapping[str, str], served: Served | None
) -> None:
    """Put the verdict into the report's object, which the sinks hold already."""
    samples, deaths = (served.samples, served.deaths) if served else ([], [])
    made = load_json(record, objectives=settings.objectives, left=left, samples=samples, deaths=deaths)
    load.clear()
    load.update(made, slo=[objective.text for objective in settings.objectives], users=settings.users)


class _Run:
    """One run, from Started to Finished."""

    def __init__(
        self, target: LoadTarget, settings: LoadSettings, load: dict[str, Any], emit: Callable[[Event], None]
    ) -> None:
        self.target = target
        self.settings = settings
        self.load = load
        self.emit = emit
        self.began = time.monotonic()
        self.record = Record()
        self.left: dict[str, str] = {}
        self.survey: Survey | None = None
        self.served: Served | None = None
        self.found: tuple[Finding, ...] = ()
        self._looked: set[str] = set()

    def run(self) -> Outcome:
        self.emit(
            Started(
                seed=self.settings.seed,
                started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                profile="load",
                max_time=self.settings.max_time,
                launch=self.target.record,
            )
        )
        reason: str | None = None
        try:
            interrupted = self._measured()
        except KeyboardInterrupt:
            interrupted = True
        except TargetError as error:
            return self._finish("could-not-test", str(error))
        except McpfuzzError as error:
            return self._finish("fault", str(error))
        finally:
            if self.served is not None:
                self.served.stop()
            host.sweep(self.target.token)
        return self._finish("interrupted" if interrupted else None, reason)

    def _measured(self) -> bool:
        """Everything between start and verdict; whether it was interrupted."""
        endpoint = self.target.endpoint
        if endpoint.url is not None:
            self.served = Served(endpoint.url, self.target.launch, self.settings.start_timeout)
            self.served.start()
        self.target.sign_in(endpoint.timeout)
        client = reach(_patient(endpoint), who=self.target.first)
        try:
            self.survey = take_survey(
                client,
                examples=self.target.examples,
                destructive=self.settings.destructive,
                seed=self.settings.seed,
                seconds=self.settings.max_time * SURVEY_SHARE,
            )
            transport = client.transport
        finally:
            client.close()
        self._tell_surface(self.survey)
        runs, self.left = chosen(self.settings.scenarios, transport)
        if not runs:
            raise TargetError(f"none of the scenarios asked for can be run: {'; '.join(self.left.values())}")
        seconds = self.settings.max_time - (time.monotonic() - self.began) - OVERHEAD_S
        phases, late = deal(runs, max(seconds, 2.0))
        self.left |= late
        orders = self._orders(endpoint, transport, phases)
        with Locust(orders, self.settings, self.target.folder) as locust:
            return self._follow(locust, orders)

    def _orders(self, endpoint: Endpoint, transport: str, phases: list[Any]) -> Orders:
        assert self.survey is not None
        return Orders(
            endpoint=self.target.endpoint_as(transport),
            survey=self.survey,
            phases=phases,
            users=self.settings.users,
            out=str(Path(self.target.folder) / "record.json"),
            identities=list(self.target.identities),
            rate=self.settings.rate,
            seed=self.settings.seed,
            addresses=self.target.addresses(),
        )

    def _follow(self, locust: Locust, orders: Orders) -> bool:
        """Watch until it is over."""
        end = self.began + self.settings.max_time + GRACE_S
        interrupted = False
        try:
            while locust.runs() and time.monotonic() < end:
                time.sleep(0.25)
                if self.served is not None:
                    self.served.look()
                self.record = Record.read(orders.out)
                self._progress()
                self._mend()
        except KeyboardInterrupt:
            interrupted = True
        locust.stop()
        self.record = Record.read(orders.out)
        if not interrupted and not self.record.done:
            locust.complain(begun=bool(self.record.laps))
        return interrupted

    def _mend(self) -> None:
        """A server of ours that does not come back is started anew, so that the next scenario finds a sound one."""
        if self.served is None:
            return
        for lap in self.record.laps:
            if lap.part == RECOVERY and lap.ended is not None and lap.scenario not in self._looked:
                self._looked.add(lap.scenario)
                if recovered_after(self.record, lap.scenario) is None:
                    self.served.restart()

    def _progress(self) -> None:
        lap = self.record.laps[-1] if self.record.laps else None
        ticks = sorted({key[3] for key in self.record.counter.cells})[-3:-1]
        recent = [cell for key, cell in self.record.counter.cells.items() if key[3] in ticks]
        asked, failed = sum(cell.requests for cell in recent), sum(cell.failed for cell in recent)
        what = "" if lap is None else f"{lap.scenario} {lap.part} · {lap.users} users · {asked}/s, {failed} failed"
        total = sum(cell.requests for cell in self.record.counter.cells.values())
        self.emit(
            Progress(
                phase="attacking",
                elapsed_s=time.monotonic() - self.began,
                requests=total,
                cases=0,
                restarts=self.served.restarts if self.served else 0,
                findings=0,
                what=what,
            )
        )

    # ---- telling ----------------------------------------------------------------------------------

    def _tell_surface(self, survey: Survey) -> None:
        operations = tuple(
            Operation(kind="tool", name=name, schema={}, skipped=survey.skipped.get(name)) for name in survey.tools
        )
        surface = Surface(
            revision=survey.revision,
            revisions=tuple(sorted({survey.revision, *survey.offered})),
            server=survey.server,
            capabilities={},
            operations=operations,
            good={},
        )
        self.emit(Discovered(surface=surface, sendable=len(survey.calls)))
        self.emit(
            Noted(
                text=f"cheapest: {survey.cheap.row} ({survey.cheap.took_ms:g} ms), "
                f"most expensive: {survey.expensive.row} ({survey.expensive.took_ms:g} ms)"
            )
        )

    def _finish(self, outcome: Outcome | None, reason: str | None) -> Outcome:
        _fill(self.load, self.record, self.settings, self.left, self.served)
        if self.survey is not None:
            samples = self.served.samples if self.served else []
            self.found = findings_of(self.load, self.survey.cheap, samples)
        for finding in self.found:
            self.emit(Found(finding=finding))
        results = tuple(self._result(one) for one in self.load["scenarios"])
        if outcome is None:
            counted = SEVERITIES[SEVERITIES.index(self.settings.fail_on) :]
            ran = [result for result in results if result.status != "not-run"]
            outcome = "findings" if any(finding.severity in counted for finding in self.found) else "clean"
            if not ran:
                outcome, reason = "could-not-test", "no scenario came to its end"
        self.emit(
            Finished(
                outcome=outcome,
                reason=reason
                or ("the run was stopped; what is there is reported" if outcome == "interrupted" else None),
                complete=outcome in ("clean", "findings") and all(result.status != "not-run" for result in results),
                duration_s=time.monotonic() - self.began,
                requests=self.load["requests"],
                cases=0,
                restarts=self.served.restarts if self.served else 0,
                operations=self._operations(),
                scenarios=results,
                findings=self.found,
            )
        )
        return outcome

    def _result(self, one: Mapping[str, Any]) -> ScenarioResult:
        status: Any = {"pass": "clean", "fail": "findings", "not-run": "not-run"}[one["verdict"]]
        if status == "clean" and any(finding.scenario == one["id"] for finding in self.found):
            status = "findings"
        return ScenarioResult(id=one["id"], status=status, reason=one["reason"], cases=one["requests"])

    def _operations(self) -> tuple[OperationStats, ...]:
        if self.survey is None:
            return ()
        rows = {row["name"]: row for row in self.load["rows"]}
        made = []
        for name in self.survey.tools:
            row = rows.get(f"tools/call {name}"[:120], {})
            calls, bad = row.get("requests", 0), row.get("failures", 0) + row.get("limited", 0)
            made.append(
                OperationStats(
                    kind="tool",
                    name=name,
                    calls=calls,
                    accepted=calls - bad,
                    rejected=bad,
                    reached=calls > bad,
                    reason=self.survey.skipped.get(name),
                )
            )
        return tuple(made)


def _patient(endpoint: Endpoint) -> Endpoint:
    """For the survey: a tool that takes longer is none to repeat by the thousand."""
    return replace(endpoint, timeout=min(endpoint.timeout, SURVEY_PATIENCE_S))


def _worker(target: LoadTarget, settings: LoadSettings) -> int:
    """A worker of a distributed run: acts on the master's word, reports to it, writes no report of its own."""
    target.sign_in(target.endpoint.timeout)
    client = reach(_patient(target.endpoint), who=target.first)
    try:
        survey = take_survey(client, examples=target.examples, destructive=settings.destructive, seed=settings.seed)
        transport = client.transport
    finally:
        client.close()
    orders = Orders(
        endpoint=target.endpoint_as(transport),
        survey=survey,
        phases=[],
        users=settings.users,
        out=str(Path(target.folder) / "record.json"),
        identities=list(target.identities),
        rate=settings.rate,
        seed=settings.seed,
        addresses=target.addresses(),
    )
    with Locust(orders, settings, target.folder) as locust, contextlib.suppress(KeyboardInterrupt):
        while locust.runs():
            time.sleep(0.25)
    return 0
