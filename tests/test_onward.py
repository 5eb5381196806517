"""What a browser goes on with: redirects, forms that agree, cookies, codes; and where it goes nowhere."""

from __future__ import annotations

import pytest

from mcpfuzz.onward import Browser, cookie
from mcpfuzz.slots import Filler

HTML = [("content-type", "text/html; charset=utf-8")]
CONSENT = b"""<form method="post" action="answer?x=1"><input type=hidden name=t value="a&amp;b"><input name=note>
<input type=checkbox name=scope value=all><button name=say value=no>Deny</button>
<button name=say value=yes><b>Allow</b> access</button></form>"""


def test_a_redirect_leads_to_a_path_of_the_page_it_came_from() -> None:
    browser = Browser()
    browser.shown("/a/b?c", 302, [("location", "d?e=1"), ("set-cookie", "s=1; HttpOnly"), ("set-cookie", "t=2")], b"")
    assert browser.value("onward") == "/a/d?e=1"
    assert browser.value("cookies") == "s=1; t=2"
    browser.shown(
        "/a/d", 302, [("location", "https://app.example/cb?state=1&code=x%2Fy"), ("set-cookie", "s=; Max-Age=0")], b""
    )
    assert browser.value("onward") == "https://app.example/cb?state=1&code=x%2Fy"
    assert (browser.value("code"), browser.value("cookies")) == ("x%2Fy", "t=2")


def test_a_form_is_sent_with_the_button_that_agrees() -> None:
    browser = Browser()
    browser.shown("/login/consent", 200, HTML, CONSENT)
    assert browser.value("form") == "/login/answer?x=1"
    assert browser.value("fields") == "t=a%26b&note=&scope=all&say=yes"
    with pytest.raises(KeyError):
        browser.value("onward")


@pytest.mark.parametrize(
    "page",
    [
        b"<form method=post><input type=hidden name=a><input type=password name=p><button>Sign in</button></form>",
        b"<form method=post><button name=say value=deny>Deny</button></form>",
        b"<form method=get><button>Allow</button></form>",
        b"<p>Nothing here",
    ],
)
def test_a_form_that_wants_a_person_is_not_sent(page: bytes) -> None:
    browser = Browser()
    browser.shown("/", 200, HTML, page)
    with pytest.raises(KeyError):
        browser.value("fields")


@pytest.mark.parametrize("location", ["javascript:alert(1)", "cursor://callback?code=1", "http://[::1"])
def test_what_is_no_page_is_not_gone_to(location: str) -> None:
    browser = Browser()
    browser.shown("/a", 302, [("location", location)], b"")
    with pytest.raises(KeyError):
        browser.value("onward")


def test_another_host_stays_one() -> None:
    browser = Browser()
    browser.shown("/a", 302, [("location", "//other.example/x")], b"")
    assert browser.value("onward") == "http://other.example/x"


def test_our_own_authorization_server_says_yes_without_being_asked() -> None:
    browser = Browser("http://127.0.0.1:9")
    back = "http%3A%2F%2F127.0.0.1%3A8%2Fback"
    browser.shown("/a", 302, [("location", f"http://127.0.0.1:9/authorize?state=s&redirect_uri={back}")], b"")
    assert browser.value("onward").startswith("http://127.0.0.1:8/back?code=")
    assert browser.value("onward").endswith("&state=s")
    browser.shown("/a", 302, [("location", "http://127.0.0.1:9/authorize?state=s")], b"")
    with pytest.raises(KeyError):
        browser.value("onward")


def test_slots_are_filled_with_it() -> None:
    filler = Filler()
    filler.browser.shown("/", 302, [("location", "/next?code=4")], b"")
    assert filler.fill("{browser:onward} {browser:code} [{browser:cookies}]") == "/next?code=4 4 []"


def test_a_page_that_breaks_off_the_reader_shows_the_forms_before_that() -> None:
    browser = Browser()
    browser.shown("/login/consent", 200, HTML, CONSENT + b"<![foo[ bar")
    assert browser.value("form") == "/login/answer?x=1"


@pytest.mark.parametrize(("at", "location"), [("/a", "http://[b"), ("//[a", "b")])
def test_a_redirect_to_what_is_no_address_leads_nowhere(at: str, location: str) -> None:
    browser = Browser()
    browser.shown(at, 302, [("location", location)], b"")
    with pytest.raises(KeyError):
        browser.value("onward")


@pytest.mark.parametrize(
    ("header", "given"),
    [
        ("s=1; HttpOnly", ("s", "1")), (" s = a=b ;Path=/", ("s", "a=b")), ("s=1; Max-Age=60", ("s", "1")),
        ("s=1; max-age = 0", ("s", "")), ("s=1; Max-Age=-1", ("s", "")), ("s=", ("s", "")), ("s", ("s", "")),
    ],
)  # fmt: skip
def test_a_cookie_is_set_or_taken_away(header: str, given: tuple[str, str]) -> None:
    assert cookie(header) == given
