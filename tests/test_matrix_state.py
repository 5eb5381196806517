"""The matrix for what takes several steps, what is listed, shown and spent: each weakness of the lab is proved by its
own rule and no other of these scenarios says a word, the hardened lab is silent, and what was proved shows again at
replay.

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
SCENARIOS = (
    "use-after-delete", "replay-and-race", "annotation-lies", "declared-restraint", "hidden-tool",
    "poisoned-description", "listing-changes", "mass-assignment", "data-exposure", "resource-consumption",
    "unsafe-consumption",
)  # fmt: skip
RULES = frozenset(
    {
        "use-after-delete", "stale-read", "replayed-action", "race", "annotation-lies", "unconfirmed-action",
        "hidden-tool", "poisoned-description", "listing-changes", "mass-assignment", "data-exposure",
        "resource-consumption", "unsafe-consumption",
    }
)  # fmt: skip
ROWS = [item for item in weaknesses() if item.expected[0] in RULES or item.name == "dry-run-writes"]

pytestmark = [
    pytest.mark.skipif(not os.environ.get("MATRIX_FULL"), reason="MATRIX_FULL=1: test_matrix has these rows, too"),
    pytest.mark.matrix,
    pytest.mark.timeout(MAX_TIME * 3),
]


def command(folder: Path, seed: int, *switches: str) -> list[str]:
    """The lab with a workspace and an upstream, shuffled."""
    (folder / "shop").mkdir(exist_ok=True)
    return [sys.executable, "-m", "mcpfuzz.lab", "--shuffle", str(seed), *switches, "--workspace", str(folder / "shop")]


def play(folder: Path, seed: int, *switches: str) -> tuple[Report, str]:
    target = command(folder, seed, *switches)
    given = ("--workspace", str(folder / "shop"), "--env", "UPSTREAM={listener}")
    return playing.play(folder, SCENARIOS, seed, *given, "--", *target, max_time=MAX_TIME)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weakness", ROWS, ids=lambda weakness: weakness.name)
def test_a_weakness_is_proved_by_its_own_rule_and_shows_again(weakness: Weakness, seed: int, tmp_path: Path) -> None:
    report, said = play(tmp_path, seed, "--weakness", weakness.name)
    rules = proved(report)
    assert weakness.expected[0] in rules, f"missed: {weakness.trigger}\n{said}"
    assert not rules - set(weakness.expected) - set(weakness.implied), said
    told = next(item for item in report["findings"] if item["rule"] == weakness.expected[0])
    again = run("replay", str(tmp_path / "report.json"), "--finding", told["fingerprint"])
    assert again.returncode == 1, again.stdout


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hardened_lab_is_silent(seed: int, tmp_path: Path) -> None:
    report, said = play(tmp_path, seed, "--toolset", "all")
    assert proved(report) == set(), said
    assert not report["findings"], said
