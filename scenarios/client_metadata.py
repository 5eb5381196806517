"""Addresses in what a client says of itself: whether the authorization server asks any of them."""

from __future__ import annotations

from mcpfuzz.model import Case, Conversation, Operation, Surface
from mcpfuzz.scenarios.authorizing import HOPS, asked, authorization_case, redeemed, registered
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices

BAIT = "{bait}/{canary:1}"
MEMBERS = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "jwks_uri", "sector_identifier_uri", "initiate_login_uri")
"""RFC 7591, 2; OpenID Connect Dynamic Client Registration, 2."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    server = surface.authorization
    if server is None or index > 1:
        return None
    if index == 0:
        if not server.register:
            return None
        told = {name: f"{BAIT}/{name}" for name in MEMBERS}
        steps = [registered(server, request_uris=[f"{BAIT}/request_uris"], **told), asked(server), *HOPS]
        steps += [redeemed(server)] if server.token else []
        words, name = "addresses in a client's metadata", server.register
    else:
        steps = [asked(server, client_id=f"{BAIT}/client", request_uri=f"{BAIT}/request")]
        words, name = "a client id and a request that are addresses", server.authorize
    claim = ("ssrf", "listener-hit", "loopback is not asked")
    benign = Conversation((asked(server, client_id="nobody"),))
    return authorization_case(SCENARIO.id, claim, name, steps, words, control=benign, canary="1")


SCENARIO = Scenario(
    id="client-metadata",
    title="Addresses that a client gives of itself",
    about="A client registers with addresses of our listener on loopback, and asks for a code; another one's id is "
    "such an address. A request that carries this case's canary proves that the server asked it.",
    draw=draw,
    rules=("ssrf",),
    cases=2,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages", "authorization-server"),
    references=("CWE-918", "OWASP-API7"),
)
