"""Proofs about challenges and the documents they lead to: each shows where it should, and nowhere beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpfuzz.model import Conversation, Exchange, Frame, Http, Proof, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.challenges import CHALLENGES
from mcpfuzz.oracles.proofs import PROOFS, observe

HOST = "127.0.0.1:8000"
WELL_KNOWN = "/.well-known/oauth-protected-resource"
DOCUMENT = {"resource": f"http://{HOST}/mcp", "authorization_servers": ["http://127.0.0.1:9"]}


def exchange(step: int, path: str, status: int, document: Any = None, **headers: str) -> Exchange:
    sent = f"GET {path} HTTP/1.1\r\nAccept: application/json\r\nHost: {HOST}\r\n\r\n".encode()
    answer = None if document is None else Frame(json.dumps(document).encode(), document)
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Exchange(step=step, sent=sent, answer=answer, status=status, headers=told, due=False)


def shows(kind: str, challenge: str | None, *, status: int = 401, document: Any = None, found: int = 200) -> bool:
    headers = {} if challenge is None else {"www_authenticate": challenge}
    said = (
        exchange(1, "/mcp", status, **headers),
        exchange(2, f"{WELL_KNOWN}/mcp", found, document if found == 200 else None),
        exchange(3, WELL_KNOWN, 404),
    )
    steps = Conversation.of(*(Http("GET", "/") for _ in range(4)))
    proof = Proof(kind=kind, expected="", params={"ask": 1, "documents": [2, 3], "steps": 4})
    return observe(proof, Trace(conversation=steps, exchanges=said), Bench(revision="2025-11-25")) is not None


def to(host: str, path: str = f"{WELL_KNOWN}/mcp") -> str:
    return f'Bearer realm="x", resource_metadata="http://{host}{path}"'


def test_both_are_known_to_whoever_judges() -> None:
    assert CHALLENGES.keys() <= PROOFS.keys()


@pytest.mark.parametrize(
    ("challenge", "status", "seen"), [(None, 401, True), ("Bearer", 401, False), (None, 403, False)]
)
def test_a_401_without_a_challenge_is_seen(challenge: str | None, status: int, seen: bool) -> None:
    assert shows("unchallenged", challenge, status=status) is seen


@pytest.mark.parametrize("resource", [f"http://{HOST}/mcp", f"http://{HOST}/mcp/", f"http://{HOST}", f"http://{HOST}/"])
def test_the_endpoint_and_what_it_lies_in_are_its_resource(resource: str) -> None:
    assert not shows("metadata-astray", to(HOST), document={**DOCUMENT, "resource": resource})


@pytest.mark.parametrize(
    "document",
    [{**DOCUMENT, "resource": f"http://{HOST}/api"}, {**DOCUMENT, "resource": "https://else.example/mcp"}, {}, []],
)
def test_a_document_about_something_else_is_seen(document: Any) -> None:
    assert shows("metadata-astray", to(HOST), document=document)


def test_a_document_that_is_not_there_is_seen() -> None:
    assert shows("metadata-astray", to(HOST), found=404)
    assert shows("metadata-astray", to(HOST, WELL_KNOWN), document=DOCUMENT)


def test_an_address_of_another_host_is_not_judged() -> None:
    assert not shows("metadata-astray", to("api.example"), found=404)
    assert not shows("metadata-astray", "Bearer", found=404)
    assert not shows("metadata-astray", 'Bearer resource_metadata="http://[127.0.0.1/x"', found=404)
