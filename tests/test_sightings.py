"""Each proof by effect shows on the trace that has the effect and not on the twin that lacks it; above all it
never shows on an echo of what was sent."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mcpfuzz.model import Call, Conversation, Effect, Exchange, Frame, Proof, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import PROOFS, observe
from mcpfuzz.oracles.sightings import SIGHTINGS
from mcpfuzz.wire import decode

BENCH = Bench(revision="2025-11-25", transport="http")
CALL = Call("tools/call", {"name": "t", "arguments": {}})
DECOY = "d00112233445566778807"
CANARIES = {"decoy/secret.txt": DECOY, "decoy/other": DECOY[:-2] + "08", "1": "c0ffee", "benign": "c0benign"}
NUMBERS = {"number.a": "100003", "number.b": "200003"}
PRODUCT = str(100003 * 200003)


def said(text: str, **more: Any) -> Frame:
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}], **more}}
    return decode(json.dumps(answer, separators=(",", ":")).encode())


def trace(*texts: str, sent: str = "{}", effects: tuple[Effect, ...] = (), numbers: bool = False) -> Trace:
    exchanges = tuple(
        Exchange(step=step, sent=sent.encode(), id=1, answer=said(text)) for step, text in enumerate(texts)
    )
    return Trace(
        conversation=Conversation.of(*(CALL for _ in texts)),
        exchanges=exchanges,
        effects=effects,
        canaries={**CANARIES, **(NUMBERS if numbers else {})},
    )


def asked(path: str, *headers: str, kind: Any = "upstream") -> Effect:
    return Effect(kind=kind, detail=f"GET {path}", data=("GET", path, *headers))


def html(text: str, kind: str) -> Trace:
    """One answer that holds a resource of a type."""
    resource = {"type": "resource", "resource": {"uri": "card://1", "mimeType": kind, "text": text}}
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": [resource]}}
    exchange = Exchange(step=0, sent=b"{}", id=1, answer=decode(json.dumps(answer, separators=(",", ":")).encode()))
    return Trace(conversation=Conversation.of(CALL), exchanges=(exchange,), canaries=CANARIES)


def quoting(*words: str, found: tuple[bool, ...]) -> Trace:
    """Answers that quote what was asked for."""
    exchanges = tuple(
        Exchange(
            step=step, sent=json.dumps({"q": word}).encode(), id=1,
            answer=said(f"1 hit for {word}" if hit else f"no hit for {word}"),
        )
        for step, (word, hit) in enumerate(zip(words, found, strict=True))
    )  # fmt: skip
    return Trace(conversation=Conversation.of(*(CALL for _ in words)), exchanges=exchanges, canaries=CANARIES)


CLIMB = {"benign": "benign", "canary": "1"}
DIFFERENCE = {"plain": 0, "true": [1], "false": [2]}
PAGE = {"preflight": 0, "step": 1, "origin": "http://attacker.example"}


def page(allowed: str) -> Trace:
    """A preflight's answer, then a call that is served."""
    preflight = Exchange(step=0, sent=b"", status=204, headers=(("access-control-allow-origin", allowed),), due=False)
    called = Exchange(step=1, sent=b"{}", id=1, answer=said("ok"), status=200)
    return Trace(conversation=Conversation.of(CALL, CALL), exchanges=(preflight, called))


UNANSWERED = Trace(conversation=Conversation.of(CALL), exchanges=(Exchange(step=0, sent=b"{}"),))
PAIRS: dict[str, tuple[dict[str, Any], Trace, Trace]] = {
    "file-read": ({}, trace(f"it says {DECOY}"), trace(f"no such file: {DECOY}", sent=f'{{"path": "{DECOY}"}}')),
    "file-read in base64": (
        {},
        trace(base64.b64encode(f"xy{DECOY}z".encode()).decode()),
        trace(base64.b64encode(b"xy" + DECOY[:10].encode()).decode()),
    ),
    "file-read another set": ({}, trace(DECOY), trace("d99992233445566778807")),
    "file-made": (
        {"canary": "1"},
        trace("ok", effects=(Effect(kind="file", detail="{watch}/c0ffee"),)),
        trace("ok", effects=(Effect(kind="file", detail="{watch}/other"),)),
    ),
    "file-made by a command, not by its name": (
        {"canary": "1", "named": True},
        trace("ok", effects=(Effect(kind="file", detail="{watch}/c0ffee.txt"),)),
        trace("ok", effects=(Effect(kind="file", detail="{outside}/ws; touch /tmp/watch/c0ffee"),)),
    ),
    "file-harmed": ({}, trace("ok", effects=(Effect(kind="harm", detail="secret.txt"),)), trace("ok")),
    "listener-hit": (
        {"canary": "1"},
        trace("ok", effects=(asked("/c0ffee", kind="hit"),)),
        trace("ok", effects=(asked("/c0ffee"),)),
    ),
    "upstream-escape": (
        CLIMB,
        trace("ok", effects=(asked("/api/users/c0benign"), asked("/api/users/../../../c0ffee"))),
        trace("ok", effects=(asked("/api/users/c0benign"), asked("/api/users/..%2F..%2Fc0ffee"))),
    ),
    "upstream-escape query": (
        CLIMB,
        trace("ok", effects=(asked("/find/c0benign"), asked("/c0ffee?x="))),
        trace("ok", effects=(asked("/find?q=c0benign"), asked("/find?q=c0ffee"))),
    ),
    "upstream-header": (
        {"canary": "1"},
        trace("ok", effects=(asked("/", "X-c0ffee: 1"),)),
        trace("ok", effects=(asked("/", "X-Topic: X-c0ffee: 1"),)),
    ),
    "computed": (
        {"of": ["a", "b"]},
        trace(f"it is {PRODUCT}", numbers=True),
        trace("it is 100003*200003", numbers=True),
    ),
    "computed grouped": (
        {"of": ["a", "b"]},
        trace(f"it is {int(PRODUCT):,}", numbers=True),
        trace(f"it is {PRODUCT}", sent=PRODUCT, numbers=True),
    ),
    "told": ({"canary": "1"}, trace("ok", "tables: c0ffee"), trace("tables: c0ffee", "none")),
    "told by itself": ({"canary": "1"}, trace("ok", "c0ffee"), trace("ok", "c0ffee", sent="c0ffee")),
    "differential": (DIFFERENCE, trace("ann", "ann", "none"), trace("ann", "none", "none")),
    "repeated": ({}, trace("3 drafts", "0 drafts", "0 drafts"), trace("3 drafts", "3 drafts", "3 drafts")),
    "repeated counter": ({}, trace("a", "b", "b", "b"), trace("1 call", "2 calls", "3 calls", "4 calls")),
    "unescaped": (
        {"canary": "1", "text": "<i id={canary:1}>", "declared": True},
        trace("<p><i id=c0ffee></p>"),
        trace("<p>&lt;i id=c0ffee&gt;</p>"),
    ),
    "unescaped undeclared": (
        {"canary": "1", "text": "<i id={canary:1}>", "declared": False},
        html("<p><i id=c0ffee></p>", "text/html; charset=utf-8"),
        html("<p><i id=c0ffee></p>", "text/plain"),
    ),
    "differential quoted": (
        DIFFERENCE,
        quoting("ann", "ann' AND 1=1", "ann' AND 1=2", found=(True, True, False)),
        quoting("ann", "ann' AND 1=1", "ann' AND 1=2", found=(True, True, True)),
    ),
    "differential false": (DIFFERENCE, trace("ann", "ann", "none"), trace("ann", "ann", "ann")),
    "served": (
        {"step": 0},
        trace("ok"),
        Trace(conversation=Conversation.of(CALL), exchanges=(Exchange(step=0, sent=b"{}"),)),
    ),
    "page-served": (PAGE, page("*"), page("http://localhost")),
}


def test_every_kind_of_sighting_has_a_pair() -> None:
    assert {name.split()[0] for name in PAIRS} == SIGHTINGS.keys() - {"kept"}  # test_read_only_mode
    assert SIGHTINGS.keys() <= PROOFS.keys()


@pytest.mark.parametrize("name", PAIRS)
def test_an_effect_is_seen_in_the_trace_that_has_it(name: str) -> None:
    params, seen, _ = PAIRS[name]
    told = observe(Proof(kind=name.split()[0], expected="", params=params), seen, BENCH)
    assert told
    assert "\n" not in told


@pytest.mark.parametrize("name", PAIRS)
def test_an_effect_is_not_seen_in_the_twin(name: str) -> None:
    params, _, twin = PAIRS[name]
    assert observe(Proof(kind=name.split()[0], expected="", params=params), twin, BENCH) is None
