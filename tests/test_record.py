"""`mcpfuzz record`: nothing changes between client and server, and what was said can be used again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.recordings import HEAD, as_test, calls, examples
from mcpfuzz.slots import Filler
from mcpfuzz.target import read_examples

LAB = (sys.executable, "-m", "mcpfuzz.lab", "--era", "legacy")
ECHO = (sys.executable, "-c", "import sys\nfor data in iter(lambda: sys.stdin.buffer.read1(65536), b''): sys.stdout.buffer.write(data); sys.stdout.buffer.flush()\nsys.stderr.write('bye'); sys.exit(7)")  # fmt: skip  # noqa: E501
SESSION = [
    {"method": "initialize", "id": 0, "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}},  # noqa: E501
    {"method": "notifications/initialized"},
    {"method": "tools/call", "id": 1, "params": {"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": {"progressToken": 1}}},  # noqa: E501
    {"method": "tools/call", "id": "1", "params": {"name": "add", "arguments": {"a": "no", "b": 2}}},
    {"method": "resources/read", "id": 2, "params": {"uri": "shop://hours"}},
]  # fmt: skip


def recorder(folder: Path, *command: str, **more: Any) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "mcpfuzz", "record", "--out", "log.jsonl", "--", *command]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(words, cwd=folder, **pipes, **more)  # type: ignore[call-overload,no-any-return]


def said(folder: Path, *messages: Any) -> bytes:
    lines = b"".join(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n" for message in messages)
    out, _ = recorder(folder, *LAB).communicate(lines, timeout=30)
    return out


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_byte_passes_and_exit_code_and_stderr_are_the_server_s(tmp_path: Path) -> None:
    data = b'{"id": 1}\r\n' + bytes(range(256)) * 3000 + b"\n\n" + b"x" * 300_000 + b"\nlast without an end"
    process = recorder(tmp_path, *ECHO)
    out, err = process.communicate(data, timeout=30)
    assert out == data
    assert (process.returncode, err) == (7, b"bye")
    head, *rest = entries(tmp_path)
    assert head["mcpfuzz"] == HEAD and head["command"] == list(ECHO)
    assert {"id": 1} in [one.get("message") for one in rest if one["from"] == "client"]
    assert sum("bytes" in one for one in rest) >= 2
    assert os.stat(tmp_path / "log.jsonl").st_mode & 0o777 == 0o600


def test_a_signal_reaches_the_server(tmp_path: Path) -> None:
    code = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\nprint('ready', flush=True)\nsys.stdin.read()"  # noqa: E501
    with recorder(tmp_path, sys.executable, "-c", code) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 5


def test_good_calls_become_examples_and_bad_ones_do_not(tmp_path: Path) -> None:
    said(tmp_path, *SESSION)
    made = read_examples(str(tmp_path / "log.jsonl"))
    assert made == (
        {"tool": "add", "arguments": {"a": 1, "b": 2}},
        {"resource": "shop://hours", "arguments": {}},
    )
    assert [call.good for call in calls((tmp_path / "log.jsonl").read_text(encoding="utf-8").split("\n"))] == [
        True,
        False,
        True,
    ]


@pytest.mark.runs
def test_the_test_made_of_a_recording_passes_and_fails_once_an_answer_changes(
    tmp_path: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    said(tmp_path, *SESSION)
    words = [sys.executable, "-m", "mcpfuzz", "record", "--out", str(tmp_path / "log.jsonl"), "--test", "test_it.py"]
    assert subprocess.run(words, cwd=pytester.path, timeout=30).returncode == 0
    run = lambda: pytester.runpytest_subprocess("-p", "mcpfuzz.plugin", "-W", "error", "test_it.py", timeout=60)  # noqa: E731
    run().assert_outcomes(passed=3)
    path = pytester.path / "test_it.py"
    path.write_text(path.read_text(encoding="utf-8").replace("'a': 1", "'a': 'one'"), encoding="utf-8")
    run().assert_outcomes(passed=2, failed=1)
    assert subprocess.run(words, cwd=pytester.path, timeout=30, capture_output=True).returncode == 2, "it was replaced"


def line(who: str, **message: Any) -> str:
    return json.dumps({"t": 0, "from": who, "message": message})


def test_ids_begin_anew_with_each_session_and_secrets_and_slots_do_no_harm() -> None:
    head = json.dumps({"mcpfuzz": HEAD, "command": ["x"]})
    call = {"method": "tools/call", "id": 1}
    lines = [
        head,
        line("client", **call, params={"name": "unanswered", "arguments": {}}),
        head,
        line("server", id=1, result={}),
        line("client", **call, params={"name": "t", "arguments": {"x": "{workspace} {a}", "{workspace}": 1}}),
        line("server", id="1", result={}),
        line("server", id=1, result={}),
        line("client", **call, params={"name": "t", "arguments": {"token": "<redacted>"}}),
        line("server", id=1, result={}),
        line("client", **call, params={"name": "asks", "arguments": {}}),
        line("server", id=1, result={"resultType": "input_required"}),
        '{"t": 1, "from": "client", "message": {"cut of',
    ]
    (example,) = examples(lines)
    assert Filler({"workspace": "/w"}).fill(example["arguments"]) == {"x": "{workspace} {a}", "{workspace}": 1}
    compile(as_test(lines), "test_it.py", "exec")


def test_secrets_of_the_environment_are_not_in_the_log(tmp_path: Path) -> None:
    process = recorder(tmp_path, *ECHO, env={**os.environ, "API_TOKEN": "s3cr3t-of-mine"})
    out, _ = process.communicate(b'{"a": "s3cr3t-of-mine"}\n', timeout=30)
    assert b"s3cr3t-of-mine" in out
    assert "s3cr3t" not in (tmp_path / "log.jsonl").read_text(encoding="utf-8")


def test_a_command_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    process = recorder(tmp_path, "/no/such/server")
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.splitlines()) == (3, [b"mcpfuzz: /no/such/server: No such file or directory"])
