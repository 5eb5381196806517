"""Members that nobody declared, set all the same."""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Surface, pointer
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import also, flows, make, plain, use
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import reads_only, removes
from mcpfuzz.surface import bind

COMMON = (
    "role", "is_admin", "admin", "credit", "balance", "owner", "status", "verified", "permissions", "price", "user_id",
    "isAdmin", "email", "plan", "approved",
)  # fmt: skip
MOST_READS = 4


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """A made-up member, then the index-th likely one, then what shows the thing."""
    assert operation is not None
    good = plain(surface, operation)
    names = _names(surface, operation)
    if good is None or reads_only(operation) or removes(operation) or index >= len(names):
        return None
    name, before = names[index], []
    found = flows(surface, operation)
    if operation.key not in surface.good and found:
        made, using = make(surface, found[0], None), use(surface, found[0], 1)
        if made is None or using is None:
            return None
        before, good = [made], using.params["arguments"]
        reads = [
            use(surface, flow, 1) for flow in (also(surface, found[0], item) for item in _readers(surface)) if flow
        ]
    else:
        reads = [*_reads(surface, operation, good), *_made(surface, operation, len(before) + 2)]
    shown = [call for call in reads if call is not None][:MOST_READS]
    if not shown:
        return None
    plainly = bind(operation, {**good, "x{canary:name}": "{canary:plain}"})
    act = bind(operation, {**good, quote(name): "{number:1}"})
    steps = [*before, plainly, act, *shown]
    first = len(before) + 2
    params = {
        "steps": len(steps), "act": first - 1, "reads": list(range(first, len(steps))), "member": name,
        "canary": "number.1", "plain": "plain",
    }  # fmt: skip
    proof = Proof(kind="assigned", expected="what is not declared is refused or ignored", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(name)),
        conversation=Conversation.of(*steps),
        label=f"{name} was set",
        claims=(Claim("mass-assignment", proof),),
        control=Conversation.of(*before, plainly, bind(operation, good), *shown),
    )


def _readers(surface: Surface) -> list[Operation]:
    return [item for item in surface.operations if item.kind == "tool" and reads_only(item) and item.skipped is None]


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


def _made(surface: Surface, operation: Operation, step: int) -> list[Call | None]:
    """Readers of what the operation itself makes."""
    return [
        use(surface, flow, step)
        for reader in _readers(surface)
        for flow in flows(surface, reader)
        if flow.maker is operation
    ][:2]


def _names(surface: Surface, operation: Operation) -> list[str]:
    """What readings tell and the operation does not take, then common names."""
    told = dict.fromkeys(
        name
        for item in (operation, *_readers(surface))
        if item.output_schema
        and (item is operation or _members(item.schema).keys() & _members(operation.schema).keys())
        for name in _members(item.output_schema)
    )
    declared = _members(operation.schema)
    names = [name for name in (*told, *COMMON) if name not in declared and not name.endswith("id")]
    closed = operation.schema.get("additionalProperties") is False
    return list(dict.fromkeys(names))[: 4 if closed else 24]


def _members(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    members = schema.get("properties")
    return members if isinstance(members, Mapping) else {}


SCENARIO = Scenario(
    id="mass-assignment",
    title="Members that nobody declared",
    about="A good call gets one member more, that its schema does not name: what readings tell, and the usual ones "
    "(role, credit ...). A later reading that tells the member with our number proves it; a made-up member beside it "
    "must not be kept.",
    draw=draw,
    rules=("mass-assignment",),
    kinds=("tool",),
    cases=24,
    early=True,
    alone=True,
    references=("CWE-915", "OWASP-API3"),
)
