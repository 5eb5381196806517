"""Doses: small requests whose cost grows with one number, pattern or packed block in them. All bounded: what a
careless server does with the largest of them takes about two seconds, or 48 MB.
"""

from __future__ import annotations

import base64
import gzip
import io
import random
import zipfile
import zlib
from functools import lru_cache

__all__ = ["DOSES", "PATTERNS", "UNPACKED", "packed", "unpack_form"]

DOSES = (1, 1_000, 100_000)
"""How much is asked for: small, more, and far too much."""
PATTERNS = tuple(("(a+)+$", "a" * size + "!", "a+$") for size in range(18, 29))
"""(hostile pattern, text, benign pattern of the same text): the cost doubles with each letter, so that the first that
shows is far from two seconds."""
UNPACKED = 48_000_000 + 17
"""Bytes that a bomb unpacks to."""
FORMS = ("zlib", "gzip", "zip")


@lru_cache(maxsize=8)
def packed(form: str, *, hostile: bool) -> str:
    """Base64 of a packed block: of `UNPACKED` equal bytes, or a benign one that is as large as it is packed."""
    if hostile:
        return base64.b64encode(_pack(form, bytes(UNPACKED))).decode("ascii")
    size = len(base64.b64decode(packed(form, hostile=True)))
    return base64.b64encode(_pack(form, random.Random(1).randbytes(size))).decode("ascii")


def _pack(form: str, data: bytes) -> bytes:
    if form == "zlib":
        return zlib.compress(data, 9)
    if form == "gzip":
        return gzip.compress(data, 9, mtime=0)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(zipfile.ZipInfo("notes.txt", (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def unpack_form(value: object) -> str | None:
    """In which form a good value is packed; None where it is not."""
    if not isinstance(value, str) or len(value) < 8:
        return None
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError:
        return None
    if data[:2] == b"\x1f\x8b":
        return "gzip"
    if data[:4] == b"PK\x03\x04":
        return "zip"
    try:
        zlib.decompressobj().decompress(data, 1_000)
    except zlib.error:
        return None
    return "zlib"
