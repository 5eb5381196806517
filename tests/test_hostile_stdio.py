"""`mcpfuzz run` against a stdio server that misbehaves in one way at a time: it ends, within its bounds, and says so.

What every run must keep, whatever the verdict: the wall limit, the exit codes, the cap on its own memory, no process
left behind, no traceback, nothing of the server's raw on the terminal or in the report, no canary touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HOSTILE = Path(__file__).parent / "hostile"
SERVER = HOSTILE / "stdio_server.py"
MODES = runpy.run_path(str(HOSTILE / "modes.py"))["STDIO"]
NEEDS_STATE = ("die_at_random", "die_alternate_starts")

MAX_TIME_S, WALL_S = 8, 30
MAX_RSS = 400 << 20
MAX_REPORT = 16 << 20
CODES = {"ok": (0,), "fail": (1, 3), "any": (0, 1, 3)}
OUTCOMES = {0: "clean", 1: "findings", 3: "could-not-test"}
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    code: int | None
    """None: it had to be killed at the wall limit."""
    output: str
    seconds: float
    peak: int
    """Most bytes mcpfuzz's own process ever had resident."""
    left: tuple[str, ...]
    """Processes of the server that outlived the run."""
    report: Path

    def __str__(self) -> str:
        what = f"exit {self.code} after {self.seconds:.1f} s, {self.peak >> 20} MiB, left: {self.left}"
        return f"{what}\n{self.output[-3000:]}"


def marked(mark: str) -> list[int]:
    """Processes that were started with this run's mark in their environment; zombies have none."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if f"HOSTILE_MARK={mark}".encode() in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
    return found


def gone(pid: int, deadline: float) -> bool:
    """Whether a process ends before the deadline; one that was killed may take a moment to go."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(0, deadline - time.monotonic()) * 1000))
    finally:
        os.close(descriptor)


def clear(mark: str) -> tuple[str, ...]:
    """What is left of the run, killed afterwards."""
    deadline = time.monotonic() + 1
    left = []
    for pid in marked(mark):
        if not gone(pid, deadline):
            with contextlib.suppress(OSError):
                state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
                left.append(f"{pid} ({state})")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return tuple(left)


def high_water(pid: int) -> int:
    """Peak resident bytes of a living process."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def watch(process: subprocess.Popen[bytes], deadline: float) -> tuple[int | None, int]:
    """The exit code, None at the deadline, and the peak of memory until then."""
    peak = 0
    while time.monotonic() < deadline:
        peak = max(peak, high_water(process.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=0.05), peak
    return None, peak


def run(mode: str, folder: Path, canary: str) -> Run:
    mark, report = secrets.token_hex(8), folder / "report.json"
    os.mkfifo(folder / "never-open-me")
    (folder / "server").mkdir()  # the state folder is not inside it, so that the scratch tree lies where we look
    variables = [f"HOSTILE_MARK={mark}", f"HOSTILE_CANARY={canary}", f"HOSTILE_FILE={folder / 'never-open-me'}"]
    if mode in NEEDS_STATE:
        variables.append("HOSTILE_STATE={scratch}")
    command = [sys.executable, "-m", "mcpfuzz", "run", "--max-time", str(MAX_TIME_S), "--timeout", "2"]
    command += ["--cwd", str(folder / "server"), "--state", str(folder / "state")]
    command += ["--start-timeout", "5", "--profile", "quick", "--seed", "1", "--report", f"json={report}"]
    command += [word for variable in variables for word in ("--env", variable)]
    command += ["--", sys.executable, str(SERVER), mode]
    started = time.monotonic()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            code, peak = watch(process, started + WALL_S)
            seconds = time.monotonic() - started
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            left = clear(mark)
    text = (folder / "output").read_bytes().decode("utf-8", "backslashreplace")
    return Run(code=code, output=text, seconds=seconds, peak=peak, left=left, report=report)


def read_report(path: Path) -> Any:
    """Strict JSON: no NaN, no byte that is not UTF-8, no half of a surrogate pair."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    value = json.loads(path.read_bytes().decode("utf-8"), parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def unsafe(text: str) -> set[str]:
    """Characters that a terminal would obey."""
    return {
        ascii(letter)
        for letter in text
        if letter in BIDI or (unicodedata.category(letter) == "Cc" and letter not in "\n\t")
    }


@pytest.mark.hostile(share=3)
@pytest.mark.timeout(WALL_S + 30)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("mode", [pytest.param(mode, id=mode.name) for mode in MODES])
def test_a_run_against_a_hostile_server_stays_within_its_bounds(mode: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        done = run(mode.name, tmp_path, f"http://127.0.0.1:{canary.getsockname()[1]}/canary")
        with pytest.raises(BlockingIOError):
            canary.accept()
    assert done.code is not None, f"did not end in {WALL_S} s: {done}"
    assert done.code in CODES[mode.expect], f"{mode.expect}: {done}"
    assert not done.left, f"processes left behind: {done}"
    assert "Traceback" not in done.output, str(done)
    assert not unsafe(done.output), f"raw on the terminal: {unsafe(done.output)}: {done}"
    assert done.peak < MAX_RSS, f"too much memory: {done}"
    assert (tmp_path / "state").is_dir() and not list(tmp_path.glob("state/run-*")), f"scratch left behind: {done}"
    assert not Path("/tmp/mcpfuzz-owned").exists(), "a name from the server became a path"
    assert done.report.exists() or done.code == 3, f"no report: {done}"
    if done.report.exists():
        assert done.report.stat().st_size < MAX_REPORT
        report = read_report(done.report)
        assert (report["schema"], report["run"]["outcome"]) == ("mcpfuzz-report/1", OUTCOMES[done.code]), str(done)


# ---- the hostile server itself ----


def converse(mode: str, *lines: str) -> list[Any]:
    """The good handshake, then these lines, then the end: what the server said to them."""
    client = '{"protocolVersion": "%s", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}'
    revision = "2025-03-26" if any(line.startswith("[") for line in lines) else "2025-11-25"
    hello = '{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": ' + client % revision + "}"
    ready = '{"jsonrpc": "2.0", "method": "notifications/initialized"}'
    done = subprocess.run(
        [sys.executable, str(SERVER), mode],
        input="\n".join([hello, ready, *lines, ""]).encode("utf-8", "surrogatepass"),
        capture_output=True,
        timeout=20,
    )
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()][1:]


def call(name: str, arguments: str) -> str:
    params = f'{{"name": "{name}", "arguments": {arguments}}}'
    return f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}'


def test_every_mode_of_the_table_is_one_of_the_server_and_vice_versa() -> None:
    assert sorted(mode.name for mode in MODES) == sorted(runpy.run_path(str(SERVER))["MODES"])


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", -32700),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": NaN}}', -32700),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "\\ud800"}}', -32700),
        ("[" * 100_000, -32700),
        ("7", -32600),
        ("null", -32600),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        ('{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "server/discover"}', -32601),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "x"}}', -32602),
        (call("nothing", "{}"), -32602),
        (call("echo", "[]"), -32602),
    ],
)
def test_the_control_server_refuses_what_is_wrong_with_the_code_the_specification_names(line: str, code: int) -> None:
    (answer,) = converse("ok", line)
    assert answer["error"]["code"] == code
    assert answer["id"] in (1, None)


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("add", '{"a": 2, "b": 3.0}', "5"),
        ("echo", '{"text": "\\u00e9\\u2028"}', "é\u2028"),
        ("colour", '{"name": "red"}', "#ff0000"),
        ("add", '{"a": 2}', None),
        ("add", '{"a": 1e400, "b": 1}', None),
        ("add", '{"a": true, "b": 1}', None),
        ("echo", '{"text": "x", "more": 1}', None),
        ("colour", '{"name": "mauve"}', None),
    ],
)
def test_the_control_servers_tools_take_what_fits_their_schema_only(
    name: str, arguments: str, text: str | None
) -> None:
    (answer,) = converse("ok", call(name, arguments))
    assert answer["result"]["isError"] == (text is None)
    assert text is None or answer["result"]["content"] == [{"type": "text", "text": text}]


def test_the_control_server_is_silent_where_nothing_is_to_be_said_and_answers_batches_where_they_exist() -> None:
    ping = '{"jsonrpc": "2.0", "id": 7, "method": "ping"}'
    silent = ["", '{"jsonrpc": "2.0", "method": "no/such"}', '{"jsonrpc": "2.0", "id": 3, "result": {}}']
    assert converse("ok", *silent, ping) == [{"jsonrpc": "2.0", "id": 7, "result": {}}]
    assert converse("ok", f"[{ping}, {silent[1]}]") == [[{"jsonrpc": "2.0", "id": 7, "result": {}}]]
