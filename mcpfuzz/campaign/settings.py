"""What the user chose for one run: plain values, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcpfuzz.model import Severity
from mcpfuzz.scenarios.base import Scenario

__all__ = ["PROFILES", "Profile", "Settings"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How deep a run goes."""

    rounds: int
    """Rounds over all scenarios and operations; each gives every pair its share of cases."""
    restarts: int
    """Starts of the server that one run may spend."""


PROFILES = {"quick": Profile(1, 150), "standard": Profile(4, 300), "nightly": Profile(100_000, 5_000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run's choices; the defaults are those of the command line."""

    scenarios: tuple[Scenario, ...]
    seed: int
    max_time: float = 60.0
    """Seconds of the whole run, discovery and report included."""
    profile: Literal["quick", "standard", "nightly"] = "standard"
    timeout: float = 10.0
    """Seconds per request, in total; decides a hang at its confirmation."""
    start_timeout: float = 30.0
    revision: str = "auto"
    fail_on: Severity = "low"
    strict: bool = False
    require_complete: bool = False
    shard: tuple[int, int] = (1, 1)
    """(K, N): the K-th of N shards, counted from 1."""
    only: tuple[tuple[str, str], ...] = field(default=())
    """Operations (kind, name) to test; empty: all."""
    remember: Literal["no", "write", "read"] = "no"
    """Whether the target's corpus under its state folder is written only, or used too."""
    resume: bool = False
    """Go on where a run with the same choices and seed was interrupted."""
    known: frozenset[str] = frozenset()
    """Fingerprints that do not count (the baseline's)."""
    policy: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """Who may use what (`mcpfuzz.policy`); empty: nothing was written down."""
    accept: bool = False
    """Nothing counts: what is found goes into the baseline."""
