"""Frames whose bytes are wrong, rows F2 to F10: each starts as a well-formed message and is hurt in one drawn
place. It knows where JSON's tokens are and nothing of MCP beyond its base messages.

Values stay small: what is deep or large is a `{repeat:N:X}` slot, grown only when it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mcpfuzz.model import Json, Raw, Send, pointer
from mcpfuzz.slots import MAX_REPEAT_BYTES
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.messages import (
    CONSONANTS,
    Base,
    Context,
    Malformed,
    base_of,
    brief,
    framed,
    fresh_id,
    message_of,
    scalar,
    word,
)
from mcpfuzz.strategies.syntax import TOKEN, Hurt, not_json, text_of
from mcpfuzz.wire import encode

__all__ = ["FRAMES"]

MARK = "~mcpfuzz~"
"""Stands in a base message where the odd thing goes; drawn text never holds it."""

# ---- F2: blank --------------------------------------------------------------------------------------


BLANKS = ((" ", "spaces"), ("\t", "tabs"), (" \t", "spaces and tabs"))


def _f2(choices: Choices, context: Context) -> Malformed:
    if choices.chance(20):
        kind, name = choices.pick(BLANKS)
        count = choices.integer(1, 100_000)
        run = f"{{repeat:{count}:{kind}}}"
        return Malformed(row="F2", why=f"a blank line: {count * len(kind)} {name}", action=Raw(run + "\n"))
    run = choices.text(12 if choices.chance(95) else 0, 40, " \t") + choices.pick(("", "\r"))
    return Malformed(row="F2", why=f"a blank line: {run!r}", action=Raw(run + "\n"))


# ---- a drawn place in a message ---------------------------------------------------------------------


class Spot(NamedTuple):
    """A base message with MARK, a string, in one drawn place."""

    message: dict[str, Json]
    where: str
    """RFC 6901 pointer of the place, whatever stands there."""
    base: Base
    id: Json


def _spot(choices: Choices, context: Context, *, plain: bool = False, deep: bool = True, told: bool = False) -> Spot:
    """Args: plain: no slots in it. deep: maybe inside arrays and objects. told: also where a server is
    likely to repeat it, as the name of an unknown tool."""
    request_id = fresh_id(choices)
    value: Json = MARK
    path: list[str | int] = []
    for _ in range(choices.integer(0, 3) if deep and choices.chance(40) else 0):
        key = choices.pick(("", word(choices)))
        value = {key: value} if key else [value]
        path.insert(0, key or 0)
    base = base_of(choices, context, plain=plain)
    places = ["params", "_meta", "top"]
    if base.method == "tools/call":
        places.append("arguments")
    if told and not path and not context.modern and context.offers("tools"):  # modern: no header could carry it
        places.append("tool")
    place = choices.pick(places)
    if place == "tool":
        base = Base("tools/call", {"name": "nosuch-" + MARK, "arguments": {}}, "nosuch")
        return Spot(message_of(choices, context, base, request_id), pointer("params", "name"), base, request_id)
    message = message_of(choices, context, base, request_id)
    key = word(choices)
    if place == "top":
        message[key] = value
        return Spot(message, pointer(key, *path), base, request_id)
    params = message["params"] = {**message.get("params", {})}
    if place == "params":
        params[key] = value
        return Spot(message, pointer("params", key, *path), base, request_id)
    if place == "_meta":
        key = "mcpfuzz/" + key
    params[place] = {**params.get(place, {}), key: value}
    return Spot(message, pointer("params", place, key, *path), base, request_id)


def _marked(spot: Spot) -> str:
    return encode(spot.message).decode("utf-8")


def _f3(choices: Choices, context: Context) -> Malformed:
    spot = _spot(choices, context)
    literal = choices.pick(("NaN", "Infinity", "-Infinity"))
    text = _marked(spot).replace(f'"{MARK}"', literal, 1)
    return framed("F3", text, f"{literal} at {spot.where}", spot.base, spot.id)


BROKEN_UTF8 = (
    (b"\xff", "a byte that no UTF-8 has"), (b"\x80", "a lone continuation byte"), (b"\xc0\xaf", "an overlong slash"),
    (b"\xe2\x82", "a truncated sequence of three"), (b"\xf0\x9f\x98", "a truncated sequence of four"),
    (b"\xed\xa0\x80", "a surrogate in UTF-8"), (b"\xf5\x80\x80\x80", "a code point beyond U+10FFFF"),
    (b"\xe0\x80\x80", "an overlong NUL"), (b"\xfe\xff", "a UTF-16 byte order mark"), (b"\xe9", "a Latin-1 letter"),
)  # fmt: skip


def _f4(choices: Choices, context: Context) -> Malformed:
    spot = _spot(choices, context, plain=True, told=True)
    wrong, why = choices.pick(BROKEN_UTF8)
    wrong *= choices.integer(1, 3)
    left, right = choices.text(0, 5, CONSONANTS), choices.text(0, 5, CONSONANTS)
    data = _marked(spot).encode("utf-8").replace(MARK.encode(), left.encode() + wrong + right.encode(), 1)
    return Malformed(row="F4", why=f"{why} ({wrong.hex()}) at {spot.where}", action=Raw(data + b"\n"), id=spot.id,
                     method=spot.base.method, name=spot.base.name)  # fmt: skip


def _f5(choices: Choices, context: Context) -> Malformed:
    spot = _spot(choices, context, told=True)
    low = choices.chance(30)
    half = choices.integer(0xDC00, 0xDFFF) if low else choices.integer(0xD800, 0xDBFF)
    escape = f"\\u{half:04x}" if choices.chance(80) else f"\\u{half:04X}"
    tail = choices.text(0, 5, CONSONANTS)  # never the other half
    text = _marked(spot).replace(MARK, choices.text(0, 5, CONSONANTS) + escape + tail, 1)
    why = f"the lone {'low' if low else 'high'} surrogate {escape} at {spot.where}"
    return framed("F5", text, why, spot.base, spot.id)


def _f6(choices: Choices, context: Context) -> Malformed:
    base = base_of(choices, context)
    request_id = fresh_id(choices)
    text = encode(message_of(choices, context, base, request_id, vary=97)).decode("utf-8")
    return framed("F6", "\ufeff" + text, "a byte order mark before the message", base, request_id)


# ---- F7: duplicate keys -----------------------------------------------------------------------------


def _f7(choices: Choices, context: Context) -> Malformed:
    if choices.chance(40):
        return _f7_inside(choices, context)
    base = base_of(choices, context)
    request_id = fresh_id(choices)
    message = message_of(choices, context, base, request_id, vary=90)
    key = choices.pick([key for key in ("method", "params", "jsonrpc", "id") if key in message])
    ids: Json = request_id
    match key:
        case "id":
            other: Json = fresh_id(choices)
            ids = (request_id, other)
        case "method":
            other = choices.pick((base.method, "x-" + word(choices)))
        case "params":
            other = {**message["params"], word(choices): scalar(choices)}
        case _:
            other = choices.pick(("2.0", "1.0", word(choices)))
    text, where = _twice(choices, encode(message).decode("utf-8"), 0, key, other)
    return framed("F7", text, f'"{key}" twice, the {where} time as {brief(other)}', base, ids)


def _f7_inside(choices: Choices, context: Context) -> Malformed:
    """A member of params or of the arguments twice, or an object with a duplicate anywhere."""
    base = base_of(choices, context)
    message = message_of(choices, context, base, request_id := fresh_id(choices), vary=60)
    params = message.get("params")
    if params and choices.chance(60):
        key = choices.pick(list(params))
        other: Json = word(choices, 5, 9)
        if isinstance(params[key], dict):
            other = {**params[key], other: scalar(choices)}
        text = encode(message).decode("utf-8")
        text, where = _twice(choices, text, text.index('"params":{') + 9, key, other)
        return framed("F7", text, f'"{key}" twice in params, the {where} time as {brief(other)}', base, request_id)
    spot = _spot(choices, context)
    key, one, two = word(choices), scalar(choices), scalar(choices)
    twin = f'{{"{key}":{_dump(one)},"{key}":{_dump(two)}}}'
    text = _marked(spot).replace(f'"{MARK}"', twin, 1)
    return framed("F7", text, f'"{key}" twice in the object at {spot.where}', spot.base, spot.id)


def _twice(choices: Choices, text: str, brace: int, key: str, value: Json) -> Hurt:
    """The object that opens at `brace` with one more member, first or last; sometimes spelt with an escape."""
    name = f'"\\u{ord(key[0]):04x}{key[1:]}"' if choices.chance(20) else f'"{key}"'
    if choices.chance(50):
        return f"{text[: brace + 1]}{name}:{_dump(value)},{text[brace + 1 :]}", "first"
    close = len(text) - 1 if brace == 0 else _closing(text, brace)
    return f"{text[:close]},{name}:{_dump(value)}{text[close:]}", "last"


def _closing(text: str, brace: int) -> int:
    """Where the object that opens at `brace` ends."""
    depth = 0
    for match in TOKEN.finditer(text, brace):
        token = match.group()
        depth += (token in "{[") - (token in "}]")
        if depth == 0:
            return match.start()
    raise AssertionError(f"unbalanced base message: {text}")


def _dump(value: Json) -> str:
    return encode(value).decode("utf-8")


# ---- F8, F9: deep and large -------------------------------------------------------------------------

UNITS = (
    ("[", "]", ""), ("[[", "]]", ""), ("[0,", "]", "0"), ('["",', "]", "null"), ("[null,", "]", "[]"), ("[ ", " ]", ""),
)  # fmt: skip
"""What opens, what closes and what is innermost."""
OBJECT_DEPTH = 5_000
"""Objects cannot be a slot (its unit has no braces), so they stay at the row's lower bound."""


def _f8(choices: Choices, context: Context) -> Malformed:
    depth = choices.integer(5_000, 100_000)
    opens, closes, inner = choices.pick(UNITS)
    per = opens.count("[")
    count = -(-depth // per)
    nest = f"{{repeat:{count}:{opens}}}{inner}{{repeat:{count}:{closes}}}"
    what = f"{count * per} nested arrays"
    if choices.chance(4):
        key = word(choices, 1, 3)
        what, nest = f"{OBJECT_DEPTH} nested objects", f'{{"{key}":' * OBJECT_DEPTH + "0" + "}" * OBJECT_DEPTH
    if choices.chance(15):
        return Malformed(row="F8", why=f"{what}, and nothing else", action=Raw(nest + "\n"))
    spot = _spot(choices, context, deep=False)
    return framed("F8", _marked(spot).replace(f'"{MARK}"', nest, 1), f"{what} at {spot.where}", spot.base, spot.id)


MIB = 1 << 20
SIZES = (1, 1, 1, 1, 1, 2, 2, 4, 4, 8, 10, 10, 16, 32, 64)
"""MiB, and up to one more; small ones often, because large ones take long. Some readers give up behind 10."""
LETTERS = ("x", "A", "0", " ", "\u00e9", "\u6f22", "\U0001f600", "ab", "\\", '"', "-")


def _f9(choices: Choices, context: Context) -> Malformed:
    unit = choices.pick(LETTERS)
    size = choices.pick(SIZES) * MIB + choices.integer(0, MIB)
    wire_bytes = len(unit.encode("utf-8")) + (unit in ('"', "\\"))
    count = -(-min(size, MAX_REPEAT_BYTES) // wire_bytes)
    spot = _spot(choices, context, told=True)
    message = _swapped(spot.message, f"{{repeat:{count}:{unit}}}")
    why = f"a string of {count * wire_bytes} bytes, {unit!r} repeated, at {spot.where}"
    return Malformed(row="F9", why=why, action=Send(message), id=spot.id, method=spot.base.method, name=spot.base.name)


def _swapped(value: Json, by: str) -> Json:
    """`value` with MARK replaced."""
    if isinstance(value, str):
        return value.replace(MARK, by) if MARK in value else value
    if isinstance(value, Mapping):
        return {key: _swapped(item, by) for key, item in value.items()}
    return [_swapped(item, by) for item in value] if isinstance(value, list) else value


# ---- F10: the framing itself ------------------------------------------------------------------------


def _f10(choices: Choices, context: Context) -> Malformed:
    one = text_of(choices, context)
    if choices.chance(70):
        cut = choices.integer(1, len(one.text) - 1)
        why = f"a message split over two lines after character {cut} of {len(one.text)}"
        halves = (Raw(one.text[:cut] + "\n"), Raw(one.text[cut:] + "\n"))
        return Malformed(row="F10", why=why, action=halves, id=one.id, method=one.base.method, name=one.base.name)
    two = text_of(choices, context)
    between = choices.pick(("", " ", ",", ";", "\t", "\x00", "\x1e", " , "))
    text = one.text + between + two.text
    why = f"two messages in one frame, with {between!r} between them"
    return framed("F10", text, why, one.base, (one.id, two.id))


FRAMES: dict[str, Callable[[Choices, Context], Malformed]] = {
    "F1": not_json, "F2": _f2, "F3": _f3, "F4": _f4, "F5": _f5, "F6": _f6, "F7": _f7,
    "F8": _f8, "F9": _f9, "F10": _f10,
}  # fmt: skip
"""Row -> its generator."""
