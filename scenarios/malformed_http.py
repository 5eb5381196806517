"""HTTP requests that are wrong below JSON-RPC: the ORACLE table's rows H, generated for the run's own era."""

from __future__ import annotations

import json

from mcpfuzz.model import Call, Case, Conversation, Operation, Place, Step, Surface, at_pointer
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.malformed import context_of
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.scenarios.sessions import CLIENT, bare, entered, era
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.requests import VARIANTS, Sound

REQUEST_ID = 4_711
NAMES = {"tools/call": "/name", "prompts/get": "/name", "resources/read": "/uri"}
"""Method -> where its parameters hold what `Mcp-Name` repeats."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    variant = VARIANTS[index % len(VARIANTS)]
    modern = BY_DATE[surface.revision].era == "modern"
    if ("modern" if modern else "legacy") not in variant.eras:
        return None
    call = innocent_call(surface) if variant.named else Call(context_of(surface).methods[0])
    sound = _sound(surface, call, modern=modern)
    if variant.named and sound.name is None:
        return None
    who = surface.callers[0] if surface.callers else None
    asked = Step(action=variant.make(sound), on=CLIENT, as_=who)
    led = (entered(surface, handshake=True),) if not modern else ()
    if variant.row in ("H8a", "H8b"):  # that there is a session at all: without, nothing is missing
        led = (*led, bare(surface, "POST", "{session}", {"jsonrpc": "2.0", "id": 1, "method": "ping"}))
    if variant.row == "H8c":  # it is over, and used once more
        led = (*led, bare(surface, "DELETE", "{session}"))
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="endpoint", name="request"),
        conversation=Conversation((*led, asked)),
        label=f"{variant.row} {variant.words}",
        row=variant.row,
        ids=REQUEST_ID,
    )


def _sound(surface: Surface, call: Call, *, modern: bool) -> Sound:
    """The request as it should be."""
    params = dict(call.params or {})
    if modern:
        params["_meta"] = context_of(surface).envelope
    message = {"jsonrpc": "2.0", "id": REQUEST_ID, "method": call.method, **({"params": params} if params else {})}
    name = at_pointer(params, NAMES[call.method]) if call.method in NAMES else None
    plain = isinstance(name, str) and name.isascii() and name.isprintable() and name.strip() == name
    version = surface.revision if modern else era(surface)
    return Sound(
        body=json.dumps(message), version=version, method=call.method, name=name if plain else None, modern=modern
    )


SCENARIO = Scenario(
    id="malformed-http",
    title="Broken HTTP requests",
    about="A sound request with one thing wrong below JSON-RPC (rows H1, H2, H5 to H14): its type, what it accepts, "
    "its method, session, revision, what its headers say of its body, its length, headers twice or too large. The "
    "server must live, and nothing be served that must be refused.",
    draw=draw,
    rules=("malformed-http", "header-mismatch", "crash", "hang"),
    cases=len(VARIANTS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "endpoint"),
    references=("MCP SE-11", "MCP SH-01", "CWE-436", "CWE-444"),
)
