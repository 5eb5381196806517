"""Identifiers that are near another one: the same in another spelling or JSON type, and its likely neighbours.

Pure, and without opinion about what a server makes of them. Sources of the forms: RFC 9562 (UUID versions 1 and 7),
the ULID specification, BSON's ObjectId, Snowflake ids (41 bits of milliseconds, 10 of machine, 12 of sequence).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote

from mcpfuzz.model import Json

__all__ = ["FORMS", "near", "neighbours"]

MAX_LENGTH: Final = 2_000
"""Of an identifier; a longer one has no neighbours."""
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,18}")
_STEPS: Final = (-1, 1, -2, 2, -10, 10)
_TICK_100NS: Final = 10_000
"""A millisecond in the clock of UUID version 1."""


# ---- the same, otherwise spelled --------------------------------------------------------------------


def _text(value: Json) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > MAX_LENGTH:
        raise KeyError("near")
    return str(value)


def _integer(value: Json) -> int:
    text = _text(value)
    if not _NUMBER.fullmatch(text):
        raise KeyError("near")
    return int(text)


def _changed(turn: Callable[[str], str]) -> Callable[[Json], Json]:
    """A spelling; where it changes nothing there is none."""

    def spelled(value: Json) -> Json:
        text = _text(value)
        turned = turn(text)
        if turned == text:
            raise KeyError("near")
        return turned

    return spelled


FORMS: Final[Mapping[str, Callable[[Json], Json]]] = {
    "lower": _changed(str.lower),
    "upper": _changed(str.upper),
    "spaced": _changed(lambda text: text + " "),
    "led": _changed(lambda text: " " + text),
    "ended": _changed(lambda text: text + "\0"),
    "slashed": _changed(lambda text: text + "/"),
    "dotted": _changed(lambda text: "./" + text),
    "encoded": _changed(lambda text: "%" + text[:1].encode().hex() + quote(text[1:], safe="")),
    "decoded": _changed(unquote),
    "base64": _changed(lambda text: base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()),
    "padded": lambda value: "0" + str(_integer(value)),
    "text": lambda value: str(_integer(value)),
    "number": _integer,
    "real": lambda value: float(_integer(value)),
    "list": lambda value: [_text(value) if isinstance(value, str) else value],
    "object": lambda value: {"id": _text(value) if isinstance(value, str) else value},
}
"""Name -> the identifier in that form; raises KeyError where it has none. What the slots `{near-NAME:...}` give."""


def near(form: str, value: Json) -> Json:
    """`value` in one of `FORMS`.

    Raises:
        KeyError: there is no such form, or the value has none.
    """
    return FORMS[form](value)


# ---- its neighbours ---------------------------------------------------------------------------------


def neighbours(value: Json) -> Iterator[Json]:
    """Identifiers that a server which gave out `value` may have given out too: likeliest first, none twice."""
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > MAX_LENGTH:
        return
    seen: set[tuple[type, str]] = {(type(value), str(value))}
    for item in _numbers(value) if isinstance(value, int) else _texts(value):
        key = (type(item), str(item))
        if key not in seen:
            seen.add(key)
            yield item


def _numbers(value: int) -> Iterator[int]:
    for step in _STEPS:
        if value + step >= 0:
            yield value + step
    if value > 1 << 50:  # a Snowflake: the next of the same millisecond, of another machine, of another millisecond
        for bit in (12, 22):
            yield from (value + (1 << bit), value - (1 << bit))


def _texts(value: str) -> Iterator[str]:
    found = _UUID.fullmatch(value)
    if found:
        yield from _uuids(value, found[1])
        return
    if re.fullmatch(r"[0-9a-f]{24}", value, re.IGNORECASE):
        yield from _object_ids(value)
        return
    if len(value) == 26 and set(value.upper()) <= set(_CROCKFORD) and value[0] in "01234567":
        yield from _ulids(value)
        return
    digits = list(_NUMBER.finditer(value))
    for match in reversed(digits[-2:]):  # the last number in it, then the one before
        width = len(match[0])
        for number in _numbers(int(match[0])):
            yield value[: match.start()] + f"{number:0{width}d}" + value[match.end() :]
    yield from _packed(value)
    if not digits and re.fullmatch(r"[A-Za-z0-9]{4,16}", value):  # short codes of an alphabet: hashids and their kind
        for sign in "abcXYZ019":
            yield value[:-1] + sign


def _uuids(value: str, version: str) -> Iterator[str]:
    parts = value.lower().split("-")
    if version == "1":  # time_low is the fast end of the clock; node and sequence stay
        low = int(parts[0], 16)
        for step in (1, -1, _TICK_100NS, -_TICK_100NS, 2, -2):
            yield "-".join([f"{(low + step) % (1 << 32):08x}", *parts[1:]])
    elif version == "7":  # 48 bits of milliseconds, then what may be a counter
        clock = int(parts[0] + parts[1], 16)
        for step in (1, -1, 2, -2):
            moved = f"{(clock + step) % (1 << 48):012x}"
            yield "-".join([moved[:8], moved[8:], *parts[2:]])
    tail = int(parts[4], 16)
    for step in (1, -1):
        yield "-".join([*parts[:4], f"{(tail + step) % (1 << 48):012x}"])
    yield "00000000-0000-0000-0000-000000000000"


def _object_ids(value: str) -> Iterator[str]:
    """Four bytes of seconds, five of the process, three of a counter: the next one has both a bit further."""
    clock, process, count = int(value[:8], 16), value[8:18], int(value[18:], 16)
    for tick, step in ((0, -1), (0, 1), (-1, -1), (1, 1), (0, -2), (0, 2)):
        yield f"{(clock + tick) % (1 << 32):08x}{process}{(count + step) % (1 << 24):06x}"


def _ulids(value: str) -> Iterator[str]:
    """80 bits of chance, which a monotonic maker counts up within a millisecond."""
    number = 0
    for sign in value.upper():
        number = number * 32 + _CROCKFORD.index(sign)
    for step in (1, -1, 1 << 80, -(1 << 80)):
        left = (number + step) % (1 << 128)
        signs = []
        for _ in range(26):
            left, rest = divmod(left, 32)
            signs.append(_CROCKFORD[rest])
        yield "".join(reversed(signs))


def _packed(value: str) -> Iterator[str]:
    """Neighbours of what base64 wraps, wrapped again."""
    if len(value) < 4 or not re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", value):
        return
    try:
        raw = base64.urlsafe_b64decode(value.replace("+", "-").replace("/", "_") + "=" * (-len(value) % 4))
        inner = raw.decode("ascii")
    except (binascii.Error, ValueError):
        return
    if not inner.isprintable() or not _NUMBER.search(inner):
        return
    for other in list(_texts(inner))[:6]:
        wrapped = base64.b64encode(other.encode()).decode()
        yield wrapped if value.endswith("=") or len(value) % 4 == 0 else wrapped.rstrip("=")
