"""The rows of the table of weaknesses (see `weaknesses`) about the authorization server beside MCP: --authority."""

from __future__ import annotations

from typing import Any, Final

from mcpfuzz.lab.weakness import Weakness

__all__ = ["AUTHORITIES"]


def _row(name: str, cwe: int, rule: str, where: str, **more: Any) -> Weakness:
    return Weakness(
        name=name, cwe=cwe, expected=(rule,), group="identity", kind="endpoint", where=where,
        transports=("http",), **more,
    )  # fmt: skip


AUTHORITIES: Final[tuple[Weakness, ...]] = (
    _row(
        *("redirect-prefix", 601, "redirect-uri-unchecked", "/authorize"),
        title="A redirect URI is compared by its beginning",
        trigger="a registered redirect URI with more behind it",
    ),
    _row(
        *("redirect-script", 601, "redirect-uri-script", "/register"),
        title="A redirect URI may have any scheme",
        trigger="javascript:alert(1) for a redirect URI",
    ),
    _row(
        *("pkce-unchecked", 287, "pkce-unchecked", "/token"),
        title="The proof key is asked for and never looked at",
        trigger="a code redeemed with another code_verifier",
        implied={"pkce-optional": "a challenge that is sent as it is goes unlooked at, too"},
    ),
    _row(
        *("pkce-optional", 287, "pkce-optional", "/authorize"),
        title="Codes are given without a proof key, too",
        trigger="/authorize without code_challenge",
    ),
    _row(
        *("code-reused", 294, "code-reused", "/token"),
        title="A code is good until its time is over, however often",
        trigger="a code redeemed twice",
    ),
    _row(
        *("code-unbound", 863, "code-unbound", "/token"),
        title="A code is redeemed for any client",
        trigger="a code of one client, redeemed under the id of another",
    ),
    _row(
        *("consent-skipped", 441, "consent-missing", "/authorize"),
        title="Whoever comes with a registered client is sent on to sign in, and not asked",
        trigger="/authorize for any client; needs --upstream",
    ),
    _row(
        *("consent-unbound", 352, "consent-unbound", "/signed-in"),
        title="Whoever comes back from signing in is taken for who agreed",
        trigger="the way back in a browser without the cookie; needs --upstream",
    ),
    _row(
        *("consent-markup", 79, "unsafe-output", "/authorize"),
        title="A client's name stands on the page as it was given",
        trigger="markup for client_name, and the page that asks for consent",
    ),
    _row(
        *("logo-fetched", 918, "ssrf", "/register"),
        title="A client's logo is fetched from wherever it lies",
        trigger="an address of the server's own network for logo_uri",
    ),
)
