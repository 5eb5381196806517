"""Where a networked server listens and how it is spoken to: one frozen value, read from a URL. It opens nothing.

The credential belongs to this origin: nothing here is ever sent to another one (hostility, promise 23).
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlsplit

from mcpfuzz.errors import UsageError

__all__ = ["TRANSPORTS", "Endpoint", "is_loopback"]

TRANSPORTS = ("http", "sse", "ws", "ws-binary")
"""What `--transport` takes; http falls back to sse where that was not insisted on. ws-binary is ws with every message
in a binary frame."""
BINARY = "ws-binary"
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00\r\n]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A URL taken apart, with what goes along with every connection to it."""

    scheme: str
    """http, https, ws or wss."""
    host: str
    port: int
    target: str
    """Path and query, as they go into the request line."""
    transport: str
    """http, sse or ws."""
    forced: bool = False
    """The user insisted on the transport: no falling back."""
    headers: tuple[tuple[str, str], ...] = ()
    """Of the user and of the identity; on every request of the connection."""
    subprotocols: tuple[str, ...] = ()
    """WebSocket only: offered in this order; empty: `mcp`, or none where that is refused; ("",): none."""
    first_message: str | None = None
    """WebSocket only: sent before anything else (JSON text)."""
    binary: bool = False
    """WebSocket only: messages go out in binary frames, not in text frames."""
    cacert: str | None = None
    """PEM file of authorities that are trusted besides the system's."""
    insecure: bool = False
    """Certificates are not verified."""
    dial: Callable[[], socket.socket] | None = field(default=None, compare=False)
    """Makes an unconnected TCP socket, inside a sandbox where the server is in one; None: an ordinary one."""
    learned: dict[str, dict[str, str]] = field(default_factory=dict, compare=False)
    """Tool -> JSON pointer of an argument -> its header (`x-mcp-header`); shared by all connections."""

    @classmethod
    def of(cls, url: str, transport: str | None = None) -> Endpoint:
        """Take a URL apart.

        Raises:
            UsageError: it is none that MCP is spoken at, or `transport` does not go with it.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"--url {url}: {error}") from None
        scheme = parts.scheme.lower()
        if scheme not in DEFAULT_PORTS:
            raise UsageError(f"--url {url}: unknown scheme {parts.scheme!r}; take http, https, ws or wss")
        if not parts.hostname:
            raise UsageError(f"--url {url}: there is no host in it")
        if parts.username is not None or parts.password is not None:
            raise UsageError('--url: a user name in it is not supported; give --header "Authorization: Basic ..."')
        if re.search(r"[\x00-\x20\x7f]", url):
            raise UsageError(f"--url {url!r}: white space or control characters in it")
        native = "ws" if scheme.startswith("ws") else "http"
        if transport is not None and transport not in TRANSPORTS:
            raise UsageError(f"--transport {transport}: is none of {', '.join(TRANSPORTS)}")
        if transport is not None and transport.startswith("ws") != (native == "ws"):
            raise UsageError(f"--transport {transport} does not go with --url {url}")
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{parts.query}" if parts.query else "")
        return cls(
            scheme=scheme, host=parts.hostname, port=port if port is not None else DEFAULT_PORTS[scheme],
            target=target, transport="ws" if transport == BINARY else transport or native,
            forced=transport is not None, binary=transport == BINARY,
        )  # fmt: skip

    @property
    def secure(self) -> bool:
        return self.scheme in ("https", "wss")

    @property
    def authority(self) -> str:
        """For the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        return self.origin + self.target

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)

    def at(self, target: str) -> Endpoint:
        """The same origin, another path and query."""
        return replace(self, target=target)

    def moved(self, target: str) -> Endpoint:
        """The same at the path where a redirect led another connection; the query stays its own. A redirect that is
        made from a Host header of ours would lead elsewhere."""
        path, mark, query = target.partition("?")[0], *self.target.partition("?")[1:]
        return replace(self, target=path + mark + query)

    def with_headers(self, headers: tuple[tuple[str, str], ...]) -> Endpoint:
        """With further headers; one that is there already is replaced.

        Raises:
            UsageError: a name or value that cannot be a header's.
        """
        for name, value in headers:
            if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
                raise UsageError(f"--header {name!r}: not a header's name and value")
        names = {name.lower() for name, _ in headers}
        kept = tuple((name, value) for name, value in self.headers if name.lower() not in names)
        return replace(self, headers=(*kept, *headers))

    def with_query(self, query: tuple[tuple[str, str], ...]) -> Endpoint:
        """With further parameters in the query."""
        added = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in query)
        if not added:
            return self
        return self.at(self.target + ("&" if "?" in self.target else "?") + added)

    def context(self) -> ssl.SSLContext:
        """How TLS is verified: the system's authorities and `cacert`; nothing at all where `insecure`.

        Raises:
            UsageError: `cacert` cannot be read.
        """
        made = ssl.create_default_context()
        if self.cacert is not None:
            try:
                made.load_verify_locations(cafile=self.cacert)
            except OSError as error:
                why = "no certificates in it" if isinstance(error, ssl.SSLError) else error.strerror
                raise UsageError(f"--cacert {self.cacert}: {why}") from None
        if self.insecure:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        return made


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone; no name is looked up."""
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
