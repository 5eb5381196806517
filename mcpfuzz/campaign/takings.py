"""The shortest part of a story in which one tool takes something in and another shows it: of several attacks that were
said together the one that matters, and the one reading that shows it. What was taken in stays until the next start, so
each try is on a server of its own, and few are made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mcpfuzz.model import Case, Conversation, Suspicion, Trace, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe

__all__ = ["STORY_S", "shortest_taking", "takes_in"]

STORY_S = 12.0
"""For shrinking one, at most: half a dozen starts."""


def takes_in(case: Case, suspicion: Suspicion) -> bool:
    """Whether a case is such a story: attacks, then the good calls that are its control, and a decoy is seen."""
    control = case.control.steps if case.control is not None else ()
    behind = len(control) < len(case.conversation) and case.conversation.steps[-len(control) :] == control
    return suspicion.proof.kind == "file-read" and len(control) > 1 and behind


async def shortest_taking(
    case: Case,
    suspicion: Suspicion,
    bench: Bench,
    said: Callable[[Conversation], Awaitable[Trace]],
    spent: Callable[[], bool],
) -> tuple[Conversation, bool]:
    """One attack and one reading where that is enough; and whether there was time to find out.

    Args:
        said: says a conversation to a fresh server.
    """
    assert case.control is not None
    attacks = case.conversation.steps[: -len(case.control)]
    if spent():
        return case.conversation, False
    trace = await said(case.conversation)
    readings = [
        one.step for one in trace.exchanges if one.step >= len(attacks) and _shows(suspicion, trace, one.step, bench)
    ]
    if not readings:
        return case.conversation, False
    reading = case.conversation.steps[readings[0]]
    best, group = case.conversation, attacks
    while not spent():
        made = Conversation((*group, reading))
        if made != best and observe(suspicion.proof, await said(made), bench) is None:
            return best, False
        best = made
        if len(group) == 1:
            return best, True
        half = group[: len(group) // 2]
        first = observe(suspicion.proof, await said(Conversation((*half, reading))), bench) is not None
        group = half if first else group[len(half) :]
        best = Conversation((*half, reading)) if first else best
    return best, False


def _shows(suspicion: Suspicion, trace: Trace, step: int, bench: Bench) -> bool:
    alone = tuple(one for one in trace.exchanges if one.step == step)
    return observe(suspicion.proof, replace(trace, exchanges=alone), bench) is not None
