"""What of a target is secret: what bears a telling name, and what callers prove themselves with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mcpfuzz.identities import Identity

__all__ = ["SECRET_NAME", "credentials"]

SECRET_NAME = re.compile(r"token|secret|passw|api_?key|credential|cookie|auth|dsn|private", re.IGNORECASE)


def credentials(identities: Iterable[Identity]) -> Iterator[str]:
    """What nobody should ever see in an answer: the callers' secrets."""
    for who in identities:
        for name, value in (*who.headers, *who.query, *who.env):
            secret = value.split(" ", 1)[-1] if name.lower() == "authorization" else value
            if len(secret) >= 6:
                yield secret
        if len(who.key) >= 6:
            yield who.key
