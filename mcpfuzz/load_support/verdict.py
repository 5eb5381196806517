"""From a record to a verdict: the report's `load` object. Pure, so that it is the same in a master, after an
interruption, and when a record is read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcpfuzz.load_support.counting import TICK_S, Cell, Counter
from mcpfuzz.load_support.orders import Lap, Record
from mcpfuzz.load_support.plan import RECOVERY, SCENARIOS, LoadScenario
from mcpfuzz.load_support.slo import Objective, missed

__all__ = ["load_json", "recovered_after"]

HEALTHY_FACTOR, HEALTHY_MS = 3.0, 100.0
"""A tick is healthy up to this many times, or ms above, the baseline's p95."""
FEW = 3
"""Slow answers that make no miss yet."""
KNEE_GAIN, KNEE_BEND = 1.1, 1.5
_BY_ID = {scenario.id: scenario for scenario in SCENARIOS}


def _r(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)


def laps_of(record: Record, scenario: str, part: str | None = None) -> list[Lap]:
    return [lap for lap in record.laps if lap.scenario == scenario and (part is None or lap.part == part)]


def baseline_ms(record: Record) -> float:
    """The bystander's p95 at the baseline; 50 where there was none."""
    return record.counter.sum("baseline", roles=("watch",)).p(0.95) or 50.0


def recovered_after(record: Record, scenario: str) -> float | None:
    """Seconds from the end of the attack to the first of two healthy ticks in a row; None: not seen."""
    recovery = laps_of(record, scenario, RECOVERY)
    if not recovery:
        return None
    began, limit = recovery[0].began, max(baseline_ms(record) * HEALTHY_FACTOR, baseline_ms(record) + HEALTHY_MS)
    healthy: float | None = None
    ticks = [(tick, cell) for tick, cell in record.counter.where(scenario, (RECOVERY,), ("watch",)) if cell.requests]
    for tick, cell in ticks:
        well = cell.ok > 0 and cell.failed == 0 and (cell.p(0.95) or 0.0) <= limit
        if not well:
            healthy = None
        elif healthy is not None:
            return healthy
        else:
            healthy = max(0.0, tick * TICK_S - began)
    return None


def load_json(
    record: Record,
    *,
    objectives: Sequence[Objective],
    left: Mapping[str, str],
    samples: Sequence[Mapping[str, Any]] = (),
    deaths: Sequence[float] = (),
) -> dict[str, Any]:
    """The report's `load`.

    Args:
        left: scenarios that were not run, and why.
        samples: of the server's process: `at`, `rss`, `cpu`, `fds`, `threads`.
        deaths: instants at which the server's process was found gone.
    """
    ran = list(dict.fromkeys(lap.scenario for lap in record.laps))
    scenarios = [_scenario(record, _BY_ID[name], objectives, samples, deaths) for name in ran if name in _BY_ID]
    scenarios += [_not_run(name, reason) for name, reason in left.items()]
    whole = Cell()
    for cell in record.counter.cells.values():
        whole.merge(cell)
    span = sum((lap.ended or lap.began) - lap.began for lap in record.laps)
    return {
        "requests": whole.requests,
        "failures": whole.failed,
        "limited": whole.limited,
        "rps": _r(whole.requests / span if span else 0.0, 1),
        **_times(whole),
        "scenarios": scenarios,
        "policies": [_policy(policy) for policy in record.policies],
        "rows": [
            {"name": name, "requests": c.requests, "failures": c.failed, "limited": c.limited, **_times(c), **_first(c)}
            for name, c in sorted(record.counter.rows.items())
        ],
        "errors": whole.errors,
        "workers": record.workers,
        "timeline": _timeline(record, samples),
    }


def _times(cell: Cell) -> dict[str, float | None]:
    return {f"p{number}_ms": _r(cell.p(number / 100)) for number in (50, 95, 99)}


def _first(cell: Cell) -> dict[str, float | None]:
    if not cell.firsts:
        return {}
    firsts = Cell(times=cell.firsts)
    return {"first_p50_ms": _r(firsts.p(0.5)), "first_p95_ms": _r(firsts.p(0.95))}


def _not_run(name: str, reason: str) -> dict[str, Any]:
    zero = {"requests": 0, "failures": 0, "rps": 0.0, "p50_ms": None, "p95_ms": None, "p99_ms": None}
    return {"id": name, "verdict": "not-run", "reason": reason, **zero, "recovery_s": None, "errors": {}}


def _policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    return {**policy, "per_s": _r(policy.get("per_s"), 2), "probed_per_s": _r(policy.get("probed_per_s"), 1)}


def _scenario(
    record: Record,
    scenario: LoadScenario,
    objectives: Sequence[Objective],
    samples: Sequence[Mapping[str, Any]],
    deaths: Sequence[float],
) -> dict[str, Any]:
    counter, name = record.counter, scenario.id
    laps = laps_of(record, name)
    active = [lap for lap in laps if lap.part != RECOVERY]
    parts = [lap.part for lap in active]
    span = sum((lap.ended or lap.began) - lap.began for lap in active) or 1e-9
    whole, load = counter.sum(name), counter.sum(name, parts, ("load", "probe"))
    judged = counter.sum(name, parts, (scenario.judged,)) if scenario.judged != "none" else Cell()
    recovery = recovered_after(record, name)
    made: dict[str, Any] = {
        "id": name,
        "verdict": "pass",
        "reason": None,
        "requests": whole.requests,
        "failures": whole.failed,
        "limited": whole.limited,
        "rps": _r(load.requests / span, 1),
        **_times(judged if judged.ok else load),
        "recovery_s": _r(recovery),
        "errors": whole.errors,
        "judged": {"role": scenario.judged, "requests": judged.requests, "errors": _r(judged.error_share, 4)},
        "facts": dict(record.facts.get(name, {})),
    }
    if any(lap.ended is None for lap in laps):
        return {**made, "verdict": "not-run", "reason": "cut off before its end"}
    misses: list[str] = []
    if scenario.judged != "none":
        measured = _measured(record, scenario, judged, recovery, span)
        for objective, value in missed(objectives, measured):
            if not _by_chance(objective, judged):
                misses.append(_told(objective, value, scenario))
        if judged.requests == 0:
            misses.append("nobody was answered at all")
        elif judged.ok == 0 and judged.failed:
            misses.append(f"not one of {judged.failed} calls was answered well")
    away = _turned_away_s(counter, active, scenario)
    if scenario.patience_s is not None and away > scenario.patience_s:
        misses.append(f"a bystander's new connections were turned away (503) for {away:.0f} s, until the storm ended")
    if name == "ramp":
        made["knee"] = _knee(counter, active)
    if name == "soak":
        made["drift"] = _drift(counter, active, samples)
    began, ended = laps[0].began, laps[-1].ended or laps[-1].began
    if any(began <= at <= ended for at in deaths):
        misses.append("the server's process ended")
    if misses:
        made["verdict"], made["reason"] = "fail", "; ".join(misses)
    return made


def _turned_away_s(counter: Counter, laps: Sequence[Lap], scenario: LoadScenario) -> float:
    """For how long before the storm's end newcomers, who are half of the bystander's calls, were refused for want of
    room, without a pause."""
    ticks = 0
    for _, cell in reversed(counter.where(scenario.id, [lap.part for lap in laps], ("watch",))):
        refused = sum(count for detail, count in cell.errors.items() if detail.startswith("HTTP 503"))
        if refused * 4 < cell.requests and cell.requests >= FEW:  # one call of a cut-off tick tells nothing
            break
        ticks += 1
    return ticks * TICK_S


def _by_chance(objective: Objective, judged: Cell) -> bool:
    """Whether too few answers are to blame: among twenty, one lost packet is the p95."""
    if objective.metric.startswith("p"):
        return 0 < judged.slower_than(objective.bound) < FEW
    return objective.metric == "errors" and judged.ok > 0 and judged.failed < 2


def _measured(
    record: Record, scenario: LoadScenario, judged: Cell, recovery: float | None, span: float
) -> dict[str, float | None]:
    made: dict[str, float | None] = {"errors": judged.error_share}
    latency = judged
    if scenario.id == "ramp":  # beyond the knee latency is what it must be
        latency = _up_to_knee(record.counter, [lap for lap in laps_of(record, "ramp") if lap.part != RECOVERY])
    if latency.ok:
        made |= {f"p{number}": latency.p(number / 100) for number in (50, 90, 95, 99)}
    if scenario.judged == "load":
        made["rps"] = judged.ok / span
    if laps_of(record, scenario.id, RECOVERY):
        made["recovery"] = recovery
    return made


def _told(objective: Objective, value: float | None, scenario: LoadScenario) -> str:
    who = "a bystander's " if scenario.judged == "watch" and objective.metric != "recovery" else ""
    if value is None:
        return f"{objective.text}: it did not come back within the time given"
    unit, shown = {"errors": ("%", value * 100), "recovery": (" s", value), "rps": ("/s", value)}.get(
        objective.metric, (" ms", value)
    )
    return f"{objective.text}: {who}{objective.metric} was {shown:.3g}{unit}"


def _steps(counter: Counter, laps: Sequence[Lap]) -> list[tuple[Lap, Cell, float]]:
    """(lap, its load, good answers a second)."""
    made = []
    for lap in laps:
        cell = counter.sum("ramp", (lap.part,), ("load",))
        made.append((lap, cell, cell.ok / max((lap.ended or lap.began) - lap.began, 1e-9)))
    return made


def _knee(counter: Counter, laps: Sequence[Lap]) -> dict[str, Any]:
    """Where throughput stops growing and latency bends."""
    steps = _steps(counter, laps)
    rows = [{"users": lap.users, "rps": _r(rate, 1), "p95_ms": _r(cell.p(0.95))} for lap, cell, rate in steps]
    at = _knee_index(steps)
    return {"found": at is not None, "users": None if at is None else steps[at][0].users, "steps": rows}


def _knee_index(steps: Sequence[tuple[Lap, Cell, float]]) -> int | None:
    for index in range(1, len(steps)):
        (_, before, rate), (_, after, more) = steps[index - 1], steps[index]
        if more < rate * KNEE_GAIN and (after.p(0.95) or 0.0) > (before.p(0.95) or 0.0) * KNEE_BEND:
            return index - 1
    return None


def _up_to_knee(counter: Counter, laps: Sequence[Lap]) -> Cell:
    steps = _steps(counter, laps)
    at = _knee_index(steps)
    whole = Cell()
    for _, cell, _ in steps if at is None else steps[: at + 1]:
        whole.merge(cell)
    return whole


def _drift(counter: Counter, laps: Sequence[Lap], samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The last third beside the first."""
    began, ended = laps[0].began, laps[-1].ended or laps[-1].began
    third = (ended - began) / 3
    first, last = Cell(), Cell()
    for tick, cell in counter.where("soak", roles=("load",)):
        at = tick * TICK_S
        if at < began + third:
            first.merge(cell)
        elif began + 2 * third <= at <= ended:
            last.merge(cell)
    made: dict[str, Any] = {"p95_first_ms": _r(first.p(0.95)), "p95_last_ms": _r(last.p(0.95))}
    for name in ("rss", "fds"):
        early = [s[name] for s in samples if began <= s["at"] < began + third and s.get(name) is not None]
        late = [s[name] for s in samples if began + 2 * third <= s["at"] <= ended and s.get(name) is not None]
        if early and late:
            made[f"{name}_first"], made[f"{name}_last"] = max(early), max(late)
    return made


def _timeline(record: Record, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the plots are drawn from: seconds from the beginning, a point a tick."""
    if not record.laps:
        return {"laps": [], "points": [], "samples": []}
    zero = record.laps[0].began
    ticks: dict[int, tuple[Cell, Cell]] = {}
    for (_, _, role, tick), cell in record.counter.cells.items():
        whole, watch = ticks.setdefault(tick, (Cell(), Cell()))
        whole.merge(cell)
        if role == "watch":
            watch.merge(cell)
    points = [
        {
            "s": _r(max(0.0, tick * TICK_S - zero), 2),
            "rps": _r(whole.requests / TICK_S, 1),
            **_times(whole),
            "watch_p95_ms": _r(watch.p(0.95)),
            "failures": whole.failed,
            "limited": whole.limited,
            "errors": whole.errors,
        }
        for tick, (whole, watch) in sorted(ticks.items())
    ]
    laps = [
        {
            "scenario": lap.scenario,
            "part": lap.part,
            "from": _r(lap.began - zero, 2),
            "to": _r((lap.ended or lap.began) - zero, 2),
        }
        for lap in record.laps
    ]
    shown = [{**sample, "s": _r(sample["at"] - zero, 2)} for sample in samples]
    return {"laps": laps, "points": points, "samples": [{k: v for k, v in s.items() if k != "at"} for s in shown]}
