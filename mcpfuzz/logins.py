"""Signing in, as a browser or a script does before it speaks MCP: one HTTP request as described by `login`, and what
its answer gives (a token, cookies) as the caller's credential. A ticket for one WebSocket is fetched the same way.

    login = {url = "/login", json = {username = "alice", password = "${ALICE}"}, token = "/access_token"}
    ticket = {url = "/api/ws-ticket", token = "/ticket"}

    url      of the request; relative to the endpoint's origin          method   POST, or GET where there is no body
    json     the body, or form = {...} for a form's (RFC 1866)          headers  further ones
    token    JSON pointer into the answer; without, cookies must come   lifetime seconds, where the answer tells none
    use      the SPEC that carries it, {token} in it; for a login "header:Authorization: Bearer {token}", for a
             ticket "query:ticket={token}"

Cookies that the answer sets go along from then on. When it ends is read from `expires_in` (RFC 6749, 5.1), or from
the token's own `exp`. Nothing here is sent to another origin than the one that `url` names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from urllib.parse import quote_plus, urlencode, urljoin

from mcpfuzz.errors import HandshakeError, Unauthorized, UsageError
from mcpfuzz.identities import PASSWORD, Identity
from mcpfuzz.model import Http, Json, at_pointer
from mcpfuzz.onward import cookie
from mcpfuzz.slots import quote, quoted
from mcpfuzz.tokens import FAR_S, ends, find
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.once import OneReply, request_once

__all__ = ["Gained", "Login", "guess", "sign_in"]

Kind = Literal["login", "ticket"]

_KEYS: Final = ("url", "method", "json", "form", "headers", "token", "use", "lifetime")
_USE: Final[Mapping[str, str]] = {"login": "header:Authorization: Bearer {token}", "ticket": "query:ticket={token}"}
GUESSED: Final = "{canary:password}"
SHORTEST_SECRET: Final = 6
"""Characters from which on a cookie's value is hunted for in what the server says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One such request, checked."""

    kind: Kind
    who: str
    url: str
    method: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    token: str | None = None
    use: str = ""
    lifetime: float | None = None

    @classmethod
    def of(cls, who: str, kind: Kind, given: Mapping[str, Json]) -> Login:
        """Read what stands behind `login` or `ticket`.

        Raises:
            UsageError: a member is missing, unknown or of another type.
        """
        where = f"{kind} of {who}"
        for name in given:
            if name not in _KEYS:
                raise UsageError(f"{where}: no member {name!r}; there is {', '.join(_KEYS)}")
        texts = {name: given.get(name) for name in ("url", "method", "token", "use")}
        for name, value in texts.items():
            if value is not None and not isinstance(value, str):
                raise UsageError(f"{where}: {name} must be a string")
        if not texts["url"]:
            raise UsageError(f'{where}: needs a url, as in url = "/login"')
        token, lifetime = texts["token"], given.get("lifetime")
        if token is not None and not str(token).startswith("/"):
            raise UsageError(f'{where}: token = {token!r} must be a JSON pointer, as in token = "/access_token"')
        if kind == "ticket" and token is None:
            raise UsageError(f'{where}: needs token, a JSON pointer to the ticket, as in token = "/ticket"')
        if lifetime is not None and (isinstance(lifetime, bool) or not isinstance(lifetime, int | float)):
            raise UsageError(f"{where}: lifetime must be a number of seconds")
        use = str(texts["use"] or _USE[kind])
        Identity.of(who, (use,))
        if "{token}" not in use:
            raise UsageError(f"{where}: use = {use!r} must hold {{token}}")
        headers, body = _body(where, given)
        method = str(texts["method"] or ("POST" if body is not None or kind == "login" else "GET")).upper()
        return cls(
            kind=kind, who=who, url=str(texts["url"]), method=method, headers=headers, body=body,
            token=None if token is None else str(token), use=use, lifetime=lifetime,
        )  # fmt: skip


def _body(where: str, given: Mapping[str, Json]) -> tuple[tuple[tuple[str, str], ...], bytes | None]:
    """Headers and body of the request."""
    more, form = given.get("headers", {}), given.get("form")
    if not isinstance(more, Mapping) or not all(isinstance(value, str) for value in more.values()):
        raise UsageError(f"{where}: headers must be a table of strings")
    headers = tuple((str(name), str(value)) for name, value in more.items())
    if "json" in given and form is not None:
        raise UsageError(f"{where}: give json or form, not both")
    if "json" in given:
        return (("Content-Type", "application/json"), *headers), json.dumps(given["json"]).encode()
    if form is None:
        return headers, None
    if not isinstance(form, Mapping):
        raise UsageError(f"{where}: form must be a table")
    coded = urlencode({name: value if isinstance(value, str) else json.dumps(value) for name, value in form.items()})
    return (("Content-Type", "application/x-www-form-urlencoded"), *headers), coded.encode("ascii")


@dataclass(frozen=True, slots=True)
class Gained:
    """What one request gave."""

    shown: Identity
    """The credential alone, as a caller of the same name shows it."""
    secrets: tuple[str, ...] = ()
    until: float | None = field(default=None)
    """`time.monotonic()` at which it ends; None: nobody said."""
    lifetime: float | None = None
    """Seconds, from when it was given; None: nobody said."""


def guess(endpoint: Endpoint, who: str, given: Mapping[str, Json]) -> Http | None:
    """The request of a login as a step, with `GUESSED` for every password in it; None where there is no password to
    be seen in its body, or where it goes to another origin than the endpoint's.

    Args:
        given: what stands behind `login`.
    """
    login = Login.of(who, "login", given)
    scheme = "https" if endpoint.secure else "http"
    try:
        there = Endpoint.of(urljoin(f"{scheme}://{endpoint.authority}{endpoint.target.partition('?')[0]}", login.url))
    except UsageError:
        return None
    body, form = given.get("json"), given.get("form")
    if isinstance(body, Mapping):
        text = json.dumps(_guessed(body))
    elif isinstance(form, Mapping):
        pairs = ((str(name), value if isinstance(value, str) else json.dumps(value)) for name, value in form.items())
        text = "&".join(
            f"{quote_plus(name)}={GUESSED if PASSWORD.search(name) else quote_plus(value)}" for name, value in pairs
        )
    else:
        return None
    same_host = there.host == endpoint.host or (there.loopback and endpoint.loopback)
    if GUESSED not in text or there.scheme != scheme or there.port != endpoint.port or not same_host:
        return None
    headers = (("Host", "{authority}"), ("Accept", "application/json"), *login.headers)
    return Http(login.method, quote(there.target), headers, text)


def _guessed(value: Json) -> Json:
    """With other passwords; texts that look like slots are none."""
    if isinstance(value, Mapping):
        return {
            quote(name): GUESSED if PASSWORD.search(name) and isinstance(item, str) else _guessed(item)
            for name, item in value.items()
        }
    return [_guessed(item) for item in value] if isinstance(value, list) else quoted(value)


async def sign_in(endpoint: Endpoint, login: Login, as_: Identity, deadline: float, *, remote: bool = False) -> Gained:
    """Make the request, and read the credential from its answer.

    Args:
        endpoint: the server's; its origin is what a relative URL is relative to.
        as_: who asks: their headers go along (a ticket is asked for with the login's token).
        deadline: `time.monotonic()`, total.
        remote: whether another machine may be asked.

    Raises:
        UsageError: the URL is none, or leads away from this machine without leave.
        LaunchError, Late: nobody listens there.
        Unauthorized: it is refused.
        HandshakeError: the answer holds no credential.
    """
    there = _place(endpoint, login, remote)
    names = {name.lower() for name, _ in login.headers}
    headers = [("Host", there.authority), ("Accept", "application/json"), ("Connection", "close")]
    headers = [pair for pair in headers if pair[0].lower() not in names]
    own = [pair for pair in as_.headers if pair[0].lower() not in names]
    body = login.body if login.body is not None or login.method == "GET" else b""
    began = time.monotonic()
    reply = await request_once(there, login.method, there.target, (*headers, *own, *login.headers), body, deadline)
    where = f"{login.kind} of {login.who}: {login.method} {there.origin}{there.target.partition('?')[0]}"
    _accepted(where, reply)
    cookies = _cookies(reply.headers)
    token, value = _token(where, login, reply) if login.token is not None else (None, None)
    if token is None and not cookies:
        raise HandshakeError(f'{where} answers {reply.status} and sets no cookie; where is the token? token = "/..."')
    shown = Identity(name=login.who)
    if cookies:
        shown = Identity(name=login.who, headers=(("Cookie", "; ".join(f"{key}={text}" for key, text in cookies)),))
    if token is not None:
        shown = shown.with_(Identity.of(login.who, (login.use,), lambda text: text.replace("{token}", token)))
    secrets = (*((token,) if token else ()), *(text for _, text in cookies if len(text) >= SHORTEST_SECRET))
    life = _lifetime(value, token) if login.lifetime is None else login.lifetime
    return Gained(shown, secrets, None if life is None else began + life, life)


def _place(endpoint: Endpoint, login: Login, remote: bool) -> Endpoint:
    """Where the request goes."""
    scheme = "https" if endpoint.secure else "http"
    url = urljoin(f"{scheme}://{endpoint.authority}{endpoint.target.partition('?')[0]}", login.url)
    try:
        there = Endpoint.of(url, "http")
    except UsageError as error:
        raise UsageError(f"{login.kind} of {login.who}: {str(error).replace('--url', 'url')}") from None
    if not there.loopback and not remote:
        raise UsageError(f"{login.kind} of {login.who}: {there.origin}: not on this machine; give --allow-remote")
    return replace(there, cacert=endpoint.cacert, insecure=endpoint.insecure, dial=endpoint.dial)


def _accepted(where: str, reply: OneReply) -> None:
    """Raises for an answer that is no success; a redirection may be one, where it sets cookies."""
    status = reply.status
    if status is None:
        raise HandshakeError(f"{where} is not answered: {reply.problem or 'nothing came'}")
    if status < 400:
        return
    said = " ".join(reply.body[:400].decode("utf-8", "replace").split())[:120]
    words = f" ({said})" if said else ""
    if status in (400, 401, 403, 422):
        raise Unauthorized(f"{where} is refused with {status}{words}; check what it sends")
    hint = {404: "; is the url right?", 405: "; is the method right?", 415: "; json or form?"}.get(status, "")
    raise HandshakeError(f"{where} answers {status}{words}{hint}")


def _token(where: str, login: Login, reply: OneReply) -> tuple[str, Json]:
    """The token, and the whole answer."""
    assert login.token is not None
    try:
        value: Json = json.loads(reply.body)
    except (ValueError, RecursionError):
        kind = next((text for name, text in reply.headers if name == "content-type"), "no content type")
        raise HandshakeError(f"{where} answers {reply.status} with {kind}, not JSON; token = {login.token!r}") from None
    try:
        found = at_pointer(value, login.token)
    except KeyError:
        found = None
    if isinstance(found, str | int) and not isinstance(found, bool) and str(found):
        return str(found), value
    has = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
    raise HandshakeError(
        f"{where} answers {reply.status}, but nothing at {login.token}; it has {has[:200] or 'nothing'}"
    )


def _cookies(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names and values of what is set, the last of a name; one that is taken away is none."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name != "set-cookie":
            continue
        key, text = cookie(value)
        found.pop(key, None)
        if key and text:
            found[key] = text
    return list(found.items())


def _lifetime(value: Any, token: str | None) -> float | None:
    """Seconds that it is good for, as far as anybody says."""
    told = value.get("expires_in") if isinstance(value, dict) else None
    if isinstance(told, int | float) and not isinstance(told, bool) and told > 0:
        return float(min(told, FAR_S))
    moment = ends(token) if token is not None and find(token) else None
    return None if moment is None else max(0.0, moment - time.time())
