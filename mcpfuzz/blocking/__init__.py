"""The sans-IO session on blocking sockets and pipes: what Locust users drive. Under gevent the same code is
cooperative; without, it is plain blocking Python. Nothing here imports trio, gevent or locust.

    client = dial(Endpoint(url="http://127.0.0.1:8000/mcp"))
    client.open()
    outcome = client.call("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mcpfuzz.blocking.channels import HttpSse, Stdio, WebSocket
from mcpfuzz.blocking.http1 import place_of
from mcpfuzz.blocking.outcome import Outcome, classify
from mcpfuzz.blocking.streamable import StreamableHttp
from mcpfuzz.errors import HandshakeError, TargetError
from mcpfuzz.revisions import revision

__all__ = [
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
    insecure: bool = False

    @property
    def kind(self) -> str:
        """The transport, `auto` read from the URL."""
        if self.transport != "auto":
            return self.transport
        if self.url is None:
            return "stdio"
        return "ws" if self.url.startswith("ws") else "http"


def dial(endpoint: Endpoint, *, headers: Mapping[str, str] | None = None, source: str | None = None) -> Client:
    """A client of the endpoint, not yet open.

    Args:
        headers: beside the endpoint's own (an identity's).
        source: local address to connect from.

    Raises:
        UsageError: the URL is none.
        Gone, Late, LaunchError: a channel that opens at once (all but http) does not.
    """
    wanted = None if endpoint.revision == "auto" else revision(endpoint.revision)
    sent = {**endpoint.headers, **(headers or {})}
    kind = endpoint.kind
    if kind == "stdio":
        return Stdio(endpoint.argv, env=endpoint.env or None, cwd=endpoint.cwd, wanted=wanted)
    url = endpoint.url or ""
    place = place_of(url)
    tls = _tls(endpoint) if place.scheme in ("https", "wss") else None
    if kind == "ws":
        return WebSocket(url, headers=sent, wanted=wanted, timeout=endpoint.timeout, source=source, tls=tls)
    make = HttpSse if kind == "sse" else StreamableHttp
    return make(place, headers=sent, wanted=wanted, timeout=endpoint.timeout, source=source, tls=tls)


def reach(endpoint: Endpoint, *, headers: Mapping[str, str] | None = None) -> Client:
    """An open client; a server of the old HTTP+SSE kind is found behind an http URL too, as the specification says.

    Raises:
        TargetError: it cannot be reached, or is no MCP server.
    """
    client = dial(endpoint, headers=headers)
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
        client = dial(replace(endpoint, transport="sse"), headers=headers)
        client.open()
    except TargetError:
        raise refused from None
    return client


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoint.cacert)
    if endpoint.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
