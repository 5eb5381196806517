"""Orders to the model in what a server says of itself."""

from __future__ import annotations

from mcpfuzz.model import Call, Case, Claim, Conversation, Operation, Place, Proof, Surface
from mcpfuzz.oracles.orders import orders_in
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import LISTINGS, walk
from mcpfuzz.strategies.choices import Choices


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """What was listed is read once, here; each entry that holds an order is then listed again, page by page. The
    first case is the plain listing."""
    suspects = [item for item in surface.operations if next(orders_in(_told(item)), None)]
    cases: list[tuple[Operation, str, int]] = []
    for item in suspects:
        method = "resources/templates/list" if item.template is not None else LISTINGS.get(item.kind)
        if method is not None:
            cases += [(item, method, pages) for pages in range(1, surface.pages.get(method, 1) + 1)]
    if index == 0:
        listing = Conversation.of(Call("tools/list" if "tools/list" in surface.pages else "prompts/list", {}))
        return Case(
            scenario=SCENARIO.id, place=Place(kind="session", name="listings"), conversation=listing, label="a listing"
        )
    if index > len(cases):
        return None
    item, method, pages = cases[index - 1]
    params = {"name": item.name}
    proof = Proof(kind="ordered", expected="descriptions that say what they seem to say", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=item.kind, name=item.name),
        conversation=Conversation.of(*list(walk(surface, method, 1))[:pages]),
        label=next(orders_in(_told(item)))[1][:100],
        claims=(Claim("poisoned-description", proof),),
        control=Conversation.of(Call("tools/call", {"name": "no_such_tool", "arguments": {}})),
    )


def _told(operation: Operation) -> dict[str, object]:
    """All that was said of an operation."""
    return {
        "name": operation.name, "description": operation.description, "inputSchema": operation.schema,
        "outputSchema": operation.output_schema, "annotations": operation.annotations,
    }  # fmt: skip


SCENARIO = Scenario(
    id="poisoned-description",
    title="Orders between the lines",
    about="Names, descriptions and schemas of all listings are read for letters that a person does not see and for "
    "orders that conceal themselves, override others or reach for keys. The listing itself, asked for again, "
    "is the proof.",
    draw=draw,
    rules=("poisoned-description",),
    cases=40,
    rounds=1,
    early=True,
    alone=True,
    references=("CWE-1427", "OWASP-LLM01", "OWASP-LLM05"),
)
