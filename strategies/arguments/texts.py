"""Makers of texts: along a pattern, by format, else plausible words of the length asked."""

from __future__ import annotations

from collections.abc import Callable

from mcpfuzz.model import Json
from mcpfuzz.slots import has_slots, quote
from mcpfuzz.strategies.arguments.format_texts import FORMATS
from mcpfuzz.strategies.arguments.kit import Kit
from mcpfuzz.strategies.arguments.limits import MAX_TEXT, PLAIN_TEXT, TRIES
from mcpfuzz.strategies.arguments.pattern_texts import TextMaker, follow, stretches
from mcpfuzz.strategies.arguments.walk import Maker, Walk
from mcpfuzz.strategies.arguments.words import TAME, words_for
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.safety import is_safe
from mcpfuzz.strategies.schemas import CannotGenerate, Shape, Undecided, pattern, shown

__all__ = ["string"]


def string(kit: Kit, shape: Shape, name: str) -> Maker:
    """Raises CannotGenerate for what is too long, or a pattern that is not understood."""
    if shape.min_length > MAX_TEXT:
        raise CannotGenerate(f"minLength {shown(shape.min_length)} is above the cap of {MAX_TEXT}")
    if shape.patterns:
        return _from_pattern(kit, shape)
    if made := [FORMATS[one] for one in shape.formats if one in FORMATS]:
        return _from_format(kit, shape, made)
    low, high = shape.min_length, shape.max_length
    words = [word for word in words_for(name, kit.slots) if low <= len(word) and (high is None or len(word) <= high)]
    if high is not None or low:
        words = [word for word in words if not has_slots(word)]
    if low > PLAIN_TEXT:
        return lambda walk: f"{{repeat:{low}:a}}"
    longest = low + 12 if high is None else min(high, low + 12)

    def make(walk: Walk) -> Json:
        walk.left -= 1
        if words and not walk.choices.chance(15):
            return walk.choices.pick(words)
        return walk.choices.text(low, longest, TAME)

    return make


def _from_format(kit: Kit, shape: Shape, made: list[Callable[[Choices], str]]) -> Maker:
    document, local = kit.document, kit.local(shape.schemas)
    sure = len(shape.formats) == 1 and not shape.min_length and shape.max_length is None

    def make(walk: Walk) -> Json:
        walk.left -= 1
        for _ in range(TRIES):
            text = made[0](walk.choices)
            if sure or document.accepts(local, text):
                return quote(text)
        raise CannotGenerate(f"no {'/'.join(shape.formats)} of the length asked was found")

    return make


def _from_pattern(kit: Kit, shape: Shape) -> Maker:
    patterns = [pattern(text) for text in shape.patterns]  # raises CannotGenerate
    makers: list[TextMaker] = []
    reason = ""
    try:
        makers.append(follow(patterns[0].tree))
    except CannotGenerate as error:
        reason = error.reason
    checks = [one for one in patterns if not one.exact or one is not patterns[0]]
    low, high = shape.min_length, shape.max_length
    document, local = kit.document, kit.local(shape.schemas)
    formats = bool(shape.formats)

    def good(text: str) -> bool:
        if len(text) < low or (high is not None and len(text) > high) or not is_safe(text):
            return False
        try:
            return all(one.matches(text) for one in checks) and not (formats and not document.accepts(local, text))
        except Undecided:
            return False

    def make(walk: Walk) -> Json:
        walk.left -= 1
        for first in makers:
            for stretch in stretches(low):
                if good(text := first(walk.choices, stretch)):
                    return quote(text)
        if walk.regex is not None:
            for _ in range(TRIES):
                if good(text := walk.regex(patterns[0].text)):
                    return quote(text)
        raise CannotGenerate(reason or f"no text found for pattern {shown(patterns[0].text)}")

    return make
