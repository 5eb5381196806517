"""Pages of an authorization server: whether what a client says of itself stands on them as markup."""

from __future__ import annotations

from collections.abc import Iterator

from mcpfuzz.model import AuthorizationServer, Case, Conversation, Operation, Step, Surface
from mcpfuzz.scenarios.authorizing import CALLBACK, asked, authorization_case, followed, registered
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.pages import get
from mcpfuzz.strategies.choices import Choices

MARK = "<i id={canary:1}>"
TEXT = f"\"'></title>{MARK}a</i>"
"""An element, out of an attribute or a title."""
LINK = f"https://{{canary:app}}.client.example/{TEXT}"
PLACE = f"{CALLBACK}?a={TEXT}"
RETURNS = ("/callback", "/oauth/callback", "/auth/callback", "/oauth2/callback", "/login/callback")
"""Where another server's answer comes back to, as it is commonly called."""
QUERY = "%22'%3E%3C/title%3E%3Ci%20id={canary:1}%3Ea"


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    server = surface.authorization
    stories = [] if server is None else list(_stories(server))
    if server is None or index >= len(stories):
        return None
    words, steps = stories[index]
    plain = Conversation((asked(server, client_id="nobody"), get("/callback?error=none")))
    claim = ("unsafe-output", "page-marked", "markup stands there as text")
    return authorization_case(SCENARIO.id, claim, server.authorize, steps, words, control=plain, mark=MARK)


def _stories(server: AuthorizationServer) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """(label, steps): pages are shown, nothing is agreed to."""
    shown = (followed(), followed())
    if server.register:
        links = {f"{name}_uri": LINK for name in ("client", "logo", "policy", "tos")}
        yield "markup in client_name", (registered(server, client_name=TEXT), asked(server), *shown)
        yield "markup in the client's links", (registered(server, **links), asked(server), *shown)
        yield (
            "markup in its redirect URI",
            (registered(server, url := f"{CALLBACK}?a={TEXT}"), asked(server, url), *shown),
        )
        yield "markup in the scope", (registered(server, scope=TEXT), asked(server, scope=TEXT), *shown)
        yield "markup in state and resource", (registered(server), asked(server, state=TEXT, resource=LINK), *shown)
    yield "markup where a client id should be", (asked(server, client_id=TEXT), *shown)
    query = "&".join(f"{name}={QUERY}" for name in ("error", "error_description", "state", "code"))
    yield "markup in an answer that comes back", tuple(get(f"{path}?{query}") for path in RETURNS)


SCENARIO = Scenario(
    id="consent-markup",
    title="What a client says of itself, on pages of the authorization server",
    about="A client registers with markup in its name, links and redirect URI, and asks for a code. An element of ours "
    "on a page of type text/html, just as it was sent, proves that whoever registers writes that page.",
    draw=draw,
    rules=("unsafe-output",),
    cases=7,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages", "authorization-server"),
    references=("CWE-79", "OWASP-API8", "OWASP-LLM02"),
)
