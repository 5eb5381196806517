"""Tasks: the lab keeps them to their owner, and each proof shows where it should and nowhere beside it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mcpfuzz.harvest import gained, similar
from mcpfuzz.lab.core import Connection, Server
from mcpfuzz.lab.serve import build
from mcpfuzz.model import Call, Conversation, Exchange, Frame, Operation, Proof, Surface, Trace, Wait
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.shapes import shape_faults
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.task_stories import task_stories
from mcpfuzz.tasks import EXTENSION, asked_for, augmented, offered, task_of

D, E = "2025-11-25", "2026-07-28"
CLIENT = {"name": "test", "version": "1"}
PREFIX = "io.modelcontextprotocol/"
ENVELOPE = {PREFIX + "protocolVersion": E, PREFIX + "clientInfo": CLIENT}
DECLARED = {PREFIX + "clientCapabilities": {"extensions": {EXTENSION: {}}}}
UNDECLARED: dict[str, Any] = {PREFIX + "clientCapabilities": {}}
CALL = {"name": "fire_sample", "arguments": {"glaze": "ash"}}
MADE = "2026-11-20T10:00:00.123456Z"
LEGACY_TASK = {"taskId": "t-77ab01cd", "status": "working", "createdAt": MADE, "lastUpdatedAt": MADE, "ttl": 1}


class Somebody:
    """One caller of a lab in this process."""

    def __init__(self, server: Server, identity: str, revision: str) -> None:
        self.server, self.modern = server, revision == E
        self.later: list[Any] = []
        self.connection = Connection(emit=self.later.append, identity=identity)
        if not self.modern:
            self.ask("initialize", {"protocolVersion": revision, "capabilities": {}, "clientInfo": CLIENT})

    def ask(self, method: str, params: dict[str, Any] | None = None, *, declared: bool = True) -> dict[str, Any]:
        params = dict(params or {})
        if self.modern:
            params["_meta"] = {**ENVELOPE, **(DECLARED if declared else UNDECLARED)}
        line = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
        (answer,) = self.server.handle(line, self.connection)
        assert isinstance(answer, dict)
        return answer

    def begin(self) -> str:
        result = self.ask("tools/call", CALL if self.modern else {**CALL, "task": {}})["result"]
        task = task_of(result)
        assert task is not None and task["status"] == "working"
        revision = E if self.modern else D
        assert shape_faults("tools/call", result, BY_DATE[revision], augmented({}, revision, new=True)) == []
        return str(task["taskId"])


def two(revision: str, *weak: str) -> tuple[Somebody, Somebody]:
    server = build(weak, toolsets=["samples"])
    return Somebody(server, "alice", revision), Somebody(server, "bob", revision)


@pytest.mark.parametrize(
    ("revision", "method"),
    [
        (D, "tasks/get"),
        (D, "tasks/result"),
        (D, "tasks/cancel"),
        (E, "tasks/get"),
        (E, "tasks/cancel"),
        (E, "tasks/update"),
    ],
)
def test_anothers_task_is_refused_in_the_words_of_one_that_is_not_there(revision: str, method: str) -> None:
    alice, bob = two(revision)
    key = alice.begin()
    foreign, absent = bob.ask(method, {"taskId": key}), bob.ask(method, {"taskId": similar(key)})
    assert foreign["error"] == absent["error"] and foreign["error"]["code"] == -32602
    assert alice.ask("tasks/get", {"taskId": key})["result"]["status"] == "working"


def test_the_list_of_tasks_is_the_callers_own() -> None:
    alice, bob = two(D)
    key = alice.begin()
    assert [one["taskId"] for one in alice.ask("tasks/list")["result"]["tasks"]] == [key]
    assert bob.ask("tasks/list")["result"]["tasks"] == []


@pytest.mark.parametrize("revision", [D, E])
def test_a_cancelled_task_stays_cancelled(revision: str) -> None:
    alice, _ = two(revision)
    key = alice.begin()
    assert "result" in alice.ask("tasks/cancel", {"taskId": key})
    assert alice.ask("tasks/get", {"taskId": key})["result"]["status"] == "cancelled"
    assert ("error" in alice.ask("tasks/cancel", {"taskId": key})) is (revision == D)


def test_the_result_of_a_task_is_that_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcpfuzz.lab.tasks.QUEUE_S", 0.01)
    alice, _ = two(D)
    key = alice.begin()
    alice.connection.emit = None  # answered in line
    told = alice.ask("tasks/result", {"taskId": key})["result"]
    assert told["content"] == alice.ask("tools/call", CALL)["result"]["content"]
    assert told["_meta"] == {PREFIX + "related-task": {"taskId": key}}


def test_without_the_extension_there_is_no_task_and_no_word_of_one() -> None:
    alice, _ = two(E)
    assert "content" in alice.ask("tools/call", CALL, declared=False)["result"]
    assert alice.ask("tasks/get", {"taskId": alice.begin()}, declared=False)["error"]["code"] == -32021
    assert alice.ask("tasks/list")["error"]["code"] == -32601


@pytest.mark.parametrize("revision", ["2025-06-18", D])
def test_older_revisions_take_no_notice_of_the_wish(revision: str) -> None:
    alice, _ = two(revision)
    answer = alice.ask("tools/call", {**CALL, "task": {}})["result"]
    assert ("task" in answer) is (revision == D) and ("content" in answer) is (revision != D)
    assert ("error" in alice.ask("tasks/list")) is (revision != D)


def test_nobody_lists_tasks_where_nobody_is_told_from_anybody() -> None:
    alice, _ = two(D)
    alice.server.lab.identified = False
    assert alice.ask("tasks/list")["error"]["code"] == -32601


# ---- what a server declares, and what an answer is ----


@pytest.mark.parametrize(
    ("capabilities", "revision", "there"),
    [
        ({"tasks": {"requests": {"tools": {"call": {}}}}}, D, True),
        ({"tasks": {"list": {}}}, D, False),
        ({"tasks": {"requests": {"tools": {"call": {}}}}}, "2025-06-18", False),
        ({"tasks": {"requests": {"tools": {"call": {}}}}}, E, False),
        ({"extensions": {EXTENSION: {}}}, E, True),
        ({"extensions": {EXTENSION: {}}}, D, False),
        ({}, E, False),
    ],
)
def test_tasks_are_offered_where_the_revision_has_them(capabilities: Any, revision: str, there: bool) -> None:
    assert (offered(capabilities, revision) is not None) is there


def test_the_id_of_a_task_is_found_in_both_forms() -> None:
    for result in ({"task": LEGACY_TASK}, {"resultType": "task", **LEGACY_TASK}):
        assert gained({"result": result}, "taskId") == "t-77ab01cd"


def test_a_task_that_nobody_asked_for_is_a_wrong_answer() -> None:
    modern = {"resultType": "task", **LEGACY_TASK}
    assert shape_faults("tools/call", modern, BY_DATE[E], augmented({}, E)) == []
    assert shape_faults("tools/call", modern, BY_DATE[E], {})
    assert shape_faults("tools/call", {"task": LEGACY_TASK}, BY_DATE[D], {"task": {}}) == []
    assert shape_faults("tools/call", {"task": LEGACY_TASK}, BY_DATE[D], {})
    assert shape_faults("tools/call", {"task": {**LEGACY_TASK, "status": "done"}}, BY_DATE[D], {"task": {}})
    assert shape_faults("tools/call", {"resultType": "task"}, BY_DATE[E], augmented({}, E))
    told = {"content": [], "task": LEGACY_TASK}  # a member of its own beside a normal result
    assert shape_faults("tools/call", told, BY_DATE[D], {}) == []


def test_a_request_says_in_its_own_way_that_it_may_become_a_task() -> None:
    assert asked_for(augmented({}, D, new=True)) and asked_for(augmented({}, E, new=True))
    assert not asked_for(augmented({}, D)) and not asked_for({}) and not asked_for(None)


# ---- stories ----


def surface(revision: str, lasts: float | None, **capabilities: Any) -> tuple[Surface, Operation]:
    tool = Operation(kind="tool", name="t", schema={}, task="optional")
    tasks = {} if lasts is None else {tool.key: lasts}
    made = Surface(
        revision=revision, revisions=(revision,), server={}, capabilities=capabilities, operations=(tool,),
        good={tool.key: ({},)}, callers=("alice", "bob"), tasks=tasks,
    )  # fmt: skip
    return made, tool


CALLED = {"requests": {"tools": {"call": {}}}}


@pytest.mark.parametrize(
    ("revision", "lasts", "capabilities", "kinds"),
    [
        (D, 0.5, {"tasks": {**CALLED, "list": {}, "cancel": {}}}, ["read", "read", "listed", "cancelled"]),
        (D, math.inf, {"tasks": {**CALLED, "cancel": {}}}, ["read", "cancelled"]),
        (D, 0.5, {"tasks": CALLED}, ["read", "read"]),
        (E, 0.5, {"extensions": {EXTENSION: {}}}, ["read", "cancelled"]),
        (D, None, {"tasks": CALLED}, []),
        (D, 0.5, {}, []),
    ],
)
def test_stories_are_those_that_the_server_declares(
    revision: str, lasts: float | None, capabilities: Any, kinds: list[str]
) -> None:
    told = list(task_stories(*surface(revision, lasts, **capabilities)))
    assert [kind.removeprefix("task-") for _, kind, _, _ in told] == kinds


def test_a_result_is_asked_for_when_the_task_has_ended() -> None:
    told = list(task_stories(*surface(D, 0.5, tasks=CALLED)))
    assert told[1][2][1].action == Wait(0.8)


# ---- proofs ----

BENCH = Bench(revision=D)
NOW = {"taskId": "t-77ab01cd", "status": "working", "createdAt": MADE}
ENDED = {**NOW, "status": "cancelled"}
OTHER = {**NOW, "createdAt": "2026-11-20T10:00:07.000001Z"}
START = {"task": LEGACY_TASK}
NO = {"error": {"code": -32602, "message": "no such task t-77ab01cd"}}
NEITHER = {"error": {"code": -32602, "message": "no such task t-000000zz"}}
FORBIDDEN = {"error": {"code": -32602, "message": "not yours"}}
DONE = {"content": [{"type": "text", "text": "came out well"}], "_meta": {"x": "1"}}


def trace(*answers: dict[str, Any]) -> Trace:
    exchanges = []
    for step, told in enumerate(answers):
        value = {"jsonrpc": "2.0", "id": step, **(told if "error" in told else {"result": told})}
        key = "t-000000zz" if told is NEITHER else "t-77ab01cd"
        sent = json.dumps({"jsonrpc": "2.0", "id": step, "method": "tasks/get", "params": {"taskId": key}}).encode()
        exchanges.append(Exchange(step=step, sent=sent, id=step, answer=Frame(json.dumps(value).encode(), value)))
    return Trace(conversation=Conversation.of(*[Call("x")] * len(answers)), exchanges=tuple(exchanges))


def shows(kind: str, seen: Trace, **params: Any) -> bool:
    return observe(Proof(kind=kind, expected="", params=params), seen, BENCH) is not None


READ = {"steps": 4, "made": 0, "own": 1, "absent": 2, "foreign": 3}


@pytest.mark.parametrize("told", [NOW, DONE], ids=["seen", "its result"])
def test_what_another_is_told_of_a_task_is_proof(told: dict[str, Any]) -> None:
    assert shows("task-read", trace(START, told, NEITHER, told), **READ)


@pytest.mark.parametrize(
    "seen",
    [
        trace(START, NOW, NEITHER, NO),
        trace(START, NOW, NOW, NOW),
        trace(START, NOW, NEITHER, OTHER),
        trace(START, NO, NEITHER, NOW),
        trace(START, NOW, NEITHER, {}),
        trace(START, {}, NEITHER, {}),
        trace(START, NOW, NEITHER),
    ],
    ids=["refused", "any id", "another task", "not seen by its owner", "nothing", "nothing at all", "shorter"],
)
def test_what_is_refused_or_told_of_any_id_is_no_proof(seen: Trace) -> None:
    assert not shows("task-read", seen, **READ)


def test_only_other_words_tell_that_there_is_a_task() -> None:
    assert shows("task-existence", trace(START, NOW, NEITHER, FORBIDDEN), **READ)
    assert not shows("task-existence", trace(START, NOW, NEITHER, NO), **READ)  # the same, but for the id
    assert not shows("task-existence", trace(START, NOW, NEITHER, NOW), **READ)
    assert not shows("task-existence", trace(START, NO, NEITHER, FORBIDDEN), **READ)


def test_a_task_in_anothers_list_is_proof() -> None:
    roles = {"steps": 3, "made": 0, "own": 1, "foreign": 2}
    assert shows("task-listed", trace(START, NOW, {"tasks": [OTHER | {"taskId": "t-1"}, NOW]}), **roles)
    assert not shows("task-listed", trace(START, NOW, {"tasks": [{"taskId": "t-1"}]}), **roles)
    assert not shows("task-listed", trace(START, NOW, {"tasks": []}), **roles)
    assert not shows("task-listed", trace(START, NO, {"tasks": [NOW]}), **roles)
    assert not shows("task-listed", trace(START, NOW, NO), **roles)


def test_a_task_that_another_cancelled_is_proof() -> None:
    roles = {"steps": 6, "made": 1, "own": 2, "foreign": 3, "again": [4, 5]}
    assert shows("task-cancelled", trace({}, START, NOW, {}, NOW, ENDED), **roles)
    assert not shows("task-cancelled", trace({}, START, NOW, NO, ENDED, ENDED), **roles)
    assert not shows("task-cancelled", trace({}, START, ENDED, {}, ENDED, ENDED), **roles)
    assert not shows("task-cancelled", trace({}, START, NOW, {}, NOW, NOW), **roles)


def test_a_status_that_is_none_is_neither_an_end_nor_a_fault_of_ours() -> None:
    odd = {**NOW, "status": ["cancelled"]}
    params = {"steps": 4, "made": 0, "own": 1, "foreign": 2, "again": [3]}
    assert shows("task-cancelled", trace(START, odd, {}, ENDED), **params)
    assert not shows("task-cancelled", trace(START, odd, {}, odd), **params)
    told = shape_faults("tools/call", {"task": {**LEGACY_TASK, "status": {}}}, BY_DATE[D], {"task": {}})
    assert told == ["the task's status is none of a task's (TK-05)"]
