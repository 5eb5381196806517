"""JSON-RPC and line framing, both ways, without I/O. Bytes in, frames out; it can be malformed on purpose
(whoever encodes says so) and it is merciless when it reads: what is wrong with a frame is named, never
raised. It knows nothing of MCP revisions, sessions or servers.

The good path costs about 2 microseconds: orjson decodes, and a frame that orjson would have written
byte for byte cannot hide a duplicate key, a huge integer or a NaN. All else takes the slow path.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import orjson

from mcpfuzz.errors import TooMuch
from mcpfuzz.model import Frame, Json

__all__ = ["FAULTS", "MAX_FRAME_BYTES", "LineFramer", "decode", "encode", "id_key", "is_answer", "is_request"]

FAULTS = {
    "blank": "a line without a message",
    "not-utf8": "bytes that are not UTF-8 (FR-03)",
    "bom": "a byte order mark before the message",
    "not-json": "not a JSON value (FR-01)",
    "nan": "NaN or Infinity, which JSON does not have",
    "duplicate-key": "a key twice in one object",
    "lone-surrogate": "half of a surrogate pair, which UTF-8 cannot carry",
    "huge-int": "an integer that no 64-bit reader keeps",
    "too-deep": "nesting deeper than a reader's stack",
    "batch": "an array of messages (FR-04)",
    "not-object": "a JSON value that is no message",
    "no-jsonrpc": 'no member "jsonrpc": "2.0" (FR-05)',
    "result-and-error": "a response with both result and error (JR-02)",
    "no-result-no-error": "a response with neither result nor error (JR-03)",
    "error-shape": "an error without an integer code and a string message (JR-04, JR-05)",
    "id-type": "an id that is neither string nor integer (JR-01)",
    "notification-with-id": "a notification that carries an id (JR-07)",
    "wrong-id": "an answer whose id has another type than the request's (JR-01); the client adds this one",
    "carriage-return": "a line that ends in CR LF",
}
"""Everything that can be wrong with one received frame; spec rows in brackets."""

MAX_FRAME_BYTES = 34 << 20
"""Cap on one line; an honest 32 MiB listing passes (hostility: tools_list_32mb), a gigabyte does not."""

SLOW_CHECK_BYTES = 1 << 20
"""Beyond this size a frame is not read a second time for duplicate keys."""

HUGE_INT_DIGITS = 400
"""More digits are never converted: conversion is quadratic (and Python refuses 4,300)."""


class LineFramer:
    """Splits a byte stream at line feeds, and only there (not at CR, U+2028 or U+0085).

    Args:
        cap: bytes one line may have.
    """

    __slots__ = ("_cap", "_parts", "_size")

    def __init__(self, cap: int = MAX_FRAME_BYTES) -> None:
        self._cap = cap
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their line feeds.

        Raises:
            TooMuch: a line passed the cap, finished or not; nothing of it and of `chunk` is kept.
        """
        lines = chunk.split(b"\n")
        if len(chunk) > self._cap:
            self._check(max(map(len, lines)))
        if self._parts:
            self._size += len(lines[0])
            self._parts.append(lines[0])
            self._check(self._size)
            if len(lines) == 1:
                return []
            lines[0] = b"".join(self._parts)
        rest = lines.pop()
        self._parts = [rest] if rest else []
        self._size = len(rest)
        return lines

    def rest(self) -> bytes:
        """The unfinished line, for the record when the stream ends."""
        return b"".join(self._parts)

    def _check(self, size: int) -> None:
        if size > self._cap:
            self._parts, self._size = [], 0
            raise TooMuch(f"a line of over {self._cap >> 20} MiB (cap MAX_FRAME_BYTES)")


def encode(message: Json) -> bytes:
    """One message as bytes, without a line end.

    orjson where it can; huge integers and lone surrogates, which only a fuzzer sends, through `json`;
    what nests deeper than Python's stack, without recursion.
    """
    try:
        return orjson.dumps(message)
    except (TypeError, orjson.JSONEncodeError, RecursionError):
        try:
            text = _dumps(message)
        except RecursionError:
            text = _deep(message)
        return text.encode("utf-8", "surrogatepass")


def _dumps(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _deep(message: Json) -> str:
    """The text that `_dumps` would write had it the stack."""
    parts: list[str] = []
    todo: list[tuple[bool, Json]] = [(False, message)]  # last first; True: text to be taken as it stands
    while todo:
        is_text, value = todo.pop()
        if is_text:
            parts.append(value)
        elif isinstance(value, dict):
            todo.append((True, "}"))
            for index, (key, item) in reversed([*enumerate(value.items())]):
                name = _dumps(key if isinstance(key, str) else _dumps(key))
                todo += ((False, item), (True, f"{',' if index else ''}{name}:"))
            todo.append((True, "{"))
        elif isinstance(value, list | tuple):
            todo.append((True, "]"))
            for index, item in reversed([*enumerate(value)]):
                todo += ((False, item), (True, "," if index else ""))
            todo.append((True, "["))
        else:
            parts.append(_dumps(value))
    return "".join(parts)


def decode(raw: bytes) -> Frame:
    """What one received line says and what is wrong with it. Never raises."""
    try:
        value = orjson.loads(raw)
    except ValueError:
        return _decode_slow(raw)
    if len(raw) > SLOW_CHECK_BYTES or _canonical(value) == raw:
        if type(value) is dict and len(value) == 3 and "result" in value and value.get("jsonrpc") == "2.0":
            key = value.get("id")
            if type(key) is int or type(key) is str:
                return Frame(raw, value)
        return Frame(raw, value, _shape_faults(value))
    return Frame(raw, value, (*_second_look(raw), *_line_end(raw), *_shape_faults(value)))


def _canonical(value: Json) -> bytes | None:
    """The value as orjson writes it; None where it cannot (it reads 1,024 levels but writes 254)."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return None


def _line_end(raw: bytes) -> tuple[str, ...]:
    return ("carriage-return",) if raw.endswith(b"\r") else ()


def _second_look(raw: bytes) -> tuple[str, ...]:
    """Faults that a lenient reader passes over in silence."""
    reader = _Reader()
    with contextlib.suppress(ValueError, RecursionError):  # it is JSON; only the naming of faults is lost
        reader.read(raw.decode("utf-8"))
    return tuple(reader.faults)


class _Reader:
    """The slow reader: keeps what `json` would silently mend."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def _note(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            self._note("duplicate-key")
        return made

    def _integer(self, digits: str) -> int | float:
        if len(digits) > HUGE_INT_DIGITS:
            self._note("huge-int")
            return float("inf") * (-1 if digits[0] == "-" else 1)
        value = int(digits)
        if not -(1 << 63) <= value < 1 << 64:
            self._note("huge-int")
        return value

    def _constant(self, name: str) -> None:
        self._note("nan")

    def read(self, text: str) -> Json:
        return json.loads(text, object_pairs_hook=self._pairs, parse_int=self._integer, parse_constant=self._constant)


def _decode_slow(raw: bytes) -> Frame:
    if not raw.strip():
        return Frame(raw, None, ("blank",))
    faults: list[str] = []
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        faults.append("not-utf8")
        text = raw.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        faults.append("bom")
        text = text[1:]
    reader = _Reader()
    try:
        value = reader.read(text)
    except RecursionError:
        return Frame(raw, None, (*faults, "too-deep"))
    except ValueError:
        return Frame(raw, None, (*faults, "not-json"))
    faults += reader.faults
    try:
        value = _without_surrogates(value, faults)
        return Frame(raw, value, (*faults, *_line_end(raw), *_shape_faults(value)))
    except RecursionError:
        return Frame(raw, None, (*faults, "too-deep"))


def _without_surrogates(value: Json, faults: list[str]) -> Json:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            if "lone-surrogate" not in faults:
                faults.append("lone-surrogate")
            return value.encode("utf-8", "replace").decode("utf-8")
        return value
    if isinstance(value, list):
        return [_without_surrogates(item, faults) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(k, faults): _without_surrogates(v, faults) for k, v in value.items()}
    return value


def _shape_faults(value: Json) -> tuple[str, ...]:
    """What JSON-RPC 2.0 forbids in one message."""
    if isinstance(value, list):
        return ("batch",)
    if not isinstance(value, dict):
        return ("not-object",)
    faults = []
    if value.get("jsonrpc") != "2.0":
        faults.append("no-jsonrpc")
    key = value.get("id")
    if "id" in value and (isinstance(key, bool | float | list | dict)):
        faults.append("id-type")
    if "method" in value:
        if "id" in value and isinstance(value["method"], str) and value["method"].startswith("notifications/"):
            faults.append("notification-with-id")
        return tuple(faults)
    if "result" in value and "error" in value:
        faults.append("result-and-error")
    elif "result" not in value and "error" not in value:
        faults.append("no-result-no-error")
    if "error" in value and not _is_error_object(value["error"]):
        faults.append("error-shape")
    return tuple(faults)


def _is_error_object(error: Json) -> bool:
    return (
        isinstance(error, dict)
        and isinstance(error.get("code"), int)
        and not isinstance(error.get("code"), bool)
        and isinstance(error.get("message"), str)
    )


def id_key(value: Json) -> tuple[str, Json] | None:
    """A hashable key that keeps 1, 1.0, True and "1" apart; None where an id can never match."""
    if type(value) in (int, str, float, bool):
        return (type(value).__name__, value)
    return None


def is_answer(value: Json) -> bool:
    """Whether a decoded value is (meant as) a response."""
    return (
        isinstance(value, dict) and "method" not in value and ("result" in value or "error" in value or "id" in value)
    )


def is_request(value: Json) -> bool:
    """Whether a decoded value asks the client something."""
    return isinstance(value, dict) and "method" in value and value.get("id") is not None
