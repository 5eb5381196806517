"""The matrix of what a networked server says and serves besides: each weakness is proved by its own rule and no other
of these scenarios says a word, what was proved shows again at replay and not on the hardened lab, which is silent.

`MATRIX_SEEDS=1,2,3` plays it with several seeds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mcpfuzz.lab import Weakness, weaknesses

sys.path.insert(0, str(Path(__file__).parent))

import playing
from playing import Report, proved, run

SEEDS = [int(word) for word in os.environ.get("MATRIX_SEEDS", "1").replace(",", " ").split()]
MAX_TIME = 45
SCENARIOS = (
    "foreign-origin", "foreign-host", "cors", "open-redirect", "debug-endpoint", "old-endpoint", "bound-everywhere",
)  # fmt: skip
RULES = frozenset(
    {
        "origin-unchecked", "host-unchecked", "cors-credentials", "open-redirect", "debug-endpoint", "old-endpoint",
        "bound-everywhere",
    }
)  # fmt: skip
TOKEN = "alice-token-6113"
ROWS = [row for row in weaknesses() if row.group == "network" and row.expected[0] in RULES]
CASES = [(row, kind) for kind in ("http", "sse", "ws") for row in ROWS if kind in row.transports]
PAGES = {"cors", "open-redirect", "debug-endpoint", "old-endpoint"}
"""Scenarios that look beside the endpoint: a server of WebSocket alone has nothing there."""

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(MAX_TIME * 4)]


def lab(transport: str, seed: int, *switches: str) -> list[str]:
    """How mcpfuzz reaches the lab, and the lab."""
    path, scheme = {"http": ("mcp", "http"), "sse": ("sse", "http"), "ws": ("ws", "ws")}[transport]
    served = ("--transport", transport, "--port", "{port}", "--shuffle", str(seed))
    return [
        "--url", f"{scheme}://127.0.0.1:{{port}}/{path}", "--", sys.executable, "-m", "mcpfuzz.lab", *served, *switches,
    ]  # fmt: skip


def caller(weakness: str) -> tuple[list[str], list[str]]:
    """Words for mcpfuzz, words for the lab: a token where the weakness is about one."""
    if weakness != "old-endpoint":
        return [], []
    return ["--identity", f"alice=header:Authorization: Bearer {TOKEN}"], ["--token", f"alice={TOKEN}"]


def play(folder: Path, told: Sequence[str], seed: int, target: list[str]) -> tuple[Report, str]:
    return playing.play(folder, SCENARIOS, seed, *told, *target, max_time=MAX_TIME)


@pytest.mark.matrix(share=12)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("weakness", "kind"), CASES, ids=lambda value: getattr(value, "name", value))
def test_a_weakness_is_proved_by_its_own_rule_and_not_on_its_twin(
    weakness: Weakness, kind: str, seed: int, tmp_path: Path
) -> None:
    told, known = caller(weakness.name)
    target = lab(kind, seed, "--weakness", weakness.name, *known)
    report, said = play(tmp_path, (*told, "--transport", kind), seed, target)
    rules = proved(report)
    assert weakness.expected[0] in rules, f"missed: {weakness.trigger}\n{said}"
    assert not rules - set(weakness.expected) - set(weakness.implied), said
    one = next(item for item in report["findings"] if item["rule"] == weakness.expected[0])
    again = ("replay", str(tmp_path / "report.json"), "--finding", one["fingerprint"], *told)
    weak = run(*again, *target)
    assert weak.returncode == 1, weak.stdout
    sound = run(*again, *lab(kind, seed, *known))
    assert sound.returncode == 0, sound.stdout


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tokens", [False, True], ids=["open", "tokens"])
@pytest.mark.parametrize("kind", ["http", "sse", "ws"])
def test_the_hardened_lab_is_silent(kind: str, tokens: bool, seed: int, tmp_path: Path) -> None:
    told, known = caller("old-endpoint" if tokens else "")
    report, said = play(tmp_path, (*told, "--transport", kind), seed, lab(kind, seed, *known))
    assert not report["findings"], said
    ran = {item["id"] for item in report["scenarios"] if item["status"] == "clean"}
    others = PAGES if kind == "ws" else set() if tokens else {"old-endpoint"}
    assert ran == set(SCENARIOS) - others, said
