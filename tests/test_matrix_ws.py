"""The matrix below WebSocket: each of its weaknesses is proved by its own rule and by no other, and shows again at
replay; the hardened lab is silent, and so is a careful server written by hand, whatever reads its frames.

`MATRIX_SEEDS=1,2,3` plays it with several seeds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mcpfuzz.lab import Weakness, weaknesses

sys.path.insert(0, str(Path(__file__).parent))

import playing
from playing import Report, proved, run

SEEDS = [int(word) for word in os.environ.get("MATRIX_SEEDS", "1").replace(",", " ").split()]
MAX_TIME = 60
SCENARIOS = ("malformed-websocket", "websocket-upgrade", "endless-message")
ROWS = [row for row in weaknesses() if row.group == "network" and row.where in ("frame", "fragments", "pong")]
ROWS += [row for row in weaknesses() if row.name == "subprotocol-unoffered"]
BY_HAND = str(Path(__file__).with_name("ws_server.py"))

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(MAX_TIME * 3)]


def play(folder: Path, seed: int, *words: str) -> tuple[Report, str]:
    """`words`: how to reach and start the server."""
    return playing.play(folder, SCENARIOS, seed, *words, max_time=MAX_TIME)


def lab(seed: int, *switches: str, transport: str = "ws", authority: Path | None = None) -> list[str]:
    written = ["--ca-out", str(authority)] if authority is not None else []
    served = [sys.executable, "-m", "mcpfuzz.lab", "--transport", transport, "--port", "{port}"]
    return [
        "--url", f"{transport}://127.0.0.1:{{port}}/ws", "--", *served, *written, "--shuffle", str(seed), *switches,
    ]  # fmt: skip


def assert_silent(report: Report, said: str) -> None:
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
