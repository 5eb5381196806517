"""What is reported: findings and their weight, and how each scenario fared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mcpfuzz.model.cases import Proof
from mcpfuzz.model.conversations import Conversation
from mcpfuzz.model.surfaces import Place
from mcpfuzz.model.values import Json

__all__ = ["SEVERITIES", "Confidence", "Finding", "ScenarioResult", "Severity"]

Severity = Literal["info", "low", "medium", "high", "critical"]
Confidence = Literal["proved", "suspect"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")
"""From harmless to worst; `--fail-on` compares positions in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is reported."""

    rule: str
    cwe: int
    severity: Severity
    confidence: Confidence
    place: Place
    title: str
    proof: Proof
    observed: str
    conversation: Conversation
    receive: tuple[Json, ...]
    """Per step what came back in the confirming run (JSON, or `{"bytes": ...}`), None for nothing."""
    minimal: bool
    fingerprint: str
    references: tuple[str, ...]
    scenario: str
    stderr: str = ""
    note: str = ""
    """What a reader must know: "needs 40 steps", "not minimal: time was spent"."""
    standing: Literal["", "new", "known", "expired"] = ""
    """With a baseline: what it says of this one."""
    excuse: str = ""
    """The baseline's reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """How one scenario fared."""

    id: str
    status: Literal["clean", "findings", "partial", "not-run"]
    reason: str | None = None
    cases: int = 0
