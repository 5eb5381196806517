"""What a server heard: the counts it keeps while it lives (`count.h`), and its lines with all taken out that only keeps
them apart from each other.

Two lines are the same request where they differ in nothing but

    ids        the id of a request as JSON-RPC has them, a string or an integer, wherever it stands in the line as one
               (`id`, `requestId`); what stands in the place of an id and is none (`[7]`, `true`, `7.5`) is what such a
               case is about, and stays
    canaries   exactly those that the run made for the line: the session knows them, no pattern guesses at them

`unpadded` also takes out the members of `_meta` that a generator adds for no other reason than variety.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Slot", "digest", "heard", "kind_of", "normalised", "slots", "unpadded"]

_SLOT = struct.Struct("=QQQQQQ16x")
_ID = rb'(?:"(?:[^"\\]|\\.){0,200}"|-?\d+(?![\d.eE]))'
_IDS = re.compile(rb'("(?:id|requestId)"\s*:\s*)' + _ID + rb"(?=\s*[,}\]]|\s*$)")
_MARK = rb"\1<id>"
_PADDING = re.compile(
    rb'"mcpfuzz/[a-z]*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|\[[^][]*\]|\{[^{}]*\}|[^\s,{}"\[\]]+)\s*,?\s*'
)  # fmt: skip
_EMPTY = re.compile(rb',?"(?:_meta|params)"\s*:\s*\{\s*\}')
HANDSHAKE = frozenset({"initialize", "notifications/initialized", "server/discover"})


@dataclass(frozen=True, slots=True)
class Slot:
    """What one process of the server counted."""

    process: int
    lines: int
    first_ns: int
    last_ns: int
    first_cpu_ns: int
    last_cpu_ns: int


def slots(path: Path) -> list[Slot]:
    """What every process counted into a file, those that read no line left out; nothing where there is no file."""
    data = path.read_bytes() if path.exists() else b""
    whole = data[: len(data) // _SLOT.size * _SLOT.size]
    return [slot for slot in (Slot(*numbers) for numbers in _SLOT.iter_unpack(whole)) if slot.lines]


def heard(path: Path) -> tuple[int, float]:
    """Lines in all, and seconds between the first and the last of them."""
    found = slots(path)
    if not found:
        return 0, 0.0
    return sum(slot.lines for slot in found), (
        max(slot.last_ns for slot in found) - min(slot.first_ns for slot in found)
    ) / 1e9


def normalised(line: bytes, canaries: Collection[str] = ()) -> bytes:
    """A line without its ids and without these canaries."""
    for canary in canaries:
        secret = canary.encode()
        if secret and secret in line:
            line = line.replace(secret, b"<canary>")
    return _IDS.sub(_MARK, line)


def unpadded(line: bytes) -> bytes:
    """A normalised line without what `_meta` holds for variety alone."""
    line = _PADDING.sub(b"", line)
    before = b""
    while before != line:
        before, line = line, _EMPTY.sub(b"", line)
    return line


def digest(line: bytes) -> bytes:
    """Short and the same everywhere."""
    return hashlib.blake2b(line, digest_size=12).digest()


def kind_of(line: bytes) -> str:
    """What a line is that no case said: `handshake`, `barrier`, or `other`."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "other"
    method = value.get("method") if isinstance(value, dict) else None
    if isinstance(method, str) and method in HANDSHAKE:
        return "handshake"
    return "barrier" if method == "ping" and set(value) == {"jsonrpc", "id", "method"} else "other"
