"""Proofs about authorization servers: each shows where it should and nowhere beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpfuzz.model import AuthorizationServer, Conversation, Exchange, Frame, Http, Proof, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.scenarios.authorizing import CALLBACK, asked, redeemed, registered

BENCH = Bench(revision="2025-11-25")
SERVER = AuthorizationServer(authorize="/authorize", token="/token", register="/register")
HOME = "https://capp.client.example/callback"
CANARIES = {"app": "capp", "other": "cother", "1": "cmark"}
SENT = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8\r\n\r\n"


def led(location: str, sent: bytes = SENT) -> Exchange:
    return Exchange(step=0, sent=sent, status=302, headers=(("location", location),))


def page(text: str, kind: str = "text/html") -> Exchange:
    return Exchange(step=0, sent=SENT, status=200, headers=(("content-type", kind),), body=text.encode())


def told(value: Any, status: int = 200) -> Exchange:
    return Exchange(step=0, sent=SENT, status=status, answer=Frame(json.dumps(value).encode(), value))


MADE = told({"client_id": "ours"}, 201)


def shows(kind: str, *said: Exchange, method: str = "GET", **params: Any) -> bool:
    steps = Conversation.of(*[Http(method, "/") for _ in said])
    exchanges = tuple(
        Exchange(
            step=step, sent=item.sent, status=item.status, headers=item.headers, body=item.body, answer=item.answer
        )
        for step, item in enumerate(said)
    )
    seen = Trace(conversation=steps, exchanges=exchanges, canaries=CANARIES)
    return observe(Proof(kind=kind, expected="", params=params), seen, BENCH) is not None


@pytest.mark.parametrize(
    ("wanted", "location", "shown"),
    [
        ("https://{canary:other}.attacker.example/cb", "https://cother.attacker.example/cb?code=1&state=2", True),
        ("https://{canary:other}.attacker.example/cb", "https://cother.attacker.example/cb?error=denied", True),
        ("https://{canary:other}.attacker.example/cb", "https://cother.attacker.example/cb", False),
        ("https://{canary:other}.attacker.example/cb", HOME + "?code=1", False),
        (
            "https://{canary:other}.attacker.example/cb",
            "/consent?redirect_uri=https://cother.attacker.example/cb",
            False,
        ),
        (CALLBACK + "?to={canary:other}", HOME + "?to=cother&code=1", True),
        (CALLBACK + "?to={canary:other}", HOME + "?code=1", False),
        (CALLBACK + "{canary:other}", HOME + "cother?code=1", True),
        (CALLBACK, HOME + "?code=1", False),
    ],
)
def test_a_code_elsewhere_is_one_at_the_very_uri_that_was_asked_for(wanted: str, location: str, shown: bool) -> None:
    assert shows("answered-elsewhere", MADE, led(location), pairs=[[wanted, CALLBACK, "words"]]) is shown


def test_a_script_shows_where_a_redirect_or_a_link_leads_to_it() -> None:
    uri = "javascript:alert('{canary:app}')//"
    assert shows("script-led", MADE, led("javascript:alert('capp')//?code=1"), uri=uri)
    assert not shows("script-led", MADE, led("https://a.example/?u=javascript:alert('capp')//"), uri=uri)
    assert shows("script-linked", MADE, page('<a href="javascript:alert(&#x27;capp&#x27;)//">Go</a>'), uri=uri)
    assert not shows("script-linked", MADE, page("<p>javascript:alert(&#x27;capp&#x27;)//</p>"), uri=uri)


def test_markup_counts_on_pages_alone_and_as_it_was_sent() -> None:
    mark = {"mark": "<i id={canary:1}>"}
    assert shows("page-marked", MADE, page("<p><i id=cmark>a</i>"), **mark)
    assert not shows("page-marked", MADE, page("<p>&lt;i id=cmark&gt;a"), **mark)
    assert not shows("page-marked", MADE, page('{"error": "<i id=cmark>"}', "application/json"), **mark)


def test_so_many_tokens_count_where_a_code_was_given() -> None:
    token, code = told({"access_token": "t"}), led(HOME + "?code=1")
    assert shows("token-given", MADE, code, token, tokens=1)
    assert shows("token-given", MADE, code, token, token, tokens=2)
    assert not shows("token-given", MADE, code, token, told({"error": "invalid_grant"}, 400), tokens=2)
    assert not shows("token-given", MADE, token, tokens=1)
    assert not shows("token-given", MADE, code, told({"access_token": "t"}, 400), tokens=1)


def test_consent_is_missing_where_the_whole_way_shows_no_page() -> None:
    there = led("https://login.example/authorize?client_id=theirs&response_type=code")
    params = {"registered": CALLBACK}
    assert shows("consent-unasked", MADE, there, led(HOME + "?code=1"), **params)
    assert not shows("consent-unasked", MADE, there, page("Allow?"), led(HOME + "?code=1"), **params)
    assert not shows("consent-unasked", MADE, there, led("/consent"), **params)
    assert not shows("consent-unasked", MADE, led(HOME + "?code=1"), **params)
    nowhere = led("https://[login.example/authorize?client_id=theirs&response_type=code")
    assert not shows("consent-unasked", MADE, nowhere, led(HOME + "?code=1"), **params)
    ours = led("https://login.example/authorize?client_id=ours&response_type=code")
    assert not shows("consent-unasked", MADE, ours, led(HOME + "?code=1"), **params)


def test_consent_is_unbound_where_no_cookie_is_needed() -> None:
    params = {"registered": CALLBACK, "method": "POST"}
    assert shows("consent-unbound", MADE, page("Allow?"), led(HOME + "?code=1"), **params)
    with_cookie = SENT.replace(b"\r\n\r\n", b"\r\nCookie: a=b\r\n\r\n")
    assert not shows("consent-unbound", MADE, page("Allow?"), led(HOME + "?code=1", with_cookie), **params)
    assert not shows("consent-unbound", MADE, page("Allow?"), page("Who are you?"), **params)


def test_what_goes_out_keeps_its_slots() -> None:
    query = str(asked(SERVER, CALLBACK + "?a=<b>").action)
    assert "client_id={step:1#/client_id}&" in query and "https:%2F%2F{canary:app}.client.example" in query
    assert "%3Fa%3D%3Cb%3E" in query
    action = redeemed(SERVER, client=2, verifier=None).action
    assert isinstance(action, Http) and "client_id={step:2#/client_id}" in str(action.body)
    assert "code_verifier" not in str(action.body)
    made = registered(SERVER, client_name="a").action
    assert isinstance(made, Http) and json.loads(str(made.body))["client_name"] == "a"
