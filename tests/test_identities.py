"""Callers read from `--identity`, and what becomes of them on the way to a server."""

from __future__ import annotations

import pytest

from mcpfuzz.errors import UsageError
from mcpfuzz.identities import Identity, read_identities
from mcpfuzz.pytest_support.options import _checked as checked
from mcpfuzz.target import Prepared, Target
from mcpfuzz.tokens import forged
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.launch import Launch


def test_specs_of_one_name_are_kept_together_in_order() -> None:
    found = read_identities(("alice=header:X-Key: a", "bob=env:T=1", "alice=query:k=v"))
    assert found == {"alice": ("header:X-Key: a", "query:k=v"), "bob": ("env:T=1",)}


@pytest.mark.parametrize(
    "word", ["alice", "=header:a: b", "alice=header:nocolon", "alice=env:X", "alice=other:x", "alice=first-message:{"]
)
def test_a_spec_that_is_none_is_a_usage_error(word: str) -> None:
    with pytest.raises(UsageError, match="--identity"):
        read_identities((word,))


@pytest.mark.parametrize("name", ["anonymous", "garbage"])
def test_those_who_always_exist_cannot_be_given(name: str) -> None:
    with pytest.raises(UsageError, match="always exists"):
        read_identities((f"{name}=env:A=1",))


def test_garbage_keeps_the_shape_and_nothing_of_the_end() -> None:
    alice = Identity.of("alice", ("header:Authorization: Bearer abc.def-12",))
    assert alice.garbage().headers == (("Authorization", "Bearer abx.xxx-67"),)


def test_garbage_of_a_signed_token_is_a_token_in_form_with_another_signature() -> None:
    """Its last letter stays: base64 holds padding bits there, and a decoder may refuse others."""
    token = forged("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.", "guess-0")
    (_, shown), *_ = Identity.of("alice", (f"header:Authorization: Bearer {token}",)).garbage().headers
    head, body, signature = shown.removeprefix("Bearer ").split(".")
    assert [head, body] == token.split(".")[:2]
    assert signature != token.split(".")[2] and signature[6:] == token.split(".")[2][6:]


URL = "http://127.0.0.1:9/mcp"
TWO = {"alice": ("header:Authorization: Bearer alice-token",), "bob": ("query:token=bobs token",)}


def way(target: Target, name: str | None) -> Endpoint | Launch:
    with Prepared.of(target) as prepared:
        return prepared.way(name)


def test_the_campaign_runs_as_the_first_name() -> None:
    made = way(Target(url=URL, identities=TWO), None)
    assert isinstance(made, Endpoint)
    assert made.headers == (("Authorization", "Bearer alice-token"),)


def test_a_credential_in_the_query_is_encoded() -> None:
    made = way(Target(url=URL, identities=TWO), "bob")
    assert isinstance(made, Endpoint)
    assert (made.headers, made.target) == ((), "/mcp?token=bobs%20token")


def test_anonymous_sends_no_credential_not_even_one_given_as_a_header() -> None:
    headers = (("Authorization", "Bearer x"), ("X-Tenant", "t"))
    made = way(Target(url=URL, headers=headers, identities=TWO), "anonymous")
    assert isinstance(made, Endpoint)
    assert made.headers == (("X-Tenant", "t"),)


def test_over_stdio_an_identity_is_the_environment_of_a_process() -> None:
    target = Target(command=("/bin/true",), env={"A": "1"}, identities={"alice": ("env:WHO=alice",)}, sandbox="off")
    made = way(target, "alice")
    assert isinstance(made, Launch)
    assert (made.env["WHO"], made.env["A"]) == ("alice", "1")


def test_a_credential_is_a_secret_of_the_run() -> None:
    with Prepared.of(Target(url=URL, identities=TWO)) as prepared:
        assert "alice-token" in prepared.secrets


def test_a_target_elsewhere_needs_leave() -> None:
    with pytest.raises(UsageError, match="--allow-remote"), Prepared.of(Target(url="http://192.0.2.1/mcp")):
        pass


def test_the_port_of_a_command_and_its_url_are_the_same() -> None:
    target = Target(command=("/bin/true", "{port}"), url="http://127.0.0.1:{port}/mcp", sandbox="off")
    with Prepared.of(target) as prepared:
        assert prepared.launch is not None
        assert prepared.endpoint is not None
        assert prepared.launch.argv[1] == str(prepared.endpoint.port)


def test_a_table_of_pyproject_is_words_of_the_command_line() -> None:
    login = {"url": "/login", "json": {"username": "alice"}, "token": "/access_token"}
    words = checked(
        "identity", {"alice": {"login": login, "header": ["X-A: 1", "X-B: 2"], "within": 10}, "bob": {"issuer": "bob"}}
    )
    found = read_identities(words)
    alice = Identity.of("alice", found["alice"])
    assert alice.within == 10.0
    assert alice.login == login and alice.headers == (("X-A", "1"), ("X-B", "2"))
    assert Identity.of("bob", found["bob"]).claims == {"sub": "bob"}


@pytest.mark.parametrize(
    ("table", "words"), [({"alice": "x"}, "must be a table"), ({"alice": {"login": 1}}, "login = 1: must be a string")]
)
def test_a_table_that_is_none_is_a_usage_error(table: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        checked("identity", table)
