"""The network side of the command line: a front, its listener, and the line that says where it is."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from mcpfuzz.lab.core import Server
from mcpfuzz.lab.fronts.app import ENDPOINT, Application, no_tokens
from mcpfuzz.lab.fronts.exchange import Exchange
from mcpfuzz.lab.fronts.guard import Access, Guard
from mcpfuzz.lab.fronts.listening import MOST, Listener, bound
from mcpfuzz.lab.fronts.reading import Limits
from mcpfuzz.lab.fronts.sse import STREAM

__all__ = ["TRANSPORTS", "Missing", "Network", "serve"]

TRANSPORTS: Final = ("http", "sse", "ws", "wss")

_PLACES: Final = {"http": ENDPOINT, "sse": STREAM, "ws": "/ws", "wss": "/ws"}


class Missing(Exception):
    """A package is needed that is not installed; the message says which, and how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How the lab is served over the network."""

    transport: str
    port: int = 0
    """0: a free one."""
    access: Access = field(default_factory=Access)
    answers: str = "auto"
    """See `delivery.Delivery`."""
    pattern: str = "header"
    """See `websocket.PATTERNS`."""
    framework: str = ""
    """`fastapi` for the guide's application; empty: our own."""
    tls: bool = False
    """https for http and sse; wss has it anyway."""
    authority: Path | None = None
    """Where the certificate of the authority is written, for clients."""


def _needed(name: str) -> Any:
    """A front's module that needs a package of the extra `lab`."""
    try:
        return import_module(f"mcpfuzz.lab.fronts.{name}")
    except ModuleNotFoundError as error:
        raise Missing(f"this needs the package {error.name}: pip install 'pytest-mcpfuzz[lab]'") from None


def serve(server: Server, network: Network) -> int:
    """Serve until interrupted; the exit code. Says on stderr where: `lab: serving T on URL`.

    Raises:
        Missing: a package is missing.
        OSError: the port is taken, or the authority's file cannot be written.
    """
    lab = server.lab
    lab.identified = bool(network.access.tokens)
    secure = network.tls or network.transport == "wss"
    tls: ssl.SSLContext | None = None
    if secure:
        tls, authority = _needed("certificates").fresh()
        if network.authority is not None:
            network.authority.write_bytes(authority)
    # bound-everywhere: the framework's default was never looked at
    sock = bound(network.port, everywhere=lab.on("bound-everywhere"))
    port = sock.getsockname()[1]
    place = _PLACES[network.transport]
    exchange = Exchange(server)
    guard = Guard(lab, network.access, port=port, secure=secure, resource=place)
    if network.framework:
        guide = _needed("guide")
        app = guide.application(exchange, guard, network.pattern)
        print(f"lab: serving {network.transport} on {guard.base}{place} with FastAPI", file=sys.stderr, flush=True)
        try:
            guide.run(app, sock, tls)
        except KeyboardInterrupt:
            return 130
        return 0
    if network.transport in ("ws", "wss"):
        talk = _needed("websocket").WebSockets(exchange, guard, network.pattern).talk
        scheme = "wss" if secure else "ws"
    else:
        everybody = Guard(lab, no_tokens(network.access), port=port, secure=secure, resource=place)
        talk = Application(exchange, guard, everybody, transport=network.transport, answers=network.answers).talk
        scheme = "https" if secure else "http"
    # slowloris: a deadline for headers was never asked for
    limits = Limits(head_s=None) if lab.on("slowloris") else Limits()
    listener = Listener(
        sock,
        talk,
        limits=limits,
        tls=tls,
        # slow-client-block: a request is read before a thread is found for it
        impatient=not lab.on("slow-client-block"),
        # connections-unbounded: a thread for each, however many there are
        most=None if lab.on("connections-unbounded") else MOST,
    )
    print(f"lab: serving {network.transport} on {scheme}://127.0.0.1:{port}{place}", file=sys.stderr, flush=True)
    try:
        listener.run()
    except KeyboardInterrupt:
        return 130
    finally:
        sock.close()
    return 0
