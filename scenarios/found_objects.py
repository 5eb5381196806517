"""What is there already and only the first caller is told of, asked for by another (BOLA)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Step, Surface, pointer
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.object_level import OWN, SHARED
from mcpfuzz.scenarios.stories import plain, slot_name
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import affinity, id_arguments, looks, names_id, words
from mcpfuzz.surface import bind

CHOSEN = re.compile(
    r"\b(?:recent|recently|history|favou?rites?|bookmarks?|bookmarked|starred|pinned|followed|following|feed|recommended"
    r"|suggested|subscribed|saved|visited|viewed|installed)\b",
    re.IGNORECASE,
)
"""Words of lists that are one caller's choice of what all may see."""
MOST_LISTINGS = 2
MADE_UP = "-nobodys-7f3a"
"""Behind a resource's URI: a resource that is not there."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The index-th way to come by an id of this operation."""
    assert operation is not None
    if SHARED.search(f"{operation.name.replace('_', ' ')} {operation.description[:500]}"):
        return None
    if operation.kind == "resource" and operation.template is None:
        return _resource(surface, operation) if index == 0 else None
    found = list(_ways(surface, operation)) if looks(operation) or operation.kind == "resource" else []
    return _case(surface, operation, *found[index]) if index < len(found) else None


def _ways(surface: Surface, operation: Operation) -> Iterator[tuple[Operation, str]]:
    """Listings that may tell ids for an argument. A list of one's own things need not be of things that only one may
    see (posts, public repositories), unless the reading is of one's own as well."""
    own = OWN.search(f"{operation.name.replace('_', ' ')} {operation.description[:500]}")
    ready = [
        item
        for item in surface.operations
        if looks(item) and item is not operation and item.skipped is None and not item.required
    ]
    for argument in id_arguments(operation)[:1]:
        if operation.kind == "tool" and not names_id(operation, argument):
            continue
        about = words(operation.name) | words(argument)
        near = [item for item in ready if words(item.name) & about or affinity(item, operation, argument) >= 9]
        for item in near[:MOST_LISTINGS]:
            said = f"{item.name.replace('_', ' ')} {item.description[:500]}"
            if not SHARED.search(said) and not CHOSEN.search(said) and (own or not OWN.search(said)):
                yield item, argument


def _case(surface: Surface, operation: Operation, listing: Operation, argument: str) -> Case | None:
    """Listed and read by the first caller; listed by the second, who is not told of it; asked for under a made-up id,
    and under its own."""
    arguments = plain(surface, operation)
    if arguments is None:
        return None
    slot = slot_name(argument)
    one, nobodys = (bind(operation, {**arguments, quote(argument): f"{{{how}:1:{slot}}}"}) for how in ("got", "like"))
    return _made(surface, operation, (bind(listing, {}), one, nobodys), pointer(argument), {"argument": argument})


def _resource(surface: Surface, operation: Operation) -> Case | None:
    """The same of a resource that the first caller's listing names by its URI."""
    name = quote(operation.name)
    one, nobodys = (Call("resources/read", {"uri": uri}) for uri in (name, name + MADE_UP))
    return _made(surface, operation, (Call("resources/list"), one, nobodys), None, {"key": operation.name})


def _made(
    surface: Surface,
    operation: Operation,
    calls: tuple[Call, Call, Call],
    argument: str | None,
    about: Mapping[str, Json],
) -> Case:
    """The case of three calls: the listing, one of its things, and what nobody has.

    Args:
        about: what of the proof's parameters says which thing it is.
    """
    told, one, nobodys = calls
    own = (Step(action=told), Step(action=one))
    others = tuple(Step(action=call, as_=surface.callers[1], on="c2") for call in (told, nobodys, one))
    params = {"steps": 5, "told": 0, "own": 1, "listing": 2, "absent": 3, "foreign": 4, **about}
    proof = Proof(kind="crossed-content", expected="only who is told of it is shown it", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=argument),
        conversation=Conversation((*own, *others)),
        label="read by another caller, who is not told of it",
        claims=(Claim("bola", proof),),
        control=Conversation(own),
    )


SCENARIO = Scenario(
    id="found-objects",
    title="Another caller's things that were there already",
    about="The first caller lists things and reads one; the second, whose own list does not name it, asks for it by "
    "its id or URI. The same answer proves it, where a made-up id is answered otherwise.",
    draw=draw,
    rules=("bola",),
    kinds=("tool", "resource"),
    cases=2,
    rounds=1,
    fixed=True,
    early=True,
    alone=True,
    needs=("second", "authenticated"),
    references=("CWE-639", "OWASP-API1", "OWASP-LLM08"),
)
