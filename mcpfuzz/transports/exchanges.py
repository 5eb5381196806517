"""One HTTP request and its answer as it grows, and where a redirect of it may lead. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin, urlsplit

from mcpfuzz.transports.channel import Reply
from mcpfuzz.transports.endpoint import DEFAULT_PORTS, Endpoint
from mcpfuzz.transports.events import Event, EventReader
from mcpfuzz.transports.http1 import Connection
from mcpfuzz.transports.resumption import Resumption

__all__ = ["MAX_REDIRECTS", "REDIRECTS", "Exchange", "redirected", "resumed", "within"]

MAX_REDIRECTS = 3
REDIRECTS = frozenset((301, 302, 307, 308))


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its answer, as it grows."""

    method: str
    build: Callable[[str], bytes]
    """The whole request for a target, made anew after a redirect."""
    target: str
    reply: Reply = field(default_factory=Reply)
    body: Literal["any", "messages", "none"] = "any"
    """What of a body is a message: all of a good answer's, only JSON-RPC, or nothing."""
    on_response: Callable[[Exchange], None] | None = None
    """Called when status and headers are there."""
    on_event: Callable[[Event], bytes | None] | None = None
    """What an event brings; None: its data is a message."""
    connection: Connection | None = None
    fresh: bool = False
    """Never to be sent again: its connection was made for it, so that no server closed it for being idle, or
    something of the answer came."""
    stale: bool = False
    """Nobody waits for it any longer."""
    answered: bool = False
    """Its event stream brought an answer, and goes on."""
    lasting: bool = False
    """Meant to stay open: never ended in favour of another."""
    events: EventReader | None = None
    resumption: Resumption | None = None
    """How its event stream is taken up again; None: never."""
    due_at: float = 0.0
    """`time.monotonic()` before which it is not to be sent."""
    hops: int = 0
    parts: list[bytes] = field(default_factory=list)
    size: int = 0


def resumed(exchange: Exchange, now: float) -> bool:
    """Make the exchange the GET that takes its stream up again, where it is to be; its reply goes on growing.

    Returns:
        Whether it is to be sent again, at `due_at`.
    """
    plan = exchange.resumption
    wait = plan.wait(exchange.events) if plan is not None and (exchange.lasting or not exchange.stale) else None
    if plan is None or wait is None:
        return False
    exchange.method = "GET"
    exchange.build = plan.build(plan.last_id)
    exchange.due_at, exchange.parts, exchange.size, exchange.hops = now + wait, [], 0, 0
    return True


def redirected(endpoint: Endpoint, exchange: Exchange) -> bool:
    """Turn an exchange that was answered with a redirect to where it leads, within the origin.

    Returns:
        Whether it is to be sent again; False: the reply says why not.
    """
    reply = exchange.reply
    location = next((value for name, value in reply.headers if name == "location"), "")
    target = within(endpoint, exchange.target, location)
    if target is None:
        reply.problem = f"it redirects to {location[:200]!r}, another origin: not followed"
        return False
    if exchange.hops >= MAX_REDIRECTS:
        reply.problem = f"it redirects more than {MAX_REDIRECTS} times"
        return False
    exchange.hops += 1
    exchange.target = target
    reply.status, reply.headers = None, ()
    exchange.parts, exchange.size = [], 0
    return True


def within(endpoint: Endpoint, target: str, location: str) -> str | None:
    """Where a Location of this origin leads; None for another origin and for none at all."""
    try:
        parts = urlsplit(urljoin(endpoint.origin + target, location))
        port = parts.port
    except ValueError:
        return None
    if not location or parts.scheme != endpoint.scheme or (parts.hostname or "") != endpoint.host.lower():
        return None
    if (port if port is not None else DEFAULT_PORTS[parts.scheme]) != endpoint.port:
        return None
    made = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return made if made.isascii() and not any(c <= " " or c == "\x7f" for c in made) else None
