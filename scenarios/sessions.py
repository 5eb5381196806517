"""What the scenarios about HTTP sessions share: requests below the client's own session, with a caller's credential."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mcpfuzz.model import Case, Claim, Conversation, Http, Json, Open, Place, Proof, Step, Surface
from mcpfuzz.revisions import BY_DATE, LATEST_LEGACY

__all__ = ["CLIENT", "beginning", "bare", "entered", "era", "session_case", "stream_begun"]

CLIENT = "c2"
"""The connection whose credential goes along."""


def era(surface: Surface) -> str:
    """A revision that has sessions: the run's, or the latest of those."""
    return surface.revision if BY_DATE[surface.revision].sessions else LATEST_LEGACY.date


def entered(surface: Surface, *, handshake: bool) -> Step:
    """The first caller's connection; with a handshake `{session}` is its session from then on."""
    revision = era(surface) if handshake else None
    return Step(action=Open(handshake=handshake, revision=revision), on=CLIENT, as_=_first(surface))


def bare(surface: Surface, method: str, session: str | None, message: Json = None, *, credential: bool = True) -> Step:
    """One HTTP request to the endpoint.

    Args:
        session: its Mcp-Session-Id, slots allowed.
        message: its body.
        credential: the first caller's goes along.
    """
    headers = [("Host", "{authority}"), ("Accept", "application/json, text/event-stream")]
    if message is not None:
        headers.append(("Content-Type", "application/json"))
    if session is not None:
        headers.append(("Mcp-Session-Id", session))
        headers.append(("MCP-Protocol-Version", era(surface)))
    body = json.dumps(message) if message is not None else None
    action = Http(method, "{endpoint}", tuple(headers), body)
    return Step(action=action, on=CLIENT, as_=_first(surface) if credential else None)


def stream_begun(surface: Surface) -> Step:
    """HTTP+SSE: a stream of its own, left as soon as it has said where its messages go."""
    action = Http("GET", "{address}", (("Host", "{authority}"), ("Accept", "text/event-stream")))
    return Step(action=action, on=CLIENT, as_=_first(surface))


def beginning(surface: Surface) -> Mapping[str, Json]:
    """An `initialize` request."""
    params = {
        "protocolVersion": era(surface), "capabilities": {}, "clientInfo": {"name": "mcpfuzz", "version": "1"},
    }  # fmt: skip
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def session_case(
    scenario: str, rule: str, steps: list[Step], proof: str, expected: str, label: str, **roles: int
) -> Case:
    """A case of which the control is the caller's own connection."""
    params = {"steps": len(steps), **roles}
    return Case(
        scenario=scenario,
        place=Place(kind="session", name=rule),
        conversation=Conversation(tuple(steps)),
        label=label,
        claims=(Claim(rule, Proof(kind=proof, expected=expected, params=params)),),
        control=Conversation(tuple(steps[:1])),
    )


def _first(surface: Surface) -> str | None:
    return surface.callers[0] if surface.callers else None
