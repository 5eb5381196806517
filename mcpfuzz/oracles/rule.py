"""What a rule is: one kind of finding, in the words of people who must mend it."""

from __future__ import annotations

from dataclasses import dataclass

from mcpfuzz.model import Severity

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of finding."""

    id: str
    title: str
    cwe: int
    severity: Severity
    about: str
    """What it means for whoever runs the server."""
    proof: str
    """How it is proved."""
    mend: str
    references: tuple[str, ...] = ()
