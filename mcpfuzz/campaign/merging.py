"""Several runs of one target told as one: shards of a campaign, or one run per revision. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from mcpfuzz.events import Finished, Outcome
from mcpfuzz.model import SEVERITIES, Finding, OperationStats, ScenarioResult

__all__ = ["NOTHING_ACCEPTED", "NOTHING_TESTED", "NOT_APPLICABLE", "distinct", "merged"]

Status = Literal["clean", "findings", "partial", "not-run"]
_OUTCOMES: tuple[Outcome, ...] = ("fault", "interrupted", "findings", "clean", "could-not-test")
"""What one part says speaks for the whole, earlier first; a part that could not test does not hide one that did."""
NOT_APPLICABLE = "not applicable"
"""Begins the reason of a scenario that this server gives nothing to play on: the run is complete without."""
NOTHING_ACCEPTED = "no call was accepted"
"""Begins the reason of a run that reached nothing: one share of a campaign may well have only such operations."""
NOTHING_TESTED = "nothing was tested"
"""Begins the reason of a run without one case: so may a share."""


def merged(parts: Sequence[Finished], *, shares: bool = False) -> Finished:
    """One Finished out of several: counts are added, equal causes are one finding (a proved one wins).

    Args:
        shares: the parts are shares of one campaign: what one of them could not test nobody tested. Otherwise
            (one run per revision) a part that could not test takes nothing from the others.
    """
    if len(parts) == 1:
        return parts[0]
    reached = any(stats.reached for part in parts for stats in part.operations)
    lost = [part for part in parts if part.outcome == "could-not-test" and not (reached and _reached_nothing(part))]
    tested = [part for part in parts if shares or part.outcome != "could-not-test"]
    order: list[Outcome] = [name for name in _OUTCOMES if name != "could-not-test"]
    outcome: Outcome = min(
        (part.outcome for part in parts if part.outcome in order), key=order.index, default="could-not-test"
    )
    if shares and outcome == "clean" and lost:
        outcome = "could-not-test"
    scenarios = _scenarios(tested or parts)
    told = lost if outcome == "could-not-test" and lost else parts
    return Finished(
        outcome=outcome,
        reason=next((part.reason for part in told if part.outcome == outcome), None),
        complete=_complete(scenarios) and not lost if shares else bool(tested) and all(one.complete for one in tested),
        duration_s=max(part.duration_s for part in parts),
        requests=sum(part.requests for part in parts),
        cases=sum(part.cases for part in parts),
        restarts=sum(part.restarts for part in parts),
        operations=_operations(parts),
        scenarios=scenarios,
        findings=_findings(parts),
        extra={name: value for part in parts for name, value in part.extra.items()},
    )


def _complete(scenarios: Sequence[ScenarioResult]) -> bool:
    return all(result.status in ("clean", "findings") or _vacant(result) for result in scenarios)


def _reached_nothing(part: Finished) -> bool:
    return part.outcome == "could-not-test" and (part.reason or "").startswith((NOTHING_ACCEPTED, NOTHING_TESTED))


def distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding of each cause: proved rather than suspect, minimal rather than not, the one of fewer steps."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        known = kept.get(finding.fingerprint)
        if known is None or _worth(finding) > _worth(known):
            kept[finding.fingerprint] = finding
    return tuple(kept.values())


def _worth(finding: Finding) -> tuple[bool, bool, int]:
    return (finding.confidence == "proved", finding.minimal, -len(finding.conversation))


def _findings(parts: Sequence[Finished]) -> tuple[Finding, ...]:
    kept = distinct(finding for part in parts for finding in part.findings)
    worst_first = sorted(kept, key=lambda item: (-SEVERITIES.index(item.severity), item.rule, item.place.name))
    return tuple(sorted(worst_first, key=lambda item: item.confidence != "proved"))


def _operations(parts: Sequence[Finished]) -> tuple[OperationStats, ...]:
    sums: dict[tuple[str, str], OperationStats] = {}
    for stats in (stats for part in parts for stats in part.operations):
        known = sums.get((stats.kind, stats.name))
        reached = stats.reached or (known is not None and known.reached)
        sums[(stats.kind, stats.name)] = OperationStats(
            kind=stats.kind,
            name=stats.name,
            calls=stats.calls + (known.calls if known else 0),
            accepted=stats.accepted + (known.accepted if known else 0),
            rejected=stats.rejected + (known.rejected if known else 0),
            reached=reached,
            reason=None if reached else stats.reason,
        )
    return tuple(sums.values())


def _scenarios(parts: Sequence[Finished]) -> tuple[ScenarioResult, ...]:
    by_id: dict[str, list[ScenarioResult]] = {}
    for result in (result for part in parts for result in part.scenarios):
        by_id.setdefault(result.id, []).append(result)
    return tuple(
        ScenarioResult(
            id=name,
            status=_status(results),
            reason=next((result.reason for result in results if result.reason and not _vacant(result)), None)
            or next((result.reason for result in results if result.reason), None),
            cases=sum(result.cases for result in results),
        )
        for name, results in by_id.items()
    )


def _vacant(result: ScenarioResult) -> bool:
    """Whether the part gave the scenario nothing to play on."""
    return result.status == "not-run" and (result.reason or "").startswith(NOT_APPLICABLE)


def _status(results: Sequence[ScenarioResult]) -> Status:
    """Never clean where a part that had something to play on was not played to the end."""
    told = {result.status for result in results if not _vacant(result)}
    if "findings" in told:
        return "findings"
    if told == {"clean"}:
        return "clean"
    return "partial" if told - {"not-run"} else "not-run"
