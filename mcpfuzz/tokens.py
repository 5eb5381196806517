"""JSON Web Tokens as an attacker writes them: the first caller's own, changed in one point (RFC 7515, RFC 7519,
RFC 8725); and as a test authorization server makes them. HMAC, and RSA in whole numbers (`mcpfuzz.rsa`).

A variant is named behind a caller: `alice~none` is alice with her token's signature taken away.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from mcpfuzz.errors import TargetError
from mcpfuzz.rsa import RsaKey

__all__ = ["FAR_S", "GUESSES", "UNTIL", "VARIANTS", "ends", "find", "forged", "minted"]

TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")
"""A token in compact form; its header begins with `{"`."""
GUESSES: Final = (
    "a_super_secret_key_that_is_long_and_random", "secret", "", "your-256-bit-secret", "your-secret-key", "changeme",
    "change-me", "password", "jwt_secret", "jwt-secret", "supersecret", "super-secret", "secretkey", "secret_key",
    "secret-key", "SECRET_KEY", "mysecret", "my-secret", "my_secret_key", "test", "dev", "development", "key", "123456",
    "mysecretkey", "your_jwt_secret", "your-super-secret-jwt-token-with-at-least-32-characters-long", "shhhhh",
    "GEHEIM", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)  # fmt: skip
"""Keys of tutorials and templates, the guide's own first."""
HOUR_S: Final = 3600
FAR_S: Final = 1e15
"""Longer than anything lasts; there are integers that are no float."""
UNTIL: Final = "until-"
"""Before the second (since the epoch) at which the token of such a variant ends."""
_NONES: Final = ("none", "None", "NONE", "nOnE")
VARIANTS: Final = (
    *_NONES, "unsigned", "wrong-key", "confused", "expired", "early", "issuer", "audience",
    *(f"guess-{number}" for number in range(len(GUESSES))),
)  # fmt: skip


def find(text: str) -> str | None:
    """The first token in a text."""
    match = TOKEN.search(text)
    return match[0] if match else None


def ends(token: str) -> float | None:
    """Seconds since the epoch at which a token ends, as it says itself; None where it says nothing that can be read."""
    try:
        claim = _object(token.split(".")[1]).get("exp")
    except TargetError:
        return None
    if not isinstance(claim, int | float) or isinstance(claim, bool):
        return None
    return float(max(-FAR_S, min(claim, FAR_S)))


def minted(claims: Mapping[str, Any], key: RsaKey) -> str:
    """A token of these claims, signed with RS256."""
    return _signed({"alg": "RS256", "typ": "JWT", "kid": key.jwk["kid"]}, dict(claims), key)


def forged(token: str, variant: str, key: str | RsaKey = "") -> str:
    """A token changed in one point.

    Args:
        variant: one of `VARIANTS`, or `until-SECOND`: it ends then, and is another token each time.
        key: that signs the server's tokens; a public key's PEM text is enough for `confused`.

    Raises:
        TargetError: the token, or what was given beside it, does not allow this variant.
    """
    head, body, _ = token.split(".")
    header, claims = _object(head), _object(body)
    if variant in _NONES:
        return f"{_packed({**header, 'alg': variant})}.{body}."
    if variant == "unsigned":
        return f"{head}.{body}."
    if variant == "wrong-key":
        rsa = header.get("alg") == "RS256"
        return _signed(header, claims, _nobodys() if rsa else hashlib.sha256(b"nobody's key").hexdigest())
    if variant.startswith("guess-"):
        return _signed(header, claims, GUESSES[int(variant.removeprefix("guess-"))])
    if variant == "confused":
        public = key.pem if isinstance(key, RsaKey) else key
        if "PUBLIC KEY" not in public:
            raise TargetError("no public key was given (key:PEM text)")
        return _signed(header, claims, public)
    if not key or (isinstance(key, str) and "PUBLIC KEY" in key):
        raise TargetError("no key was given that signs tokens (key:SECRET)")
    return _signed(header, _changed(claims, variant), key)


def _changed(claims: dict[str, Any], variant: str) -> dict[str, Any]:
    now = int(time.time())
    if variant == "expired":
        past: dict[str, Any] = {name: now - 2 * HOUR_S for name in ("iat", "nbf") if name in claims}
        return {**claims, **past, "exp": now - HOUR_S}
    if variant == "early":
        return {**claims, "nbf": now + HOUR_S, "exp": now + 2 * HOUR_S}
    if variant.startswith(UNTIL):
        end = int(variant.removeprefix(UNTIL))
        began: dict[str, Any] = {name: now - HOUR_S for name in ("iat", "nbf") if name in claims}
        return {**claims, **began, "exp": end} | ({"jti": secrets.token_hex(16)} if "jti" in claims else {})
    name = {"issuer": "iss", "audience": "aud"}.get(variant, "")
    if name not in claims:
        raise TargetError(f"the token has no {name or variant!r} to change")
    return {**claims, name: "https://other.example"}


@lru_cache(maxsize=1)
def _nobodys() -> RsaKey:
    """A key that no server was told of."""
    return RsaKey.fresh()


def _signed(header: dict[str, Any], claims: dict[str, Any], key: str | RsaKey) -> str:
    if isinstance(key, RsaKey):
        signed = f"{_packed({**header, 'alg': 'RS256'})}.{_packed(claims)}"
        return f"{signed}.{_base64(key.sign(signed.encode()))}"
    given = str(header.get("alg", "HS256"))
    name = given if given in ("HS384", "HS512") else "HS256"
    signed = f"{_packed({**header, 'alg': name})}.{_packed(claims)}"
    digest = hmac.new(key.encode(), signed.encode(), getattr(hashlib, f"sha{name[2:]}")).digest()
    return f"{signed}.{_base64(digest)}"


def _packed(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise TargetError("the credential looks like a JSON Web Token and is none")
    return found
