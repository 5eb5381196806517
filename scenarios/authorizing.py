"""What the scenarios about authorization servers share: a client that registers (RFC 7591), asks for a code with a
browser that says yes to whatever a form asks, and redeems it (RFC 6749, RFC 7636). Nobody is signed in.

Where the server's own pages lead is followed on its own origin alone; a page that is not there costs no request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from urllib.parse import quote_plus

from mcpfuzz.model import AuthorizationServer, Case, Claim, Conversation, Http, Json, Place, Proof, Step

__all__ = [
    "CALLBACK", "HOPS", "VERIFIER", "asked", "authorization_case", "coded", "followed", "redeemed", "registered",
    "submitted", "whole_flow",
]  # fmt: skip

VERIFIER = "mcpfuzz-a-verifier-of-more-than-43-characters-0"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "https://{canary:app}.client.example/callback"
"""Where the client that we register is: on a host that was just made up and leads nowhere (RFC 2606)."""
_HOST = ("Host", "{authority}")
_COOKIE = ("Cookie", "{browser:cookies}")
_PAGE = (_HOST, ("Accept", "text/html,application/xhtml+xml,*/*"))
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


def registered(server: AuthorizationServer, redirect: str = CALLBACK, **more: Json) -> Step:
    """A new client (RFC 7591, 3.1); its id is in the answer, at /client_id.

    Args:
        more: further members of its metadata.
    """
    told: dict[str, Json] = {
        "redirect_uris": [redirect], "client_name": "mcpfuzz", "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], **more,
    }  # fmt: skip
    headers = (_HOST, ("Accept", "application/json"), ("Content-Type", "application/json"))
    return Step(action=Http("POST", server.register, headers, json.dumps(told)))


def asked(
    server: AuthorizationServer, redirect: str = CALLBACK, *, client: int = 1, challenge: str | None = CHALLENGE,
    method: str = "S256", **more: str,
) -> Step:  # fmt: skip
    """The request for a code (RFC 6749, 4.1.1).

    Args:
        client: step that registered the client, counted from 1.
        challenge: None: without a proof key.
        more: further parameters, or others for those that are there.
    """
    given = {"response_type": "code", "client_id": f"{{step:{client}#/client_id}}", "redirect_uri": redirect}
    given |= {"state": "{canary:state}"} | ({"resource": server.resource} if server.resource else {})
    given |= {} if challenge is None else {"code_challenge": challenge, "code_challenge_method": method}
    query = "&".join(f"{name}={coded(value)}" for name, value in {**given, **more}.items())
    mark = "&" if "?" in server.authorize else "?"
    return Step(action=Http("GET", f"{server.authorize}{mark}{query}", (*_PAGE, _COOKIE)))


def coded(text: str) -> str:
    """For a query, slots left whole."""
    return quote_plus(text, safe="{}:#/") if text.startswith("{step:") else quote_plus(text, safe="{}:")


def followed(*, cookies: bool = True) -> Step:
    """Where the page before it redirects to, on this origin."""
    return Step(action=Http("GET", "{browser:onward}", (*_PAGE, _COOKIE) if cookies else _PAGE))


def submitted() -> Step:
    """The form of the page before it, its approving button pressed."""
    headers = (*_PAGE, _FORM, _COOKIE)
    return Step(action=Http("POST", "{browser:form}", headers, "{browser:fields}"))


HOPS = (followed(), submitted(), followed(), submitted(), followed(), followed())
"""From the request to the code: pages in between and a consent, or two."""


def redeemed(
    server: AuthorizationServer, redirect: str = CALLBACK, *, client: int = 1, verifier: str | None = VERIFIER
) -> Step:
    """The code for a token (RFC 6749, 4.1.3), as a public client."""
    given = {
        "grant_type": "authorization_code", "client_id": f"{{step:{client}#/client_id}}", "redirect_uri": redirect,
    }  # fmt: skip
    given |= {"code_verifier": verifier} if verifier is not None else {}
    given |= {"resource": server.resource} if server.resource else {}
    body = "&".join([*(f"{name}={coded(value)}" for name, value in given.items()), "code={browser:code}"])
    return Step(action=Http("POST", server.token, (_HOST, ("Accept", "application/json"), _FORM), body))


def whole_flow(server: AuthorizationServer) -> Conversation:
    """All of it, as it should be."""
    last = (redeemed(server),) if server.token else ()
    return Conversation((registered(server), asked(server), *HOPS, *last))


def authorization_case(
    scenario: str, claim: tuple[str, str, str], name: str, steps: Iterable[Step], label: str, *,
    control: Conversation | None = None, **params: Json,
) -> Case:  # fmt: skip
    """A case about an endpoint of the authorization server.

    Args:
        claim: rule, kind of the proof, and what a sound server does.
        name: of the endpoint; its path.
        control: the benign twin; None: the registration alone.
        params: of the proof.
    """
    said, (rule, kind, expected) = tuple(steps), claim
    return Case(
        scenario=scenario,
        place=Place(kind="endpoint", name=name.partition("?")[0]),
        conversation=Conversation(said),
        label=label,
        claims=(Claim(rule, Proof(kind=kind, expected=expected, params=params)),),
        control=control or Conversation(said[:1]),
    )
