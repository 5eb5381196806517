"""Subscriptions to resources: the lab tells nobody of what they may not read; the proof shows only where it does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpfuzz.lab.core import Connection, Server
from mcpfuzz.lab.serve import build
from mcpfuzz.model import Call, Conversation, Exchange, Frame, Open, Proof, Step, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe

D, E = "2025-11-25", "2026-07-28"
CLIENT = {"name": "test", "version": "1"}
PREFIX = "io.modelcontextprotocol/"
ENVELOPE = {PREFIX + "protocolVersion": E, PREFIX + "clientInfo": CLIENT, PREFIX + "clientCapabilities": {}}
UPDATED = "notifications/resources/updated"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


class Somebody:
    """One caller of a lab in this process."""

    def __init__(self, server: Server, identity: str, revision: str) -> None:
        self.server, self.modern = server, revision == E
        self.heard: list[Any] = []
        self.connection = Connection(emit=self.heard.append, told=self.heard.append, identity=identity)
        if not self.modern:
            self.ask("initialize", {"protocolVersion": revision, "capabilities": {}, "clientInfo": CLIENT})

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The answer; None where there is none yet."""
        if self.modern:
            params = {**params, "_meta": ENVELOPE}
        line = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
        answers = self.server.handle(line, self.connection)
        return answers[0] if answers else None

    def watch(self, uri: str) -> Any:
        if self.modern:
            return self.ask("subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri]}})
        return self.ask("resources/subscribe", {"uri": uri})

    def told(self) -> list[str]:
        """URIs of the changes heard of."""
        return [one["params"]["uri"] for one in self.heard if one["method"] == UPDATED]


def two(revision: str, *weak: str) -> tuple[Somebody, Somebody, str]:
    """Alice, bob, and the id of a memo of hers."""
    server = build(weak, toolsets=["tenants"])
    alice, bob = Somebody(server, "alice", revision), Somebody(server, "bob", revision)
    made = alice.ask("tools/call", {"name": "create_memo", "arguments": {"text": "one"}})["result"]
    key = json.loads(made["content"][0]["text"])["memo"]
    return alice, bob, key


def change(somebody: Somebody, key: str) -> None:
    somebody.ask("tools/call", {"name": "change_memo", "arguments": {"memo": key, "text": "two"}})


@pytest.mark.parametrize("revision", [D, E])
def test_an_owner_is_told_and_nobody_else(revision: str) -> None:
    alice, bob, key = two(revision)
    alice.watch(f"memo://{key}")
    bob.watch(f"memo://{key}")
    change(alice, key)
    assert alice.told() == [f"memo://{key}"] and bob.told() == []


def test_nothing_is_told_before_the_subscription_is_acknowledged() -> None:
    alice, bob, key = two(E)
    again, heard = Somebody(alice.server, "alice", E), alice.heard

    def slowly(message: Any) -> None:
        if message["method"] == ACKNOWLEDGED:
            change(again, key)
        heard.append(message)

    alice.connection.emit = slowly
    alice.watch(f"memo://{key}")
    change(again, key)
    assert [one["method"] for one in heard] == [ACKNOWLEDGED, UPDATED]


@pytest.mark.parametrize("revision", [D, E])
def test_the_weak_twin_tells_whoever_knows_the_id(revision: str) -> None:
    alice, bob, key = two(revision, "bola-subscription")
    bob.watch(f"memo://{key}")
    change(alice, key)
    assert bob.told() == [f"memo://{key}"]


def test_what_is_anothers_is_refused_as_what_is_not_there() -> None:
    _, bob, key = two(D)
    foreign, absent = bob.watch(f"memo://{key}"), bob.watch("memo://memo-0000000000000000")
    assert foreign["error"]["code"] == absent["error"]["code"] == -32002
    assert foreign["error"]["message"] == absent["error"]["message"]


def test_what_is_anothers_is_not_agreed_to() -> None:
    _, bob, key = two(E)
    assert bob.watch(f"memo://{key}") is None
    (said,) = bob.heard
    assert said["method"] == ACKNOWLEDGED and said["params"]["notifications"] == {}


def test_who_subscribes_twice_is_told_once_and_who_unsubscribes_no_more() -> None:
    alice, _, key = two(D)
    assert alice.watch(f"memo://{key}")["result"] == alice.watch(f"memo://{key}")["result"] == {}
    change(alice, key)
    assert alice.told() == [f"memo://{key}"]
    assert alice.ask("resources/unsubscribe", {"uri": f"memo://{key}"})["result"] == {}
    change(alice, key)
    assert alice.told() == [f"memo://{key}"]


def test_who_has_left_is_not_told() -> None:
    alice, _, key = two(D)
    alice.watch(f"memo://{key}")
    for gone in alice.connection.running.values():
        gone.set()
    change(alice, key)
    assert alice.told() == []


def test_without_a_way_to_tell_nothing_is_promised() -> None:
    server = build(toolsets=["tenants"])
    connection = Connection(identity="alice")
    hello = {"protocolVersion": D, "capabilities": {}, "clientInfo": CLIENT}
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode()
    (answer,) = server.handle(line, connection)
    assert answer["result"]["capabilities"]["resources"] == {}  # type: ignore[index,call-overload]
    line = b'{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"note://n-1001"}}'
    (answer,) = server.handle(line, connection)
    assert answer["error"]["code"] == -32601  # type: ignore[index,call-overload]


# ---- the proof ----

MINE = "cmine0000000000000"
URI, OTHER = "memo://memo-77ab01", "memo://memo-5"
MADE = {"result": {"structuredContent": {"memo": "memo-77ab01"}}}
SEEN = {"result": {"contents": [{"uri": URI, "text": MINE}]}}
NO = {"error": {"code": -32002, "message": "Resource not found"}}
OK: dict[str, Any] = {"result": {}}
ROLES = {
    "steps": 7, "made": 0, "own": 1, "refused": 2, "before": 3, "listens": [4, 5, 6], "argument": "memo", "canary": "1",
}  # fmt: skip


def updated(uri: str) -> Frame:
    value = {"jsonrpc": "2.0", "method": UPDATED, "params": {"uri": uri}}
    return Frame(json.dumps(value).encode(), value)


def trace(*answers: dict[str, Any], heard: dict[int, str]) -> Trace:
    exchanges, steps = [], []
    for step, told in enumerate(answers):
        value = {"jsonrpc": "2.0", "id": step, **told}
        sent = json.dumps({"jsonrpc": "2.0", "id": step, "method": "m", "params": {"uri": URI}}).encode()
        frame = Frame(json.dumps(value).encode(), value)
        others = (updated(heard[step]),) if step in heard else ()
        exchanges.append(Exchange(step=step, sent=sent, id=step, answer=frame, others=others))
        steps.append(Step(action=Call("m") if step else Open(), as_="bob" if step in (2, 3, 5, 6) else None))
    return Trace(conversation=Conversation(tuple(steps)), exchanges=tuple(exchanges), canaries={"1": MINE})


def shows(seen: Trace) -> bool:
    return observe(Proof(kind="crossed-watch", expected="", params=ROLES), seen, Bench(revision=D)) is not None


def test_a_change_that_another_is_told_of_is_proof() -> None:
    assert shows(trace(MADE, SEEN, NO, OK, OK, OK, OK, heard={6: URI}))


@pytest.mark.parametrize(
    "seen",
    [
        trace(MADE, SEEN, NO, OK, OK, OK, OK, heard={}),
        trace(MADE, SEEN, SEEN, OK, OK, OK, OK, heard={6: URI}),
        trace(MADE, SEEN, NO, OK, OK, OK, OK, heard={3: URI, 6: URI}),
        trace(MADE, SEEN, NO, OK, OK, OK, OK, heard={6: OTHER}),
        trace(MADE, SEEN, NO, OK, OK, OK, OK, heard={4: URI}),
        trace(MADE, NO, NO, OK, OK, OK, OK, heard={6: URI}),
        trace(MADE, SEEN, NO, OK, OK, OK, heard={5: URI}),
    ],
    ids=["silent", "they may read it", "told before", "another resource", "told its owner", "not there", "shorter"],
)
def test_what_may_be_read_or_is_not_told_is_no_proof(seen: Trace) -> None:
    assert not shows(seen)
