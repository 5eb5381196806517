"""What a browser does next with what a page said: where a redirect leads, what a form sends, the cookies it keeps.

Pure: it asks nobody. It answers for a person who agrees: a form that approves is sent, no password is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

__all__ = ["CODE", "REDIRECTS", "Browser", "cookie"]

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MOST_BYTES: Final = 256 << 10
GRANTED: Final = "granted-by-the-test-authorization-server"
"""The code that our own authorization server gives: it asks nobody, so it need not be asked."""
_AGREES = re.compile(
    r"approve|allow|accept|agree|authori[sz]e|confirm|consent|continue|grant|yes|\bok\b", re.IGNORECASE
)
_REFUSES = re.compile(r"deny|reject|cancel|decline|refuse|disallow|\bno\b|back", re.IGNORECASE)
CODE: Final = re.compile(r"[?&#]code=([^&#]+)")
"""The code in a Location, as it stands there (RFC 6749, 4.1.2)."""


@dataclass(slots=True)
class _Form:
    """One form, as it is read."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, value and words of each."""
    personal: bool = False
    """It wants what only a person knows."""

    @property
    def agreeing(self) -> tuple[str, str, str] | None:
        """The button that says yes; None where the only ones say no, or do not tell."""
        kind = [button for button in self.buttons if not _REFUSES.search(" ".join(button))]
        return next((button for button in kind if _AGREES.search(" ".join(button))), kind[0] if kind else None)


class _Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[_Form] = []
        self._form: _Form | None = None
        self._words: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = _Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None and tag == "input":
            self._input(self._form, given)
        elif self._form is not None and tag == "button" and given.get("type", "submit") == "submit":
            self._form.buttons.append((given.get("name", ""), given.get("value", ""), ""))
            self._words = []

    def _input(self, form: _Form, given: Mapping[str, str]) -> None:
        kind, name = given.get("type", "text").lower(), given.get("name", "")
        if kind in ("submit", "image"):
            form.buttons.append((name, given.get("value", ""), ""))
        elif kind == "password" or (kind in ("text", "email") and "required" in given and not given.get("value")):
            form.personal = True
        elif name and kind not in ("button", "reset", "file"):
            form.fields.append((name, given.get("value", "on" if kind in ("checkbox", "radio") else "")))

    def handle_data(self, data: str) -> None:
        if self._words is not None:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._words is not None and self._form is not None and self._form.buttons:
            name, value, _ = self._form.buttons[-1]
            self._form.buttons[-1] = (name, value, " ".join("".join(self._words).split())[:100])
            self._words = None
        elif tag == "form":
            self._form = None


class Browser:
    """One browser, with nobody signed in: what it was shown last, and its cookies.

    Args:
        issuer: base URL of our own authorization server; "" where there is none.
    """

    def __init__(self, issuer: str = "") -> None:
        self._issuer = issuer
        self._at = ""
        self._location = ""
        self._form: _Form | None = None
        self._cookies: dict[str, str] = {}
        self._code = ""

    def shown(self, at: str, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """What came for one request.

        Args:
            at: path of the request, what else is relative to.
            headers: names in lower case.
        """
        told = list(headers)
        for name, value in told:
            if name == "set-cookie":
                key, text = cookie(value)
                self._cookies.pop(key, None)
                self._cookies |= {key: text} if key and text else {}
        location = next((value for name, value in told if name == "location"), "")
        kind = next((value for name, value in told if name == "content-type"), "")
        self._at, self._location, self._form = at, "", None
        if status in REDIRECTS and location:
            self._location = location
            code = CODE.search(location)
            self._code = code[1] if code else self._code
        elif kind.startswith("text/html"):
            reader = _Forms()
            with suppress(AssertionError):  # html.parser, of a declaration that is none: what came before it counts
                reader.feed(body[:MOST_BYTES].decode("utf-8", "replace"))
            posted = [form for form in reader.forms if form.method == "post" and not form.personal]
            self._form = next((form for form in posted if form.agreeing is not None or not form.buttons), None)

    def value(self, name: str) -> str:
        """Args: name: onward (where the redirect leads), form and fields (where the form goes, and what it sends),
        cookies, code (of the last redirect that had one).

        Raises:
            KeyError: there is none.
        """
        if name == "cookies":
            return "; ".join(f"{key}={value}" for key, value in self._cookies.items())
        if name == "code" and self._code:
            return self._code
        if name == "onward" and self._location:
            return self._page(_granted(self._location) if self._is_ours(self._location) else self._location)
        if name == "form" and self._form is not None:
            return self._page(self._form.action)
        if name == "fields" and self._form is not None:
            return urlencode(_sent(self._form))
        raise KeyError(f"browser:{name}")

    def _page(self, link: str) -> str:
        """A link of the page that was shown: a path, or a URL where it leads elsewhere.

        Raises:
            KeyError: it leads to no page (javascript:, an application's own scheme).
        """
        try:
            parts, whole = urlsplit(link), urljoin(self._at, link)
        except ValueError:
            raise KeyError(link) from None
        if parts.scheme not in ("", "http", "https"):
            raise KeyError(link)
        if parts.netloc:
            return link if parts.scheme else f"http:{link}"
        return whole

    def _is_ours(self, location: str) -> bool:
        return bool(self._issuer) and location.startswith(f"{self._issuer}/authorize?")


def cookie(header: str) -> tuple[str, str]:
    """Name and value that a Set-Cookie header gives (RFC 6265, 5.2); no value where it takes the cookie away."""
    pair, *attributes = header.split(";")
    name, _, value = pair.partition("=")
    ended = any(re.fullmatch(r"max-age=(?:0+|-\d+)", "".join(one.split()).lower()) for one in attributes)
    return name.strip(), "" if ended else value.strip()


def _sent(form: _Form) -> Sequence[tuple[str, str]]:
    button = form.agreeing
    return [*form.fields, (button[0], button[1])] if button is not None and button[0] else form.fields


def _granted(location: str) -> str:
    """What our own authorization server answers to this request: yes."""
    asked = dict(parse_qsl(urlsplit(location).query))
    mark = "&" if "?" in asked.get("redirect_uri", "") else "?"
    return f"{asked['redirect_uri']}{mark}{urlencode({'code': GRANTED, 'state': asked.get('state', '')})}"
