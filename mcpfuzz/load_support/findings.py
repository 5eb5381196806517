"""From a verdict to findings: what was missed, and what a rate limit lacks. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcpfuzz.load_support.plan import SCENARIOS
from mcpfuzz.load_support.survey import LoadCall
from mcpfuzz.model import Call, Conversation, Finding, Place, Proof, Step
from mcpfuzz.oracles.rules import RULES

__all__ = ["findings_of"]

_BY_ID = {scenario.id: scenario for scenario in SCENARIOS}
LEAK_PER_SESSION = 16 << 10
LEAK_TOTAL = 12 << 20
THREADS, THREADS_EACH = 300, 0.75
"""Threads that came with a flood of connections, in all and for each: no pool is that large."""
"""Bytes; a session of a sound server is a few kilobytes."""
_STEPS = {
    "new-session": "a new session",
    "forwarded": "a made-up X-Forwarded-For",
    "new-connection": "a new connection of the same session",
    "other-transport": "the server's other transport",
    "path": "another spelling of the path",
    "path-case": "a path in other letter case",
    "case": "a credential's scheme in other letter case",
    "batch": "a batch",
}


def findings_of(load: Mapping[str, Any], call: LoadCall, samples: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """What the report's `load` object amounts to.

    Args:
        call: an ordinary call, for the reproducer.
        samples: of the server's process.
    """
    found = [
        *(finding for one in load["scenarios"] for finding in _of_scenario(one, call)),
        *(finding for policy in load["policies"] for finding in _of_policy(policy, call)),
        *_leak(load, call, samples),
        *_threads(load, call, samples),
    ]
    order = ("critical", "high", "medium", "low", "info")
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _of_scenario(one: Mapping[str, Any], call: LoadCall) -> Iterator[Finding]:
    if one["verdict"] != "fail":
        return
    scenario = _BY_ID[one["id"]]
    parts: dict[str, list[str]] = {}
    for reason in str(one["reason"]).split("; "):
        if "process ended" in reason:
            rule = "crash"
        elif reason.startswith("recovery"):
            rule = "no-recovery"
        else:
            rule = "load-starvation" if scenario.judged == "watch" else "slo-missed"
        parts.setdefault(rule, []).append(reason)
    if "load-starvation" in parts and "no-recovery" in parts:  # one cause: who never comes back starves others, too
        parts["no-recovery"] += parts.pop("load-starvation")
    for rule, reasons in parts.items():
        title = f"{RULES[rule].title}: {scenario.title.lower()}"
        yield _finding(rule, scenario.id, title, "; ".join(reasons), call, max(1, one["requests"]))


def _of_policy(policy: Mapping[str, Any], call: LoadCall) -> Iterator[Finding]:
    requests = max(1, policy["probed_requests"])
    if policy["scope"] == "none":
        seen = f"{requests} requests, up to {policy['probed_per_s']:g} a second, and none was refused"
        yield _finding("rate-limit-missing", "rate-limit", RULES["rate-limit-missing"].title, seen, call, requests)
    for step in policy["bypasses"]:
        title = f"{RULES['rate-limit-bypass'].title}: {_STEPS.get(step, step)}"
        seen = f"while the limit ({policy['scope']}) refused, requests with {_STEPS.get(step, step)} were served"
        yield _finding("rate-limit-bypass", f"rate-limit/{step}", title, seen, call, requests)
    if policy["retry_after"] in ("too-short", "too-long"):
        seen = f"the wait that refusals told was {policy['retry_after'].replace('-', ' ')}"
        yield _finding("retry-after-untrue", "rate-limit", RULES["retry-after-untrue"].title, seen, call, requests)


def _threads(load: Mapping[str, Any], call: LoadCall, samples: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    laps = [lap for lap in load["timeline"]["laps"] if lap["scenario"] == "connection-flood"]
    flood = next((one for one in load["scenarios"] if one["id"] == "connection-flood" and "facts" in one), None)
    held = flood["facts"].get("connections held", 0) if flood else 0
    if not laps or not samples or not held:
        return
    zero = samples[0]["at"] - load["timeline"]["samples"][0]["s"]
    counted = [(s["at"] - zero, s["threads"]) for s in samples if s.get("threads")]
    before = [number for at, number in counted if at <= laps[0]["from"]]
    during = [number for at, number in counted if laps[0]["from"] <= at <= laps[0]["to"]]
    grown = max(during, default=0) - (before[-1] if before else 0)
    if before and grown >= THREADS and grown >= held * THREADS_EACH:
        seen = f"{held} connections that asked for nothing: {grown} threads more, and no connection refused"
        rule = RULES["unbounded-concurrency"]
        yield _finding("unbounded-concurrency", "connection-flood", rule.title, seen, call, held)


def _leak(load: Mapping[str, Any], call: LoadCall, samples: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    flood = next(
        (one for one in load["scenarios"] if one["id"] == "session-flood" and one["verdict"] != "not-run"), None
    )
    if flood is None or not samples:
        return
    laps = [lap for lap in load["timeline"]["laps"] if lap["scenario"] == "session-flood"]
    zero = samples[0]["at"] - load["timeline"]["samples"][0]["s"]
    before = [s["rss"] for s in samples if s["at"] - zero <= laps[0]["from"] + 0.2]
    after = [s["rss"] for s in samples if laps[-1]["from"] < s["at"] - zero <= laps[-1]["to"] + 0.5]
    sessions = flood["facts"].get("sessions opened", 0)
    if not before or not after or not sessions:
        return
    grown = min(after) - before[-1]
    if grown > LEAK_TOTAL and grown / sessions > LEAK_PER_SESSION:
        seen = f"{sessions} sessions left {grown >> 20} MiB behind, {grown // sessions >> 10} KiB each"
        yield _finding("session-leak", "session-flood", RULES["session-leak"].title, seen, call, sessions)


def _finding(rule_id: str, where: str, title: str, observed: str, call: LoadCall, times: int) -> Finding:
    rule = RULES[rule_id]
    scenario = where.partition("/")[0]
    mark = hashlib.blake2b(f"load/{rule_id}/{where}".encode(), digest_size=8).hexdigest()
    step = Step(action=Call(call.method, dict(call.params)), times=times)
    return Finding(
        rule=rule_id,
        cwe=rule.cwe,
        severity=rule.severity,
        confidence="proved",
        place=Place(kind="endpoint", name=f"load/{scenario}"),
        title=title,
        proof=Proof(kind="load", expected=rule.proof, params={"scenario": scenario}),
        observed=observed,
        conversation=Conversation((step,)),
        receive=(None,),
        minimal=False,
        fingerprint=f"{rule_id}-{mark}",
        references=rule.references,
        scenario=scenario,
        note=f"load is measured, not replayed: mcpfuzz load --scenario {scenario} measures it again",
    )
