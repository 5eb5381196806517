"""Sizes of a conversation that can be turned down: how often a text is repeated, how deep something is nested, how many
times a step is said. Neighbours by one or by half would take a start of the server each, thousands of them; a size is
bisected instead. Pure; who tries what a dial gives is the prover's business.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcpfuzz.model import Action, Call, Conversation, Http, Raw, Send, Ws, replace

__all__ = ["CLOSE", "EXACT", "Bisection", "Dial", "alone", "dials"]

FEW = 32
"""Below it a size is small: the plain neighbours (`shrink.simpler`) do."""
CLOSE = 0.1
"""Of a size: bisecting ends where what shows it and what does not are as close as that."""
EXACT = 100
"""Below it bisecting ends at the very number."""
MOST_RUNS = 4
"""Repetitions that are turned one by one, too."""
MOST_STEPS = 3
"""Of a conversation whose repetitions are turned: in a history they have nothing to do with one another."""
WRITTEN = 40
"""Characters up to which a repetition is written out."""
_RUN = re.compile(r"\{repeat:(\d+):([^{}]+)\}|(.{1,12}?)\3{31,}", re.DOTALL)
"""A repetition, as a slot or written out (objects cannot be a slot: a slot's unit has no braces)."""


@dataclass(frozen=True, slots=True)
class Dial:
    """One size.

    Attributes:
        count: where it stands.
        least: how far down it goes.
        turned: the conversation at another count.
    """

    count: int
    least: int
    turned: Callable[[int], Conversation]


class Bisection:
    """The least count that shows it, on the assumption that more shows it, too.

    Attributes:
        high: the least count that is known to show it.
    """

    def __init__(self, dial: Dial) -> None:
        self.high = dial.count
        self._low = dial.least - 1

    @property
    def rough(self) -> bool:
        """Whether it is found up to CLOSE only."""
        return self.high > EXACT

    def next(self) -> int | None:
        """The count to try; None: it is found, up to CLOSE."""
        gap = self.high - self._low
        if gap <= (int(self.high * CLOSE) if self.rough else 1):
            return None
        if self._low < 1:  # none, one: then by orders of magnitude
            return self._low + 1
        return math.isqrt(self._low * self.high) if self.high > 4 * self._low else self._low + gap // 2

    def tell(self, count: int, shows: bool) -> None:
        """What came of trying it."""
        if shows:
            self.high = count
        else:
            self._low = count


def dials(conversation: Conversation, *, inside: bool = True) -> Iterator[Dial]:
    """The sizes worth bisecting, those that are turned together first.

    Args:
        inside: also what the steps say; False only how often they are said.
    """
    for index, step in enumerate(conversation.steps):
        if step.times > FEW:
            yield Dial(step.times, 1, lambda count, at=index: _times(conversation, at, count))  # type: ignore[misc]
    if not inside or len(conversation) > MOST_STEPS:
        return
    runs = _runs(conversation)
    if not runs:
        return
    least = min(runs.values())
    yield Dial(least, 1, lambda count: _turned(conversation, dict.fromkeys(runs, least - count)))
    if len(runs) > 1:
        for one in list(runs)[:MOST_RUNS]:
            yield Dial(runs[one], 0, lambda count, at=one: _turned(conversation, {at: runs[at] - count}))  # type: ignore[misc]


def _times(conversation: Conversation, index: int, count: int) -> Conversation:
    steps = list(conversation.steps)
    steps[index] = replace(steps[index], times=count)
    return Conversation(tuple(steps))


def _runs(conversation: Conversation) -> dict[int, int]:
    """Number of a repetition (as they come) -> how often; few are left out."""
    counts: list[int] = []

    def look(match: re.Match[str]) -> str:
        counts.append(_count(match))
        return match.group()

    _rewritten(conversation, look)
    return {number: count for number, count in enumerate(counts) if count > FEW}


def _turned(conversation: Conversation, fewer: Mapping[int, int]) -> Conversation:
    """With so many fewer of these repetitions: what opens and what closes stay as many."""
    seen = iter(range(1 << 30))

    def turn(match: re.Match[str]) -> str:
        number = next(seen)
        if number not in fewer:
            return match.group()
        return _written(match, _count(match) - fewer[number])

    return _rewritten(conversation, turn)


def alone(text: str) -> Iterator[str]:
    """Each repetition of a text, and nothing else of it."""
    for match in _RUN.finditer(text):
        made = _written(match, _count(match))
        if made != text and _count(match) > FEW:
            yield made


def _written(match: re.Match[str], count: int) -> str:
    unit = match.group(2) or match.group(3)
    if "{" in unit or "}" in unit or count * len(unit) <= WRITTEN:
        return unit * count
    return f"{{repeat:{count}:{unit}}}"


def _count(match: re.Match[str]) -> int:
    return int(match.group(1)) if match.group(2) is not None else len(match.group()) // len(match.group(3))


def _rewritten(conversation: Conversation, change: Callable[[re.Match[str]], str]) -> Conversation:
    def of(action: Action) -> Action:
        if isinstance(action, Call):
            return Call(action.method, _within(action.params, change))
        if isinstance(action, Send):
            return Send(_within(action.message, change))
        if isinstance(action, Raw) and isinstance(action.data, str):
            return Raw(_RUN.sub(change, action.data))
        if isinstance(action, Ws) and isinstance(action.payload, str):
            return replace(action, payload=_RUN.sub(change, action.payload))
        if isinstance(action, Http) and isinstance(action.body, str):
            return replace(action, body=_RUN.sub(change, action.body))
        return action

    return Conversation(tuple(replace(step, action=of(step.action)) for step in conversation.steps))


def _within(value: Any, change: Callable[[re.Match[str]], str]) -> Any:
    if isinstance(value, str):
        return _RUN.sub(change, value)
    if isinstance(value, Mapping):
        return {key: _within(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_within(item, change) for item in value]
    return value
