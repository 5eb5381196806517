"""Archives as values: the path of one that lies in the workspace, or its bytes in base64."""

from __future__ import annotations

import re
from functools import lru_cache

from mcpfuzz.strategies.payload import Payload

__all__ = ["bytes_of", "paths"]

WORDS = {
    "climb": "an entry that climbs out",
    "link": "a link, and an entry behind it",
    "absolute": "an entry with an absolute path",
}
ORDER = (
    ("climb", 0), ("climb", 1), ("link", 1), ("absolute", 0), ("link", 0), ("absolute", 1), ("climb", 2), ("link", 2),
    ("absolute", 2),
)  # fmt: skip
"""(trick, which of the formats), most likely first."""
_TAR = re.compile(r"\.tar$|tar\b", re.IGNORECASE)
_GZIPPED = re.compile(r"\.t?gz$|tgz|gzip", re.IGNORECASE)


def _forms(hint: str) -> tuple[str, ...]:
    """Formats, the one that a good value names first."""
    if _GZIPPED.search(hint):
        return ("tgz", "tar", "zip")
    return ("tar", "tgz", "zip") if _TAR.search(hint) else ("zip", "tgz", "tar")


@lru_cache(maxsize=1024)
def paths(base: str) -> tuple[Payload, ...]:
    """Archives that lie in the workspace (`effects.decoys`), most likely first.

    Args:
        base: the good value.
    """
    wheres = ("{workspace}/packed/NAME", "packed/NAME")
    return _made(wheres if base.startswith(("/", "{workspace}")) else wheres[::-1], base, "", sent=False)


@lru_cache(maxsize=1024)
def bytes_of(base: str) -> tuple[Payload, ...]:
    """Archives in base64, as they stand or as a data: URI, most likely first."""
    wheres = ("{archive:NAME}", "data:application/octet-stream;base64,{archive:NAME}")
    return _made(wheres[::-1] if base.startswith("data:") else wheres, base, ", base64", sent=True)


def _made(wheres: tuple[str, ...], base: str, how: str, *, sent: bool) -> tuple[Payload, ...]:
    forms, made = _forms(base), []
    for trick, which in ORDER:
        form = forms[which]
        for where in wheres:
            text, plain = where.replace("NAME", f"{trick}.{form}"), where.replace("NAME", f"plain.{form}")
            canary = "1" if sent else f"packed/{trick}.{form}"
            made.append(Payload(text, f"{WORDS[trick]} ({form}{how})", (text,), canary, plain))
    return tuple(made)
