"""Upgrades to WebSocket that are none, or that offer no subprotocol: the ORACLE table's rows W3 and W5."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Http, Operation, Place, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices

UPGRADE = (
    ("Host", "{authority}"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "bWNwZnV6eiBpcyBoZXJlIQ=="),
    ("Sec-WebSocket-Version", "13"),
)
"""RFC 6455, 4.1."""
UNOFFERED = "x-mcpfuzz.example"

VARIANTS: tuple[tuple[str, str, str, dict[str, str | None]], ...] = (
    ("W3", "GET", "no subprotocol offered", {}),
    ("W3", "GET", "a subprotocol offered that nobody speaks", {"Sec-WebSocket-Protocol": UNOFFERED}),
    ("W5", "GET", "no Sec-WebSocket-Key", {"Sec-WebSocket-Key": None}),
    ("W5", "GET", "no Sec-WebSocket-Version", {"Sec-WebSocket-Version": None}),
    ("W5", "GET", "Sec-WebSocket-Version 12", {"Sec-WebSocket-Version": "12"}),
    ("W5", "GET", "no Upgrade", {"Upgrade": None}),
    ("W5", "GET", "an Upgrade to something else", {"Upgrade": "h2c"}),
    ("W5", "GET", "Connection without Upgrade", {"Connection": "keep-alive"}),
    ("W5", "POST", "an upgrade with POST", {}),
)
"""Row, method, words, headers that differ (None: left out)."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    row, method, words, other = VARIANTS[index % len(VARIANTS)]
    headers = {**dict(UPGRADE), **other}
    action = Http(method, "{address}", tuple((name, value) for name, value in headers.items() if value is not None))
    who = surface.callers[0] if surface.callers else None
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="endpoint", name="upgrade"),
        conversation=Conversation((Step(action=action, as_=who),)),
        label=f"{row} {words}",
        row=row,
    )


SCENARIO = Scenario(
    id="websocket-upgrade",
    title="Broken upgrades to WebSocket",
    about="The opening handshake, below the library: with no subprotocol offered, or one that nobody speaks (row W3), "
    "and with what RFC 6455 demands missing or wrong (row W5). A subprotocol that was not offered, or an upgrade of "
    "what is none, proves it.",
    draw=draw,
    rules=("websocket-protocol",),
    cases=len(VARIANTS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "websocket"),
    references=("MCP FR-08", "CWE-436"),
)
