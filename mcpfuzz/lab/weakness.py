"""One row of the table of weaknesses. Knows nothing but its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["EVERYWHERE", "Weakness"]

Kind = Literal["tool", "resource", "prompt", "completion", "transport", "session", "endpoint"]

EVERYWHERE = ("stdio", "http", "sse", "ws", "wss")
"""The transports of the lab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakness:
    """One mistake that can be switched on."""

    name: str
    title: str
    cwe: int
    expected: tuple[str, ...]
    """Rules of which at least the first must report it."""
    kind: Kind
    """What kind of operation it sits on."""
    where: str
    """Canonical name of the tool, or the method, or the framing; `served_names` maps tools of a shuffled lab."""
    argument: str | None = None
    """Canonical name of the argument that triggers it."""
    trigger: str
    """What brings it out, in words."""
    implied: Mapping[str, str] = field(default_factory=dict)
    """Other rules that it truly breaks -> why."""
    group: Literal["robustness", "attack", "network", "identity"] = "robustness"
    toolset: str = "core"
    transports: tuple[str, ...] = EVERYWHERE
    """Where it shows."""
