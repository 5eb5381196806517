"""What a text of a `format` must look like, as a table from the format's name to a check.

Only the formats that Draft 2020-12 defines (Validation, section 7.3) are known; any other says nothing. Format
is an annotation: a server that does not assert it breaks no rule.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable

from mcpfuzz.strategies.schemas.limits import CannotGenerate
from mcpfuzz.strategies.schemas.patterns import pattern

__all__ = ["FORMAT_CHECKS"]

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_IDN_LABEL = r"[^\W_](?:[^\W_]|-){0,62}(?<!-)"
_IDN_HOST = re.compile(rf"{_IDN_LABEL}(?:[.\u3002]{_IDN_LABEL})*\.?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII)
_DURATION = re.compile(r"P(?=[\dT])(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[!#$&-;=?@A-Z\[\]_a-z~]|%[0-9A-Fa-f]{2})*")
_URI_REFERENCE = re.compile(r"(?:[!#$&-;=?@A-Z\[\]_a-z~]|%[0-9A-Fa-f]{2})*")
_IRI_CHARS = re.compile(r"[^\s<>\"{}|\\^`\x00-\x1f]*")
_TEMPLATE = re.compile(r"(?:[^\s{}<>\"\\^`|]|\{[+#./;?&=,!@|]?\w[\w.,:*%]*\})*")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_RELATIVE = re.compile(r"(?:0|[1-9]\d*)(?:#|(?:/(?:[^~/]|~[01])*)*)", re.ASCII)


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def _is_date_time(text: str) -> bool:
    return text[10:11] in ("T", "t") and _is_date(text[:10]) and _TIME.fullmatch(text[11:]) is not None


def _is_email(text: str) -> bool:
    local, at, host = text.rpartition("@")
    return bool(at and local and host) and not any(char.isspace() for char in text)


def _is_host(text: str) -> bool:
    return len(text) <= 253 and _HOST.fullmatch(text) is not None


def _is_address(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], text: str) -> bool:
    try:
        return "%" not in text and bool(kind(text).packed)
    except ValueError:
        return False


def _is_regex(text: str) -> bool:
    try:
        return bool(pattern(text).text == text)
    except CannotGenerate:
        return False


FORMAT_CHECKS: dict[str, Callable[[str], bool]] = {
    "date": _is_date,
    "time": lambda text: _TIME.fullmatch(text) is not None,
    "date-time": _is_date_time,
    "duration": lambda text: _DURATION.fullmatch(text) is not None,
    "email": lambda text: text.isascii() and _is_email(text),
    "idn-email": _is_email,
    "hostname": _is_host,
    "idn-hostname": lambda text: len(text) <= 253 and _IDN_HOST.fullmatch(text) is not None,
    "ipv4": lambda text: _is_address(ipaddress.IPv4Address, text),
    "ipv6": lambda text: _is_address(ipaddress.IPv6Address, text),
    "uri": lambda text: _URI.fullmatch(text) is not None,
    "uri-reference": lambda text: _URI_REFERENCE.fullmatch(text) is not None,
    "iri": lambda text: _IRI_CHARS.fullmatch(text) is not None and ":" in text[1:],
    "iri-reference": lambda text: _IRI_CHARS.fullmatch(text) is not None,
    "uri-template": lambda text: _TEMPLATE.fullmatch(text) is not None,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "json-pointer": lambda text: _POINTER.fullmatch(text) is not None,
    "relative-json-pointer": lambda text: _RELATIVE.fullmatch(text) is not None,
    "regex": _is_regex,
}
"""What a text of a format must look like; other formats say nothing. Format is an annotation: a server that
does not assert it breaks no rule."""
