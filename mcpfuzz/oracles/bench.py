"""What oracles may know besides the trace: fixed facts of one run, no state; and the form that proofs have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mcpfuzz.model import Trace

__all__ = ["Bench", "Seen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Facts of the target that a judgement needs."""

    revision: str
    transport: str = "stdio"
    logging: bool = False
    """Whether the server declared the logging capability."""
    strict: bool = False
    """WEAK verdicts of the ORACLE table count."""
    secrets: tuple[str, ...] = ()
    """Values that must not show (from --env, --header, --identity)."""
    roots: tuple[str, ...] = ()
    """First components of this machine's absolute paths (`home`, `usr` ...): what makes a text a path."""
    mark: str = ""
    """What stands in the environment of every process of this run, and nowhere else; "" where we start none."""
    known: tuple[str, ...] = ()
    """Folders that the user configured or that we made; naming them is no leak."""


Seen: TypeAlias = Callable[[Mapping[str, Any], Trace, Bench], str | None]
"""A proof, how its effect is seen: (params, trace, bench) -> what was observed, in words; None: nothing."""
