"""Fewer readings around an act: what several tools show is read before and after it, one of them tells the change, and
the others need not be read again. Steps have roles there (a proof names them by number), so none can just be left out.
Pure; whether it still shows is the prover's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcpfuzz.model import Case, Conversation, Suspicion, replace

__all__ = ["narrowed"]

ROLES = frozenset({"steps", "acts", "before", "after", "same"})
"""What a proof of readings names; one that names more is left alone."""


def narrowed(case: Case, suspicion: Suspicion) -> Iterator[tuple[Case, Suspicion]]:
    """The case and its suspicion with each reading as the only one, control and claims alike; nothing where that is not
    how the proof is made, or its control is made in another way."""
    params, size = suspicion.proof.params, len(case.conversation)
    if not ROLES.issuperset(params) or params.get("steps") != size:
        return
    before, after = params.get("before"), params.get("after")
    if not isinstance(before, list) or not isinstance(after, list) or not isinstance(params.get("acts"), list):
        return
    spans = [*before, *after]
    many = {len(span) if isinstance(span, list) else 0 for span in spans}
    if len(many) != 1 or min(many) < 2 or (case.control is not None and len(case.control) != size):
        return
    for chosen in range(min(many)):
        gone = {step for span in spans for position, step in enumerate(span) if position != chosen}
        yield _without(case, suspicion, gone)


def _without(case: Case, suspicion: Suspicion, gone: set[int]) -> tuple[Case, Suspicion]:
    kept = [step for step in range(len(case.conversation)) if step not in gone]
    number = {step: position for position, step in enumerate(kept)}
    proof = replace(suspicion.proof, params=_renumbered(suspicion.proof.params, number, len(kept)))
    fewer = replace(
        case,
        conversation=_chosen(case.conversation, kept),
        control=None if case.control is None else _chosen(case.control, kept),
        claims=tuple(replace(claim, proof=proof) if claim.proof == suspicion.proof else claim for claim in case.claims),
    )
    return fewer, replace(suspicion, proof=proof)


def _chosen(conversation: Conversation, kept: list[int]) -> Conversation:
    return Conversation(tuple(conversation.steps[step] for step in kept))


def _renumbered(params: Mapping[str, Any], number: Mapping[int, int], steps: int) -> dict[str, Any]:
    def of(span: list[int]) -> list[int]:
        return [number[step] for step in span if step in number]

    made = {**params, "steps": steps, "acts": of(params["acts"])}
    return made | {name: [of(span) for span in params[name]] for name in ("before", "after")}
