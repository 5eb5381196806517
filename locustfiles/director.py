"""The director: one greenlet, on the master or in a single process, that leads all users through the phases, gathers
what they counted and writes the record. Recovery phases end early once the server is itself again.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import Any

import gevent
from gevent.event import Event
from locust import events, runners
from locust.env import Environment

from mcpfuzz.blocking import dial
from mcpfuzz.errors import TargetError
from mcpfuzz.load_support.counting import Counter
from mcpfuzz.load_support.orders import Lap, Record, write_json
from mcpfuzz.load_support.plan import RECOVERY, Phase
from mcpfuzz.load_support.verdict import recovered_after
from mcpfuzz.locustfiles.state import PHASE, POLICY, REST, STATE

__all__ = ["install", "is_done"]

REPORT_S = 0.5
"""How often workers report and the record is written."""
SETTLE_S = 1.5
"""After the last phase, for the reports that are still under way."""
WATCH_PER_S = 10.0
MEND_S = 8.0

_record = Record()
_done = False
_policy_came = Event()


def is_done() -> bool:
    """Whether the last phase is over and its counts are in."""
    return _done


def install() -> None:
    """Hang everything up on Locust's events."""
    runners.WORKER_REPORT_INTERVAL = REPORT_S
    events.init.add_listener(_on_init)
    events.test_start.add_listener(_on_start)
    events.report_to_master.add_listener(_on_report)
    events.worker_report.add_listener(_on_worker)
    events.quitting.add_listener(_on_quit)


def _on_init(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, runners.WorkerRunner | runners.LocalRunner):
        runner.register_message(PHASE, _on_phase)
    if not isinstance(runner, runners.WorkerRunner):
        runner.register_message(POLICY, _on_policy)  # type: ignore[union-attr]


def _on_start(environment: Environment, **_: Any) -> None:
    number = environment.runner.worker_index if isinstance(environment.runner, runners.WorkerRunner) else 0
    STATE.dice.seed(f"{STATE.orders.seed}/{number}")
    if not isinstance(environment.runner, runners.WorkerRunner):
        gevent.spawn(_direct, environment)
        gevent.spawn(_write_often)


def _on_phase(environment: Environment, msg: Any, **_: Any) -> None:
    if isinstance(environment.runner, runners.WorkerRunner):
        lanes = max(1, msg.data["lanes"])
        STATE.lane = (environment.runner.worker_index % lanes, lanes)
    STATE.enter(Phase(**msg.data["phase"]), msg.data["watch_per_s"])


def _on_policy(environment: Environment, msg: Any, **_: Any) -> None:
    _record.policies.append(dict(msg.data))
    _policy_came.set()


def _on_report(client_id: str, data: dict[str, Any], **_: Any) -> None:
    data["mcpfuzz"] = STATE.take()


def _on_worker(client_id: str, data: dict[str, Any], **_: Any) -> None:
    _gather(data.pop("mcpfuzz", None))


def _gather(taken: dict[str, Any] | None) -> None:
    if not taken:
        return
    _record.counter.merge(Counter.of(taken["counter"]))
    for scenario, facts in taken["facts"].items():
        mine = _record.facts.setdefault(scenario, {})
        for name, number in facts.items():
            mine[name] = mine.get(name, 0) + number


def _on_quit(environment: Environment, **_: Any) -> None:
    if not isinstance(environment.runner, runners.WorkerRunner):
        _write()


def _write() -> None:
    _gather(STATE.take())
    write_json(STATE.orders.out, _record.plain())


def _write_often() -> None:
    while not _done:
        _write()
        gevent.sleep(REPORT_S)


# ---- phases ---------------------------------------------------------------------------------------


def _direct(environment: Environment) -> None:
    global _done
    try:
        _lead(environment)
    finally:  # whatever went wrong: nobody waits for phases that will not come
        _done = True


def _lead(environment: Environment) -> None:
    runner = environment.runner
    assert runner is not None
    users = STATE.orders.users + 1
    until = time.monotonic() + 30 + users / 1_000  # whoever is not there by then is missed
    while runner.user_count < users and time.monotonic() < until:
        gevent.sleep(0.05)
    gevent.sleep(0.3)
    _record.workers = runner.worker_count if isinstance(runner, runners.MasterRunner) else 0
    for phase in STATE.orders.phases:
        _play(runner, phase)
    _enter(runner, REST)
    gevent.sleep(SETTLE_S if _record.workers else 0.3)
    _record.done = True
    _write()


def _enter(runner: Any, phase: Phase) -> None:
    pace = _watch_per_s()
    data = {"phase": asdict(phase), "watch_per_s": pace, "lanes": _record.workers}
    if isinstance(runner, runners.MasterRunner):
        STATE.phase = phase
        runner.send_message(PHASE, data)
    else:
        STATE.enter(phase, pace)


def _watch_per_s() -> float:
    """The bystander stays well below a limit that was found."""
    rates = [float(policy["per_s"]) for policy in _record.policies if policy.get("per_s")]
    return max(0.5, min(WATCH_PER_S, *(rate / 3 for rate in rates))) if rates else WATCH_PER_S


def _play(runner: Any, phase: Phase) -> None:
    lap = Lap(scenario=phase.scenario, part=phase.part, began=time.time())
    lap.users = 0 if phase.doing in ("rest", "probe") else math.ceil(phase.share * STATE.orders.users)
    _record.laps.append(lap)
    _enter(runner, phase)
    end = time.monotonic() + phase.seconds
    while (left := end - time.monotonic()) > 0:
        if phase.doing == "probe":
            if _policy_came.wait(min(left, 0.25)):
                break
        else:
            gevent.sleep(min(left, 0.25))
            if phase.part == RECOVERY and _is_back(phase.scenario, lap):
                break
    lap.ended = time.time()
    if phase.doing == "probe":
        _rest(runner, phase)
    elif phase.part == RECOVERY:
        _gather(STATE.take())
        if recovered_after(_record, phase.scenario) is None:
            _mend(runner)


def _mend(runner: Any) -> None:
    """What one storm broke is not the next one's fault: wait, within bounds, until the server serves again. Where
    mcpfuzz started it, it is started anew meanwhile."""
    _enter(runner, REST)
    orders, until = STATE.orders, time.monotonic() + MEND_S
    gevent.sleep(1.0)
    while time.monotonic() < until:
        try:
            client = dial(orders.endpoint, who=orders.who(0))
            try:
                client.open()
                outcome = client.call(orders.survey.cheap.method, dict(orders.survey.cheap.params))
            finally:
                client.drop()
            if outcome.kind in ("ok", "limited") and outcome.took_s < 0.5:
                gevent.sleep(0.7)  # the users come back, too
                return
        except TargetError:
            pass
        gevent.sleep(0.25)


def _rest(runner: Any, phase: Phase) -> None:
    """Let a bucket fill before the baseline is taken."""
    for policy in _record.policies:
        if policy.get("per_s") and policy.get("burst"):
            _enter(runner, REST)
            gevent.sleep(min(policy["burst"] / policy["per_s"], 2.0))


def _is_back(scenario: str, lap: Lap) -> bool:
    if time.time() - lap.began < 1.2:
        return False
    _gather(STATE.take())
    return recovered_after(_record, scenario) is not None
