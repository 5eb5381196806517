"""Redirect URIs of an authorization server: whether a browser is sent with a code to where nobody is registered."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Operation, Proof, Step, Surface, replace
from mcpfuzz.scenarios.authorizing import CALLBACK, HOPS, asked, authorization_case, registered
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices

OTHER = "{canary:other}.attacker.example"
LOCAL = "http://localhost:4711/callback"
"""Where clients on somebody's own machine listen (RFC 8252, 7.3)."""
ASKED = (
    (CALLBACK, f"https://{OTHER}/callback", "another host"),
    (CALLBACK, f"https://{{canary:app}}.client.example.{OTHER}/callback", "a host that begins as the registered one"),
    (CALLBACK, f"https://{{canary:app}}.client.example@{OTHER}/callback", "the registered host before an @"),
    (CALLBACK, "https://{canary:other}.{canary:app}.client.example/callback", "a host below the registered one"),
    (CALLBACK, "http://{canary:app}.client.example/callback", "the registered host without TLS"),
    (CALLBACK, CALLBACK + "{canary:other}", "a path that begins as the registered one"),
    (CALLBACK, CALLBACK + "/../{canary:other}", "a path that leads out of the registered one"),
    (CALLBACK, "https://{canary:app}.client.example/{canary:other}", "another path of the registered host"),
    (CALLBACK, CALLBACK + "?to={canary:other}", "a parameter more"),
    (LOCAL, f"http://localhost:4711@{OTHER}/callback", "localhost before an @"),
    (LOCAL, f"http://localhost.{OTHER}:4711/callback", "a host that begins as localhost"),
)
"""(registered, asked, words). RFC 9700, 4.1.3: compared as whole strings, but for the port of loopback."""
SCRIPTS = ("javascript:alert('{canary:app}')//", "data:text/html,<i id={canary:app}>")

UNCHECKED = ("redirect-uri-unchecked", "answered-elsewhere", "refused, without a redirect")
SCRIPT = ("redirect-uri-script", "script-led", "no client is registered there")


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    server = surface.authorization
    if server is None or index > len(SCRIPTS):
        return None
    if index:
        script = SCRIPTS[index - 1]
        steps: tuple[Step, ...] = (registered(server, script), asked(server, script), *HOPS)
        words = f"registered at {script.partition(':')[0]}:"
        case = authorization_case(SCENARIO.id, SCRIPT, server.authorize, steps, words, uri=script)
        linked = Proof(kind="script-linked", expected=SCRIPT[2], params={"uri": script})
        return replace(case, claims=(*case.claims, Claim("unsafe-output", linked)))
    client = registered(server, redirect_uris=[CALLBACK, LOCAL])
    benign = Conversation((client, asked(server), *HOPS, asked(server, LOCAL), *HOPS))
    steps = (client, *(step for _, wanted, _ in ASKED for step in (asked(server, wanted), *HOPS)))
    pairs = [[wanted, known, words] for known, wanted, words in ASKED]
    return authorization_case(
        SCENARIO.id, UNCHECKED, server.authorize, steps, "nearly the registered one", control=benign, pairs=pairs
    )


SCENARIO = Scenario(
    id="redirect-uris",
    title="Where an authorization server sends a browser with its code",
    about="A client registers, and a code is asked for with a redirect URI that is nearly the registered one. A "
    "redirect there, with a code or an error, proves that they are not compared as a whole; so does one to a script.",
    draw=draw,
    rules=("redirect-uri-unchecked", "redirect-uri-script", "unsafe-output"),
    cases=1 + len(SCRIPTS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages", "authorization-server", "registration", "authorization-code"),
    references=("CWE-601", "OWASP-API2", "RFC 9700 4.1.3", "RFC 6749 3.1.2"),
)
