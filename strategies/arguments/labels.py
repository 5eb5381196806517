"""What is truly known of a drawn value: one record for all that breaks, stretches or judges."""

from __future__ import annotations

from dataclasses import dataclass

from mcpfuzz.model import Json

__all__ = ["Labelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A value with what is truly known of it."""

    value: Json
    """The whole arguments; a template."""
    why: str
    """In words: "151 breaks maximum 150"; for an extreme, what it is."""
    pointer: str
    """JSON pointer to the place that is flawed or stretched, as a validator names it."""
    keyword: str
    """The keyword that is broken, "" where none is. `format` is an annotation, no obligation."""
    coercible: bool = False
    """A server that converts types the usual way, or ignores what it does not know, may take it without harm."""
    valid: bool | None = False
    """Whether it keeps the schema; None: cannot be decided (a slot, a costly pattern, dialects differ)."""
    argument: str = ""
    """The property concerned: `pointer`, or for a missing or an unknown property that property's own."""
    text: str | None = None
    """The same arguments as JSON text (a template), nested deeper than a Python value can be handled; send it raw."""
