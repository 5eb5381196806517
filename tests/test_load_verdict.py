"""Objectives, counts, phases and the verdict: pure parts of load, without a server."""

from __future__ import annotations

import json

import pytest

from mcpfuzz.blocking import Outcome
from mcpfuzz.errors import UsageError
from mcpfuzz.load_support.counting import TICK_S, Cell, Counter
from mcpfuzz.load_support.findings import findings_of
from mcpfuzz.load_support.loopback import is_loopback
from mcpfuzz.load_support.orders import Lap, Record
from mcpfuzz.load_support.plan import LEAST_RECOVERY_S, RECOVERY, SCENARIOS, chosen, deal
from mcpfuzz.load_support.slo import DEFAULT_SLO, missed, parse_slo
from mcpfuzz.load_support.survey import LoadCall
from mcpfuzz.load_support.verdict import load_json, recovered_after

CALL = LoadCall("tools/call add", "tools/call", {"name": "add"})


def good(ms: float) -> Outcome:
    return Outcome("ok", took_s=ms / 1000)


FAILED = Outcome("broken", "connection broken")


# ---- objectives


def test_objectives_are_read_in_their_units() -> None:
    made = parse_slo("p95<200ms, p99<1.5s,errors<1%,recovery<10s,rps>50")
    assert [(one.metric, one.bound, one.above) for one in made] == [
        ("p95", 200.0, False),
        ("p99", 1500.0, False),
        ("errors", 0.01, False),
        ("recovery", 10.0, False),
        ("rps", 50.0, True),
    ]


@pytest.mark.parametrize("text", ["p95>1s", "p95<1%", "rps<5", "errors<5ms", "latency<5ms", "", "p95<", "recovery<5%"])
def test_what_is_no_objective_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="--slo"):
        parse_slo(text)


def test_what_was_never_reached_misses_and_what_does_not_apply_is_silent() -> None:
    found = missed(parse_slo("p95<100ms,recovery<5s,errors<1%"), {"recovery": None, "errors": 0.005})
    assert [(objective.metric, value) for objective, value in found] == [("recovery", None)]


# ---- counts


def test_percentiles_are_within_two_percent() -> None:
    cell = Cell()
    for ms in range(1, 1001):
        cell.add(good(ms))
    for share, true in ((0.5, 500), (0.95, 950), (0.99, 990)):
        assert cell.p(share) == pytest.approx(true, rel=0.02)


def test_a_refusal_is_no_failure_and_has_no_latency() -> None:
    cell = Cell()
    for outcome in (good(1), Outcome("limited", "HTTP 429"), FAILED):
        cell.add(outcome)
    assert (cell.ok, cell.limited, cell.failed, cell.error_share, sum(cell.times.values())) == (1, 1, 1, 0.5, 1)
    assert cell.errors == {"HTTP 429": 1, "connection broken": 1}


def test_counts_of_two_workers_add_up_to_those_of_one() -> None:
    one, halves = Counter(), [Counter(), Counter()]
    for number in range(200):
        what = (("spike", "attack", "load"), "row", 100.0 + number / 50, good(number + 1.0))
        one.add(*what)
        halves[number % 2].add(*what)
    merged = Counter.of(halves[0].take())
    merged.merge(Counter.of(halves[1].take()))
    assert merged.sum("spike").p(0.95) == one.sum("spike").p(0.95)
    assert merged.sum("spike").times == one.sum("spike").times
    assert not halves[0].cells


# ---- phases


def test_every_scenario_has_room_for_recovery_and_time_is_kept() -> None:
    phases, left = deal(SCENARIOS, 56.0)
    assert not left
    assert sum(phase.seconds for phase in phases) <= 56.5
    assert all(phase.seconds >= LEAST_RECOVERY_S for phase in phases if phase.part == RECOVERY)


def test_scenarios_without_time_are_told() -> None:
    phases, left = deal(SCENARIOS, 20.0)
    assert left and {phase.scenario for phase in phases} | set(left) == {one.id for one in SCENARIOS}
    assert all("--max-time" in reason for reason in left.values())


def test_a_baseline_is_always_taken_and_what_a_transport_has_not_is_left_out() -> None:
    runs, left = chosen(["sp*", "slow-clients"], "stdio")
    assert [one.id for one in runs] == ["baseline", "spike"]
    assert left == {"slow-clients": "not over stdio"}


# ---- verdicts


def record(*, recovered: bool = True, slow_ms: float = 5.0) -> Record:
    """A baseline, then a storm of two seconds and what a bystander saw."""
    made = Record()
    made.laps = [
        Lap(scenario="baseline", part="attack", began=100.0, ended=102.0, users=1),
        Lap(scenario="session-flood", part="attack", began=102.0, ended=104.0, users=4),
        Lap(scenario="session-flood", part="recovery", began=104.0, ended=107.0),
    ]
    for tick in range(12):
        at = 100.0 + tick * TICK_S + 0.1
        scenario, part = ("baseline", "attack") if at < 102 else ("session-flood", "attack" if at < 104 else "recovery")
        for _ in range(20):
            made.counter.add((scenario, part, "load"), "row", at, good(5))
            made.counter.add((scenario, part, "watch"), "row", at, good(slow_ms if part != "attack" or at > 102 else 5))
        if part == "recovery" and (not recovered or at < 105):
            made.counter.add((scenario, part, "watch"), "row", at, FAILED)
    return made


def verdict(given: Record, slo: str = DEFAULT_SLO) -> dict[str, str]:
    load = load_json(given, objectives=parse_slo(slo), left={"ramp": "no time"})
    return {one["id"]: one["verdict"] for one in load["scenarios"]}


def test_a_recovery_is_timed_from_the_end_of_the_storm() -> None:
    assert recovered_after(record(), "session-flood") == pytest.approx(1.0, abs=TICK_S)
    assert recovered_after(record(recovered=False), "session-flood") is None


def test_a_verdict_says_what_was_missed() -> None:
    assert verdict(record()) == {"baseline": "pass", "session-flood": "pass", "ramp": "not-run"}
    assert verdict(record(recovered=False))["session-flood"] == "fail"
    assert verdict(record(), "p95<1ms")["session-flood"] == "fail"
    assert verdict(record(), "recovery<200ms")["session-flood"] == "fail"


def test_one_lost_packet_among_few_answers_is_no_miss() -> None:
    given = record()
    for _ in range(2):
        given.counter.add(("session-flood", "attack", "watch"), "row", 103.1, good(3_000))
    assert verdict(given, "p99<1s")["session-flood"] == "pass"
    given.counter.add(("session-flood", "attack", "watch"), "row", 103.1, good(3_000))
    assert verdict(given, "p99<1s")["session-flood"] == "fail"


def test_what_is_missed_becomes_a_finding_under_its_rule() -> None:
    load = load_json(record(recovered=False, slow_ms=40), objectives=parse_slo("p95<20ms,recovery<5s"), left={})
    found = {finding.rule: finding for finding in findings_of(load, CALL, [])}
    assert set(found) == {"no-recovery"}, "who never comes back starves others, too: one cause, one finding"
    assert "bystander" in found["no-recovery"].observed
    again = findings_of(load, CALL, [])
    assert [one.fingerprint for one in again] == [one.fingerprint for one in found.values()]


def test_a_record_reads_back_as_it_was_written() -> None:
    plain = json.loads(json.dumps(record().plain()))
    assert Counter.of(plain["counter"]).sum("baseline").ok == record().counter.sum("baseline").ok


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1/", True),
        ("ws://localhost/", True),
        ("http://[::1]:8/", True),
        ("http://127.0.0.1.example.test/", False),
        ("http://10.0.0.1/", False),
        ("http://localhost@192.0.2.1/", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, here: bool) -> None:
    assert is_loopback(url) is here
