"""What is tried and what is claimed of it: cases with their labels, proofs that can be looked for in any trace,
suspicions that no fresh server has confirmed yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcpfuzz.model.conversations import Conversation
from mcpfuzz.model.surfaces import Place
from mcpfuzz.model.values import Json

__all__ = ["Case", "Claim", "Proof", "Suspicion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The name of an effect, with what is needed to look for it in any trace (`oracles.observe`)."""

    kind: str
    """A key of `oracles.proofs.PROOFS`."""
    expected: str
    """What a sound server would have shown, for people."""
    params: Mapping[str, Json] = field(default_factory=dict)
    """Plain JSON, so that a report carries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """An oracle's claim about one trace: not yet confirmed on a fresh server."""

    rule: str
    place: Place
    title: str
    proof: Proof
    observed: str
    cause: str
    """The normalised cause: equal causes are one finding (ids, numbers, paths and times taken out)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an attack would show, and under which rule that is told."""

    rule: str
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One generated stimulus, with what is truly known of it."""

    scenario: str
    place: Place
    conversation: Conversation
    label: str
    """What it is, in words: "valid", "/age below minimum", "R4 batch of two requests"."""
    row: str | None = None
    """Row of the ORACLE table (F1 .. W4) that judges the answer; None: universal oracles only."""
    ids: Json = None
    """With `row`: the id a reader finds in it, a list where there are several, None where there is none."""
    trap: Json = None
    """With `row`: a bad value that a sound server must not take at its word."""
    valid: bool | None = None
    """Arguments: whether they obey the schema; None: not known, or there are none."""
    coercible: bool = False
    """Arguments: invalid, yet a reader that converts types the usual way could take them without harm."""
    silence_ok: bool = False
    """Deeply nested: the ORACLE (row F8) tolerates a reader that drops it. Or said by one who is to be
    shown the door."""
    claims: tuple[Claim, ...] = ()
    """Attacks: the effects that would prove them, besides what the universal oracles look for."""
    keep: tuple[str, ...] = ()
    """Attacks: pieces that shrinking leaves whole, so that a path never comes to name a real file."""
    control: Conversation | None = None
    """The benign twin; None: the campaign takes the operation's good call, or a listing."""
