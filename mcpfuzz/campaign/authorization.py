"""Whether the server is an authorization server too, or stands before one: its metadata, found as a client finds it
(RFC 9728, RFC 8414, OpenID Connect Discovery), and whether a code and a token can be had without a person.

Looked at once, before the attacks, and only on the server's own origin: nobody else is asked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.errors import TargetError
from mcpfuzz.model import AuthorizationServer, Http, Json, Surface, replace
from mcpfuzz.oracles.authorization_proofs import has_code, token_of
from mcpfuzz.runner import Talk, converse, on_this_origin
from mcpfuzz.scenarios.authorizing import whole_flow
from mcpfuzz.slots import quote
from mcpfuzz.target import Prepared
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.once import request_once

__all__ = ["with_authorization"]

NEEDS = "authorization-server"
REQUEST_S = 5.0
RESOURCE = "/.well-known/oauth-protected-resource"
KINDS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


async def with_authorization(prepared: Prepared, settings: Settings, supply: Supply, surface: Surface) -> Surface:
    """The surface with the authorization server's endpoints and the places `authorization-server`, `registration`,
    `authorization-code` and `authorization-token`, as far as they are there.

    Raises:
        TargetError: the server is gone and does not come up again.
    """
    wanted = any(NEEDS in scenario.needs for scenario in settings.scenarios)
    endpoint = prepared.endpoint
    if not wanted or endpoint is None or "pages" not in surface.places:
        return surface
    found = await _found(endpoint)
    if found is None:
        return surface
    if prepared.places.get("port") == str(endpoint.port):  # another one at replay
        found = replace(found, resource=found.resource.replace(f":{endpoint.port}", ":{port}", 1))
    places = surface.places | {NEEDS}
    if prepared.launch is None and not prepared.target.allow_destructive:
        found = replace(found, register="")  # clients that are registered stay: not at a server that is not ours
    if found.register:
        places |= {"registration"} | await _walked(supply, found, min(settings.timeout, REQUEST_S))
    return replace(surface, authorization=found, places=places)


async def _found(endpoint: Endpoint) -> AuthorizationServer | None:
    """The first metadata of this origin that names an authorization endpoint of this origin."""
    path = endpoint.target.partition("?")[0].rstrip("/")
    resource: Mapping[str, Any] = {}
    for place in dict.fromkeys((RESOURCE + path, RESOURCE)):
        resource = await _document(endpoint, place)
        if resource:
            break
    told = resource.get("authorization_servers")
    issuers = [item for item in told if isinstance(item, str)][:3] if isinstance(told, list) else []
    for issuer in dict.fromkeys((*issuers, endpoint.origin)):  # one that stands before another names that one, at times
        if not _here(endpoint, issuer):
            continue
        for place in _places(urlsplit(issuer).path.rstrip("/")):
            made = _read(endpoint, await _document(endpoint, place), resource.get("resource"))
            if made is not None:
                return made
    return None


def _places(path: str) -> Iterator[str]:
    """Where metadata of an issuer with this path lies (RFC 8414, 3.1; OpenID Connect Discovery, 4)."""
    for kind in KINDS:
        yield kind + path
        if path:
            yield path + kind


async def _document(endpoint: Endpoint, path: str) -> Mapping[str, Any]:
    """A JSON object, empty where there is none."""
    headers = (("Host", endpoint.authority), ("Accept", "application/json"))
    try:
        reply = await request_once(endpoint, "GET", path, headers, None, time.monotonic() + REQUEST_S)
        value: Json = json.loads(reply.body) if reply.status == 200 else None
    except (TargetError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _read(endpoint: Endpoint, document: Mapping[str, Any], resource: object) -> AuthorizationServer | None:
    paths = {}
    for name in ("authorization", "token", "registration"):
        given = document.get(f"{name}_endpoint")
        paths[name] = quote(_here(endpoint, given)) if isinstance(given, str) else ""
    if not paths["authorization"]:
        return None
    methods = document.get("code_challenge_methods_supported")
    named = quote(resource) if isinstance(resource, str) and _here(endpoint, resource) else ""
    return AuthorizationServer(
        authorize=paths["authorization"], token=paths["token"], register=paths["registration"],
        methods=tuple(filter(lambda item: isinstance(item, str), methods)) if isinstance(methods, list) else (),
        resource=named.replace(f"//{endpoint.authority}", "//{authority}", 1),
    )  # fmt: skip


def _here(endpoint: Endpoint, url: str) -> str:
    """Path and query of a URL of this origin; "" for any other."""
    if not url.lower().startswith(("http://", "https://")):
        return ""
    return on_this_origin(endpoint, Http("GET", url)).path


async def _walked(supply: Supply, server: AuthorizationServer, timeout: float) -> frozenset[str]:
    """What a client that registers gets where nobody but a browser says yes: a code, and a token for it."""
    client = await supply.client()
    talk = Talk(client, supply.filler(), timeout, opener=supply.opener(), effects=supply.effects)
    trace = await converse(talk, whole_flow(server))
    token = bool(trace.exchanges) and bool(token_of(trace.exchanges[-1]))
    made = {"authorization-code": has_code(trace), "authorization-token": token}
    return frozenset(name for name, there in made.items() if there)
