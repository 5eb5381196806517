"""The shortest part of a story in which one tool takes something in and another shows it: of several attacks that were
said together the one that matters, and the one reading that shows it. What was taken in stays until the next start, so
each try is on a server of its own, and few are made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mcpfuzz.model import Case, Conversation, Step, Suspicion, Trace, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe

__all__ = ["STORY_S", "shortest_taking", "takes_in"]

STORY_S = 6.0
"""For shrinking one, at most: a start for each halving."""


def takes_in(case: Case, suspicion: Suspicion) -> bool:
    """Whether a case is such a story: attacks, then the good calls that are its control, and a decoy is seen."""
    control = case.control.steps if case.control is not None else ()
    behind = len(control) < len(case.conversation) and case.conversation.steps[-len(control) :] == control
    return suspicion.proof.kind == "file-read" and len(control) > 1 and behind


async def shortest_taking(
    case: Case,
    suspicion: Suspicion,
    bench: Bench,
    now: Trace,
    said: Callable[[Conversation], Awaitable[Trace]],
    spent: Callable[[], bool],
) -> tuple[Conversation, bool]:
    """One attack and one reading where that is enough; and whether there was time to find out.

    Args:
        now: of the control alone, said to the server that took it in.
        said: says a conversation to a fresh server.
    """
    assert case.control is not None
    attacks = case.conversation.steps[: -len(case.control)]
    index = next((one.step for one in now.exchanges if _shows(suspicion, now, one.step, bench)), None)
    if index is None:
        return case.conversation, False
    reading, group, sure = case.control.steps[index], attacks, False
    while len(group) > 1 and not spent():
        half = len(group) // 2
        sure = await _shown(suspicion, bench, said, (*group[:half], reading))
        group = group[:half] if sure else group[half:]
    if len(group) == 1 and (sure or (not spent() and await _shown(suspicion, bench, said, (*group, reading)))):
        return Conversation((*group, reading)), True
    return Conversation((*attacks, reading)), False


async def _shown(
    suspicion: Suspicion, bench: Bench, said: Callable[[Conversation], Awaitable[Trace]], steps: tuple[Step, ...]
) -> bool:
    return observe(suspicion.proof, await said(Conversation(steps)), bench) is not None


def _shows(suspicion: Suspicion, trace: Trace, step: int, bench: Bench) -> bool:
    alone = tuple(one for one in trace.exchanges if one.step == step)
    return observe(suspicion.proof, replace(trace, exchanges=alone), bench) is not None
