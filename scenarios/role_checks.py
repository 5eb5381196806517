"""Operations that only some callers may use, used by others (BFLA)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpfuzz.model import Action, Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import LISTINGS, plain, readings, walk
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import free_texts, looks, removes
from mcpfuzz.surface import bind

_STAFF = r"(?:admin(?:istrator)?s?|staff|superusers?|operators?|moderators?|root|sudo)"
STAFF = re.compile(rf"^{_STAFF}\b", re.IGNORECASE)
"""A name of a caller, or of an operation, that begins so is of the staff."""
RESERVED = re.compile(
    rf"\b{_STAFF} only\b|\bonly (?:for |by |to )?(?:the )?{_STAFF}\b|\brequires? (?:an? |the )?{_STAFF}\b"
    rf"|\b(?:must be|restricted to|reserved (?:for|to)) (?:an? |the )?{_STAFF}\b"
    rf"|\b{_STAFF} (?:role|rights?|privileges?|permissions?|access) (?:is |are )?(?:required|needed)\b",
    re.IGNORECASE,
)
"""Words of a description that say who may use it."""
MOST_READS = 4


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """With a policy: its cells that the survey found otherwise. Without: what says that it is for the staff."""
    assert operation is not None
    if surface.policy:
        return _deviation(surface, operation, index)
    if index == 0:
        return _open_to_all(surface, operation)
    found = list(_untold(surface, operation))
    return _by_name(surface, operation, found[index - 1]) if index <= len(found) else None


def _deviation(surface: Surface, operation: Operation, index: int) -> Case | None:
    due, seen = surface.policy.get(operation.key, {}), surface.roles.get(operation.key, {})
    wrong = [name for name, cell in due.items() if {cell, seen.get(name)} == {"served", "refused"}]
    arguments = plain(surface, operation)
    if index >= len(wrong) or arguments is None:
        return None
    caller = wrong[index]
    steps = (
        Step(action=Open(), on="c2", as_=caller),
        Step(action=bind(operation, arguments), on="c2", as_=caller),
    )
    if due[caller] == "refused":
        proof = Proof(kind="served", expected=f"{caller} is refused", params={"step": 1, "steps": 2})
        return _case(operation, steps, f"{caller}, whom the policy refuses", Claim("bfla", proof))
    proof = Proof(kind="refused-to", expected=f"{caller} is served", params={"step": 1, "steps": 2})
    return _case(operation, steps, f"{caller}, whom the policy allows", Claim("policy-deviation", proof))


def _untold(surface: Surface, operation: Operation) -> Iterator[str]:
    """Who is served what they are not told of, while another is."""
    for caller, cell in surface.roles.get(operation.key, {}).items():
        if cell == "served" and operation.key not in surface.listed.get(caller, {operation.key}):
            yield caller


def _by_name(surface: Surface, operation: Operation, caller: str) -> Case | None:
    """What a caller is told of, then the operation that is not among it."""
    arguments = plain(surface, operation)
    if arguments is None or operation.kind not in LISTINGS:
        return None
    method = "resources/templates/list" if operation.template is not None else LISTINGS[operation.kind]
    said: tuple[Action, ...] = (Open(), *walk(surface, method, 2), bind(operation, arguments))
    steps = tuple(Step(action=action, on="c2", as_=caller) for action in said)
    last = len(steps) - 1
    params = {"steps": len(steps), "step": last, "told": list(range(1, last)), "name": operation.name}
    proof = Proof(kind="served-by-name", expected=f"{caller}, who is not told of it, is refused", params=params)
    return _case(operation, steps, f"used by {caller}, who is not told of it", Claim("bfla", proof))


def _shown_to_all(surface: Surface, operation: Operation, caller: str) -> Case | None:
    """What only the staff may read, by its own words, read by another."""
    arguments = plain(surface, operation)
    if arguments is None or not RESERVED.search(operation.description[:1_000]):
        return None
    steps = (
        Step(action=Open(), on="c2", as_=caller),
        Step(action=bind(operation, arguments), on="c2", as_=caller),
    )
    params = {"steps": 2, "step": 1}
    proof = Proof(kind="served-by-name", expected=f"{caller} is refused", params=params)
    return _case(operation, steps, f"read by {caller}", Claim("bfla", proof))


def _open_to_all(surface: Surface, operation: Operation) -> Case | None:
    """The call of one who is not of the staff, with a canary in it, and readings that show its effect."""
    said = operation.name.replace("_", " ").replace("-", " ")
    others = [name for name in surface.callers if not STAFF.search(name)]
    if not others or removes(operation) or "authenticated" not in surface.places:
        return None
    if looks(operation):
        return _shown_to_all(surface, operation, others[-1])
    if not STAFF.search(said) and not RESERVED.search(operation.description[:1_000]):
        return None
    arguments, field = plain(surface, operation), next(free_texts(operation), None)
    shown = readings(surface, operation, MOST_READS, guess=True)
    if arguments is None or field is None or not shown:
        return None
    act = bind(operation, {**arguments, quote(field): "{canary:1}"})
    caller = others[-1]
    steps = (
        Step(action=Open(), on="c2", as_=caller),
        Step(action=act, on="c2", as_=caller),
        *(Step(action=call, on="c2", as_=caller) for call in shown),
    )
    params = {"steps": len(steps), "act": 1, "reads": list(range(2, len(steps))), "canary": "1"}
    proof = Proof(kind="took-effect", expected=f"{caller} is refused, and nothing changes", params=params)
    return _case(operation, steps, f"used by {caller}", Claim("bfla", proof))


def _case(operation: Operation, steps: tuple[Step, ...], label: str, claim: Claim) -> Case:
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name),
        conversation=Conversation(steps),
        label=label,
        claims=(claim,),
    )


SCENARIO = Scenario(
    id="role-checks",
    title="Operations for some callers, used by others",
    about="With --policy: every operation as every caller; who is served where the policy refuses them, or refused "
    "where it serves them, is a finding. Without: what says that it is for administrators is called by others, and a "
    "reading that shows their canary proves the effect; what one caller is told of and another is not is called by "
    "that other one, by its name.",
    draw=draw,
    rules=("bfla", "policy-deviation"),
    kinds=("tool", "resource", "prompt"),
    cases=8,
    rounds=1,
    fixed=True,
    hidden=True,
    early=True,
    alone=True,
    needs=("credential",),
    references=("CWE-862", "CWE-285", "OWASP-API5"),
)
