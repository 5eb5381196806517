"""What a tool promises to do only when told, done all the same: dry runs, and actions that ask for a confirmation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Surface, pointer
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import Flow, also, flows, make, passes, plain, use
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import affinity, makes, reads_only
from mcpfuzz.surface import bind

_DRY = re.compile(
    r"^(?:dry_?run|simulate|simulation|preview|validate_?only|check_?only|what_?if|no_?op|read_?only|test_?only)$",
    re.IGNORECASE,
)
_CONFIRM = re.compile(
    r"^(?:confirm(?:ed|ation)?|approve[d]?|acknowledged?|consent|i_?am_?sure|really|user_?confirmed|are_?you_?sure|sure)$",
    re.IGNORECASE,
)
MOST_READINGS = 3


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    if reads_only(operation):
        return None
    for position, case in enumerate(_cases(surface, operation)):
        if position == index:
            return case
    return None


def _cases(surface: Surface, operation: Operation) -> Iterator[Case]:
    for name, schema in operation.members.items():
        if not isinstance(schema, Mapping) or schema.get("type") != "boolean":
            continue
        dry = _DRY.match(name) is not None
        if not dry and not _CONFIRM.match(name):
            continue
        for flow in flows(surface, operation):
            case = _on_a_thing(surface, flow, name, dry)
            if case is not None:
                yield case
        yield from _on_all(surface, operation, name, dry)


def _on_a_thing(surface: Surface, flow: Flow, flag: str, dry: bool) -> Case | None:
    """A thing is made and read; the call that should do nothing to it, and it is read again."""
    others = (
        item for item in surface.operations if item is not flow.user and reads_only(item) and item.skipped is None
    )
    uses = [use(surface, other, 1) for other in (also(surface, flow, item) for item in others) if other is not None]
    shown = [call for call in uses if call is not None][:MOST_READINGS]
    made, act = make(surface, flow, None), use(surface, flow, 1)
    if made is None or act is None or not shown:
        return None
    act = bind(flow.user, {**act.params["arguments"], quote(flag): dry})
    size = len(shown)
    spans = [list(range(1 + turn * size + (turn > 1), 1 + turn * size + (turn > 1) + size)) for turn in range(4)]
    params = {"steps": 2 + 4 * size, "acts": [1 + 2 * size], "before": spans[:2], "after": spans[2:]}
    still = Call(BY_DATE[surface.revision].barrier)
    return _case(
        flow.user, flag, dry, Proof(kind="changed", expected=_expected(dry), params=params),
        passes([made], shown, act),
        passes([made], shown, still),
    )  # fmt: skip


def _on_all(surface: Surface, operation: Operation, flag: str, dry: bool) -> Iterator[Case]:
    """Something is added; the same call three times. That the second answer differs and the third does not tells of
    an effect of the first."""
    arguments = plain(surface, operation)
    makers = [item for item in surface.operations if makes(item) and item.skipped is None and item is not operation]
    makers = sorted(
        (item for item in makers if affinity(item, operation, "")), key=lambda item: -affinity(item, operation, "")
    )
    for maker in makers[:2]:
        given = plain(surface, maker)
        if arguments is None or given is None:
            continue
        made, act = bind(maker, given), bind(operation, {**arguments, quote(flag): dry})
        params = {"steps": 8, "rounds": [[1, 2, 3], [5, 6, 7]]}
        still = Call(BY_DATE[surface.revision].barrier)
        yield _case(
            operation, flag, dry, Proof(kind="answers-anew", expected=_expected(dry), params=params),
            Conversation.of(made, act, act, act, made, act, act, act),
            Conversation.of(made, still, still, still, made, still, still, still),
        )  # fmt: skip


def _expected(dry: bool) -> str:
    return "a dry run changes nothing" if dry else "nothing is done before it is confirmed"


def _case(operation: Operation, flag: str, dry: bool, proof: Proof, said: Conversation, control: Conversation) -> Case:
    value: Json = dry
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(flag)),
        conversation=said,
        label=f"{flag} is {str(value).lower()}",
        claims=(Claim("read-only-bypass" if dry else "unconfirmed-action", proof),),
        control=control,
    )


SCENARIO = Scenario(
    id="declared-restraint",
    title="Dry runs that act, actions that nobody confirmed",
    about="Tools with a flag for a dry run are called with it, tools that ask for a confirmation without. What was "
    "made for the purpose is read before and after: a change proves that the flag is not looked at.",
    draw=draw,
    rules=("read-only-bypass", "unconfirmed-action"),
    kinds=("tool",),
    cases=8,
    early=True,
    alone=True,
    references=("CWE-684", "CWE-184", "OWASP-LLM08"),
)
