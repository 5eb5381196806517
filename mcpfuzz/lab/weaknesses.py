"""The table of weaknesses: one row per switch. Knows names and references; the mistakes themselves are in the code.

Every mistake is marked where it is made by a comment or docstring that begins with its name. `expected` are the
rules that must report it; `implied` are further rules that may rightly report it too, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mcpfuzz.lab.attacks import ATTACKS
from mcpfuzz.lab.authorities import AUTHORITIES
from mcpfuzz.lab.network import NETWORK
from mcpfuzz.lab.people import PEOPLE
from mcpfuzz.lab.robustness import ROBUSTNESS
from mcpfuzz.lab.weakness import Weakness

__all__ = ["MASKS", "TABLE", "Weakness", "by_name"]

TABLE: Final[tuple[Weakness, ...]] = ROBUSTNESS + ATTACKS + NETWORK + PEOPLE + AUTHORITIES

MASKS: Final[Mapping[str, tuple[str, ...]]] = {
    "origin-unchecked": ("origin-prefix", "origin-suffix"),
    "host-unchecked": ("origin-is-host",),
    "rate-limit-off": ("rate-limit-per-session", "rate-limit-spoofed"),
    "connections-unbounded": ("slowloris",),
}
"""Weakness -> those it hides when all are on. On the tools none does: each sits on one of its own."""


def by_name() -> Mapping[str, Weakness]:
    """The table as a mapping, in its order."""
    return {weakness.name: weakness for weakness in TABLE}
