"""One caller's things, asked for by another (BOLA, also called IDOR)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpfuzz.likeness import FORMS
from mcpfuzz.model import (
    Call,
    Case,
    Claim,
    Conversation,
    Json,
    Operation,
    Place,
    Proof,
    Step,
    Surface,
    pointer,
    replace,
)
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.grounds import grounded
from mcpfuzz.scenarios.stories import Flow, also, flows, make, plain, subscription, use
from mcpfuzz.scenarios.task_stories import task_stories
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.identifiers import WILD
from mcpfuzz.strategies.relations import changes, free_texts, looks, makes, names_id, removes, words
from mcpfuzz.surface import bind

OWN = re.compile(r"\b(?:your|yours|own|my|mine|private|personal)\b", re.IGNORECASE)
"""Words by which an operation says that it is about the caller's own things."""
SHARED = re.compile(r"\b(?:shared|public|everybody|everyone|anybody|anyone|team)(?:'s)?\b", re.IGNORECASE)
"""Words by which an operation says that it is about things that are everybody's."""
CONTENTS = re.compile(r"text|content|body|note|message|value|description", re.IGNORECASE)
"""Names of arguments that hold what a thing says, and not what it is called."""
QUERY = re.compile(r"^(?:query|q|search|text|terms?|keywords?|phrase|pattern|filter|needle|prefix)$", re.IGNORECASE)
"""Names of arguments that say what is looked for."""
MOST_LISTINGS = 2


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The first caller makes a thing and sees it; the second asks for it, in as many ways as there are."""
    assert operation is not None
    cases = [case for case in _cases(surface, operation) if case is not None]
    return cases[index] if index < len(cases) else None


def _cases(surface: Surface, operation: Operation) -> Iterator[Case | None]:
    yield from _tasks(surface, operation)
    if SHARED.search(operation.description[:500]):
        return
    if looks(operation):
        yield from (_listed(surface, maker, operation) for maker in _makers(surface, operation))
    found = [flow for flow in flows(surface, operation) if not SHARED.search(flow.maker.description[:500])]
    if operation.kind == "completion":
        yield from (_completed(surface, flow) for flow in found)
        return
    if makes(operation):  # what belongs to a thing: a comment, an item of a list
        found = [flow for flow in found if names_id(operation, flow.argument)]
    if removes(operation):
        yield from (_removed(surface, flow) for flow in found)
    elif changes(operation) and not looks(operation):
        yield from (_changed(surface, flow) for flow in found)
    else:
        yield from (_read(surface, flow, "got") for flow in found)
    if operation.kind == "tool" and not looks(operation):
        yield from (_touched(surface, flow) for flow in found[:2] if not _is_proved(operation, flow))
        return
    if operation.kind == "resource":
        yield from (_watched(surface, flow) for flow in found)
    if "network" in surface.places:  # over stdio each of them would start a process
        named = [flow for flow in found[:1] if _names(flow)]
        yield from (_read(surface, flow, f"near-{form}") for flow in named for form in FORMS)
        yield from (_wild(surface, flow) for flow in named if operation.kind == "tool")


def _read(surface: Surface, flow: Flow, how: str) -> Case | None:
    """Made, seen by its owner, asked for by another under a made-up id and under its own."""
    steps = [_own(make(surface, flow)), _own(use(surface, flow, 1))]
    listings = _listings(surface, flow.maker)
    steps += [_others(surface, call) for call in listings]
    steps += [_others(surface, use(surface, flow, 1, how="like")), _others(surface, use(surface, flow, 1, how=how))]
    params = {
        **_roles(flow, listings, len(steps)), "own": 1, "absent": len(steps) - 2, "foreign": len(steps) - 1,
    }  # fmt: skip
    claims = [_claim("bola", "crossed-read", params)]
    if how == "got":
        claims.append(_claim("existence-told", "existence", params))
    form = "" if how == "got" else f", its id {how.removeprefix('near-')}"
    return _case(surface, flow.user, flow.maker, flow.argument, steps, f"read by another caller{form}", claims)


def _names(flow: Flow) -> bool:
    """Whether the argument speaks of an id, or of what the maker makes: any text could be told otherwise."""
    said = names_id(flow.user, flow.argument) or words(flow.argument) & words(flow.maker.name)
    return flow.user.kind == "resource" or bool(said)


def _wild(surface: Surface, flow: Flow) -> Case | None:
    """Made, seen by its owner; another asks for all that there is, in the words of careless queries."""
    arguments = plain(surface, flow.user)
    if arguments is None:
        return None
    listings = _listings(surface, flow.maker)
    steps = [_own(make(surface, flow)), _own(use(surface, flow, 1)), *(_others(surface, call) for call in listings)]
    steps.append(_others(surface, use(surface, flow, 1, how="like")))
    first = len(steps)
    steps += [_others(surface, bind(flow.user, {**arguments, quote(flow.argument): value})) for value in WILD]
    params = {
        **_roles(flow, listings, len(steps)), "own": 1, "absent": first - 1, "foreign": list(range(first, len(steps))),
    }  # fmt: skip
    claims = [_claim("bola", "crossed-read", params)]
    return _case(
        surface,
        flow.user,
        flow.maker,
        flow.argument,
        steps,
        "read by another caller, by what stands for everything",
        claims,
    )


def _changed(surface: Surface, flow: Flow) -> Case | None:
    """Made, seen, changed by another, seen again: by effect, whatever the answer to the change was."""
    seen = _reader(surface, flow)
    field = next((name for name in free_texts(flow.user) if name != flow.argument), None)
    change = use(surface, flow, 1)
    if seen is None or field is None or change is None or change.params is None:
        return None
    changed = bind(flow.user, {**change.params["arguments"], quote(field): "{canary:2}"})
    listings = _listings(surface, flow.maker)
    steps = [_own(make(surface, flow)), _own(use(surface, seen, 1)), *(_others(surface, call) for call in listings)]
    steps += [_others(surface, changed), _own(use(surface, seen, 1))]
    params = {
        **_roles(flow, listings, len(steps)), "own": 1, "foreign": len(steps) - 2, "again": len(steps) - 1,
        "after": "2",
    }  # fmt: skip
    claims = [_claim("bola", "crossed-write", params)]
    return _case(surface, flow.user, flow.maker, flow.argument, steps, "changed by another caller", claims)


def _removed(surface: Surface, flow: Flow) -> Case | None:
    """Made, seen twice, removed by another, not seen any more. Only what this conversation made is removed."""
    seen = _reader(surface, flow)
    if seen is None:
        return None
    listings = _listings(surface, flow.maker)
    view = _own(use(surface, seen, 1))
    steps = [_own(make(surface, flow)), view, view, *(_others(surface, call) for call in listings)]
    steps += [_others(surface, use(surface, flow, 1)), view]
    params = {
        **_roles(flow, listings, len(steps), first=3), "owns": [1, 2], "foreign": len(steps) - 2,
        "again": len(steps) - 1,
    }  # fmt: skip
    claims = [_claim("bola", "crossed-delete", params)]
    return _case(surface, flow.user, flow.maker, flow.argument, steps, "removed by another caller", claims)


def _is_proved(operation: Operation, flow: Flow) -> bool:
    """Whether what was changed or is gone shows by itself."""
    return removes(operation) or (changes(operation) and any(name != flow.argument for name in free_texts(operation)))


def _touched(surface: Surface, flow: Flow) -> Case | None:
    """Made and seen; refused to another as a reading; used by another under a made-up id, which changes nothing, and
    under its own: what its owner sees is another thing from then on."""
    seen = _reader(surface, flow)
    if seen is None:
        return None
    view, listings = use(surface, seen, 1), _listings(surface, flow.maker)
    steps = [_own(make(surface, flow)), _own(view), _others(surface, view)]
    steps += [_others(surface, call) for call in listings]
    steps += [_others(surface, _marked(use(surface, flow, 1, how="like"), flow)), _own(view)]
    steps += [_others(surface, _marked(use(surface, flow, 1), flow)), _own(view)]
    params = {
        **_roles(flow, listings, len(steps), first=3), "own": 1, "refused": 2, "before": len(steps) - 3,
        "foreign": len(steps) - 2, "again": len(steps) - 1,
    }  # fmt: skip
    claims = [_claim("bola", "crossed-change", params)]
    return _case(surface, flow.user, flow.maker, flow.argument, steps, "used by another caller", claims)


def _marked(call: Call | None, flow: Flow) -> Call | None:
    """The call with a text that no view has shown, where it takes one: the same twice over would change nothing."""
    field = next((name for name in free_texts(flow.user) if name != flow.argument), None)
    if call is None or field is None or not isinstance(call.params, dict):
        return call
    return bind(flow.user, {**call.params["arguments"], quote(field): "{canary:2}"})


def _listed(surface: Surface, maker: Operation, listing: Operation) -> Case | None:
    """Made, listed (or found by a word in it) by its owner; by another, who is refused it under its id, or where the
    list says that it is of one's own things."""
    if SHARED.search(maker.description[:500]):
        return None
    call, text = _plainly(surface, listing), ""
    if call is None:
        call, text = _asked(surface, listing), "{canary:2} "
    first = _own(make(surface, Flow(maker, listing, "", 1), after=text))
    if OWN.search(f"{listing.name.replace('_', ' ')} {listing.description[:500]}"):
        steps = [first, _own(call), _others(surface, call)]
        params: dict[str, Json] = {"steps": 3, "made": 0, "own": 1, "foreign": 2, "canary": "1"}
    else:
        seen = _shown_by_id(surface, maker, listing)
        if seen is None or not CONTENTS.search(next(free_texts(maker), "")):
            return None
        view = use(surface, seen, 1)
        steps = [first, _own(call), _own(view), _others(surface, view), _others(surface, call)]
        params = {"steps": 5, "made": 0, "own": 1, "read": 2, "refused": 3, "foreign": 4, "canary": "1"}
    claims = [_claim("bola", "crossed-list", params)]
    return _case(surface, listing, maker, None, steps, "in another caller's list", claims)


def _asked(surface: Surface, search: Operation) -> Call | None:
    """A search for the word that stands before the canary."""
    if len(search.required) != 1 or not QUERY.match(search.required[0]):
        return None
    return bind(search, {quote(search.required[0]): "{canary:2}"})


def _completed(surface: Surface, flow: Flow) -> Case | None:
    """Made, completed and seen by its owner; refused to another, who completes nothing typed all the same."""
    seen = _reader(surface, flow)
    if seen is None:
        return None
    typed, view = bind(flow.user, {"value": ""}), use(surface, seen, 1)
    listings = _listings(surface, flow.maker)
    steps = [_own(make(surface, flow)), _own(typed), *(_others(surface, call) for call in listings), _own(view)]
    steps += [_others(surface, view), _others(surface, typed)]
    params = {
        **_roles(flow, listings, len(steps)), "own": 1, "read": len(steps) - 3, "refused": len(steps) - 2,
        "foreign": len(steps) - 1, "argument": seen.argument,
    }  # fmt: skip
    claims = [_claim("bola", "crossed-complete", params)]
    return _case(surface, flow.user, flow.maker, None, steps, "its id completed for another caller", claims)


def _watched(surface: Surface, flow: Flow) -> Case | None:
    """Made and seen by its owner, refused to another, who asks to be told of its changes; then its owner changes it."""
    changed = next((call for item in surface.operations if (call := _change(surface, flow, item)) is not None), None)
    absent, own = (subscription(surface, use(surface, flow, 1, how=how)) for how in ("like", "got"))
    if changed is None or absent is None or own is None:
        return None
    view, ear = use(surface, flow, 1), Call(BY_DATE[surface.revision].barrier)
    steps = [_own(make(surface, flow)), _own(view), _others(surface, view)]
    steps += [_others(surface, absent), _others(surface, own), _own(changed), _own(view)]
    steps += [_others(surface, ear), _others(surface, ear)]
    params = {**_roles(flow, [], len(steps)), "own": 1, "refused": 2, "before": 4, "listens": [5, 6, 7, 8]}
    return _case(surface, flow.user, flow.maker, flow.argument, steps, "its changes told to another caller", [
        _claim("bola", "crossed-watch", params),
    ])  # fmt: skip


def _change(surface: Surface, flow: Flow, writer: Operation) -> Call | None:
    """The call by which its owner changes the thing."""
    if writer.kind != "tool" or writer.skipped is not None or not changes(writer):
        return None
    named = also(surface, flow, writer)
    call = use(surface, named, 1) if named is not None else None
    field = next((name for name in free_texts(writer) if named is not None and name != named.argument), None)
    if call is None or call.params is None or field is None:
        return None
    return bind(writer, {**call.params["arguments"], quote(field): "{canary:2}"})


def _tasks(surface: Surface, operation: Operation) -> Iterator[Case | None]:
    """What a call becomes belongs to its caller, whatever the tool itself is about (2025-11-25, tasks, security)."""
    for label, kind, steps, roles in task_stories(surface, operation):
        claims = [_claim("bola", kind, roles)]
        if kind == "task-read":
            claims.append(_claim("existence-told", "task-existence", roles))
        case = _case(surface, operation, None, None, list(steps), label, claims)
        yield None if case is None else replace(case, silence_ok=True)  # tasks/result may wait for long


# ---- pieces ----------------------------------------------------------------------------------------


def _own(call: Call | None) -> Step | None:
    return None if call is None else Step(action=call)


def _others(surface: Surface, call: Call | None) -> Step | None:
    return None if call is None else Step(action=call, as_=surface.callers[1], on="c2")


def _roles(flow: Flow, listings: list[Call], steps: int, first: int = 2) -> dict[str, Json]:
    """Which step is what; a listing tells nothing of an operation that says that it is about one's own things."""
    own = OWN.search(flow.user.description[:500])
    shown = [] if own else list(range(first, first + len(listings)))
    return {"steps": steps, "made": 0, "listings": shown, "argument": flow.argument, "canary": "1"}


def _claim(rule: str, kind: str, params: dict[str, Json]) -> Claim:
    return Claim(rule, Proof(kind=kind, expected="only its owner sees it, and only they can change it", params=params))


def _case(
    surface: Surface,
    operation: Operation,
    maker: Operation | None,
    argument: str | None,
    steps: list[Step | None],
    label: str,
    claims: list[Claim],
) -> Case | None:
    """The control is its owner's own share of the story."""
    said = [step for step in steps if step is not None]
    if len(said) < len(steps):
        return None
    said, claims = grounded(surface, maker, said, claims)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=None if argument is None else pointer(argument)),
        conversation=Conversation(tuple(said)),
        label=label,
        claims=tuple(claims),
        control=Conversation(tuple(step for step in said if step.as_ is None)),
    )


def _reader(surface: Surface, flow: Flow) -> Flow | None:
    """What shows its owner the thing, by its id: what names an id before what may be a search."""
    found = [
        named
        for other in surface.operations
        if other.skipped is None and other is not flow.user and (looks(other) or other.kind == "resource")
        if (named := also(surface, flow, other)) is not None
    ]
    return max(found, key=lambda item: (_by_id(item), item.strength), default=None)


def _by_id(flow: Flow) -> bool:
    return flow.user.kind == "resource" or names_id(flow.user, flow.argument) or not QUERY.match(flow.argument)


def _shown_by_id(surface: Surface, maker: Operation, besides: Operation) -> Flow | None:
    """What shows a thing that the maker makes, by its id."""
    seen = _reader(surface, Flow(maker, besides, "", 1))
    return seen if seen is not None and _by_id(seen) else None


def _listings(surface: Surface, maker: Operation) -> list[Call]:
    """Readings that take no argument and are about what the maker makes."""
    about = words(maker.name)
    found = [
        item
        for item in surface.operations
        if looks(item) and item.skipped is None and not item.required and words(item.name) & about
    ]
    return [call for item in found[:MOST_LISTINGS] if (call := _plainly(surface, item)) is not None]


def _makers(surface: Surface, listing: Operation) -> list[Operation]:
    """What makes the things of a list."""
    return [
        item
        for item in surface.operations
        if makes(item) and item.skipped is None and words(item.name) & words(listing.name)
    ]


def _plainly(surface: Surface, operation: Operation) -> Call | None:
    """A call without what is not needed: a filter would hide things."""
    return bind(operation, {}) if not operation.required else None


SCENARIO = Scenario(
    id="object-level",
    title="Another caller's things",
    about="The first caller makes a thing with a canary in it and sees it; the second asks for it by its id, in other "
    "spellings and JSON types, lists, changes, uses and removes it, lets ids be completed, and asks to be told of its "
    "changes; a task of the first caller is asked for, listed and cancelled. The canary in the second caller's answer, "
    "or their mark in the first one's view, proves it, as does the id, or a change, of what they are refused; a "
    "made-up id and a listing that shows the thing to everybody are its controls.",
    draw=draw,
    rules=("bola", "existence-told"),
    kinds=("tool", "resource", "completion"),
    cases=28,
    rounds=1,
    early=True,
    alone=True,
    needs=("second", "authenticated"),
    references=("CWE-639", "OWASP-API1", "OWASP-LLM08"),
)
