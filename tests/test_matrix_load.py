"""The matrix of load: each weakness of the lab that only load shows is found by its own rule and no other, and the
hardened lab is silent in the same scenario. One of the rows each day, or all with `MATRIX_FULL=1`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.lab import weaknesses
from mcpfuzz.oracles.load_rules import LOAD_RULES

TOKENS = {"alice": "alice-token-6113", "bob": "bob-token-90427"}
ROWS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "rate-limit-off": ("rate-limit", 14, ()),
    "rate-limit-per-session": ("rate-limit", 14, ("--era", "legacy")),
    "rate-limit-spoofed": ("rate-limit", 14, ("--rate-scope", "address")),
    "slow-client-block": ("slow-clients", 18, ()),
    "slowloris": ("slow-clients", 38, ()),
    "connections-unbounded": ("connection-flood", 14, ()),
    "session-leak": ("session-flood", 20, ("--era", "legacy")),
    "places-lost": ("cancellation-storm", 18, ()),
}
"""Weakness -> scenario that finds it, seconds, further words of the lab."""

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(200), pytest.mark.xdist_group("load")]


def play(folder: Path, scenario: str, seconds: int, *switches: str) -> tuple[dict[str, Any], str]:
    """One load run against the lab: report, what was printed."""
    path = folder / "report.json"
    limit = ("--rate", "50", "--burst", "40") if scenario == "rate-limit" else ()
    told = [word for name in TOKENS for word in ("--identity", f"{name}=header:Authorization: Bearer {TOKENS[name]}")]
    known = [word for name in TOKENS for word in ("--token", f"{name}={TOKENS[name]}")]
    served = [sys.executable, "-m", "mcpfuzz.lab", "--transport", "http", "--port", "{port}", *known, *limit, *switches]
    words = ["--url", "http://127.0.0.1:{port}/mcp", "--scenario", scenario, "--max-time", str(seconds), *told]
    words += [
        "--report",
        f"json={path}",
        "--state",
        str(folder / "state"),
        "--no-color",
        "--slo",
        "p95<2s,errors<5%,recovery<10s",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mcpfuzz", "load", *words, "--", *served],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds * 2 + 30, text=True,
    )  # fmt: skip
    assert path.exists(), done.stdout
    return json.loads(path.read_text(encoding="utf-8")), done.stdout


def rules(report: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in report["findings"]}


@pytest.mark.matrix(share=8)
@pytest.mark.parametrize("name", ROWS)
def test_a_weakness_is_found_by_its_own_rule_and_the_hardened_lab_is_silent(name: str, tmp_path: Path) -> None:
    scenario, seconds, words = ROWS[name]
    row = next(row for row in weaknesses() if row.name == name)
    report, said = play(tmp_path, scenario, seconds, "--weakness", name, *words)
    assert rules(report) == {row.expected[0]}, said
    report, said = play(tmp_path, scenario, seconds, *words)
    assert not report["findings"], said


def test_every_weakness_that_a_rule_of_load_is_expected_for_has_a_row() -> None:
    of_load = {rule.id for rule in LOAD_RULES}
    assert {row.name for row in weaknesses() if row.expected[0] in of_load} == set(ROWS)
