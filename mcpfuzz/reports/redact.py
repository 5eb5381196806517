"""Secrets out, by value: a server echoes a token under any key and in any coding, so keys are no help.

Two strengths. `by_value` takes out what is known to be secret, and nothing else: it is safe for a
stimulus, which must still mean the same when it is replayed. `text` also takes out what looks like a
credential (bearer tokens, JWTs, userinfo of a URL): for evidence, where a false alarm costs nothing.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["MIN_SECRET", "REDACTED", "Redactor"]

REDACTED = "<redacted>"

MIN_SECRET = 4
"""Shorter values would blacken half of any report and hide nothing that cannot be guessed."""

_TOKEN = r"[A-Za-z0-9._~+/=-]"
_SHAPES = re.compile(
    # an authorization value: something with a digit, a case change or length, so that prose stays
    r"(?P<scheme>(?i:\b(?:bearer|basic)(?:[ \t]+|%20|\+)))"
    rf"(?={_TOKEN}{{0,256}}(?:[0-9]|[a-z][A-Z])|{_TOKEN}{{24}}){_TOKEN}{{8,4096}}"
    # a JWT (JWS compact form), signed or not
    r"|\beyJ[A-Za-z0-9_-]{5,4096}\.[A-Za-z0-9_-]{4,4096}\.[A-Za-z0-9_-]{0,4096}"
    # tokens that name their issuer
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,255})\b"
    # userinfo of a URL
    r"|(?<=://)[^\s/?#@\"'<>\\]{1,256}(?=@)"
)


def _base64_forms(raw: bytes) -> set[str]:
    """`raw` in base64, alone and inside a longer text: the latter has three alignments, whose first and
    last characters depend on the neighbours and are left out."""
    whole = base64.b64encode(raw).decode("ascii")
    forms = {whole, whole.rstrip("=")}
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"\0" * offset + raw).decode("ascii")
        inner = text[first : (len(raw) + offset) * 8 // 6]
        if len(inner) >= 8:
            forms.add(inner)
    return forms | {form.translate({ord("+"): "-", ord("/"): "_"}) for form in forms}


def _url_forms(secret: str) -> set[str]:
    whole, path = quote(secret, safe="", errors="replace"), quote(secret, errors="replace")
    upper = {whole, path, quote_plus(secret, errors="replace")}
    return upper | {re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), coded) for coded in upper}


def _forms(secret: str) -> set[str]:
    """Every spelling under which a server may give `secret` back."""
    plain, escaped = json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]
    forms = {secret, plain, escaped, escaped.replace("/", "\\/"), repr(secret)[1:-1], html.escape(secret)}
    forms |= _url_forms(secret) | _base64_forms(secret.encode("utf-8", "surrogatepass"))
    return {form for form in forms if len(form) >= MIN_SECRET}


class Redactor:
    """Knows the secrets of one run; more may be learned while it goes (session ids, fresh tokens).

    Args:
        secrets: values, in any order; those of fewer than `MIN_SECRET` characters are passed over.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._text: re.Pattern[str] | None = None
        self._data: re.Pattern[bytes] | None = None
        self.longest = 0
        """Characters of the longest spelling of any secret."""
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Redact these too, from now on."""
        stripped = {secret.strip() for secret in secrets}
        new = {form for secret in stripped if len(secret) >= MIN_SECRET for form in _forms(secret)}
        if new <= self._forms:
            return
        self._forms |= new
        ordered = sorted(self._forms, key=lambda form: (-len(form), form))
        self.longest = len(ordered[0])
        self._text = re.compile("|".join(map(re.escape, ordered)))
        self._data = re.compile(b"|".join(re.escape(form.encode("utf-8", "surrogatepass")) for form in ordered))

    def by_value(self, text: str) -> str:
        """`text` without any known secret."""
        return self._text.sub(REDACTED, text) if self._text else text

    def text(self, text: str) -> str:
        """`text` without any known secret and without what is shaped like a credential."""
        return _SHAPES.sub(lambda match: (match["scheme"] or "") + REDACTED, self.by_value(text))

    def data(self, data: bytes) -> bytes:
        """`data` without any known secret."""
        return self._data.sub(REDACTED.encode(), data) if self._data else data
