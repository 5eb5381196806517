"""The matrix: every weakness of the lab against all scenarios. Each is proved by its own rule, off the
diagonal stands only what the lab's table implies with a reason, and the hardened lab is silent.

`MATRIX_SEEDS=1,2,3` plays it with several seeds; each seed renames tools and draws other triggering values.
`MATRIX_FULL=1` plays every scenario in every row (an hour). Without it a row of robustness leaves the attacks out, a
row of an attack plays what can prove it, each day has another share of both (`matrix(share=N)`, conftest.py), and the
hardened lab stands against everything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.lab import Weakness, weaknesses
from mcpfuzz.scenarios.catalogue import catalogue

SEEDS = [int(word) for word in os.environ.get("MATRIX_SEEDS", "1").replace(",", " ").split()]
FULL = bool(os.environ.get("MATRIX_FULL"))
MAX_TIME = 45
SLOW = ("annotation-lies",)
"""Waits for what slow tools do; its own rows play it."""
BUILT = [weakness for weakness in weaknesses() if weakness.group == "robustness"]
ATTACKS = [weakness for weakness in weaknesses() if weakness.group == "attack"]
MODES = {"read-only-mode": "--read-only"}
"""Weakness -> the switch of the lab that it goes with."""


def attacking(*rules: str) -> list[str]:
    """Options that choose the attacking scenarios, and those that prove these rules."""
    chosen = [item for item in catalogue().values() if (FULL and item.early) or set(rules).intersection(item.rules)]
    return [word for scenario in chosen for word in ("--scenario", scenario.id)]


pytestmark = [pytest.mark.matrix, pytest.mark.timeout(MAX_TIME * 3)]


def play(folder: Path, seed: int, *switches: str, options: Sequence[str] = ()) -> tuple[int, dict[str, Any], str]:
    """One run against the lab: exit code, report and what was printed.

    Args:
        switches: the lab's.
        options: further ones of the run.
    """
    path = folder / "report.json"
    command = [
        sys.executable, "-m", "mcpfuzz", "run", "--profile", "quick", "--max-time", str(MAX_TIME), "--timeout", "4",
        "--seed", str(seed), "--report", f"json={path}", "--state", str(folder / "state"), "--no-color",
        *options, "--", sys.executable, "-m", "mcpfuzz.lab", "--shuffle", str(seed), *switches,
    ]  # fmt: skip
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=MAX_TIME * 2,
        text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    said = done.stdout
    assert path.exists(), said
    return done.returncode, json.loads(path.read_text(encoding="utf-8")), said


def proved(report: dict[str, Any]) -> list[str]:
    return sorted({item["rule"] for item in report["findings"] if item["confidence"] == "proved"})


@pytest.mark.matrix(share=6)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weakness", BUILT, ids=lambda weakness: weakness.name)
def test_a_weakness_is_proved_by_its_own_rule_and_by_no_other(weakness: Weakness, seed: int, tmp_path: Path) -> None:
    attacks = [
        word for item in catalogue().values() if item.early or item.id in SLOW for word in ("--exclude", item.id)
    ]
    options = () if FULL else attacks
    code, report, said = play(tmp_path, seed, "--weakness", weakness.name, options=options)
    rules = proved(report)
    assert weakness.expected[0] in rules, f"missed: {weakness.trigger}\n{said}"
    assert not set(rules) - set(weakness.expected) - set(weakness.implied), said
    counted = any(item["confidence"] == "proved" and item["severity"] != "info" for item in report["findings"])
    assert (code, report["run"]["outcome"]) == ((1, "findings") if counted else (0, "clean")), said


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hardened_lab_is_clean(seed: int, tmp_path: Path) -> None:
    code, report, said = play(tmp_path, seed)
    assert proved(report) == [], said
    assert (code, report["run"]["outcome"]) == (0, "clean"), said


def attack(folder: Path, seed: int, rules: Sequence[str], *switches: str) -> tuple[int, dict[str, Any], str]:
    """One run of the attacking scenarios, with a workspace and ourselves as the upstream."""
    workspace = folder / "shop"
    workspace.mkdir()
    options = ("--workspace", str(workspace), "--env", "UPSTREAM={listener}", *attacking(*rules))
    return play(folder, seed, "--workspace", str(workspace), *switches, options=options)


@pytest.mark.matrix(share=10)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weakness", ATTACKS, ids=lambda weakness: weakness.name)
def test_an_attack_is_proved_by_its_own_rule_and_by_no_other(weakness: Weakness, seed: int, tmp_path: Path) -> None:
    mode = (MODES[weakness.name],) if weakness.name in MODES else ()
    code, report, said = attack(tmp_path, seed, weakness.expected, "--weakness", weakness.name, *mode)
    rules = proved(report)
    assert weakness.expected[0] in rules, f"missed: {weakness.trigger}\n{said}"
    assert not set(rules) - set(weakness.expected) - set(weakness.implied), said
    assert (code, report["run"]["outcome"]) == (1, "findings"), said


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hardened_lab_is_silent_to_all_attacks(seed: int, tmp_path: Path) -> None:
    code, report, said = attack(tmp_path, seed, [weakness.expected[0] for weakness in ATTACKS], "--toolset", "all")
    assert proved(report) == [], said
    assert (code, report["run"]["outcome"]) == (0, "clean"), said


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mode", MODES.values())
def test_the_hardened_lab_keeps_to_its_mode(mode: str, seed: int, tmp_path: Path) -> None:
    rules = [weakness.expected[0] for weakness in ATTACKS if weakness.name in MODES]
    code, report, said = attack(tmp_path, seed, rules, "--toolset", "all", mode)
    assert proved(report) == [], said
    assert {item["status"] for item in report["scenarios"] if item["id"] == "read-only-mode"} == {"clean"}, said
