"""JSON Web Tokens: made and looked at with one secret (RFC 7519, HS256), or looked at with the public key of somebody
who issues them (RS256). Knows no HTTP.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mcpfuzz.lab.kit import World

__all__ = ["AUDIENCE", "ISSUER", "Trusted", "ending", "mint", "subject"]

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


def mint(name: str, key: str, life_s: int = LIFE_S) -> str:
    """A token for a subject, good for so many seconds."""
    now = int(time.time())
    claims = {"sub": name, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + life_s}
    signed = f"{_packed({'alg': 'HS256', 'typ': 'JWT'})}.{_packed(claims)}"
    return f"{signed}.{_packed(_signature(signed, key))}"


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whose tokens are taken, and for what they must be meant."""

    keys: Mapping[str, tuple[int, int]]
    """Key id -> modulus and exponent."""
    issuer: str
    audience: str

    @classmethod
    def of(cls, document: Mapping[str, Any], issuer: str, audience: str) -> Trusted:
        """From a set of JSON Web Keys (RFC 7517). Raises KeyError, ValueError where it is none."""
        found = {str(key["kid"]): (_number(key["n"]), _number(key["e"])) for key in document["keys"]}
        return cls(found, issuer, audience)


def subject(token: str, key: str | Trusted, lab: World) -> str | None:
    """Whose token this is; None for one that is not to be trusted."""
    try:
        head, body, signature = token[: MOST + 1].split(".") if len(token) <= MOST else ("", "", "")
        header, claims = json.loads(_bytes(head)), json.loads(_bytes(body))
        given = _bytes(signature)
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    issuer, audience = (ISSUER, AUDIENCE) if isinstance(key, str) else (key.issuer, key.audience)
    if not _signed(header, f"{head}.{body}", given, key, lab) or not _fits(claims, lab, issuer, audience):
        return None
    name = claims.get("sub")
    return name if isinstance(name, str) and name else None


def ending(token: str) -> float:
    """Seconds since the epoch after which a token that was verified is none; infinite for one without an end."""
    try:
        claims = json.loads(_bytes(token.split(".")[1]))
    except (ValueError, IndexError, binascii.Error, RecursionError):
        return math.inf
    ends = _seconds(claims.get("exp")) if isinstance(claims, dict) else None
    return math.inf if ends is None else ends + LEEWAY_S


def _signed(header: dict[str, Any], signed: str, given: bytes, key: str | Trusted, lab: World) -> bool:
    if lab.on("jwt-unverified"):
        # jwt-unverified: decode(token, options={"verify_signature": False}), since the gateway has verified it
        return True
    if header.get("alg") == "none" and lab.on("jwt-alg-none"):
        # jwt-alg-none: the algorithm is the one that the token names
        return True
    if isinstance(key, Trusted):
        return _signed_by(header, signed, given, key, lab)
    if header.get("alg") != "HS256":
        return False
    keys = [key]
    if lab.on("jwt-sample-key"):
        # jwt-sample-key: the old key stays valid until all have the new one, and the old one is the tutorial's
        keys.append(SAMPLE_KEY)
    return any(hmac.compare_digest(_signature(signed, one), given) for one in keys)


def _signed_by(header: dict[str, Any], signed: str, given: bytes, trusted: Trusted, lab: World) -> bool:
    modulus, exponent = trusted.keys.get(str(header.get("kid")), (0, 0))
    if not modulus:
        return False
    if header.get("alg") == "HS256" and lab.on("jwt-confused"):
        # jwt-confused: verify(token, key), and the token says what kind of key that is
        return hmac.compare_digest(_signature(signed, _pem(modulus, exponent)), given)
    size = (modulus.bit_length() + 7) // 8
    if header.get("alg") != "RS256" or len(given) != size:
        return False
    tail = _SHA256 + hashlib.sha256(signed.encode()).digest()
    wanted = b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail
    return hmac.compare_digest(pow(int.from_bytes(given, "big"), exponent, modulus).to_bytes(size, "big"), wanted)


def _fits(claims: dict[str, Any], lab: World, issuer: str, audience: str) -> bool:
    now = time.time()
    ends, begins = _seconds(claims.get("exp")), _seconds(claims.get("nbf", 0))
    if not lab.on("jwt-expired") and (ends is None or ends < now - LEEWAY_S):
        # jwt-expired: users complained that they had to sign in again
        return False
    if not lab.on("jwt-early") and (begins is None or begins > now + LEEWAY_S):
        # jwt-early: clocks differ, so nbf was left out
        return False
    if not lab.on("jwt-issuer") and claims.get("iss") != issuer:
        # jwt-issuer: the keys are shared, and who signed is not asked
        return False
    # jwt-audience: any service of the house takes any token of the house
    return claims.get("aud") == audience or lab.on("jwt-audience")


def _seconds(value: object) -> float | None:
    """A NumericDate (RFC 7519, 2)."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


# ---- numbers as texts -----------------------------------------------------------------------------

_SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""The beginning of DigestInfo (RFC 8017, 9.2)."""


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")


def _pem(modulus: int, exponent: int) -> str:
    """SubjectPublicKeyInfo, as libraries hand it out."""

    def der(tag: int, content: bytes) -> bytes:
        size = len(content)
        long = size.to_bytes((size.bit_length() + 7) // 8, "big")
        return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x80 | len(long)]) + long) + content

    def whole(number: int) -> bytes:
        return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))

    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    info = der(0x30, algorithm + der(3, b"\x00" + der(0x30, whole(modulus) + whole(exponent))))
    text = base64.b64encode(info).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
