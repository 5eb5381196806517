"""The shortest part of a browser's walk that still shows it. Where each step is depends on the one before, so nothing
inside of a step is changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mcpfuzz.model import Conversation, Http, Step, Trace

__all__ = ["is_walk", "shortest"]

BEGINNINGS = (2, 3, 4, 5, 6, 8, 12, 16, 24, 32)
"""Steps of a long walk that may be enough; a short one is tried in no time."""


def is_walk(conversation: Conversation) -> bool:
    """Whether a browser goes on in it."""
    return any(map(_goes_on, conversation.steps))


async def shortest(
    walk: Conversation, trace: Trace, shows: Callable[[Conversation], Awaitable[bool]], spent: Callable[[], bool]
) -> tuple[Conversation, bool]:
    """Without the steps at which the browser had nowhere to go, the shortest beginning of it, and of that no step too
    many; and whether there was time for all of that.

    Args:
        trace: of the walk as it is.
    """
    sent = {exchange.step for exchange in trace.exchanges if exchange.sent}
    kept = tuple(step for index, step in enumerate(walk.steps) if index in sent or not _goes_on(step))
    best = walk
    for size in (*(size for size in BEGINNINGS if size < len(kept)), len(kept)):
        beginning = Conversation(kept[:size])
        if size < len(walk) and not spent() and await shows(beginning):
            best = beginning
            break
    for index in reversed(range(1, len(best))):
        if spent():
            return best, False
        without = Conversation((*best.steps[:index], *best.steps[index + 1 :]))
        if await shows(without):
            best = without
    return best, True


def _goes_on(step: Step) -> bool:
    return isinstance(step.action, Http) and step.action.path.startswith("{browser:")
