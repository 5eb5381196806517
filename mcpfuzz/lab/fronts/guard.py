"""Who may come in: Host, Origin, bearer tokens, CORS, and how often. Knows HTTP headers and nothing of MCP."""

from __future__ import annotations

import hmac
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from mcpfuzz.lab.fronts.buckets import Buckets
from mcpfuzz.lab.fronts.reading import Request
from mcpfuzz.lab.fronts.replying import Fields, Response, refusal
from mcpfuzz.lab.fronts.tokens import Trusted, ending, subject
from mcpfuzz.lab.kit import World

__all__ = ["ANONYMOUS", "METADATA", "Access", "Guard", "Known", "Refused"]

ANONYMOUS: Final = "anonymous"
"""Everybody, where there are no tokens."""

METADATA: Final = "/.well-known/oauth-protected-resource"
"""RFC 9728."""

KEYS_S: Final = 3
"""Seconds that the issuer may take for its keys."""
MOST_KEYS: Final = 100_000
"""Bytes of them."""

_LOCAL: Final = ("127.0.0.1", "localhost", "[::1]")


class Refused(Exception):
    """The request goes no further; `response` says why."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class Known(NamedTuple):
    """Somebody who showed what is good."""

    identity: str
    until: float = math.inf
    """Seconds since the epoch at which it is good no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who is known, and how much each may ask."""

    tokens: Mapping[str, str] = field(default_factory=dict)
    """Identity -> its bearer token; empty: no authentication."""
    jwt_key: str = ""
    """Key of the tokens that are JSON Web Tokens; empty: there are none."""
    issuer: str = ""
    """URL of who issues the tokens, which are verified by the keys at its /jwks.json; empty: nobody does."""
    passwords: Mapping[str, str] = field(default_factory=dict)
    """Identity -> the password that `/login` takes; empty: nobody signs in here."""
    life_s: int = 3600
    """Of a token that a login gave."""
    ticket_s: float = 30.0
    """Of a ticket."""
    authority: bool = False
    """An authorization server is served beside the endpoint (`authority.Authority`)."""
    upstream: str = ""
    """URL of the server that people sign in at, behind that one; empty: there is none."""
    introduction_s: float = 10.0
    """From the upgrade of a WebSocket to the first message that says who is there."""
    rate: float = 2000.0
    """Requests a second."""
    burst: int = 20_000
    scope: str = "identity"
    """identity (the address, where nobody is known), address, session, global or none."""


class Guard:
    """The checks of one listener. Make it when its port is known."""

    def __init__(self, lab: World, access: Access, *, port: int, secure: bool, resource: str) -> None:
        self.lab = lab
        self.access = access
        self._buckets = Buckets(access.rate, access.burst)
        self._scheme = "https" if secure else "http"
        self._hosts = frozenset(f"{name}:{port}" for name in _LOCAL)
        self._origins = frozenset(f"{self._scheme}://{host}" for host in self._hosts)
        self.base = f"{self._scheme}://127.0.0.1:{port}"
        self.resource = resource
        """Path of what the tokens are for."""
        self._verified: dict[str, str] = {}
        self._keys: Trusted | None = None
        """The issuer's, once they were fetched."""

    # ---- from where ----

    def door(self, request: Request) -> None:
        """Host and Origin: a page in somebody's browser can reach a loopback port, but cannot forge these.

        Raises:
            Refused: 403.
        """
        if not self._host_fits(request):
            raise Refused(refusal(403, "This host is not served here"))
        if not all(self._origin_fits(origin, request) for origin in request.all("origin")):
            raise Refused(refusal(403, "This origin is not allowed"))

    def _host_fits(self, request: Request) -> bool:
        if self.lab.on("host-unchecked"):
            # host-unchecked: whatever name led here, here it is
            return True
        if self.lab.on("origin-is-host") and request.get("origin") == f"{self._scheme}://{request.get('host')}":
            # origin-is-host: what comes from a page of the same origin is ours; who has no Origin is asked for the host
            return True
        return (request.get("host") or "").lower() in self._hosts

    def _origin_fits(self, origin: str, request: Request) -> bool:
        if self.lab.on("origin-unchecked"):
            # origin-unchecked: it is only a local server
            return True
        if self.lab.on("origin-prefix"):
            # origin-prefix: any port will do, and so will any name that goes on after the right one
            return origin.startswith(tuple(f"{self._scheme}://{name}" for name in _LOCAL))
        if self.lab.on("origin-suffix"):
            # origin-suffix: so that www. may come in as well
            return origin.endswith(tuple(self._hosts))
        if (
            self.lab.on("host-unchecked") or self.lab.on("origin-is-host")
        ) and origin == f"{self._scheme}://{request.get('host')}":
            # host-unchecked: a page of the same origin is one of ours, and the Host header says which that is
            return True
        return origin in self._origins

    # ---- who ----

    def who(self, request: Request) -> str:
        """The identity of a request by its bearer token. Raises Refused as `known`."""
        return self.known(request).identity

    def known(self, request: Request) -> Known:
        """The same, and until when it holds.

        Raises:
            Refused: 401 with a challenge (RFC 6750, RFC 9728), 400 for what is no authorization at all, 429 for
                too many attempts.
        """
        if not self.access.tokens:
            return Known(ANONYMOUS)
        given = request.all("authorization")
        if self.lab.on("query-token") and not given:
            # query-token: a browser cannot set headers on an EventSource, so the URL may carry the token
            given = tuple(f"Bearer {token}" for token in parse_qs(request.query).get("access_token", ())[:1])
        if len(given) > 1:
            raise Refused(refusal(400, "There is one Authorization header"))
        scheme, _, token = (given[0] if given else "").partition(" ")
        identity = self.owner(token.strip()) if scheme.lower() == "bearer" else None
        if given and self.lab.on("scheme-unchecked") and scheme != "Bearer":
            # scheme-unchecked: `if header.startswith("Bearer ")` verifies; what else there is the proxy has verified
            identity = next(iter(self.access.tokens))
        if identity is None:
            self.admit(f"attempts from {self.address(request)}")
            raise Refused(self.challenge(tried=bool(given)))
        return Known(identity, self._until(token.strip()))

    def known_by(self, token: str) -> Known | None:
        """Whose token this is, and until when it is good."""
        identity = self.owner(token)
        return None if identity is None else Known(identity, self._until(token))

    def owner(self, token: str) -> str | None:
        """Whose token this is; takes as long for a wrong one as for a right one."""
        if self.lab.on("credential-logged"):
            # credential-logged: so that one sees who comes and why some do not get in
            print(f"token {token}", file=sys.stderr, flush=True)
        if self.access.issuer or self.access.jwt_key:
            return self._subject(token)
        found = None
        for identity, known in self.access.tokens.items():
            if hmac.compare_digest(known.encode(), token.encode("utf-8", "surrogateescape")):
                found = identity
        return found

    def _subject(self, token: str) -> str | None:
        """Whose JSON Web Token this is."""
        if token in self._verified:
            return self._verified[token]
        name = subject(token, self._trusted() if self.access.issuer else self.access.jwt_key, self.lab)
        if name is not None and self.lab.on("jwt-outlived"):
            # jwt-outlived: verifying costs time, so what was verified once is remembered
            self._verified[token] = name
        return name

    def _until(self, token: str) -> float:
        """Until when a connection may be used that was opened with a good token."""
        # jwt-outlived: the token was good when the socket was opened
        return math.inf if self.lab.on("jwt-outlived") or self.lab.on("jwt-expired") else ending(token)

    def _trusted(self) -> Trusted:
        """The issuer's keys, fetched once. Where that fails nobody is let in, and the next one tries again."""
        if self._keys is None:
            from urllib.request import ProxyHandler, build_opener  # 30 ms, and only this needs it

            nobody = Trusted({}, self.access.issuer, self.base + self.resource)
            try:
                with build_opener(ProxyHandler({})).open(f"{self.access.issuer}/jwks.json", timeout=KEYS_S) as answer:
                    document = json.loads(answer.read(MOST_KEYS))
                self._keys = Trusted.of(document, self.access.issuer, self.base + self.resource)
            except (OSError, ValueError, KeyError, TypeError):
                return nobody
        return self._keys

    def challenge(self, *, tried: bool) -> Response:
        """401; `tried`: there was a credential, and it was wrong."""
        where = f'Bearer realm="lab", resource_metadata="{self.base}{METADATA}{self.resource}"'
        wrong = ', error="invalid_token"' if tried else ""
        told = refusal(401, "A valid bearer token is required")
        # challenge-missing: the client knows by itself that it has no token
        return told if self.lab.on("challenge-missing") else told.plus(("WWW-Authenticate", where + wrong))

    def metadata(self) -> dict[str, object]:
        """The protected resource's metadata (RFC 9728). The authorization server is a name that is reserved."""
        # metadata-wrong: copied from the service that was there first
        path = "/api/v1" if self.lab.on("metadata-wrong") else self.resource
        server = self.base if self.access.authority else self.access.issuer or "https://auth.example"
        return {
            "resource": self.base + path,
            "authorization_servers": [server],
            "bearer_methods_supported": ["header"],
        }

    # ---- how often ----

    def address(self, request: Request) -> str:
        """Whom the limit of an address counts."""
        if self.lab.on("rate-limit-spoofed"):
            # rate-limit-spoofed: behind the proxy this is the client; here the client writes it itself
            return request.get("x-forwarded-for") or request.peer
        return request.peer

    def limited(self, request: Request, identity: str, session: str | None) -> None:
        """Count a request. Raises Refused: 429 with the seconds until it is worth another try."""
        wait = self.wait(self.address(request), identity, session)
        if wait:
            raise Refused(_too_many(wait))

    def wait(self, address: str, identity: str, session: str | None) -> float:
        """Take a token for a message; 0.0, or the seconds until there is one."""
        if self.lab.on("rate-limit-off") or self.access.scope == "none":
            # rate-limit-off: that is what the gateway is for
            return 0.0
        someone = identity if identity != ANONYMOUS else address
        if self.lab.on("rate-limit-per-session"):
            # rate-limit-per-session: a new session is a new client
            return self._buckets.take(session or someone)
        keys = {"identity": someone, "address": address, "session": session or someone, "global": "all"}
        return self._buckets.take(keys[self.access.scope])

    def admit(self, key: str) -> None:
        """Count an attempt under a key of its own. Raises Refused: 429."""
        wait = 0.0 if self.lab.on("rate-limit-off") else self._buckets.take(key)
        if wait:
            raise Refused(_too_many(wait))

    # ---- pages of other origins ----

    def cors(self, request: Request) -> Fields:
        """What a browser is told about reading the answer."""
        origin = request.get("origin")
        if origin is None:
            return ()
        shared = (("Vary", "Origin"), ("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate"))
        if self.lab.on("cors-any-with-credentials"):
            # cors-any-with-credentials: "*" does not go with credentials, so the origin is repeated instead
            return (
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Credentials", "true"),
                *shared,
            )
        return (("Access-Control-Allow-Origin", origin), *shared) if self._origin_fits(origin, request) else ()

    def preflight(self, request: Request, methods: str) -> Response:
        """The answer to OPTIONS."""
        if not self.lab.on("cors-any-with-credentials"):
            # cors-any-with-credentials: the middleware answers before anybody looks at the origin
            self.door(request)
        asked = request.get("access-control-request-headers") or ""
        names = asked if asked.replace("-", "").replace(",", "").replace(" ", "").isalnum() else "Content-Type"
        allowed = (("Access-Control-Allow-Methods", methods), ("Access-Control-Allow-Headers", names))
        return Response(204, fields=(("Allow", f"{methods}, OPTIONS"), *(allowed if self.cors(request) else ())))


def _too_many(wait: float) -> Response:
    return refusal(429, "Too many requests", 429).plus(("Retry-After", str(math.ceil(wait))))
