"""Service level objectives: `p95<200ms,errors<1%,recovery<10s`, read once and held against what was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcpfuzz.errors import UsageError

__all__ = ["DEFAULT_SLO", "Objective", "missed", "parse_slo"]

DEFAULT_SLO = "p95<1s,errors<1%,recovery<10s"
"""Loose on purpose: what misses it is broken for anybody."""

_ONE = re.compile(r"(p50|p90|p95|p99|errors|recovery|rps)\s*([<>])\s*(\d+(?:\.\d+)?)\s*(ms|s|%|/s)?")
_UNITS: dict[str, dict[str | None, float]] = {
    "p": {"ms": 1.0, "s": 1000.0, None: 1.0},
    "errors": {"%": 0.01, None: 1.0},
    "recovery": {"s": 1.0, "ms": 0.001},
}

_RATE: dict[str | None, float] = {"/s": 1.0, None: 1.0}


@dataclass(frozen=True, slots=True)
class Objective:
    """One of them: percentiles in ms, errors as a share of 1, recovery in seconds, rps in requests a second."""

    metric: str
    bound: float
    above: bool
    """True: the measured value must be above the bound (`rps>100`)."""
    text: str

    def holds(self, value: float) -> bool:
        return value > self.bound if self.above else value < self.bound


def parse_slo(text: str) -> tuple[Objective, ...]:
    """The objectives of `--slo`.

    Raises:
        UsageError: a part is none.
    """
    made = []
    for part in (piece.strip() for piece in text.split(",")):
        found = _ONE.fullmatch(part)
        units = _UNITS.get("p" if part.startswith("p") else part.split("<")[0].strip(), _RATE)
        if found is None or found[4] not in units or (found[2] == ">") != (found[1] == "rps"):
            raise UsageError(
                f"--slo {part or text}: must be p50, p90, p95, p99 (ms, s), errors (%) or recovery (s) with <, "
                'or rps with >, as in "p95<200ms,errors<1%,recovery<10s"'
            )
        made.append(Objective(found[1], float(found[3]) * units[found[4]], found[2] == ">", part))
    return tuple(made)


def missed(
    objectives: Sequence[Objective], measured: Mapping[str, float | None]
) -> list[tuple[Objective, float | None]]:
    """The objectives that do not hold, with what was measured.

    Args:
        measured: metric -> value. A metric that is absent does not apply; one that is None was to be measured and never
            came about (no recovery within the time): that misses.
    """
    found: list[tuple[Objective, float | None]] = []
    for objective in objectives:
        if objective.metric in measured:
            value = measured[objective.metric]
            if value is None or not objective.holds(value):
                found.append((objective, value))
    return found
