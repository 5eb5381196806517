"""The blocking clients: whom they speak as, over each transport that knows of it, and TLS."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from mcpfuzz.blocking import Client, Endpoint, dial, reach, said_over
from mcpfuzz.errors import Gone, HandshakeError, UsageError
from mcpfuzz.identities import Identity
from mcpfuzz.load_support.orders import Orders
from mcpfuzz.load_support.survey import LoadCall, Survey

SERVER = str(Path(__file__).parent / "load_server.py")
Serve = Callable[..., str]


def whoami(client: Client) -> str:
    outcome = client.call("tools/call", {"name": "whoami", "arguments": {}})
    assert isinstance(outcome.value, dict), outcome
    text: str = outcome.value["result"]["content"][0]["text"]  # type: ignore[index,call-overload]
    client.close()
    return text


WAYS = [
    ("http", "/mcp", "header:Authorization: alice"),
    ("http", "/mcp", "query:key=alice"),
    ("http", "/mcp?page=1", "query:key=alice"),
    ("http", "/sse", "header:Authorization: alice"),
    ("ws", "/", "header:Authorization: alice"),
    ("ws", "/", "query:key=alice"),
    ("ws", "/", "subprotocol:alice"),
    ("ws", "/", 'first-message:{"login": "alice"}'),
]


@pytest.mark.parametrize(("scheme", "path", "spec"), WAYS, ids=lambda value: value.partition(":")[0])
def test_a_server_hears_who_speaks_and_nobody_without(serve: Serve, scheme: str, path: str, spec: str) -> None:
    endpoint = Endpoint(url=serve(scheme, subprotocols=["mcp", "alice"]) + path)
    assert whoami(reach(endpoint, who=Identity.of("alice", [spec]))) == "alice"
    assert whoami(reach(endpoint)) == "anonymous"


def test_a_process_is_told_by_its_environment() -> None:
    endpoint = Endpoint(argv=(sys.executable, SERVER, "--stdio"), env=dict(os.environ))
    assert whoami(reach(endpoint, who=Identity.of("alice", ["env:LOAD_USER=alice"]))) == "alice"
    assert whoami(reach(endpoint)) == "anonymous"


def test_an_identity_replaces_a_header_of_the_target_however_it_is_spelled(serve: Serve) -> None:
    endpoint = Endpoint(url=serve() + "/mcp", headers={"authorization": "nobody"})
    assert whoami(reach(endpoint)) == "nobody"
    assert whoami(reach(endpoint, who=Identity.of("alice", ["header:Authorization: alice"]))) == "alice"


def test_identities_survive_the_file_that_locust_reads(tmp_path: Path) -> None:
    specs = ["header:A: b", "query:c=d", "env:E=f", "subprotocol:g", 'first-message:{"h": 1}']
    alice = Identity.of("alice", specs)
    orders = Orders(
        endpoint=Endpoint(url="http://127.0.0.1:1/"),
        survey=Survey(calls=[LoadCall("ping", "ping", {})]),
        phases=[],
        users=1,
        out=str(tmp_path),
        identities=[alice],
    )
    again = Orders.of(json.loads(json.dumps(orders.plain())))
    assert again.identities == [alice]
    assert again.who(1) == alice, "who is missing is the last one"


def test_what_a_transport_does_not_carry_tells_nobody_apart() -> None:
    alice, bob = (Identity.of(name, [f"env:LOAD_USER={name}"]) for name in ("alice", "bob"))
    assert said_over(alice, "http") == said_over(bob, "http")
    assert said_over(alice, "stdio") != said_over(bob, "stdio")


# ---- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


SECURE = [("https", "/mcp", "http"), ("https", "/sse", "sse"), ("wss", "/", "ws")]


@pytest.mark.parametrize(("scheme", "path", "transport"), SECURE, ids=[row[2] for row in SECURE])
def test_a_certificate_is_verified_unless_that_is_asked_not_to_be(
    serve: Serve, authority: trustme.CA, certificate: Path, tmp_path: Path, scheme: str, path: str, transport: str
) -> None:
    trusted, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(trusted))
    trustme.CA().cert_pem.write_to_path(str(other))
    url = serve(scheme, certificate) + path
    for more in ({"cacert": str(trusted)}, {"insecure": True}):
        client = reach(Endpoint(url=url, **more))  # type: ignore[arg-type]
        assert (whoami(client), client.transport) == ("anonymous", transport)
    for refused in ({}, {"cacert": str(other)}):
        with pytest.raises((Gone, HandshakeError), match="(?i)certificate"):
            reach(Endpoint(url=url, **refused))  # type: ignore[arg-type]


def test_a_certificate_for_another_name_is_refused(
    serve: Serve, authority: trustme.CA, certificate: Path, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    url = serve("https", certificate).replace("127.0.0.1", "localhost") + "/mcp"
    with pytest.raises(Gone, match="(?i)certificate"):
        reach(Endpoint(url=url, cacert=str(tmp_path / "ca.pem")))


def test_an_unreadable_authority_is_the_users_fault(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing", encoding="utf-8")
    for name, why in (("ca.pem", "no certificates"), ("missing.pem", "No such file")):
        with pytest.raises(UsageError, match=f"--cacert .*{why}"):
            dial(Endpoint(url="https://127.0.0.1:1/", cacert=str(tmp_path / name)))


def test_a_silent_server_is_late_over_tls_too(serve: Serve, certificate: Path) -> None:
    url = serve("https", certificate, expensive_ms=5_000) + "/mcp"
    client = reach(Endpoint(url=url, insecure=True, timeout=1.0))
    assert client.call("tools/call", {"name": "report", "arguments": {}}).kind == "late"
    client.drop()
