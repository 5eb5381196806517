"""The sans-IO session on blocking sockets and pipes: what Locust users drive. Under gevent the same code is
cooperative; without, it is plain blocking Python. Nothing here imports trio, gevent or locust.

    client = dial(Endpoint(url="http://127.0.0.1:8000/mcp"))
    client.open()
    outcome = client.call("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mcpfuzz.blocking.channels import HttpSse, Stdio
from mcpfuzz.blocking.http1 import place_of
from mcpfuzz.blocking.outcome import Outcome, classify
from mcpfuzz.blocking.streamable import StreamableHttp
from mcpfuzz.blocking.websocket import WebSocket
from mcpfuzz.errors import HandshakeError, TargetError, UsageError
from mcpfuzz.identities import ANONYMOUS, Identity
from mcpfuzz.revisions import revision

__all__ = [
    "NOBODY",
    "Client",
    "Endpoint",
    "HttpSse",
    "Outcome",
    "Stdio",
    "StreamableHttp",
    "WebSocket",
    "classify",
    "dial",
    "reach",
    "said_over",
]

Client: TypeAlias = StreamableHttp | HttpSse | WebSocket | Stdio
"""What all of them share: `open`, `call`, `notify`, `drop`, `close`, `session`, `transport`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How a server is reached, as plain data."""

    url: str | None = None
    argv: tuple[str, ...] = ()
    """For stdio: the command; `url` is None then."""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    transport: str = "auto"
    """auto, http, sse, ws or stdio; auto reads the URL's scheme."""
    headers: Mapping[str, str] = field(default_factory=dict)
    revision: str = "auto"
    timeout: float = 10.0
    """Seconds one answer may take, in all."""
    cacert: str | None = None
    """PEM file of authorities that are trusted besides the system's."""
    insecure: bool = False
    """Certificates are not verified."""

    @property
    def kind(self) -> str:
        """The transport, `auto` read from the URL."""
        if self.transport != "auto":
            return self.transport
        if self.url is None:
            return "stdio"
        return "ws" if self.url.startswith("ws") else "http"


NOBODY = Identity(name=ANONYMOUS)


def dial(endpoint: Endpoint, *, who: Identity = NOBODY, source: str | None = None) -> Client:
    """A client of the endpoint, not yet open.

    Args:
        who: whom it speaks as; what of it the transport knows is sent (headers and query on the network; subprotocols
            and a first message over WebSocket; environment over stdio).
        source: local address to connect from.

    Raises:
        UsageError: the URL is none, or `cacert` cannot be read.
        Gone, Late, LaunchError, HandshakeError: a channel that opens at once (all but http) does not.
    """
    wanted = None if endpoint.revision == "auto" else revision(endpoint.revision)
    kind = endpoint.kind
    if kind == "stdio":
        env = {**endpoint.env, **dict(who.env)}
        return Stdio(endpoint.argv, env=env or None, cwd=endpoint.cwd, wanted=wanted, timeout=endpoint.timeout)
    place = place_of(endpoint.url or "").with_query(who.query)
    tls = _tls(endpoint.cacert, endpoint.insecure) if place.scheme in ("https", "wss") else None
    headers = _merged(endpoint.headers, who.headers)
    if kind == "ws":
        return WebSocket(
            place, headers=headers, wanted=wanted, timeout=endpoint.timeout, source=source, tls=tls,
            subprotocols=who.subprotocols, first_message=who.first_message,
        )  # fmt: skip
    make = HttpSse if kind == "sse" else StreamableHttp
    return make(place, headers=headers, wanted=wanted, timeout=endpoint.timeout, source=source, tls=tls)


def said_over(who: Identity, transport: str) -> tuple[object, ...]:
    """What a server on that transport hears of an identity: two that say the same are one to it."""
    if transport == "stdio":
        return who.env
    told = (who.headers, who.query)
    return (*told, who.subprotocols, who.first_message) if transport == "ws" else told


def reach(endpoint: Endpoint, *, who: Identity = NOBODY) -> Client:
    """An open client; a server of the old HTTP+SSE kind is found behind an http URL too, as the specification says.

    Raises:
        TargetError: it cannot be reached, or is no MCP server.
    """
    client = dial(endpoint, who=who)
    try:
        client.open()
        return client
    except HandshakeError as error:
        client.drop()
        if endpoint.kind != "http" or endpoint.transport == "http":
            raise
        refused = error
    except BaseException:
        client.drop()
        raise
    try:
        client = dial(replace(endpoint, transport="sse"), who=who)
        client.open()
    except TargetError:
        raise refused from None
    return client


def _merged(headers: Mapping[str, str], more: Iterable[tuple[str, str]]) -> dict[str, str]:
    """With further headers; one that is there already is replaced, however it is spelled."""
    added = dict(more)
    names = {name.lower() for name in added}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **added}


@functools.lru_cache(maxsize=8)
def _tls(cacert: str | None, insecure: bool) -> ssl.SSLContext:
    """One context for all users: reading the system's authorities takes milliseconds and megabytes."""
    context = ssl.create_default_context()
    if cacert is not None:
        try:
            context.load_verify_locations(cafile=cacert)
        except (OSError, ssl.SSLError) as error:
            why = "no certificates in it" if isinstance(error, ssl.SSLError) else error.strerror or str(error)
            raise UsageError(f"--cacert {cacert}: {why}") from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
