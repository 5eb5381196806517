"""Codes of an authorization server: who can redeem them, how often, and with what."""

from __future__ import annotations

from collections.abc import Iterator

from mcpfuzz.model import AuthorizationServer, Case, Operation, Step, Surface
from mcpfuzz.scenarios.authorizing import HOPS, VERIFIER, asked, authorization_case, redeemed, registered
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices

ANOTHER = "https://{canary:second}.client.example/callback"
WRONG = VERIFIER[::-1]


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    server = surface.authorization
    stories = [] if server is None else list(_stories(server))
    if server is None or index >= len(stories):
        return None
    rule, words, steps, tokens = stories[index]
    claim = (rule, "token-given", "invalid_grant")
    return authorization_case(SCENARIO.id, claim, server.token, steps, words, tokens=tokens)


def _stories(server: AuthorizationServer) -> Iterator[tuple[str, str, tuple[Step, ...], int]]:
    """(rule, label, steps, tokens that are one too many). Each registers one client or two: there are servers that take
    twenty an hour."""
    client, code = registered(server), (asked(server), *HOPS)
    wrong = (*code, redeemed(server, verifier=WRONG), *code, redeemed(server, verifier=None))
    yield "pkce-unchecked", "another proof key, and none", (client, *wrong), 1
    yield "code-reused", "a code that was redeemed before", (client, *code, redeemed(server), redeemed(server)), 2
    others = (*code, redeemed(server, client=2), *code, redeemed(server, ANOTHER, client=2))
    yield "code-unbound", "a code of another client", (client, registered(server, ANOTHER), *others), 1
    bare = (asked(server, challenge=None), *HOPS, redeemed(server, verifier=None))
    plain = (asked(server, challenge=VERIFIER, method="plain"), *HOPS, redeemed(server))
    yield "pkce-optional", "a code without a proof key", (client, *bare), 1
    if "plain" not in server.methods:
        yield "pkce-optional", "a proof key that is sent as it is", (client, *plain), 1


SCENARIO = Scenario(
    id="code-exchange",
    title="What an authorization server gives a token for",
    about="A client registers, gets a code, and it is redeemed as it should not be: without the proof key or with "
    "another, a second time, by another client. An access token in the answer proves it.",
    draw=draw,
    rules=("pkce-unchecked", "code-reused", "code-unbound", "pkce-optional"),
    cases=5,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages", "authorization-server", "registration", "authorization-token"),
    references=("CWE-287", "CWE-294", "OWASP-API2", "RFC 7636 4.6", "RFC 6749 10.5"),
)
