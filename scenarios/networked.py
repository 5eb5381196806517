"""What the scenarios of networked servers share: a second connection that should not be served."""

from __future__ import annotations

from mcpfuzz.model import (
    Call,
    Case,
    Claim,
    Conversation,
    Open,
    OperationKind,
    Place,
    Proof,
    Send,
    Step,
    Surface,
    replace,
)  # fmt: skip
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.surface import bind

__all__ = ["first_words", "forged_token", "innocent_call", "second_connection"]


def innocent_call(surface: Surface) -> Call:
    """A call that anybody who is served at all gets a normal answer to: a good one, else a listing."""
    ready = [item for item in surface.operations if item.kind == "tool" and surface.good.get(item.key)]
    ready.sort(key=lambda item: (item.annotations.get("readOnlyHint") is not True, bool(item.required)))
    if ready:
        return bind(ready[0], surface.good[ready[0].key][0])
    if surface.operations:
        listing = {"tool": "tools/list", "resource": "resources/list", "prompt": "prompts/list"}
        return Call(listing.get(surface.operations[0].kind, BY_DATE[surface.revision].barrier), {})
    return Call(BY_DATE[surface.revision].barrier)


def first_words(surface: Surface) -> Call | Send:
    """What a client asks on a connection that was opened without a handshake: to begin a session, where the revision
    has sessions; else the innocent call."""
    if BY_DATE[surface.revision].era == "modern":
        return innocent_call(surface)
    about = {"name": "mcpfuzz", "version": "1"}
    params = {"protocolVersion": surface.revision, "capabilities": {}, "clientInfo": about}
    return Send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})


def second_connection(
    scenario: str,
    surface: Surface,
    rule: str,
    label: str,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    as_: str | None = None,
    handshake: bool = True,
    kind: OperationKind = "transport",
) -> Case:
    """The innocent call on a connection of its own, which the server should refuse.

    Args:
        rule: what an answer proves.
        headers: of the second connection, slots allowed.
        as_: who opens it; None: whom the campaign runs as.
    """
    steps = (
        Step(action=Open(handshake=handshake, headers=headers), on="c2", as_=as_),
        Step(action=innocent_call(surface), on="c2", as_=as_),
    )
    expected = "the connection, or the call, is refused"
    return Case(
        scenario=scenario,
        place=Place(kind=kind, name=rule),
        conversation=Conversation(steps),
        label=label,
        claims=(Claim(rule, Proof(kind="served", expected=expected, params={"step": 1, "steps": 2})),),
        control=Conversation((Step(action=Open(), on="c2"), Step(action=innocent_call(surface), on="c2"))),
    )


def forged_token(scenario: str, surface: Surface, rule: str, variant: str, label: str) -> Case:
    """The innocent call with the first caller's token changed in one point; its control is a token under a made-up
    key, so that a server which verifies nothing is told as that."""
    case = second_connection(scenario, surface, rule, label, as_=f"{surface.callers[0]}~{variant}", kind="session")
    made_up = tuple(replace(step, as_=f"{surface.callers[0]}~wrong-key") for step in case.conversation.steps)
    return replace(case, control=Conversation(made_up))
