"""WebSocket frames as bytes, right or wrong: what `model.Ws` says goes out below the library. No I/O."""

from __future__ import annotations

import os
import struct

__all__ = ["frame_bytes"]


def frame_bytes(
    opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True, length: int | None = None
) -> bytes:
    """One frame (RFC 6455, 5.2); nothing is checked.

    Args:
        opcode: its low four bits; the three above them are RSV3 (0x10), RSV2 (0x20) and RSV1 (0x40).
        masked: clients mask; False breaks 5.3.
        length: what the header says; None: the truth.
    """
    said = len(payload) if length is None else length
    mark = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | (opcode & 0x7F)])
    if said < 126:
        head += bytes([mark | said])
    elif said < 1 << 16:
        head += struct.pack("!BH", mark | 126, said)
    else:
        head += struct.pack("!BQ", mark | 127, said & (1 << 64) - 1)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + _mask(payload, key)


def _mask(payload: bytes, key: bytes) -> bytes:
    """As one large number: Python has no faster way of its own."""
    size = len(payload)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")).to_bytes(size, "big")
