"""Small text files of strangers: read up to a cap, pipes not waited for, bytes that are no UTF-8 kept as they are."""

from __future__ import annotations

import os
import stat

__all__ = ["MAX_TEXT_BYTES", "decode", "encode", "read_text"]

MAX_TEXT_BYTES = 1 << 20
"""What is read of one file; git's own small files are far smaller."""


def decode(data: bytes) -> str:
    """Text that `encode` turns into the same bytes, whatever they are."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that `decode` read."""
    return text.encode("utf-8", "surrogateescape")


def read_text(path: str) -> str | None:
    """A small regular file's text, or None."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
            if stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
                return decode(reader.read(MAX_TEXT_BYTES))
    except OSError:
        pass
    return None
