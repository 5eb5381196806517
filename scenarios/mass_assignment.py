"""Members that nobody declared, set all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Surface, pointer
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import also, flows, make, plain, readings, use
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import looks, removes
from mcpfuzz.surface import bind

NUMBER = "{number:1}"
"""A number that nobody else would think of."""
COMMON: Mapping[str, tuple[Json, ...]] = {
    "role": ("admin", NUMBER), "is_admin": (True, NUMBER), "admin": (True, NUMBER), "credit": (NUMBER,),
    "balance": (NUMBER,), "owner": (NUMBER,), "status": (NUMBER,), "verified": (True, NUMBER),
    "permissions": (NUMBER,), "price": (NUMBER,), "user_id": (NUMBER,), "isAdmin": (True, NUMBER),
    "email": (NUMBER,), "plan": (NUMBER,), "approved": (True, NUMBER),
}  # fmt: skip
"""Usual members of records, and what is set: what gives rights as such, since a record may take nothing else."""
RIGHTS = ("role", "is_admin", "isAdmin", "admin", "permissions", "balance", "credit", "verified", "approved")
"""Of those, what nobody sets for themselves."""
ONESELF = re.compile(
    r"\b(?:profile|account|user|me|myself|your|own|registration|register|sign[ _]?up)\b", re.IGNORECASE
)
"""Words of operations that are about whoever calls."""
MOST_READS = 4
MOST_PLACES = 3


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """A made-up member, then the index-th likely one, then what shows the thing."""
    assert operation is not None
    good = plain(surface, operation)
    if good is None or looks(operation) or removes(operation):
        return None
    settings = list(_settings(surface, operation, good))
    if index >= len(settings):
        return None
    path, name, value = settings[index]
    before, fixed, good = _story(surface, operation, good)
    count = min(MOST_READS, len(fixed) + (0 if before else len(_made(surface, operation, 1))))
    compared = count if value != NUMBER else 0
    act_at = len(before) + 1 + compared
    shown = _reads_of(surface, operation, fixed, before, act_at + 1)
    if not shown:
        return None
    plainly = bind(operation, _with(good, path, "x{canary:name}", "{canary:plain}"))
    act = bind(operation, _with(good, path, quote(name), value))
    looked = _reads_of(surface, operation, fixed, before, 1) if compared else []
    steps = [*before, plainly, *looked, act, *shown]
    params: dict[str, Json] = {
        "steps": len(steps), "act": act_at, "reads": list(range(act_at + 1, len(steps))), "member": name,
        "plain": "plain",
    }  # fmt: skip
    if value == NUMBER:
        params["canary"] = "number.1"
    else:
        params |= {"value": value, "before": list(range(len(before) + 1, act_at))}
    proof = Proof(kind="assigned", expected="what is not declared is refused or ignored", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(*path, name)),
        conversation=Conversation.of(*steps),
        label=f"{name} was set",
        claims=(Claim("mass-assignment", proof),),
        control=Conversation.of(*before, plainly, *looked, bind(operation, good), *shown),
    )


def _story(
    surface: Surface, operation: Operation, good: Mapping[str, Json]
) -> tuple[list[Call], list[Call], Mapping[str, Json]]:
    """What must be there before, what shows the thing, and the arguments to begin with."""
    found = flows(surface, operation)
    made = make(surface, found[0], None) if found and operation.key not in surface.good else None
    using = use(surface, found[0], 1) if made is not None else None
    if made is not None and using is not None and using.params is not None:
        named = (also(surface, found[0], item) for item in _readers(surface))
        reads = [call for flow in named if flow and (call := use(surface, flow, 1)) is not None]
        return [made], reads, using.params["arguments"]
    return [], [*_reads(surface, operation, good), *readings(surface, operation, 2, guess=True)], good


def _reads_of(surface: Surface, operation: Operation, fixed: list[Call], before: list[Call], step: int) -> list[Call]:
    """Readings of what was there, or of what the operation itself made in `step` (counted from 1)."""
    return [*fixed, *([] if before else _made(surface, operation, step))][:MOST_READS]


def _settings(
    surface: Surface, operation: Operation, good: Mapping[str, Json]
) -> Iterator[tuple[tuple[str, ...], str, Json]]:
    """Where, which and what: at the root, then in the objects that the schema leaves open. An open object is there to
    hold what is not declared (the columns of a table), so it must be about the caller, and the member give rights."""
    closed = operation.schema.get("additionalProperties") is False
    about = f"{operation.name.replace('_', ' ')} {operation.description[:500]}"
    oneself = "authenticated" in surface.places and ONESELF.search(about)
    inner = list(_open(operation.schema))[:MOST_PLACES] if oneself else []
    for path, schema in [*inner, ((), operation.schema)] if closed else [((), operation.schema), *inner]:
        declared = _members(schema)
        likely = [name for name in RIGHTS if name not in about] if path else _names(surface, operation)
        named = [name for name in likely if name not in declared]
        tried = [(path, name, value) for name in named for value in COMMON.get(name, (NUMBER,))]
        yield from tried[: 4 if closed and not path else 24]


def _open(schema: Mapping[str, Json]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Json]]]:
    """Members that are objects and may hold more than is declared."""
    for name, declared in _members(schema).items():
        options = declared.get("anyOf", [declared]) if isinstance(declared, Mapping) else []
        for option in options if isinstance(options, list) else ():
            if not isinstance(option, Mapping) or option.get("type") != "object":
                continue
            if option.get("additionalProperties", True) is not False:
                yield (name,), option


def _with(good: Mapping[str, Json], path: tuple[str, ...], name: str, value: Json) -> Mapping[str, Json]:
    """Arguments with one member more, at the root or in one of them."""
    if not path:
        return {**good, name: value}
    inner = good.get(path[0])
    return {**good, quote(path[0]): {**(inner if isinstance(inner, Mapping) else {}), name: value}}


def _readers(surface: Surface) -> list[Operation]:
    return [item for item in surface.operations if looks(item) and item.skipped is None]


def _reads(surface: Surface, operation: Operation, good: Mapping[str, Json]) -> list[Call]:
    """Readers that take what the operation takes, asked for the same thing."""
    own = _members(operation.schema)
    made = []
    for reader in _readers(surface):
        arguments = plain(surface, reader)
        same = {
            quote(name): good[other]
            for name, schema in _members(reader.schema).items()
            for other, declared in own.items()
            if other in good and (declared == schema and schema != {"type": "string"} or other == name)
        }
        if arguments is not None and same:
            made.append(bind(reader, {**arguments, **same}))
    return made


def _made(surface: Surface, operation: Operation, step: int) -> list[Call]:
    """Readers of what the operation itself makes."""
    calls = [
        use(surface, flow, step)
        for reader in _readers(surface)
        for flow in flows(surface, reader)
        if flow.maker is operation
    ]
    return [call for call in calls if call is not None][:2]


def _names(surface: Surface, operation: Operation) -> list[str]:
    """What readings tell, then common names."""
    told = dict.fromkeys(
        name
        for item in (operation, *_readers(surface))
        if item.output_schema
        and (item is operation or _members(item.schema).keys() & _members(operation.schema).keys())
        for name in _members(item.output_schema)
    )
    return [name for name in dict.fromkeys((*told, *COMMON)) if not name.endswith("id")]


def _members(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    members = schema.get("properties")
    return members if isinstance(members, Mapping) else {}


SCENARIO = Scenario(
    id="mass-assignment",
    title="Members that nobody declared",
    about="A good call gets one member more, that its schema does not name: what readings tell, and the usual ones "
    "(role, credit ...), at the root or in an object that the schema leaves open. A later reading that tells the "
    "member with our number, or as another value than before, proves it; a made-up member beside it must not be kept.",
    draw=draw,
    rules=("mass-assignment",),
    kinds=("tool",),
    cases=32,
    early=True,
    alone=True,
    references=("CWE-915", "OWASP-API3"),
)
