"""Effects that came after their case's answer, or that name no case: whose they may be, by the canaries it sowed."""

from __future__ import annotations

from mcpfuzz.campaign.pace import VOLLEY
from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.screening import Screened
from mcpfuzz.model import Case

__all__ = ["Sowing"]

SOWN = 20_000
"""Canaries of cases that are remembered for effects that come late."""


class Sowing:
    """Remembers which case sowed which canary."""

    def __init__(self) -> None:
        self._sown: dict[str, tuple[Case, Unit]] = {}

    def doubted(self, seen: Screened, unit: Unit) -> list[tuple[Case, Unit]]:
        """Take a volley's canaries in; the cases that its late effects may come from, to be said again alone."""
        if seen.sown:
            if len(self._sown) > SOWN:
                self._sown.clear()
            self._sown.update((canary, (case, unit)) for canary, case in seen.sown.items())
        found: dict[int, tuple[Case, Unit]] = {}
        for effect in seen.late:
            if effect.kind == "harm" or effect.data[:1] == ("TLS",):
                found.update((id(case), (case, unit)) for case in seen.sown.values())
            for canary, (case, other) in self._sown.items():
                if effect.tells(canary):
                    found[id(case)] = (case, other)
        return list(found.values())[:VOLLEY]
