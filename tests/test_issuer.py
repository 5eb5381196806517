"""The test authorization server: its documents, its keys, its tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.effects.issuer import Issuer
from mcpfuzz.rsa import RsaKey
from mcpfuzz.tokens import ends, forged

AUDIENCE = "http://127.0.0.1:9/mcp"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


def document(url: str) -> Any:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
        return json.loads(answer.read())


def unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unpacked(token.split(".")[1]))
    return found


@pytest.mark.parametrize("name", ["oauth-authorization-server", "openid-configuration"])
def test_the_metadata_names_the_issuer_and_its_keys(issuer: Issuer, name: str) -> None:
    told = document(f"{issuer.url}/.well-known/{name}")
    assert told["issuer"] == issuer.url
    assert document(told["jwks_uri"]) == {"keys": [issuer.key.jwk]}


def test_there_is_nothing_else(issuer: Issuer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        document(f"{issuer.url}/token")
    caught.value.close()


def test_any_code_is_worth_a_token(issuer: Issuer) -> None:
    asked = urllib.request.Request(f"{issuer.url}/token", b"grant_type=authorization_code&code=any", method="POST")
    with urllib.request.urlopen(asked, timeout=5) as answer:
        given = json.load(answer)
    assert given["token_type"] == "Bearer" and claims(given["access_token"])["iss"] == issuer.url


def test_a_token_says_for_whom_it_is_and_what_was_asked_for(issuer: Issuer) -> None:
    token = issuer.token({"sub": "alice", "scope": "notes"}, AUDIENCE)
    told = claims(token)
    assert (told["iss"], told["aud"], told["sub"], told["scope"]) == (issuer.url, AUDIENCE, "alice", "notes")
    assert (ends(token) or 0) - time.time() == pytest.approx(3600, abs=5)
    assert claims(issuer.token({"sub": "a", "aud": "mine", "iss": "other"}, AUDIENCE))["aud"] == "mine"


def test_the_signature_is_that_of_the_key_in_the_set(issuer: Issuer) -> None:
    signed, _, signature = issuer.token({"sub": "alice"}, AUDIENCE).rpartition(".")
    key = document(f"{issuer.url}/jwks.json")["keys"][0]
    modulus, exponent = (int.from_bytes(unpacked(key[name]), "big") for name in ("n", "e"))
    padded = pow(int.from_bytes(unpacked(signature), "big"), exponent, modulus).to_bytes(256, "big")
    assert padded.startswith(b"\x00\x01\xff") and padded.endswith(hashlib.sha256(signed.encode()).digest())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_another_implementation_reads_the_public_key_and_verifies(tmp_path: Path) -> None:
    key = RsaKey.fresh()
    for name, data in (("key.pem", key.pem.encode()), ("text", b"said"), ("signature", key.sign(b"said"))):
        (tmp_path / name).write_bytes(data)
    words = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "text"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert "Verified OK" in done.stdout, done.stderr


def test_keys_differ_and_have_all_their_bits() -> None:
    one, other = RsaKey.fresh(), RsaKey.fresh()
    assert one.modulus != other.modulus and one.modulus.bit_length() == other.modulus.bit_length() == 2048
    assert str(one.private) not in repr(one)


@pytest.mark.parametrize(
    ("variant", "name", "value"),
    [("issuer", "iss", "https://other.example"), ("audience", "aud", "https://other.example")],
)
def test_a_forged_claim_is_rightly_signed(issuer: Issuer, variant: str, name: str, value: str) -> None:
    token = forged(issuer.token({"sub": "alice"}, AUDIENCE), variant, issuer.key)
    signed, _, signature = token.rpartition(".")
    assert claims(token)[name] == value
    assert unpacked(signature) == issuer.key.sign(signed.encode())


def test_the_confused_token_is_signed_by_hmac_with_the_public_key(issuer: Issuer) -> None:
    token = forged(issuer.token({"sub": "alice"}, AUDIENCE), "confused", issuer.key)
    assert json.loads(unpacked(token.split(".")[0]))["alg"] == "HS256"
