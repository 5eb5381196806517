"""WebSocket frames below the library: the ORACLE table's rows W1 and W2a to W2d, generated."""

from __future__ import annotations

from itertools import groupby

from mcpfuzz.model import Call, Case, Claim, Conversation, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.malformed import case_of, context_of
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.websocket import KINDS
from mcpfuzz.strategies.websocket import draw as draw_frames

BESIDE = "c2"
"""Frames go out on a connection of their own: the main one is another client, which must not notice."""
CUT = Proof(kind="other-cut", expected="other clients' connections stay open")


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    malformed = draw_frames(choices, KINDS[index % len(KINDS)], context_of(surface))
    case = case_of(SCENARIO.id, "transport", malformed)
    frames = [
        Step(action=action, on=BESIDE, group="frames", times=len(list(same)))
        for action, same in groupby(malformed.actions)
    ]
    opened = Step(action=Open(), on=BESIDE)
    served = Step(action=Call(BY_DATE[surface.revision].barrier), on=BESIDE)
    return Case(
        scenario=case.scenario,
        place=Place(kind="transport", name="frame"),
        conversation=Conversation((opened, *frames)),
        label=case.label,
        row=case.row,
        ids=case.ids,
        claims=(Claim("client-cut", CUT),),
        control=Conversation((opened, served)),
    )


SCENARIO = Scenario(
    id="malformed-websocket",
    title="Broken WebSocket frames",
    about="On a connection of their own: frames without a mask, with reserved bits or opcodes, out of order, too long, "
    "cut short, not UTF-8, binary (rows W1, W2a, W2c), and odd ones that are allowed (W2b, W2d). The process must "
    "live, other clients be served, and what RFC 6455 forbids not be taken for a message.",
    draw=draw,
    rules=("websocket-protocol", "client-cut", "crash", "hang"),
    cases=len(KINDS),
    rounds=2,
    early=True,
    alone=True,
    needs=("network", "websocket"),
    references=("MCP FR-08", "CWE-1286", "CWE-436"),
)
