"""Signing in: the request, what is read from its answer, and what is said where it does not work."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trio

from mcpfuzz.errors import HandshakeError, LaunchError, Unauthorized, UsageError
from mcpfuzz.identities import Identity
from mcpfuzz.logins import Gained, Login, guess, sign_in
from mcpfuzz.reports import known_secrets
from mcpfuzz.reports.launch import stored
from mcpfuzz.reports.redact import Redactor
from mcpfuzz.target import Prepared, Target
from mcpfuzz.transports.endpoint import Endpoint

Answer = tuple[int, dict[str, str], bytes]


class Site:
    """Answers every request alike, and keeps it."""

    def __init__(self) -> None:
        self.answer: Answer = (200, {}, b"{}")
        self.cookies: list[str] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                site.asked.append((self.command, self.path, headers, body))
                status, fields, content = site.answer
                self.send_response(status)
                for name, value in (*fields.items(), *(("Set-Cookie", one) for one in site.cookies)):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = Endpoint.of(f"http://127.0.0.1:{self.server.server_port}/api/mcp?x=1")
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def gain(site: Site, given: dict[str, Any], *, kind: Any = "login", as_: Identity | None = None) -> Gained:
    login = Login.of("alice", kind, given)

    async def ask() -> Gained:
        return await sign_in(site.endpoint, login, as_ or Identity(name="alice"), time.monotonic() + 10)

    return trio.run(ask)


JSON = {"url": "/login", "json": {"username": "alice", "password": "p"}, "token": "/data/access_token"}


def test_a_json_body_goes_to_the_endpoints_origin_and_the_token_into_the_header(site: Site) -> None:
    site.answer = (200, {"Content-Type": "application/json"}, b'{"data": {"access_token": "t-1"}, "expires_in": 60}')
    gained = gain(site, JSON)
    method, path, headers, body = site.asked[0]
    assert (method, path, json.loads(body)) == ("POST", "/login", JSON["json"])
    assert headers["content-type"] == "application/json"
    assert gained.shown.headers == (("Authorization", "Bearer t-1"),)
    assert gained.lifetime == 60 and gained.secrets == ("t-1",)


def test_a_form_goes_out_as_a_form_and_relative_to_the_endpoint(site: Site) -> None:
    site.answer = (200, {}, b'{"t": "x"}')
    gain(site, {"url": "login", "form": {"user name": "a&b"}, "token": "/t"})
    _, path, headers, body = site.asked[0]
    assert (path, headers["content-type"], body) == (
        "/api/login", "application/x-www-form-urlencoded", b"user+name=a%26b"
    )  # fmt: skip


def test_cookies_are_a_credential_of_their_own_and_one_that_is_taken_away_is_none(site: Site) -> None:
    site.answer, site.cookies = (303, {"Location": "/"}, b""), ["sid=s-1; HttpOnly; Path=/", "old=; Max-Age=0", "a=b"]
    gained = gain(site, {"url": "/login", "form": {"u": "a"}})
    assert gained.shown.headers == (("Cookie", "sid=s-1; a=b"),)


@pytest.mark.parametrize(
    ("use", "shown"),
    [
        ("query:token={token}", Identity(name="alice", query=(("token", "t"),))),
        ("subprotocol:auth.{token}", Identity(name="alice", subprotocols=("auth.t",))),
        ('first-message:{"token": "{token}"}', Identity(name="alice", first_message='{"token": "t"}')),
    ],
)
def test_the_token_is_shown_where_use_says(site: Site, use: str, shown: Identity) -> None:
    site.answer = (200, {}, b'{"t": "t"}')
    assert gain(site, {"url": "/login", "token": "/t", "use": use}).shown == shown


def test_a_ticket_is_asked_for_with_the_callers_credential(site: Site) -> None:
    site.answer = (200, {}, b'{"ticket": "k", "expires_in": 5}')
    alice = Identity(name="alice", headers=(("Authorization", "Bearer t"),))
    gained = gain(site, {"url": "/api/ws-ticket", "token": "/ticket"}, kind="ticket", as_=alice)
    assert site.asked[0][0] == "GET" and site.asked[0][2]["authorization"] == "Bearer t"
    assert gained.shown.query == (("ticket", "k"),) and gained.shown.headers == ()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((401, {}, b'{"detail": "Bad password"}'), Unauthorized, "refused with 401.*Bad password.*check what it sends"),
        ((404, {}, b""), HandshakeError, "answers 404; is the url right"),
        ((500, {}, b"oops"), HandshakeError, "answers 500"),
        ((200, {"Content-Type": "text/html"}, b"<p>"), HandshakeError, "text/html, not JSON"),
        ((200, {}, b'{"token": "x", "data": {}}'), HandshakeError, "nothing at /data/access_token; it has token, data"),
    ],
)
def test_what_does_not_work_is_one_line(site: Site, answer: Answer, error: type[Exception], words: str) -> None:
    site.answer = answer
    with pytest.raises(error, match=words) as caught:
        gain(site, JSON)
    assert "\n" not in str(caught.value) and "login of alice" in str(caught.value)


def test_an_answer_without_token_and_cookie_is_no_login(site: Site) -> None:
    with pytest.raises(HandshakeError, match="sets no cookie"):
        gain(site, {"url": "/login", "json": {}})


def test_nobody_there_is_told_as_such() -> None:
    there = Endpoint.of("http://127.0.0.1:9/mcp")
    with pytest.raises(LaunchError, match="cannot connect to 127.0.0.1:9"):
        trio.run(sign_in, there, Login.of("alice", "login", JSON), Identity(name="alice"), time.monotonic() + 5)


def test_another_machine_is_not_asked_without_leave(site: Site) -> None:
    with pytest.raises(UsageError, match=r"login of alice: http://login.example: not on this machine"):
        gain(site, {"url": "http://login.example/", "token": "/t"})
    assert not site.asked


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs a url"),
        ({"url": "/l", "tokn": "/t"}, "no member 'tokn'"),
        ({"url": "/l", "token": "access_token"}, "JSON pointer"),
        ({"url": "/l", "json": {}, "form": {}}, "not both"),
        ({"url": "/l", "use": "header:X: y"}, "must hold {token}"),
        ({"url": "/l", "use": "cookie {token}"}, "must be NAME=SPEC"),
        ({"url": 1}, "url must be a string"),
    ],
)
def test_a_login_that_is_described_wrongly_is_a_usage_error(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Login.of("alice", "login", given)


def test_variables_are_filled_within_strings_and_never_change_the_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", 'x", "admin": true, "y": "')
    spec = 'login:{"url": "/login", "json": {"password": "${PW}"}, "token": "/t"}'
    with Prepared.of(
        Target(url="http://127.0.0.1:9/mcp", identities={"alice": (spec,)}, state=str(tmp_path))
    ) as prepared:
        login = prepared.identities["alice"].login
        assert login is not None and login["json"] == {"password": 'x", "admin": true, "y": "'}
        assert 'x", "admin": true, "y": "' in prepared.secrets


def test_a_login_needs_a_server_that_listens(tmp_path: Path) -> None:
    target = Target(command=("true",), identities={"alice": ('login:{"url": "/l"}',)}, state=str(tmp_path))
    with pytest.raises(UsageError, match="go with --url"):
        Prepared.of(target)


def test_the_report_holds_the_shape_of_a_login_and_not_its_password() -> None:
    literal = 'login:{"url": "/login", "json": {"username": "alice", "password": "hunter-2222"}, "token": "/t"}'
    named = 'login:{"url": "/login", "json": {"password": "${PW}"}, "token": "/t"}'
    record = Target(url="http://127.0.0.1:9/", identities={"a": (literal,), "b": (named,)}).record
    assert known_secrets(record, {"PW": "from-outside"}) == {"hunter-2222", "from-outside"}
    told = stored(record, Redactor(known_secrets(record, {"PW": "from-outside"})))
    assert "hunter" not in str(told.identities) and '"username": "alice"' in told.identities["a"][0]
    assert "${PW}" in told.identities["b"][0]


def test_a_guess_is_the_login_with_another_password_and_goes_nowhere_else() -> None:
    endpoint = Endpoint.of("http://127.0.0.1:8000/mcp")
    asked = guess(endpoint, "alice", JSON)
    assert asked is not None and (asked.method, asked.path) == ("POST", "/login")
    assert json.loads(str(asked.body)) == {"username": "alice", "password": "{canary:password}"}
    form = guess(endpoint, "alice", {"url": "/login", "form": {"user": "a b", "pwd": "x"}, "token": "/t"})
    assert form is not None and form.body == "user=a+b&pwd={canary:password}"
    assert guess(endpoint, "alice", {**JSON, "url": "http://127.0.0.1:9/login"}) is None
    assert guess(endpoint, "alice", {**JSON, "json": {"code": "1"}}) is None
