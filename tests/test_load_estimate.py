"""The estimate of a rate limit against simulated policies: a clock of its own, no socket."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.blocking import Outcome
from mcpfuzz.load_support.estimate import Estimate, Key, estimate

_spec = importlib.util.spec_from_file_location("load_server", Path(__file__).parent / "load_server.py")
assert _spec is not None and _spec.loader is not None
load_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(load_server)


class Simulated:
    """A server with a policy, 1 ms away."""

    def __init__(self, policy: dict[str, Any], varies: str = "identity session address tool") -> None:
        self.time = 1000.3
        self.policy = load_server.Policy(policy, lambda: self.time)
        self.varies = frozenset(varies.split())
        self.steps = ("forwarded", "batch")
        self.apart: frozenset[str] = frozenset()

    def send(self, key: Key) -> Outcome:
        self.time += 0.001
        scope = self.policy.scope
        if scope == "none":
            return Outcome("ok")
        # a session belongs to one identity and one address, as on a real server
        who = {
            "identity": f"i{key.identity}",
            "session": f"s{key.session}{key.identity}{key.address}",
            "address": "x" if key.step == "forwarded" and self.policy.trust_forwarded else f"a{key.address}",
            "tool": f"t{key.tool}",
            "global": "all",
        }
        wait = self.policy.wait(who[scope])
        if wait <= 0:
            return Outcome("ok")
        told = {"true": float(int(wait) + 1), "none": None, "lie": 0.0}[self.policy.retry]
        return Outcome("limited", form="429", retry_after_s=told)

    def crowd(self, key: Key, seconds: float) -> list[tuple[float, Outcome]]:
        end, made = self.time + seconds, []
        while self.time < end:
            made.append((self.time, self.send(key)))
        return made

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def found(policy: dict[str, Any], seconds: float = 20.0) -> Estimate:
    return estimate(Simulated(policy), seconds)


@pytest.mark.parametrize("scope", ["identity", "session", "address", "tool", "global"])
@pytest.mark.parametrize(("rate", "burst"), [(2, 3), (5, 20), (20, 10), (50, 100), (200, 50)])
def test_a_token_bucket_is_measured_within_its_margins(scope: str, rate: float, burst: int) -> None:
    made = found({"scope": scope, "rate": rate, "burst": burst})
    assert made.scope == scope
    assert made.per_s == pytest.approx(rate, rel=0.2)
    assert made.burst == pytest.approx(burst, rel=0.25, abs=1)


@pytest.mark.parametrize(("quota", "window"), [(10, 1.0), (5, 2.0), (40, 1.0)])
def test_a_fixed_window_is_measured_as_its_quota(quota: int, window: float) -> None:
    made = found({"scope": "global", "kind": "window", "burst": quota, "window": window})
    assert (made.kind, made.scope, made.burst) == ("window", "global", quota)
    assert made.per_s == pytest.approx(quota / window, rel=0.2)


def test_no_limit_is_told_as_none_with_the_range_probed() -> None:
    made = found({"scope": "none"})
    assert (made.scope, made.per_s, made.burst) == ("none", None, None)
    assert made.probed_per_s > 500


def test_a_bucket_that_somebody_drank_from_is_measured_again() -> None:
    prober = Simulated({"scope": "global", "rate": 20, "burst": 30})
    for _ in range(25):
        prober.send(Key())
    assert estimate(prober, 20.0).burst == pytest.approx(30, rel=0.25)


@pytest.mark.parametrize(("said", "verdict"), [("true", "truthful"), ("none", "none"), ("lie", "too-short")])
def test_what_a_refusal_promises_is_tried(said: str, verdict: str) -> None:
    assert found({"scope": "global", "rate": 1, "burst": 5, "retry_after": said}).retry_after == verdict


def test_a_forwarded_address_that_is_believed_is_a_way_around() -> None:
    policy = {"scope": "address", "rate": 5, "burst": 20}
    assert found({**policy, "trust_forwarded": True}).bypasses == ["forwarded"]
    assert found(policy).bypasses == []


def test_a_limit_for_each_session_is_stepped_around_by_a_new_one() -> None:
    assert found({"scope": "session", "rate": 5, "burst": 20}).bypasses == ["new-session"]


def test_one_identitys_excess_starves_another_only_where_they_share_the_limit() -> None:
    assert found({"scope": "global", "rate": 5, "burst": 20}).starves
    assert not found({"scope": "identity", "rate": 5, "burst": 20}).starves
