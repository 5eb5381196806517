"""Does the open model tell the truth? A server that freezes 500 ms every 5 s, asked at even distances: one arrival in
ten waits, up to 500 ms, so the true p95 is 250 and the true p99 450 ms. The closed loop is shown beside it.

    python benchmarks/frozen.py [--runs 5] [--seconds 60] [--per-s 50]

Each run is `mcpfuzz load --scenario baseline`, which takes a tenth of the users and of the rate.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SERVER = str(Path(__file__).resolve().parent.parent / "tests" / "load_server.py")
TRUTH = {"p95_ms": 250.0, "p99_ms": 450.0}
OVERHEAD_S = 5.0


def run(seconds: float, per_s: float | None) -> dict[str, Any]:
    """The figures of one run; `per_s` None: closed loop."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        rate = [] if per_s is None else ["--rate", f"{per_s * 10:g}"]
        words = ["--url", "http://127.0.0.1:{port}/mcp", "--scenario", "baseline", "--users", "50", *rate, "--quiet"]
        words += ["--max-time", f"{seconds + OVERHEAD_S:g}", "--report", f"json={report}", "--state", folder]
        words += ["--slo", "errors<1%"]
        server = [sys.executable, SERVER, "--port", "{port}", "--config", '{"freeze": [5, 0.5], "expensive_ms": 0}']
        done = subprocess.run(
            [sys.executable, "-m", "mcpfuzz", "load", *words, "--", *server], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (one,) = json.loads(report.read_text(encoding="utf-8"))["load"]["scenarios"]
    return {**one, "count": one["judged"]["requests"]}


def told(name: str, one: dict[str, Any]) -> None:
    figures = f"p50 {one['p50_ms']:.1f}, p95 {one['p95_ms']:.1f}, p99 {one['p99_ms']:.1f} ms, {one['count']} calls"
    print(f"{name}: {figures}, load average {os.getloadavg()[0]:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--per-s", type=float, default=50.0)
    options = parser.parse_args()
    runs = []
    for number in range(options.runs):
        runs.append(run(options.seconds, options.per_s))
        told(f"open, run {number + 1}", runs[-1])
    told("closed", run(options.seconds, None))
    for name, truth in TRUTH.items():
        median = statistics.median(one[name] for one in runs)
        print(f"{name}: median {median:.1f}, truth {truth:g}, off by {(median / truth - 1) * 100:+.1f} %")


if __name__ == "__main__":
    main()
