"""WebSocket traffic that RFC 6455 forbids, and odd traffic that it allows: rows W1 and W2a to W2d of the ORACLE table.

Each case carries a whole request that changes nothing, so that a server which takes the broken frame for a good one
shows it: it answers. It knows frames and no connection.

    draw(choices, "unmasked", context)    one case of a kind, from a seeded walk or from Hypothesis
    websocket_frames()                    Hypothesis: any of them
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Ws
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices, strategy_of
from mcpfuzz.strategies.frames import BROKEN_UTF8
from mcpfuzz.strategies.messages import CONSONANTS, Base, Context, Malformed, fresh_id, message_of
from mcpfuzz.wire import encode

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["KINDS", "draw", "websocket_frames"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
CONTROL_BYTES = 125
"""Most that a control frame holds (5.5)."""
MIB = 1 << 20
_ANY = Context()

Made = tuple[tuple[Ws, ...], str]
"""Frames in the order they go out, and what is odd about them."""


def _request(choices: Choices, context: Context) -> tuple[str, int | str, Base]:
    """A request that any server serves and that changes nothing, as text; its id; what it was made from."""
    base = Base(choices.pick(context.methods))
    request_id = fresh_id(choices)
    return encode(message_of(choices, context, base, request_id)).decode("utf-8"), request_id, base


def _cut(choices: Choices, text: str, parts: int) -> list[str]:
    """Text in as many pieces, none of them empty."""
    marks = sorted({choices.integer(1, len(text) - 1) for _ in range(parts - 1)})
    return [text[start:end] for start, end in zip([0, *marks], [*marks, len(text)], strict=True)]


# ---- W1: binary -------------------------------------------------------------------------------------


def _binary(choices: Choices, text: str) -> Made:
    return (Ws(BINARY, quote(text)),), "a message in a binary frame"


def _binary_garbage(choices: Choices, text: str) -> Made:
    data = b"\xff" + choices.blob(1, 60)
    return (Ws(BINARY, data),), f"{len(data)} bytes that are no text in a binary frame"


# ---- W2a: what must end the connection -----------------------------------------------------------------


def _unmasked(choices: Choices, text: str) -> Made:
    return (Ws(TEXT, quote(text), masked=False),), "a frame without a mask (5.1)"


def _reserved_bits(choices: Choices, text: str) -> Made:
    bits = choices.pick((RSV1, RSV2, RSV3, RSV1 | RSV2, RSV2 | RSV3, RSV1 | RSV2 | RSV3))
    return (Ws(bits | TEXT, quote(text)),), f"reserved bits {bits >> 4:03b} without an extension (5.2)"


def _compressed(choices: Choices, text: str) -> Made:
    squeezed = zlib.compressobj(wbits=-15)
    data = squeezed.compress(text.encode("utf-8")) + squeezed.flush(zlib.Z_SYNC_FLUSH)
    return (Ws(RSV1 | TEXT, data[:-4]),), "a compressed message that nobody negotiated (RFC 7692, 6)"


def _reserved_opcode(choices: Choices, text: str) -> Made:
    opcode = choices.integer(3, 7)
    return (Ws(opcode, quote(text)),), f"the reserved opcode {opcode} (5.2)"


def _reserved_control(choices: Choices, text: str) -> Made:
    opcode = choices.integer(11, 15)
    return (Ws(opcode, choices.text(0, 20, CONSONANTS)),), f"the reserved control opcode {opcode} (5.2)"


def _lone_continuation(choices: Choices, text: str) -> Made:
    return (Ws(CONTINUATION, quote(text)),), "a continuation of nothing (5.4)"


def _interleaved(choices: Choices, text: str) -> Made:
    first = Ws(TEXT, choices.text(1, 12, CONSONANTS), fin=False)
    return (first, Ws(TEXT, quote(text))), "a message within another's fragments (5.4)"


def _not_utf8(choices: Choices, text: str) -> Made:
    wrong, why = choices.pick(BROKEN_UTF8)
    mark = b'"mcpfuzz":"' + wrong + b'",'
    data = text.encode("utf-8")
    return (Ws(TEXT, data[:1] + mark + data[1:]),), f"text that is not UTF-8: {why} (8.1)"


def _fragmented_control(choices: Choices, text: str) -> Made:
    opcode = choices.pick((PING, PONG, CLOSE))
    said = struct.pack("!H", 1000) if opcode == CLOSE else choices.text(0, 20, CONSONANTS)
    return (Ws(opcode, said, fin=False),), f"a control frame (opcode {opcode}) in fragments (5.5)"


def _large_control(choices: Choices, text: str) -> Made:
    opcode, size = choices.pick((PING, PONG)), choices.integer(CONTROL_BYTES + 1, 70_000)
    return (Ws(opcode, f"{{repeat:{size}:x}}"),), f"a control frame (opcode {opcode}) of {size} bytes (5.5)"


CODES = (1005, 1006, 1015, 0, 999, 1004, 1016, 2999, 5000, 65535)
"""Close codes that never stand in a frame (7.4)."""


def _bad_close(choices: Choices, text: str) -> Made:
    if choices.chance(25):
        return (Ws(CLOSE, b"\x03"),), "half a close code (5.5.1)"
    if choices.chance(25):
        return (Ws(CLOSE, struct.pack("!H", 1000) + b"\xff\xfe"),), "a close reason that is not UTF-8 (5.5.1)"
    code = choices.pick(CODES)
    return (Ws(CLOSE, struct.pack("!H", code)),), f"the close code {code} (7.4)"


def _huge_length(choices: Choices, text: str) -> Made:
    length = choices.pick((1 << 31, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1))
    return (Ws(TEXT, quote(text), length=length),), f"a frame that says it has {length} bytes"


def _negative_length(choices: Choices, text: str) -> Made:
    length = choices.pick((1 << 63, (1 << 64) - 1))
    return (Ws(TEXT, quote(text), length=length),), f"a length of {length}, whose highest bit is set (5.2)"


def _half(choices: Choices, text: str) -> Made:
    part = choices.integer(0, len(text) - 1)
    return (Ws(TEXT, quote(text[:part]), length=len(text.encode("utf-8"))),), "half a frame, and nothing more"


def _unfinished(choices: Choices, text: str) -> Made:
    return (Ws(TEXT, quote(text), fin=False),), "a first fragment, and nothing more"


# ---- W2b: what is odd and allowed -----------------------------------------------------------------------


def _fragments(choices: Choices, text: str) -> Made:
    pieces = _cut(choices, text, choices.integer(2, 12))
    return tuple(_chain(pieces)), f"a message in {len(pieces)} fragments"


def _letter_cut(choices: Choices, text: str) -> Made:
    data = text.encode("utf-8")
    letter = choices.pick(("\u00e9", "\u6f22", "\U0001f600")).encode("utf-8")
    at = choices.integer(1, len(letter) - 1)
    head = data[:1] + b'"mcpfuzz":"' + letter
    first, rest = head[: at - len(letter)], head[at - len(letter) :] + b'",' + data[1:]
    return (Ws(TEXT, first, fin=False), Ws(CONTINUATION, rest)), "a letter cut in two by the fragments"


def _empty_fragments(choices: Choices, text: str) -> Made:
    pieces = ["", *_cut(choices, text, 2), ""]
    return tuple(_chain(pieces)), "a message with empty fragments around it"


def _ping_within(choices: Choices, text: str) -> Made:
    first, *rest = _chain(_cut(choices, text, 2))
    return (first, Ws(PING, choices.text(0, 20, CONSONANTS)), *rest), "a ping between two fragments"


def _unasked_pong(choices: Choices, text: str) -> Made:
    return (Ws(PONG, choices.text(1, 20, CONSONANTS)), Ws(TEXT, quote(text))), "a pong that nobody asked for"


def _full_ping(choices: Choices, text: str) -> Made:
    return (Ws(PING, b"\xff" * CONTROL_BYTES), Ws(TEXT, quote(text))), f"a ping of {CONTROL_BYTES} bytes"


def _many_pings(choices: Choices, text: str) -> Made:
    count = choices.integer(50, 400)
    return (*[Ws(PING, "?")] * count, Ws(TEXT, quote(text))), f"{count} pings at once"


def _chain(pieces: list[str]) -> list[Ws]:
    last = len(pieces) - 1
    return [Ws(CONTINUATION if n else TEXT, quote(piece), fin=n == last) for n, piece in enumerate(pieces)]


_MAKERS: Mapping[str, tuple[str, bool, Callable[[Choices, str], Made]]] = {
    "binary": ("W1", True, _binary),
    "binary-garbage": ("W1", False, _binary_garbage),
    "unmasked": ("W2a", True, _unmasked),
    "reserved-bits": ("W2a", True, _reserved_bits),
    "compressed": ("W2a", True, _compressed),
    "reserved-opcode": ("W2a", True, _reserved_opcode),
    "reserved-control": ("W2a", False, _reserved_control),
    "lone-continuation": ("W2a", True, _lone_continuation),
    "interleaved": ("W2a", True, _interleaved),
    "not-utf8": ("W2a", True, _not_utf8),
    "fragmented-control": ("W2a", False, _fragmented_control),
    "large-control": ("W2a", False, _large_control),
    "bad-close": ("W2a", False, _bad_close),
    "huge-length": ("W2c", True, _huge_length),
    "negative-length": ("W2a", True, _negative_length),
    "half-frame": ("W2c", False, _half),
    "unfinished": ("W2c", True, _unfinished),
    "fragments": ("W2b", True, _fragments),
    "letter-cut": ("W2b", True, _letter_cut),
    "empty-fragments": ("W2b", True, _empty_fragments),
    "ping-within": ("W2b", True, _ping_within),
    "unasked-pong": ("W2b", True, _unasked_pong),
    "full-ping": ("W2b", True, _full_ping),
    "many-pings": ("W2d", True, _many_pings),
}
"""Kind -> row, whether a reader finds the request in it, its generator."""
KINDS = tuple(_MAKERS)


def draw(choices: Choices, kind: str, context: Context = _ANY) -> Malformed:
    """One case of a kind.

    Args:
        kind: one of `KINDS`.
        context: what is known of the server; the default suits any.

    Raises:
        UsageError: there is no such kind.
    """
    if kind not in _MAKERS:
        raise UsageError(f"{kind!r} is no kind of WebSocket traffic; one of {', '.join(KINDS)}")
    row, readable, make = _MAKERS[kind]
    text, request_id, base = _request(choices, context)
    frames, why = make(choices, text)
    return Malformed(
        row=row, why=why, action=frames, id=request_id if readable else None, expects_answer=row == "W2b",
        method=base.method, together=True,
    )  # fmt: skip


def websocket_frames(*, kinds: Iterable[str] | None = None, context: Context = _ANY) -> SearchStrategy[Malformed]:
    """Frames below the WebSocket library: forbidden ones, and odd ones that every server must take.

    `Malformed.actions` are `model.Ws` values in the order they go out.

    Args:
        kinds: only these of `KINDS`.
        context: what is known of the server.

    Raises:
        UsageError: there is no such kind.
    """
    chosen = KINDS if kinds is None else tuple(kinds)
    for kind in chosen:
        if kind not in _MAKERS:
            raise UsageError(f"{kind!r} is no kind of WebSocket traffic; one of {', '.join(KINDS)}")
    if not chosen:
        raise UsageError("kinds is empty; leave it out for all")
    return strategy_of(websocket_frame, chosen, context)


def websocket_frame(choices: Choices, kinds: tuple[str, ...], context: Context) -> Malformed:
    """One of these kinds; a name of its own so that Hypothesis shows it."""
    return draw(choices, choices.pick(kinds), context)
