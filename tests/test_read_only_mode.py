"""Servers that were told to write nothing: how that is read, what is looked at, and what proves that they do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcpfuzz.effects.watch import Inside
from mcpfuzz.model import Call, Conversation, Effect, Exchange, Operation, Proof, Surface, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.scenarios.read_only_mode import SCENARIO
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.target.modes import is_read_only
from mcpfuzz.wire import decode

BENCH = Bench(revision="2025-11-25")
CANARY = "c0ffee00c0ffee00"


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        ("--read-only", {}, True), ("--readonly x", {}, True), ("--readOnly", {}, True), ("--read-only=true", {}, True),
        ("--read-only true", {}, True), ("--read-only=false", {}, False), ("--read-only false", {}, False),
        ("--db x --mode read-only", {}, True), ("--access-mode=restricted", {}, False), ("--mode readonly", {}, True),
        ("--disable-write", {}, True), ("--allow-write=false", {}, True), ("--allow-write", {}, False),
        ("--no-write", {}, True), ("--root /read-only", {}, False), ("serve read-only.py", {}, False),
        ("", {"READ_ONLY": "1"}, True), ("", {"READ_ONLY": "0"}, False), ("", {"MYSERVER_READ_ONLY_MODE": "yes"}, True),
        ("", {"ALLOW_WRITES": "false"}, True), ("", {"ALLOW_WRITES": ""}, False), ("", {"MODE": "fast"}, False),
        ("--write-mode=off", {}, True), ("--verbose", {"PATH": "/read-only"}, False),
    ],
)  # fmt: skip
def test_read_only_is_what_the_command_or_the_environment_says(words: str, env: dict[str, str], said: bool) -> None:
    assert is_read_only(words.split(), env) is said


def test_what_happens_in_a_folder_is_told_once_with_its_text(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "gone.txt").write_text("gone")
    inside = Inside(tmp_path)
    assert inside.news() == []
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.txt").write_text("made")
    (tmp_path / "old.txt").write_text("other and longer")
    (tmp_path / "gone.txt").unlink()
    told = [("removed", Path("gone.txt")), ("made", Path("new/a.txt")), ("changed", Path("old.txt"))]
    assert inside.news() == told
    assert inside.text(Path("new/a.txt")) == "made" and inside.text(Path("gone.txt")) == ""
    assert inside.news() == []


def trace(*effects: Effect, error: bool = False) -> Trace:
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": [], "isError": error}}
    exchange = Exchange(step=0, sent=b"{}", id=1, answer=decode(json.dumps(answer).encode()))
    call = Call("tools/call", {"name": "t", "arguments": {}})
    return Trace(
        conversation=Conversation.of(call), exchanges=(exchange,), effects=effects, canaries={"1": CANARY}
    )  # fmt: skip


MADE = Effect(kind="inside", detail="made a.txt", data=(f"text {CANARY}",))
NAMED = Effect(kind="inside", detail=f"made {CANARY}.txt", data=("",))
LOGGED = Effect(kind="inside", detail="changed server.log", data=(f"refused {CANARY}",))
OTHER = Effect(kind="inside", detail="changed .git/index", data=("DIRC",))
GONE = Effect(kind="inside", detail="removed packed/plain.tar", data=("",))
WRITTEN = {"canary": "1", "step": 0, "steps": 1}
REMOVED = {"removed": "packed/plain.tar", "step": 0, "steps": 1}


@pytest.mark.parametrize(
    ("params", "said", "shows"),
    [
        (WRITTEN, trace(MADE), True), (WRITTEN, trace(NAMED), True), (WRITTEN, trace(OTHER, MADE), True),
        (WRITTEN, trace(MADE, error=True), False), (WRITTEN, trace(LOGGED), False), (WRITTEN, trace(OTHER), False),
        (WRITTEN, trace(GONE), False), (WRITTEN, trace(), False), (REMOVED, trace(GONE), True),
        (REMOVED, trace(GONE, error=True), False), (REMOVED, trace(OTHER), False),
    ],
)  # fmt: skip
def test_a_normal_answer_and_what_was_said_in_a_file_are_the_proof(
    params: dict[str, object], said: Trace, shows: bool
) -> None:
    assert bool(observe(Proof(kind="kept", expected="", params=params), said, BENCH)) is shows


def operation(name: str, *arguments: str, **more: object) -> Operation:
    schema = {"type": "object", "properties": {one: {"type": "string"} for one in arguments}}
    return Operation(kind="tool", name=name, schema=schema, **more)  # type: ignore[arg-type]


def drawn(tool: Operation) -> list[Conversation]:
    surface = Surface(
        revision="2025-11-25", revisions=(), server={}, capabilities={}, operations=(tool,),
        good={tool.key: (dict.fromkeys(tool.schema["properties"], "x"),)},
    )  # fmt: skip
    cases = [SCENARIO.draw(RandomChoices(1), surface, tool, index) for index in range(SCENARIO.cases)]
    return [case.conversation for case in cases if case is not None]


def test_only_tools_that_look_as_if_they_write_are_tried() -> None:
    assert drawn(operation("save_file", "path", "text"))
    assert drawn(operation("delete_file", "path"))
    assert not drawn(operation("search_notes", "query"))
    assert not drawn(operation("save_file", "path", "text", annotations={"readOnlyHint": True}))


def test_what_is_written_and_removed_is_ours() -> None:
    said = repr(drawn(operation("delete_file", "path")))
    assert "packed/plain.tar" in said and "{canary:1}" in said
    assert "packed/plain.tar" not in repr(drawn(operation("save_file", "path", "text")))
