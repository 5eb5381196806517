"""JSON Web Tokens, signed with one secret (RFC 7519, HS256): made, and looked at. Knows no HTTP."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import Any, Final

from mcpfuzz.lab.kit import World

__all__ = ["AUDIENCE", "ISSUER", "mint", "subject"]

ISSUER: Final = "https://login.lab.example"
AUDIENCE: Final = "https://lab.example/mcp"
LEEWAY_S: Final = 5.0
LIFE_S: Final = 3600
MOST: Final = 4_000
"""Characters of a token."""
SAMPLE_KEY: Final = "a_super_secret_key_that_is_long_and_random"


def _packed(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _signature(signed: str, key: str) -> bytes:
    return hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()


def mint(name: str, key: str) -> str:
    """A token for a subject, good for an hour."""
    now = int(time.time())
    claims = {"sub": name, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + LIFE_S}
    signed = f"{_packed({'alg': 'HS256', 'typ': 'JWT'})}.{_packed(claims)}"
    return f"{signed}.{_packed(_signature(signed, key))}"


def subject(token: str, key: str, lab: World) -> str | None:
    """Whose token this is; None for one that is not to be trusted."""
    try:
        head, body, signature = token[: MOST + 1].split(".") if len(token) <= MOST else ("", "", "")
        header, claims = json.loads(_bytes(head)), json.loads(_bytes(body))
        given = _bytes(signature)
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    if not _signed(header, f"{head}.{body}", given, key, lab) or not _fits(claims, lab):
        return None
    name = claims.get("sub")
    return name if isinstance(name, str) and name else None


def _signed(header: dict[str, Any], signed: str, given: bytes, key: str, lab: World) -> bool:
    if lab.on("jwt-unverified"):
        # jwt-unverified: decode(token, options={"verify_signature": False}), since the gateway has verified it
        return True
    if header.get("alg") == "none" and lab.on("jwt-alg-none"):
        # jwt-alg-none: the algorithm is the one that the token names
        return True
    if header.get("alg") != "HS256":
        return False
    keys = [key]
    if lab.on("jwt-sample-key"):
        # jwt-sample-key: the old key stays valid until all have the new one, and the old one is the tutorial's
        keys.append(SAMPLE_KEY)
    return any(hmac.compare_digest(_signature(signed, one), given) for one in keys)


def _fits(claims: dict[str, Any], lab: World) -> bool:
    now = time.time()
    ends, begins = _seconds(claims.get("exp")), _seconds(claims.get("nbf", 0))
    if not lab.on("jwt-expired") and (ends is None or ends < now - LEEWAY_S):
        # jwt-expired: users complained that they had to sign in again
        return False
    if not lab.on("jwt-early") and (begins is None or begins > now + LEEWAY_S):
        # jwt-early: clocks differ, so nbf was left out
        return False
    if not lab.on("jwt-issuer") and claims.get("iss") != ISSUER:
        # jwt-issuer: the keys are shared, and who signed is not asked
        return False
    # jwt-audience: any service of the house takes any token of the house
    return claims.get("aud") == AUDIENCE or lab.on("jwt-audience")


def _seconds(value: object) -> float | None:
    """A NumericDate (RFC 7519, 2)."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
