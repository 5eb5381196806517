"""One whole run of a campaign, ours or somebody else's, measured from outside: what the server counted, wall time and
processor time; and the tables that the measures print.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from lines import Slot, heard, slots

from compiling import responder

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Run:
    """What one whole run came to."""

    report: dict[str, Any]
    """`run` of our report; empty for others."""
    lines: int
    """That the server counted."""
    heard_s: float
    """From the first of them to the last."""
    wall_s: float
    """Of the process, from its start to its end."""
    cpu_s: float
    """Of it and of all that it started."""
    servers: tuple[Slot, ...] = ()

    @property
    def serving_s(self) -> float:
        """Processor seconds of the servers between their first line and their last."""
        return sum(slot.last_cpu_ns - slot.first_cpu_ns for slot in self.servers) / 1e9

    @property
    def starting_s(self) -> float:
        """Processor seconds of the servers until their first line."""
        return sum(slot.first_cpu_ns for slot in self.servers) / 1e9

    @property
    def cases_per_s(self) -> float:
        return float(self.report["cases"] / self.report["duration_s"])


def cores() -> list[int]:
    """What this process may use; `taskset` says which."""
    return sorted(os.sched_getaffinity(0))


def spend(words: Sequence[str], folder: Path, env: dict[str, str], pin: set[int]) -> tuple[float, float]:
    """Run a command pinned to cores: seconds it took, and processor seconds of it and its children."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with (folder / "said").open("wb") as said:
        subprocess.run(
            words, cwd=folder, env={**given, **env}, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, pin),
        )  # fmt: skip
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(
    server: Sequence[str],
    seconds: float,
    seed: int,
    pin: set[int],
    *options: str,
    counted: str = "RESPONDER_COUNT",
    env: Sequence[str] = (),
    told: Path | None = None,
    count: Path | None = None,
) -> Run:
    """One `mcpfuzz run`.

    Args:
        counted: the variable that tells the server where to count.
        env: NAME=VALUE, for the server.
        told: where `told.py` leaves its record; None: it takes no part.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = count or folder / "count"
        entry = [str(HERE / "told.py")] if told is not None else ["-m", "mcpfuzz"]
        given = [word for one in (f"{counted}={count}", *env) for word in ("--env", one)]
        words = [
            sys.executable, *entry, "run", "--profile", "nightly", "--max-time", f"{seconds:g}", "--seed", str(seed),
            "--sandbox", "off", "--quiet", "--state", str(folder / "state"), "--report", f"json={folder / 'report'}",
            *given, *options, "--", *server,
        ]  # fmt: skip
        more = {"PYTHONPATH": str(HERE.parent), **({"TOLD": str(told)} if told is not None else {})}
        wall, cpu = spend(words, folder, more, pin)
        if not (folder / "report").exists():
            sys.exit(f"no report; it said:\n{(folder / 'said').read_text(errors='replace')[-2000:]}")
        report = json.loads((folder / "report").read_text(encoding="utf-8"))["run"]
        lines, heard_s = heard(count)
        return Run(report, lines, heard_s, wall, cpu, tuple(slots(count)))


def theirs(rival: str, server: str, runs: int, pin: set[int]) -> Run:
    """One run of mcp-fuzzer over all tools."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [
            rival, "--mode", "tools", "--protocol", "stdio", "--endpoint", server, "--runs", str(runs),
            "--output-dir", str(folder / "out"), "--fs-root", str(folder / "root"), "--no-corpus",
        ]  # fmt: skip
        count = folder / "count"
        wall, cpu = spend(words, folder, {"RESPONDER_COUNT": str(count), "HOME": name}, pin)
        lines, heard_s = heard(count)
        if not lines:
            sys.exit(f"the server heard nothing; it said:\n{(folder / 'said').read_text(errors='replace')[-2000:]}")
        return Run({}, lines, heard_s, wall, cpu)


def preloaded(count: Path) -> list[str]:
    return [f"LD_PRELOAD={responder('preload')}", f"LINES_COUNT={count}"]


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def row(*cells: object) -> None:
    print(
        "| " + " | ".join(f"{cell:,.0f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |", flush=True
    )


def head(*cells: str) -> None:
    row(*cells)
    print("|" + "-|" * len(cells), flush=True)
