"""The matrix below WebSocket: each of its weaknesses is proved by its own rule and by no other, and shows again at
replay; the hardened lab is silent, and so is a careful server written by hand, whatever reads its frames.

`MATRIX_SEEDS=1,2,3` plays it with several seeds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.lab import Weakness, weaknesses

SEEDS = [int(word) for word in os.environ.get("MATRIX_SEEDS", "1").replace(",", " ").split()]
MAX_TIME = 60
SCENARIOS = ("malformed-websocket", "websocket-upgrade", "endless-message")
ROWS = [row for row in weaknesses() if row.group == "network" and row.where in ("frame", "fragments", "pong")]
ROWS += [row for row in weaknesses() if row.name == "subprotocol-unoffered"]
BY_HAND = str(Path(__file__).with_name("ws_server.py"))

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(MAX_TIME * 3)]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mcpfuzz", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=MAX_TIME * 2, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip


def play(folder: Path, seed: int, *words: str) -> tuple[dict[str, Any], str]:
    """One run of these scenarios; report and what was printed. `words`: how to reach and start the server."""
    path = folder / "report.json"
    chosen = [word for name in SCENARIOS for word in ("--scenario", name)]
    done = run(
        "run", "--profile", "quick", "--max-time", str(MAX_TIME), "--timeout", "4", "--seed", str(seed), *chosen,
        "--report", f"json={path}", "--state", str(folder / "state"), "--no-color", *words,
    )  # fmt: skip
    assert path.exists(), done.stdout
    return json.loads(path.read_text(encoding="utf-8")), done.stdout


def lab(seed: int, *switches: str, transport: str = "ws", authority: Path | None = None) -> list[str]:
    written = ["--ca-out", str(authority)] if authority is not None else []
    served = [sys.executable, "-m", "mcpfuzz.lab", "--transport", transport, "--port", "{port}"]
    return [
        "--url", f"{transport}://127.0.0.1:{{port}}/ws", "--", *served, *written, "--shuffle", str(seed), *switches,
    ]  # fmt: skip


def proved(report: dict[str, Any]) -> set[str]:
    return {item["rule"] for item in report["findings"] if item["confidence"] == "proved"}


def assert_silent(report: dict[str, Any], said: str) -> None:
    assert report["findings"] == [], said
    assert {item["id"]: item["status"] for item in report["scenarios"]} == dict.fromkeys(SCENARIOS, "clean"), said


@pytest.mark.matrix(share=6)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weakness", ROWS, ids=lambda weakness: weakness.name)
def test_a_weakness_is_proved_by_its_own_rule_and_shows_again(weakness: Weakness, seed: int, tmp_path: Path) -> None:
    report, said = play(tmp_path, seed, *lab(seed, "--weakness", weakness.name))
    rules = proved(report)
    assert weakness.expected[0] in rules, f"missed: {weakness.trigger}\n{said}"
    assert not rules - set(weakness.expected) - set(weakness.implied), said
    again = run("replay", str(tmp_path / "report.json"))
    assert again.returncode == 1, again.stdout


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hardened_lab_is_silent(seed: int, tmp_path: Path) -> None:
    assert_silent(*play(tmp_path, seed, *lab(seed)))


@pytest.mark.parametrize("reader", ["websockets", "websockets-sansio", "wsproto"])
def test_a_careful_server_written_by_hand_is_silent_whatever_reads_its_frames(reader: str, tmp_path: Path) -> None:
    words = (
        "--identity", "alice=query:token=guide-token-5512", "--url", "ws://127.0.0.1:{port}/ws",
        "--", sys.executable, BY_HAND, "{port}", reader,
    )  # fmt: skip
    assert_silent(*play(tmp_path, 1, *words))
