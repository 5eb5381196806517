"""Redirects that lead wherever the request says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mcpfuzz.model import Case, Operation, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.pages import MADE_UP, get, groups, page_case
from mcpfuzz.strategies.choices import Choices

PATHS = (
    "/login", "/logout", "/signin", "/signout", "/auth", "/auth/login", "/auth/logout", "/auth/callback", "/callback",
    "/oauth/authorize", "/authorize", "/oauth/callback", "/oauth/logout", "/sso", "/redirect", "/go", "/out", "/open",
    "/link", "/r", "/url", "/continue", "/", "{address}",
)  # fmt: skip
"""Where redirects are made."""
MEMBERS = (
    "next", "url", "redirect", "redirect_uri", "redirect_url", "redirectUrl", "return", "return_to", "returnTo",
    "return_url", "returnUrl", "continue", "to", "go", "goto", "target", "dest", "destination", "u", "r", "rd",
    "callback", "callback_url", "post_logout_redirect_uri", "service", "RelayState", "from", "back", "uri", "link",
)  # fmt: skip
VALUES = (
    (f"https://{MADE_UP}/", "a whole URL"),
    (f"//{MADE_UP}/", "a URL without a scheme"),
    (f"/%5C{MADE_UP}/", "a path that browsers read as a host"),
    (f"http://{{authority}}@{MADE_UP}/", "a URL with our own name before the host"),
)
"""(value, words); the first of them on every page before the second on any."""
METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
ENDPOINTS = ("authorization_endpoint", "end_session_endpoint")
FORWARDED = (("X-Forwarded-Host", MADE_UP), ("Forwarded", f"host={MADE_UP}"))


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    stories = _stories()
    if index >= len(stories):
        return None
    name, steps, label, control = stories[index]
    expected = "a redirect to a page of its own, or none"
    proof = Proof(kind="redirected", expected=expected, params={"canary": "site"})
    return page_case(SCENARIO.id, "open-redirect", name, steps, proof, label, control)


@cache
def _stories() -> tuple[tuple[str, tuple[Step, ...], str, Step], ...]:
    return tuple(_told())


def _told() -> Iterator[tuple[str, tuple[Step, ...], str, Step]]:
    """(place, steps, label, control): headers, then paths, then every page with every value."""
    named = tuple(get(path, *FORWARDED) for path in ("{address}/", "/"))
    yield "X-Forwarded-Host", named, "the host that a header names", get("/")
    read = tuple(map(get, (f"//{MADE_UP}/", f"//{MADE_UP}/%2e%2e", f"/%5C{MADE_UP}/")))
    yield "path", read, "a path that browsers read as a host", get("/{canary:site}/")
    for turn, (value, words) in enumerate(VALUES):
        query = "&".join(f"{member}={value}" for member in MEMBERS)
        for paths in groups(PATHS):
            name = f"{paths[0]} ... {paths[-1]}"
            yield name, tuple(get(f"{path}?{query}") for path in paths), words, get(f"{paths[0]}?next=/")
        for document in METADATA if turn < 2 else ():
            for member in ENDPOINTS:
                led = Step(action=get(f"{{step:1#/{member}}}?{query}").action)
                yield member, (get(document), led), words, get(document)


SCENARIO = Scenario(
    id="open-redirect",
    title="Redirects to other sites",
    about="Pages that redirect, as metadata names them or as they are commonly called, are asked with a foreign host "
    "in the query, in the path and in forwarding headers. A Location on that host, just made up, proves it.",
    draw=draw,
    rules=("open-redirect",),
    cases=len(_stories()),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages"),
    references=("CWE-601", "OWASP-API8"),
)
