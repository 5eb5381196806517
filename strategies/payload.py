"""What a strategy of attack gives: one text with slots, and what is needed to judge and to shorten it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Payload"]


@dataclass(frozen=True, slots=True)
class Payload:
    """One stimulus for one place."""

    text: str
    """With slots (`mcpfuzz.slots`): it names only what a run lays out itself."""
    why: str
    """In words: "an absolute path", "a command after a semicolon"."""
    keep: tuple[str, ...]
    """Pieces that shrinking leaves whole."""
    rule: str = ""
    """The rule that its effect proves, where the scenario has several."""
    benign: str | None = None
    """A text for the same place that must not show the effect; None: the operation's good call is the control."""
