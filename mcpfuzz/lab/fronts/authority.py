"""An authorization server beside MCP (RFC 6749, 7591, 7636, 8414): clients register, a page asks for consent, a code is
given and redeemed once. Whoever presses the button has consented; nobody signs in here, but with --upstream somewhere
else after that. Its tokens open nothing here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from mcpfuzz.lab.codec import dumps
from mcpfuzz.lab.fronts.exchange import decoded
from mcpfuzz.lab.fronts.guard import Guard
from mcpfuzz.lab.fronts.reading import Request
from mcpfuzz.lab.fronts.replying import Response, refusal

__all__ = ["Authority"]

DOCUMENT: Final = "/.well-known/oauth-authorization-server"
REGISTER, AUTHORIZE, TOKEN, BACK = "/register", "/authorize", "/token", "/signed-in"
KEPT: Final = 1_000
"""Clients, consents and codes; the oldest go first."""
LIFE_S: Final = 60.0
"""Of a consent's page, and of a code."""
COOKIE: Final = "lab-consent"
LOCAL: Final = ("127.0.0.1", "localhost", "::1")
MOST: Final = 2_000
"""Characters of one text."""
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a code was asked for with."""

    client: str
    redirect: str
    state: str
    challenge: str
    plain: bool = False


class Authority:
    """The authorization server of one listener."""

    def __init__(self, guard: Guard) -> None:
        self.lab = guard.lab
        self.guard = guard
        self._lock = threading.Lock()
        self._clients: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._consents: OrderedDict[str, tuple[_Asked, float]] = OrderedDict()
        self._codes: OrderedDict[str, tuple[_Asked, float]] = OrderedDict()
        self._upstream = guard.access.upstream
        self._away: OrderedDict[str, tuple[_Asked, float]] = OrderedDict()
        self._routes = {
            DOCUMENT: ("GET", self._document), REGISTER: ("POST", self._register), TOKEN: ("POST", self._token),
            BACK: ("GET", self._back),
        }  # fmt: skip

    def answer(self, request: Request) -> Response | None:
        """None where the path is not one of its own. Raises Refused as the guard does."""
        if not self.guard.access.authority or request.path not in (*self._routes, AUTHORIZE):
            return None
        self.guard.door(request)
        self.guard.admit(f"attempts from {self.guard.address(request)}")
        if request.path == AUTHORIZE:
            if request.method in ("GET", "POST"):
                return self._authorize(request) if request.method == "GET" else self._consented(request)
            return refusal(405, "This method is not served").plus(("Allow", "GET, POST"))
        method, handler = self._routes[request.path]
        if request.method != method:
            return refusal(405, "This method is not served").plus(("Allow", method))
        return handler(request)

    def _document(self, request: Request) -> Response:
        base = self.guard.base
        told = {
            "issuer": base, "authorization_endpoint": base + AUTHORIZE, "token_endpoint": base + TOKEN,
            "registration_endpoint": base + REGISTER, "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"], "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip
        return Response(200, dumps(told).encode())

    # ---- clients ----

    def _register(self, request: Request) -> Response:
        given = decoded(request.body)
        uris = given.get("redirect_uris") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(uris, list) or not 0 < len(uris) <= 10:
            return _wrong("invalid_client_metadata")
        if not all(isinstance(uri, str) and len(uri) < MOST and self._may_register(uri) for uri in uris):
            return _wrong("invalid_redirect_uri")
        texts = {name: given[name] for name in ("client_name", "logo_uri") if isinstance(given.get(name), str)}
        if any(len(text) > MOST for text in texts.values()):
            return _wrong("invalid_client_metadata")
        if self.lab.on("logo-fetched") and "logo_uri" in texts:
            _fetch(texts["logo_uri"])
        client = secrets.token_urlsafe(16)
        self._keep(self._clients, client, {**texts, "redirect_uris": uris})
        told = {**texts, "client_id": client, "redirect_uris": uris, "token_endpoint_auth_method": "none"}
        return Response(201, dumps(told).encode())

    def _may_register(self, uri: str) -> bool:
        """https:, and http: on this machine (MCP authorization, Communication Security)."""
        try:
            parts = urlsplit(uri)
        except ValueError:
            return False
        if self.lab.on("redirect-script"):
            # redirect-script: applications have schemes of their own, so any will do
            return bool(parts.scheme)
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
        return secure and bool(parts.hostname) and not parts.fragment and "@" not in parts.netloc and uri.isprintable()

    # ---- consent ----

    def _authorize(self, request: Request) -> Response:
        given = dict(parse_qsl(request.query))
        client = self._clients.get(given.get("client_id", ""))
        if client is None or not self._fits(given.get("redirect_uri", ""), client):
            return _page("This application is not known here, or not at this address.", 400)
        asked = _Asked(
            client=given["client_id"], redirect=given["redirect_uri"], state=given.get("state", "")[:MOST],
            challenge=given.get("code_challenge", ""), plain=given.get("code_challenge_method", "plain") == "plain",
        )  # fmt: skip
        # pkce-optional: clients from before there was one are still served, and plain is better than nothing
        if (not asked.challenge or asked.plain) and not self.lab.on("pkce-optional"):
            return _led(asked, error="invalid_request")
        if given.get("response_type") != "code":
            return _led(asked, error="unsupported_response_type")
        if self._upstream and self.lab.on("consent-skipped"):
            # consent-skipped: whoever signs in there is asked there
            return self._onward(asked)
        ticket = secrets.token_urlsafe(16)
        self._keep(self._consents, ticket, (asked, time.monotonic() + LIFE_S))
        name = str(client.get("client_name", "An application"))
        # consent-markup: it is only a name
        shown = name if self.lab.on("consent-markup") else html.escape(name)
        return _page(
            f"<b>{shown}</b> at {html.escape(asked.redirect)} asks for access."
            f'<form method="post" action="{AUTHORIZE}"><input type="hidden" name="ticket" value="{ticket}">'
            '<button name="answer" value="deny">Deny</button><button name="answer" value="allow">Allow</button></form>'
        )

    def _fits(self, uri: str, client: Mapping[str, Any]) -> bool:
        known = client["redirect_uris"]
        if self.lab.on("redirect-prefix"):
            # redirect-prefix: applications add what they want to find again
            return uri.isprintable() and any(uri.startswith(one) for one in known)
        return uri in known

    def _consented(self, request: Request) -> Response:
        given = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        asked = self._taken(self._consents, given.get("ticket", ""))
        if asked is None:
            return _page("This took too long. Begin anew.", 400)
        if given.get("answer") != "allow":
            return _led(asked, error="access_denied")
        return self._onward(asked) if self._upstream else self._coded(asked)

    def _coded(self, asked: _Asked) -> Response:
        code = secrets.token_urlsafe(24)
        self._keep(self._codes, code, (asked, time.monotonic() + LIFE_S))
        return _led(asked, code=code)

    # ---- somebody else's sign-in ----

    def _onward(self, asked: _Asked) -> Response:
        """To where people sign in, for the one client that we are there."""
        state = secrets.token_urlsafe(16)
        self._keep(self._away, state, (asked, time.monotonic() + LIFE_S))
        given = {"response_type": "code", "client_id": "lab", "redirect_uri": self.guard.base + BACK, "state": state}
        cookie = f"{COOKIE}={state}; Path={BACK}; HttpOnly; SameSite=Lax"
        place = f"{self._upstream}/authorize?{urlencode(given)}"
        return Response(302, fields=(("Location", place), ("Set-Cookie", cookie)))

    def _back(self, request: Request) -> Response:
        """Whoever comes back has signed in; the code is not redeemed, since nothing here depends on who it is."""
        given = dict(parse_qsl(request.query))
        state = given.get("state", "")
        bound = f"{COOKIE}={state}" in (request.get("cookie") or "").split("; ")
        # consent-unbound: the state is a secret, so whoever brings it is who agreed
        if not given.get("code") or not (bound or self.lab.on("consent-unbound")):
            return _page("This is not the browser that you began with.", 403)
        asked = self._taken(self._away, state)
        return self._coded(asked) if asked is not None else _page("This took too long. Begin anew.", 400)

    # ---- tokens ----

    def _token(self, request: Request) -> Response:
        given = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if given.get("grant_type") != "authorization_code":
            return _wrong("unsupported_grant_type")
        # code-reused: they end by themselves soon enough
        asked = self._taken(self._codes, given.get("code", ""), keep=self.lab.on("code-reused"))
        if asked is None or given.get("redirect_uri") != asked.redirect:
            return _wrong("invalid_grant")
        # code-unbound: only who asked for the code can have it
        if given.get("client_id") != asked.client and not self.lab.on("code-unbound"):
            return _wrong("invalid_grant")
        if not self._proves(given.get("code_verifier", ""), asked):
            return _wrong("invalid_grant")
        told = {"access_token": secrets.token_urlsafe(24), "token_type": "Bearer", "expires_in": 3600}
        return Response(200, dumps(told).encode())

    def _proves(self, verifier: str, asked: _Asked) -> bool:
        if self.lab.on("pkce-unchecked") or not asked.challenge:
            # pkce-unchecked: the challenge is asked for, as the specification says, and there it ends
            return True
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("utf-8", "replace")).digest())
        made = verifier if asked.plain else digest.rstrip(b"=").decode()
        return hmac.compare_digest(made.encode("utf-8", "replace"), asked.challenge.encode("utf-8", "replace"))

    # ---- what is kept ----

    def _keep(self, where: OrderedDict[str, _Entry], key: str, value: _Entry) -> None:
        with self._lock:
            where[key] = value
            while len(where) > KEPT:
                where.popitem(last=False)

    def _taken(self, where: OrderedDict[str, tuple[_Asked, float]], key: str, *, keep: bool = False) -> _Asked | None:
        """What lies there; it is worth nothing from then on."""
        with self._lock:
            found = where.get(key) if keep else where.pop(key, None)
        return found[0] if found is not None and time.monotonic() < found[1] else None


def _led(asked: _Asked, **answer: str) -> Response:
    """Back to the client."""
    mark = "&" if "?" in asked.redirect else "?"
    told = urlencode({**answer, **({"state": asked.state} if asked.state else {})})
    return Response(302, fields=(("Location", f"{asked.redirect}{mark}{told}"),))


def _wrong(error: str) -> Response:
    return Response(400, dumps({"error": error}).encode())


def _page(content: str, status: int = 200) -> Response:
    text = f"<!doctype html><html><head><title>Consent</title></head><body>{content}</body></html>"
    policy = ("Content-Security-Policy", "default-src 'none'; form-action 'self' https: http://127.0.0.1:*")
    return Response(
        status, text.encode(), fields=(policy, ("X-Frame-Options", "DENY")), kind="text/html; charset=utf-8"
    )


def _fetch(url: str) -> None:
    """logo-fetched: the picture is kept here, so that the page need not load it from elsewhere."""
    from http.client import HTTPException  # 30 ms, and only this needs them
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(url, timeout=2) as answer:
            answer.read(100_000)
    except (HTTPException, OSError, ValueError):
        return
