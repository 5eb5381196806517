"""What the matrices share: a whole run of mcpfuzz as a process, what it printed and what it reported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Report", "play", "proved", "run"]

Report = dict[str, Any]


def run(*words: str, within: float = 120) -> subprocess.CompletedProcess[str]:
    """`mcpfuzz WORDS`, both streams in `stdout`. Raises subprocess.TimeoutExpired after `within` seconds."""
    return subprocess.run(
        [sys.executable, "-m", "mcpfuzz", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=within, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip


def play(folder: Path, scenarios: Sequence[str], seed: int, *words: str, max_time: int = 60) -> tuple[Report, str]:
    """`mcpfuzz run` with these scenarios alone: the report, which lies at FOLDER/report.json, and what was printed."""
    path = folder / "report.json"
    chosen = [word for name in scenarios for word in ("--scenario", name)]
    done = run(
        "run", "--profile", "quick", "--max-time", str(max_time), "--timeout", "4", "--seed", str(seed), *chosen,
        "--report", f"json={path}", "--state", str(folder / "state"), "--no-color", *words, within=max_time * 2,
    )  # fmt: skip
    assert path.exists(), done.stdout
    return json.loads(path.read_text(encoding="utf-8")), done.stdout


def proved(report: Report) -> set[str]:
    """The rules that a report's proved findings break."""
    return {item["rule"] for item in report["findings"] if item["confidence"] == "proved"}
