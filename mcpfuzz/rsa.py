"""RSA as a test authorization server needs it: fresh keys, RS256 signatures, and the public half in the two forms that
servers read (RFC 8017, 8.2; RFC 7517; RFC 8017, A.1.1). Whole numbers and the standard library.

For tokens of tests on loopback alone: it is not constant in time, and its keys live as long as one run.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

__all__ = ["RsaKey"]

BITS: Final = 2048
EXPONENT: Final = 65537
ROUNDS: Final = 24
"""Of Miller and Rabin: an error of less than 2^-80 for a random number of this size, by far."""
_SIEVE: Final = 2_000
_SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""The beginning of DigestInfo (RFC 8017, 9.2, note 1)."""
_ALGORITHM: Final = bytes.fromhex("300d06092a864886f70d0101010500")
"""rsaEncryption, with NULL for its parameters."""


@dataclass(frozen=True, slots=True)
class RsaKey:
    """A private key. Make it with `RsaKey.fresh`."""

    modulus: int
    private: int = field(repr=False)
    prime_1: int = field(repr=False)
    prime_2: int = field(repr=False)

    @classmethod
    def fresh(cls, bits: int = BITS) -> RsaKey:
        """A new key of so many bits; takes about a second."""
        while True:
            first, second = _prime(bits // 2), _prime(bits - bits // 2)
            totient = (first - 1) * (second - 1)
            if first != second and (first * second).bit_length() == bits and totient % EXPONENT:
                return cls(first * second, pow(EXPONENT, -1, totient), first, second)

    def sign(self, data: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256: what JSON Web Algorithms call RS256."""
        size = (self.modulus.bit_length() + 7) // 8
        tail = _SHA256 + hashlib.sha256(data).digest()
        padded = int.from_bytes(b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail, "big")
        one = pow(padded, self.private % (self.prime_1 - 1), self.prime_1)
        two = pow(padded, self.private % (self.prime_2 - 1), self.prime_2)
        factor = (one - two) * pow(self.prime_2, -1, self.prime_1) % self.prime_1
        return (two + factor * self.prime_2).to_bytes(size, "big")

    @property
    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key; its id is the thumbprint (RFC 7638)."""
        made = {"e": _packed(_bytes(EXPONENT)), "kty": "RSA", "n": _packed(_bytes(self.modulus))}
        canonical = "{" + ",".join(f'"{name}":"{made[name]}"' for name in sorted(made)) + "}"
        return {**made, "use": "sig", "alg": "RS256", "kid": _packed(hashlib.sha256(canonical.encode()).digest())}

    @property
    def pem(self) -> str:
        """The public half as SubjectPublicKeyInfo."""
        key = _der(0x30, _integer(self.modulus) + _integer(EXPONENT))
        whole = _der(0x30, _ALGORITHM + _der(0x03, b"\x00" + key))
        text = base64.b64encode(whole).decode("ascii")
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def _small_primes() -> tuple[int, ...]:
    return tuple(n for n in range(3, _SIEVE, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))


_PRIMES: Final = _small_primes()


def _prime(bits: int) -> int:
    while True:
        number = secrets.randbits(bits) | (0b11 << (bits - 2)) | 1
        if all(number % prime for prime in _PRIMES) and _passes(number):
            return number


def _passes(number: int) -> bool:
    """Miller and Rabin's test."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(ROUNDS):
        value = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x80 | len(_bytes(size))]) + _bytes(size)
    return bytes([tag]) + length + content


def _integer(number: int) -> bytes:
    data = _bytes(number)
    return _der(0x02, b"\x00" + data if data[0] & 0x80 else data)
