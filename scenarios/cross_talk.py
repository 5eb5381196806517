"""Two clients, the same request ids, at the same time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from mcpfuzz.model import (
    Call,
    Case,
    Claim,
    Close,
    Conversation,
    Json,
    Open,
    Operation,
    Place,
    Proof,
    Send,
    Step,
    Surface,
    replace,
)
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import plain
from mcpfuzz.session import envelope
from mcpfuzz.slots import canary, quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import free_texts, reads_only, removes
from mcpfuzz.surface import bind

FIRST_ID = 710_001
"""No session of ours counts so far."""
MANY = 6
"""Pairs of a case: a call that is soon answered needs some luck to meet its twin."""
MOST = 8
"""Operations that are tried."""
FORMS = 3
"""Cases of each."""
SLOW = re.compile(
    r"\b(?:slow|seconds?|waits?|takes|long|fetch|search|quer(?:y|ies)|download|request|export)", re.IGNORECASE
)
"""Words of what may take a while: two such calls meet."""
TOGETHER = "at the same time"
SAMPLE = canary()


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Each operation that takes a text of ours: one pair of calls, several pairs, a pair under other ids."""
    found = [item for item in surface.operations if next(_texts(item), None) is not None and _fit(item)]
    found.sort(key=lambda item: (item.key not in surface.good, not SLOW.search(item.description), not reads_only(item)))
    if index >= FORMS * min(MOST, len(found)):
        return None
    made = found[index // FORMS]
    return _strayed(surface, made) if index % FORMS == 2 else _pairs(surface, made, MANY if index % FORMS else 1)


def _fit(operation: Operation) -> bool:
    return operation.skipped is None and operation.kind in ("tool", "prompt", "resource") and not removes(operation)


def _pairs(surface: Surface, operation: Operation, count: int) -> Case | None:
    """Both clients begin; then all goes out together. The control says the same, one after the other."""
    said = [
        _said(surface, operation, on, FIRST_ID + number, TOGETHER) for number in range(count) for on in ("c2", "c3")
    ]
    steps = [_begun(surface, "c2"), _begun(surface, "c3"), *said]
    control = [replace(step, group=None) for step in steps if step is not None]
    return _case(f"{operation.name}, by two clients under equal ids", steps, control)


def _strayed(surface: Surface, operation: Operation) -> Case | None:
    """The same under other ids: who came last may get all. In the control the one has left before the other comes."""
    begun = [_begun(surface, "c2"), _begun(surface, "c3")]
    said = [_said(surface, operation, on, FIRST_ID + number, TOGETHER) for number, on in enumerate(("c2", "c3"))]
    alone = [replace(step, group=None) if step is not None else None for step in said]
    left = [begun[0], alone[0], Step(action=Close(), on="c2"), begun[1], alone[1]]
    return _case(f"{operation.name}, by two clients under other ids", [*begun, *said], left)


def _case(label: str, steps: Sequence[Step | None], control: Sequence[Step | None]) -> Case | None:
    made = tuple(step for step in steps if step is not None)
    if len(made) < len(steps):
        return None
    proof = Proof(
        kind="crossed-answer", expected="each client gets the answers to its own calls", params={"steps": len(made)}
    )
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="cross-talk"),
        conversation=Conversation(made),
        label=label,
        silence_ok=True,
        claims=(Claim("cross-talk", proof),),
        control=Conversation(tuple(step for step in control if step is not None)),
    )


def _second(surface: Surface, on: str) -> str | None:
    """The other connection is another caller's, where there is one."""
    return surface.callers[1] if on == "c3" and len(surface.callers) > 1 else None


def _begun(surface: Surface, on: str) -> Step:
    return Step(action=Open(), on=on, as_=_second(surface, on))


def _said(surface: Surface, operation: Operation, on: str, request_id: int, group: str | None = None) -> Step | None:
    """A call with a canary in its arguments, under an id of our choice; its progress token is the canary, too."""
    arguments, name = plain(surface, operation), next(_texts(operation))
    if arguments is None:
        return None
    token = f"{{canary:{on}.{request_id}}}"
    message = _message(surface, bind(operation, {**arguments, quote(name): token}), request_id, token)
    return Step(action=Send(message), on=on, as_=_second(surface, on), group=group)


def _message(surface: Surface, call: Call, request_id: int, token: str) -> Mapping[str, Json]:
    revision = BY_DATE[surface.revision]
    meta = {**(envelope(revision) if revision.era == "modern" else {}), "progressToken": token}
    return {
        "jsonrpc": "2.0", "id": request_id, "method": call.method, "params": {**(call.params or {}), "_meta": meta},
    }  # fmt: skip


def _texts(operation: Operation) -> Iterator[str]:
    """Arguments that a canary fits into, those that take any text first."""
    yield from free_texts(operation)
    for name, schema in operation.members.items():
        if isinstance(schema, Mapping) and schema.get("type") == "string" and _takes(schema):
            yield name


def _takes(schema: Mapping[str, Json]) -> bool:
    """Whether a canary obeys the pattern and the length."""
    if schema.keys() & {"enum", "const", "format"}:
        return False
    pattern, longest = schema.get("pattern", ""), schema.get("maxLength", len(SAMPLE))
    try:
        fits = isinstance(pattern, str) and len(pattern) <= 200 and re.search(pattern, SAMPLE) is not None
    except re.error:
        return False
    return fits and isinstance(longest, int) and longest >= len(SAMPLE)


SCENARIO = Scenario(
    id="cross-talk",
    title="Two clients, the same request ids, at the same time",
    about="Two connections, each with a canary of its own in the arguments and as progress token, call the same "
    "operation at the same time, under equal ids and under ids of their own. A response, or the progress, of the "
    "other's call proves that answers find their way by the id alone, or to whoever came last; the same calls one "
    "after the other, or when the other has left, are the control.",
    draw=draw,
    rules=("cross-talk",),
    cases=FORMS * MOST,
    rounds=1,
    early=True,
    alone=True,
    needs=("network",),
    references=("CWE-362", "CWE-488", "CVE-2026-25536", "OWASP-API1"),
)
