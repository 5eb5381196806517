"""A server for one person, without authentication: whoever reaches it is that person, and nothing of theirs is somebody
else's. No BOLA, whatever callers are named."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MAX_TIME = 60
CALLERS = ("alice", "bob")
SCENARIOS = (
    "object-level", "role-checks", "credentials", "query-token", "session-*", "guessable-session", "cross-talk",
)  # fmt: skip
OURS = {"bola", "bfla", "session-hijack", "existence-told", "cross-talk", "session-fixation", "guessable-session"}
"""Rules that presume several users."""
REAL = runpy.run_path(str(Path(__file__).parent / "test_real_http.py"))
NOTEBOOK = Path(__file__).parent / "notebook_server.py"

pytestmark = pytest.mark.timeout(MAX_TIME * 3)


def play(folder: Path, callers: tuple[str, ...], *server: str) -> dict[str, Any]:
    path = folder / "report.json"
    told = [word for name in callers for word in ("--identity", f"{name}=header:Authorization: Bearer {name}-5513-0b")]
    chosen = [word for name in SCENARIOS for word in ("--scenario", name)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mcpfuzz", "run", "--profile", "quick", "--max-time", str(MAX_TIME), "--seed", "1"),
            *(*chosen, *told, "--allow-destructive", "--state", str(folder / "state"), "--report", f"json={path}"),
            *("--no-color", "--url", "http://127.0.0.1:{port}/mcp", "--", *server),
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=MAX_TIME * 2,
        text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    assert path.exists(), done.stdout
    return dict(json.loads(path.read_text(encoding="utf-8")))


def lab() -> tuple[str, ...]:
    words = ("--transport", "http", "--port", "{port}", "--toolset", "all", "--rate", "100000", "--burst", "100000")
    return (sys.executable, "-m", "mcpfuzz.lab", *words)


def judged(report: dict[str, Any], callers: tuple[str, ...]) -> None:
    """Nothing beyond an info; that credentials go unread is told where somebody gave some."""
    said = {item["rule"] for item in report["findings"] if item["severity"] != "info"}
    assert said == ({"auth-missing", "auth-unchecked"} if callers else set()), report["findings"]
    assert not {item["rule"] for item in report["findings"]} & OURS
    fared = {item["id"]: item for item in report["scenarios"]}
    assert fared["cross-talk"]["status"] == "clean"
    for name in ("object-level", "session-hijack"):
        assert fared[name]["status"] == "not-run", fared[name]


@pytest.mark.matrix
@pytest.mark.parametrize("callers", [(), CALLERS], ids=["nobody named", "two callers named"])
def test_the_lab_without_tokens_has_no_bola(callers: tuple[str, ...], tmp_path: Path) -> None:
    judged(play(tmp_path, callers, *lab()), callers)


@pytest.mark.real
@pytest.mark.parametrize("callers", [(), CALLERS], ids=["nobody named", "two callers named"])
@pytest.mark.parametrize("version", REAL["VERSIONS"])
def test_a_notebook_of_the_sdk_has_no_bola(version: str, callers: tuple[str, ...], tmp_path: Path) -> None:
    judged(play(tmp_path, callers, REAL["python_with"](version), str(NOTEBOOK), "{port}"), callers)


@pytest.mark.parametrize("callers", [(), CALLERS], ids=["nobody named", "two callers named"])
def test_tasks_of_a_server_over_stdio_are_nobody_elses(callers: tuple[str, ...], tmp_path: Path) -> None:
    """Whoever started it is its only user, weak or not: nothing at all is told of them."""
    report = tmp_path / "report.json"
    told = [word for name in callers for word in ("--identity", f"{name}=env:API_KEY={name}-5513-0b")]
    weak = [word for name in ("task-read", "task-list", "task-cancel") for word in ("--weakness", name)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mcpfuzz", "run", "--profile", "quick", "--max-time", "30", "--seed", "1"),
            *("--scenario", "object-level", "--scenario", "listing-changes", "--state", str(tmp_path / "state")),
            *("--report", f"json={report}", "--no-color", "--revision", "2025-11-25", *told),
            *("--", sys.executable, "-m", "mcpfuzz.lab", *weak),
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=MAX_TIME * 2,
        text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["findings"] == [], done.stdout
    assert {item["id"]: item["status"] for item in found["scenarios"]}["object-level"] == "not-run", done.stdout
