"""A busy machine is no finding: what is answered within --timeout when it is asked again was only slow, and a good call
that is good only after others takes no proof away."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from playing import play

from mcpfuzz.campaign.prover import Prover
from mcpfuzz.model import Call, Case, Conversation, Operation, Place, Surface

SERVER = """
import json, os, pathlib, sys, time
tags, noted = {"kiln"}, pathlib.Path(os.environ["HOME"], "calls")  # outlives this process
TAG = {"type": "object", "properties": {"tag": {"type": "string"}}, "required": ["tag"], "additionalProperties": False}
TOOLS = [{"name": "add_tag", "inputSchema": TAG}, {"name": "export", "inputSchema": TAG}]
for line in sys.stdin:
    try:
        message = json.loads(line)
    except ValueError:
        continue
    if not isinstance(message, dict) or "id" not in message:
        continue
    method, params = message.get("method"), message.get("params") or {}
    result = {}
    if method == "initialize":
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "s", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": TOOLS}
    elif method == "tools/call":
        calls = int(noted.read_text()) + 1 if noted.exists() else 1
        noted.write_text(str(calls))
        tag = (params.get("arguments") or {}).get("tag")
        text = "tags: " + ", ".join(sorted(tags)[:3])
        if not isinstance(tag, str):
            text = "tag must be a text"
        elif params["name"] == "add_tag":
            tags.add(tag)
        if 40 <= calls <= 44:
            time.sleep(1.6)  # longer than is waited for at first
        result = {"content": [{"type": "text", "text": text}], "isError": not isinstance(tag, str)}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
FORGETS = """if params["name"] == "export" and tag not in tags and isinstance(tag, str):
            continue
        if False:"""


def findings(folder: Path) -> tuple[list[dict[str, Any]], str]:
    (folder / "server.py").write_text(SERVER, encoding="utf-8")
    report, said = play(
        folder, ["valid-arguments"], 1, "--revision", "2025-11-25", "--", sys.executable, str(folder / "server.py"),
        max_time=20,
    )  # fmt: skip
    assert report["scenarios"][0]["cases"] > 20, said
    return report["findings"], json.dumps(report["findings"], indent=1) + said


@pytest.mark.runs
def test_a_server_that_is_slow_for_a_while_is_silent(tmp_path: Path) -> None:
    found, said = findings(tmp_path)
    assert found == [], said


ENDS = """if isinstance(tag, str) and len(tag) > 200:
            time.sleep(5)  # longer than is waited for at first
            os._exit(3)
        if False:"""


@pytest.mark.runs
@pytest.mark.timeout(180)
def test_what_looks_like_a_hang_at_first_and_ends_the_server_is_told_as_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "ends.py"
    path.write_text(SERVER.replace("if 40 <= calls <= 44:", ENDS), encoding="utf-8")
    news = tmp_path / "news.jsonl"
    report, said = play(
        tmp_path, ["boundary-arguments"], 1, "--revision", "2025-11-25", "--report", f"jsonl={news}",
        "--", sys.executable, str(path), max_time=40,
    )  # fmt: skip
    assert '"reason": "to confirm crash"' in news.read_text(encoding="utf-8")
    assert {(one["rule"], one["confidence"]) for one in report["findings"]} == {("crash", "proved")}, said


def controls(rule: str) -> list[list[Any]]:
    """What the prover says beside a call of a tool with two good calls: the tags of each control's calls."""
    tool = Operation(kind="tool", name="export", schema={"type": "object"})
    other = Operation(kind="tool", name="add_tag", schema={"type": "object"})
    surface = Surface(
        revision="2025-11-25", revisions=(), server={}, capabilities={}, operations=(other, tool),
        good={tool.key: ({"tag": "made"}, {"tag": "kiln"}), other.key: ({"tag": "new"},)},
    )  # fmt: skip
    nothing: Any = None
    prover = Prover(nothing, nothing, surface, 10.0, 0.0, nothing, nothing)
    place = Place(kind="tool", name="export")
    case = Case(scenario="s", place=place, conversation=Conversation.of(Call("tools/call")), label="")
    return [
        [step.action.params["arguments"]["tag"] for step in one.steps if isinstance(step.action, Call)]
        for one in prover._controls(case, rule)
    ]


@pytest.mark.parametrize("rule", ["no-answer", "hang"])
def test_a_good_call_that_was_good_only_after_others_takes_no_proof_of_silence_away(rule: str) -> None:
    assert controls(rule) == [["made"], ["new", "made"], ["kiln"]]


def test_what_a_good_call_shows_too_is_no_proof_whatever_the_others_show() -> None:
    assert controls("stack-trace-leak") == [["made"]]


@pytest.mark.runs
@pytest.mark.timeout(180)
def test_a_call_that_is_not_answered_while_learning_does_not_make_its_tool_a_slow_one(tmp_path: Path) -> None:
    """Tags that nobody made are never answered, and those that learning made are gone on a fresh server."""
    path = tmp_path / "forgets.py"
    path.write_text(SERVER.replace("if 40 <= calls <= 44:", FORGETS), encoding="utf-8")
    report, said = play(
        tmp_path, ["valid-arguments"], 1, "--revision", "2025-11-25", "--", sys.executable, str(path), max_time=40
    )
    found = [(one["rule"], one["confidence"], one["operation"]["name"]) for one in report["findings"]]
    assert found == [("no-answer", "proved", "export")], said
