"""JSON Web Tokens changed in one point."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mcpfuzz.errors import TargetError
from mcpfuzz.identities import Identity
from mcpfuzz.lab.fronts.tokens import mint, subject
from mcpfuzz.lab.kit import Draw, World
from mcpfuzz.target import Prepared, Target
from mcpfuzz.tokens import FAR_S, GUESSES, VARIANTS, ends, find, forged
from mcpfuzz.transports.endpoint import Endpoint

KEY = "the-key-of-this-test"
TOKEN = mint("alice", KEY)


def lab(*weak: str) -> World:
    return World(frozenset(weak), Draw(None), None)


def part(token: str, index: int) -> dict[str, Any]:
    text = token.split(".")[index]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def test_the_hardened_lab_takes_its_own_token_and_no_variant() -> None:
    assert subject(TOKEN, KEY, lab()) == "alice"
    for variant in VARIANTS:
        if variant != "confused":
            assert subject(forged(TOKEN, variant, KEY), KEY, lab()) is None, variant


@pytest.mark.parametrize(
    ("weakness", "variant"),
    [
        ("jwt-unverified", "wrong-key"),
        ("jwt-alg-none", "none"),
        ("jwt-sample-key", "guess-0"),
        ("jwt-expired", "expired"),
        ("jwt-early", "early"),
        ("jwt-issuer", "issuer"),
        ("jwt-audience", "audience"),
    ],
)
def test_each_weakness_takes_its_own_variant(weakness: str, variant: str) -> None:
    assert subject(forged(TOKEN, variant, KEY), KEY, lab(weakness)) == "alice"


def test_a_public_key_becomes_a_secret() -> None:
    pem = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
    assert subject(forged(TOKEN, "confused", pem), pem, lab()) == "alice"
    with pytest.raises(TargetError, match="public key"):
        forged(TOKEN, "confused", KEY)


def test_claims_need_the_key_and_the_claim() -> None:
    with pytest.raises(TargetError, match="key:SECRET"):
        forged(TOKEN, "expired")
    bare = forged(TOKEN, "guess-1").split(".")
    bare[1] = base64.urlsafe_b64encode(b'{"sub":"alice"}').rstrip(b"=").decode()
    with pytest.raises(TargetError, match="'aud'"):
        forged(".".join(bare), "audience", KEY)


def test_the_guides_own_sample_is_guessed_first() -> None:
    assert GUESSES[0] == "a_super_secret_key_that_is_long_and_random"
    assert len(set(GUESSES)) == len(GUESSES)


def test_a_token_is_found_where_it_is_sent() -> None:
    assert find(f"Bearer {TOKEN}") == TOKEN
    assert find(json.dumps({"type": "auth", "token": TOKEN})) == TOKEN
    assert find("Bearer abcdef") is None


def way(name: str) -> Endpoint:
    callers = {"alice": (f"header:Authorization: Bearer {TOKEN}", f"key:{KEY}")}
    with Prepared.of(Target(url="http://127.0.0.1:9/mcp", identities=callers)) as prepared:
        assert {"jwt", "jwt-key"} <= prepared.places.keys()
        assert KEY in prepared.secrets
        made = prepared.way(name)
        assert isinstance(made, Endpoint)
        return made


def test_a_variant_of_a_caller_is_a_caller() -> None:
    ((name, value),) = way("alice~none").headers
    assert (name, value.split(".")[2]) == ("Authorization", "")
    assert part(value.split(" ")[1], 0)["alg"] == "none"


def test_the_bearer_token_goes_into_the_url() -> None:
    made = way("alice~query")
    assert made.headers == ()
    assert f"access_token={TOKEN}" in made.target


def test_the_key_is_never_sent() -> None:
    alice = Identity.of("alice", (f"key:{KEY}",))
    assert alice.key == KEY
    assert KEY not in repr((alice.headers, alice.query, alice.env, alice.subprotocols, alice.first_message))


@pytest.mark.parametrize(
    ("exp", "ends_at"), [(1700000000, 1.7e9), (10**400, FAR_S), (-(10**400), -FAR_S), ("soon", None)]
)
def test_the_end_of_a_token_is_read_however_far_it_is(exp: Any, ends_at: float | None) -> None:
    told = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode().rstrip("=")
    assert ends(f"{TOKEN.split('.')[0]}.{told}.x") == ends_at
