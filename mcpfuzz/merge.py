"""`mcpfuzz merge`: the JSON reports of shards told as one, in every format, with the exit code of `run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from mcpfuzz import __version__, events
from mcpfuzz.baseline import Baseline
from mcpfuzz.campaign.ending import counts
from mcpfuzz.campaign.merging import merged
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.door import EXIT_CODES
from mcpfuzz.errors import UsageError
from mcpfuzz.events import Finished, Found, Noted
from mcpfuzz.model import Finding, Json, replace
from mcpfuzz.oracles.rules import RULES
from mcpfuzz.reports import Document, Gate, Look, Setting, open_sinks
from mcpfuzz.reports.reading import finished_of, read_report, started_of, surface_of

__all__ = ["merge_reports"]

_E = TypeVar("_E", bound=events.Event)


class _Through(Gate):
    """What a report holds went through the gate when it was made; a second cut would cut the marks of the first."""

    def pass_(self, event: _E) -> _E:
        return event


def merge_reports(paths: Sequence[str], options: Mapping[str, Any], look: Look) -> int:
    """Merge, tell, and give the exit code.

    Args:
        options: `report`, `fail_on`, `strict`, `require_complete`, `baseline`, `update_baseline` as those of `run`;
            None or False each where it was not given: then what the shards said counts.

    Raises:
        UsageError: a report cannot be read, or is of another server than the first.
    """
    documents = [read_report(path) for path in paths]
    _check_same(paths, documents)
    started = [started_of(document) for document in documents]
    first = replace(
        started[0],
        started=min(one.started for one in started),
        max_time=max(one.max_time for one in started),
    )
    baseline = _baseline(options)
    finished = _judged(merged([finished_of(document) for document in documents], shares=True), options, baseline)
    setting = Setting(rules=RULES, look=look, extra=_extra(documents))
    with open_sinks(options["report"], _Through(), version=__version__, setting=setting) as reports:
        on = baseline.listen(reports.on) if baseline else reports.on
        on(first)
        discovered = next(filter(None, map(surface_of, documents)), None)
        if discovered is not None:
            revisions = dict.fromkeys(name for one in documents for name in one["target"]["revisions"])
            on(replace(discovered, surface=replace(discovered.surface, revisions=tuple(revisions))))
        for note in dict.fromkeys(note for one in documents for note in one.get("notes", ())):
            on(Noted(text=note))
        for finding in finished.findings:
            on(Found(finding=finding))
        on(finished)
    if baseline:
        baseline.save()
    return EXIT_CODES[finished.outcome]


def _check_same(paths: Sequence[str], documents: Sequence[Document]) -> None:
    def who(document: Document) -> tuple[Json, ...]:
        launch = document["target"]["launch"]
        return (launch["command"], launch["url"])

    for path, document in zip(paths[1:], documents[1:], strict=True):
        if who(document) != who(documents[0]):
            raise UsageError(f"{path}: tests another server than {paths[0]}; a merge is of shards of one")


def _baseline(options: Mapping[str, Any]) -> Baseline | None:
    if options["update_baseline"] and not options["baseline"]:
        raise UsageError("--update-baseline needs --baseline FILE")
    return Baseline.load(options["baseline"], update=options["update_baseline"]) if options["baseline"] else None


def _judged(finished: Finished, options: Mapping[str, Any], baseline: Baseline | None) -> Finished:
    """The outcome by the options of the merge, where any was given."""
    if baseline is not None or options["fail_on"] or options["strict"]:
        settings = Settings(
            scenarios=(), seed=0, fail_on=options["fail_on"] or "low", strict=bool(options["strict"]),
            known=baseline.known if baseline else _known(finished.findings), accept=bool(baseline and baseline.update),
        )  # fmt: skip
        counting = any(counts(finding, settings) for finding in finished.findings)
        if finished.outcome in ("clean", "findings"):
            finished = replace(finished, outcome="findings" if counting else "clean", reason=None)
    if options["require_complete"] and finished.outcome == "clean" and not finished.complete:
        reason = "scenarios were left partial or not run (--require-complete)"
        finished = replace(finished, outcome="could-not-test", reason=reason)
    return finished if baseline else replace(finished, extra=_standing(finished))


def _known(findings: Sequence[Finding]) -> frozenset[str]:
    return frozenset(finding.fingerprint for finding in findings if finding.standing == "known")


def _standing(finished: Finished) -> dict[str, Json]:
    """What the shards' baselines said, joined: a shard cannot know that anything is gone."""
    told = finished.extra.get("baseline")
    if told is None:
        return dict(finished.extra)
    shown = {finding.fingerprint for finding in finished.findings}
    missing = [one for one in (*told["gone"], *told["not_seen"]) if one["fingerprint"] not in shown]
    sums = {
        name: sum(finding.standing == name for finding in finished.findings) for name in ("new", "known", "expired")
    }
    return {**finished.extra, "baseline": {**told, **sums, "gone": [], "not_seen": missing}}


def _extra(documents: Sequence[Document]) -> dict[str, Json]:
    """Members beside the contract's: load runs one after the other."""
    loads = [document["load"] for document in documents if "load" in document]
    if len(loads) < 2:
        return {"load": loads[0]} if loads else {}
    summed = {name: sum(load[name] or 0 for load in loads) for name in ("requests", "failures", "rps")}
    lists = {name: [item for load in loads for item in load[name]] for name in ("scenarios", "policies")}
    # percentiles of several runs cannot be had from theirs
    return {"load": {**summed, "p50_ms": None, "p95_ms": None, "p99_ms": None, **lists}}
