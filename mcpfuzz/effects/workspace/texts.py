"""Small text files of strangers: read up to a cap, pipes not waited for, bytes that are no UTF-8 kept as they are."""

from __future__ import annotations

import os
import stat

__all__ = ["MAX_TEXT_BYTES", "decode", "encode", "read_text"]

MAX_TEXT_BYTES = 1 << 20
"""Git's own small text files; a larger one is cut."""


def decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
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
