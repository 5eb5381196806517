"""Proofs about what is listed and what is shown: orders between the lines of a description, definitions that do
not stay the same, values that an answer should not hold.

Pure, as all proofs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mcpfuzz.harvest import members
from mcpfuzz.model import Exchange, Json, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.orders import orders_in
from mcpfuzz.oracles.reading import accepted, answered_result, method_of
from mcpfuzz.wire import encode

__all__ = ["SURFACES", "exposed_in"]

MEMBERS = {
    "tools/list": ("tools", "name"),
    "prompts/list": ("prompts", "name"),
    "resources/list": ("resources", "uri"),
    "resources/templates/list": ("resourceTemplates", "uriTemplate"),
}
"""Method of a listing -> member that holds it, member that names an entry."""


def _entries(trace: Trace, exchange: Exchange) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Entries of a listing, by name."""
    asked, result = method_of(trace, exchange), answered_result(exchange)
    if asked is None or asked[0] not in MEMBERS or result is None:
        return
    member, name = MEMBERS[asked[0]]
    listed = result.get(member)
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get(name), str):
            yield entry[name], entry


def _ordered(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """An entry of a listing holds orders to the model, or letters that nobody sees."""
    for exchange in trace.exchanges:
        for name, entry in _entries(trace, exchange):
            if name != params["name"]:
                continue
            for where, what in orders_in(entry):
                return f"{where or '/'}: {what}"
    return None


# ---- definitions that change -----------------------------------------------------------------------

_VARIABLE = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|(?:/[\w.@+-]+){2,}/?|[-+]?\d[\d.,:TZ-]*", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_DATES = """
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
october november december mon tue wed thu fri sat sun jan feb mar apr jun jul aug sep oct nov dec am pm utc gmt"""
_CALENDAR = frozenset(_DATES.split())
_DEFINES = ("name", "title", "description", "inputSchema", "outputSchema", "annotations", "arguments", "mimeType")


def _said(entry: Mapping[str, Json]) -> Counter[str]:
    """The words of a definition, however they are ordered; numbers, ids, paths and the calendar taken out."""
    text = encode({key: entry[key] for key in _DEFINES if key in entry}).decode("utf-8", "replace")
    words = (word.lower() for word in _WORD.findall(_VARIABLE.sub(" ", text)))
    return Counter(word for word in words if word not in _CALENDAR)


def _relisted(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A definition differs between two listings between which nothing was done."""
    by_step = {exchange.step: exchange for exchange in trace.exchanges}
    if len(trace.conversation) != params["steps"]:
        return None
    first: dict[str, tuple[int, Counter[str]]] = {}
    for listing in params["listings"]:
        for step in listing:
            if step not in by_step or not accepted(by_step[step]):
                return None
            for name, entry in _entries(trace, by_step[step]):
                said = _said(entry)
                before = first.setdefault(name, (step, said))
                if before[1] != said:
                    added = sorted((said - before[1]).elements())[:12]
                    gone = sorted((before[1] - said).elements())[:12]
                    words = f"more: {' '.join(added)}" if added else f"fewer: {' '.join(gone)}"
                    return f"{name} is told otherwise in step {step + 1} than in step {before[0] + 1}; {words}"
    return None


# ---- what should not be shown ----------------------------------------------------------------------

_HASH = re.compile(
    r"^(?:pbkdf2[_:]\S{20,}|\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|\$argon2[id]{1,2}\$\S{20,}|\$(?:1|5|6|7|y|gy)\$\S{20,}"
    r"|scrypt:\S{20,}|\{S?SHA\d*\}\S{20,}|bcrypt(?:_sha256)?\$\S{20,})$"
)
_TOKEN = re.compile(
    r"^(?:eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}|(?:sk|pk|rk)_(?:live|test)_\w{12,}|gh[pousr]_\w{30,}|AKIA[0-9A-Z]{16}"
    r"|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----)"
)
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|passphrase|pass_?hash|password_?(?:hash|digest|salt)|secret|client_secret|api_?key|api_?token"
    r"|access_?token|refresh_?token|session_?token|auth_?token|reset_?token|private_?key|totp_?secret|otp_?secret|mfa_?secret|recovery_?codes?)$"
)
_PERSONAL_NAME = re.compile(
    r"(?:^|_)(?:ssn|social_?security\w*|tax_?id|passport(?:_?(?:no|number))?|credit_?card\w*|card_?number|iban|cvv|date_?of_?birth|birth_?date|dob"
    r"|e?mail(?:_?address)?|phone(?:_?number)?|mobile|home_?address|street|salary|diagnosis)$"
)
_PLACEHOLDER = re.compile(
    r"^(?:[*•x.…-]+\w{0,4}|<.{0,40}>|\[?redacted\]?|hidden|null|none|n/?a|string|true|false|yes|no|)$", re.IGNORECASE
)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[- ]", "_", name).lower()


def exposed_in(result: Json, declared: Mapping[str, Json] | None) -> Iterator[tuple[str, str]]:
    """Members (name, why) that a result should not hold.

    Args:
        declared: the outputSchema, None without one. What it names is meant to be shown; with one, personal data
            that it does not name counts too.
    """
    named = _named(declared) if declared is not None else frozenset()
    for name, value in members(result):
        text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
        if not text or name in named or _PLACEHOLDER.match(text.strip()):
            continue
        key = _snake(name)
        if _HASH.match(text):
            yield name, "the hash of a password"
        elif _TOKEN.match(text) or (_SECRET_NAME.search(key) and _unguessable(text)):
            yield name, "a secret"
        elif declared is not None and _PERSONAL_NAME.search(key) and len(text) >= 4 and not isinstance(value, bool):
            yield name, "personal data that the outputSchema does not declare"


def _unguessable(text: str) -> bool:
    """Whether a value looks like a secret itself: long, without blanks, letters and digits mixed."""
    mixed = any(sign.isdigit() for sign in text) and any(sign.isalpha() for sign in text)
    return len(text) >= 10 and mixed and not re.search(r"\s", text) and "://" not in text


def _named(schema: Json, depth: int = 0) -> frozenset[str]:
    """Every member that a schema names, at any depth."""
    found: set[str] = set()
    if isinstance(schema, Mapping) and depth < 8:
        inner = schema.get("properties")
        if isinstance(inner, Mapping):
            found |= {str(name) for name in inner}
        for value in schema.values():
            found |= _named(value, depth + 1)
    elif isinstance(schema, list) and depth < 8:
        for value in schema:
            found |= _named(value, depth + 1)
    return frozenset(found)


def _exposed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A normal answer holds what nobody should be shown, and nobody had sent."""
    for exchange in trace.exchanges:
        if not accepted(exchange):
            continue
        sent = exchange.sent.decode("utf-8", "replace")
        for name, why in exposed_in(answered_result(exchange), params.get("declared")):
            value = next((str(found) for key, found in members(answered_result(exchange)) if key == name), "")
            if value and value not in sent:
                return f"{name} is {why}: {value[:4]}... ({len(value)} characters)"
    return None


SURFACES: Mapping[str, Seen] = {"ordered": _ordered, "relisted": _relisted, "exposed": _exposed}
"""Kind -> how it is seen."""
