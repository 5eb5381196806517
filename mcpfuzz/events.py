"""What the engine tells while it works. The engine yields these; reports, the terminal and pytest only
listen. Order: Started, then any of the rest, then exactly one Finished, also after an interruption.

Everything here passes one gate (`reports.gate`) before any sink sees it: secrets are redacted by value
there and evidence is capped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mcpfuzz.model import Finding, Json, OperationStats, ScenarioResult, Surface

__all__ = [
    "Discovered",
    "Event",
    "Finished",
    "Found",
    "LaunchRecord",
    "Noted",
    "Outcome",
    "Progress",
    "Restarted",
    "Started",
]

Outcome = Literal["clean", "findings", "could-not-test", "interrupted", "fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRecord:
    """How to start the target again: as the user wrote it, `${NAME}` and placeholders unfilled."""

    command: tuple[str, ...] = ()
    url: str | None = None
    transport: str = "stdio"
    """stdio, http, sse or ws (wss is told as ws)."""
    insisted: str | None = None
    """What `--transport` said; None: nothing."""
    cwd: str = "."
    workspace: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    seed: int
    started: str
    """UTC, RFC 3339, whole seconds, `Z`."""
    profile: str
    max_time: float
    """Seconds."""
    launch: LaunchRecord
    sandbox: str = "off"
    """`on`, or `off` and why."""
    writable: str = ""
    """The folder the server can write to, for the first line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    surface: Surface
    sendable: int
    """How many operations will be called."""
    transport: str | None = None
    """What is spoken in the end: http may have fallen back to sse. None: what the launch says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """At most a few a second."""

    phase: Literal["starting", "discovering", "attacking", "confirming", "shrinking"]
    elapsed_s: float
    requests: int
    cases: int
    restarts: int
    findings: int
    what: str = ""
    """Scenario and operation under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The server was started again because it was damaged (fresh starts to confirm are told too)."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One line a person should read: a warning, a limit met, an operation that is not called."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    outcome: Outcome
    reason: str | None
    complete: bool
    duration_s: float
    requests: int
    cases: int
    restarts: int
    operations: tuple[OperationStats, ...] = ()
    scenarios: tuple[ScenarioResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    """All of them again, in their final order: worst first."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further members of the report: `baseline`, `growth`."""


Event: TypeAlias = Started | Discovered | Progress | Restarted | Found | Noted | Finished
