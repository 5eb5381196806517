"""Several runs of one target told as one: shards of a campaign, or one run per revision. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mcpfuzz.events import Finished, Outcome
from mcpfuzz.model import SEVERITIES, Finding, OperationStats, ScenarioResult

__all__ = ["merged"]

_OUTCOMES: tuple[Outcome, ...] = ("fault", "interrupted", "findings", "clean", "could-not-test")
"""What one part says speaks for the whole, earlier first; a part that could not test does not hide one that did."""
_STATUS = ("findings", "partial", "clean", "not-run")


def merged(parts: Sequence[Finished]) -> Finished:
    """One Finished out of several: counts are added, equal causes are one finding (a proved one wins)."""
    if len(parts) == 1:
        return parts[0]
    outcome = min((part.outcome for part in parts), key=_OUTCOMES.index)
    tested = [part for part in parts if part.outcome != "could-not-test"]
    return Finished(
        outcome=outcome,
        reason=next((part.reason for part in parts if part.outcome == outcome), None),
        complete=bool(tested) and all(part.complete for part in tested),
        duration_s=max(part.duration_s for part in parts),
        requests=sum(part.requests for part in parts),
        cases=sum(part.cases for part in parts),
        restarts=sum(part.restarts for part in parts),
        operations=_operations(parts),
        scenarios=_scenarios(tested or parts),
        findings=_findings(parts),
    )


def _findings(parts: Sequence[Finished]) -> tuple[Finding, ...]:
    kept: dict[str, Finding] = {}
    for finding in (finding for part in parts for finding in part.findings):
        known = kept.get(finding.fingerprint)
        if known is None or (known.confidence != "proved" and finding.confidence == "proved"):
            kept[finding.fingerprint] = finding
    worst_first = sorted(kept.values(), key=lambda item: (-SEVERITIES.index(item.severity), item.rule, item.place.name))
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
            status=min((result.status for result in results), key=_STATUS.index),
            reason=next((result.reason for result in results if result.reason), None),
            cases=sum(result.cases for result in results),
        )
        for name, results in by_id.items()
    )
