"""The whole campaign, measured: how many cases a second, how many of them differ, beside what else there is.

    python benchmarks/campaign.py whole | distinct | memory
    python benchmarks/campaign.py rival --rival MCP-FUZZER
    python benchmarks/campaign.py real | jobs [--tool NAME --arguments JSON] -- COMMAND ...

    whole     cases a second on the C responder, our report beside the server's own count
    distinct  how many of the lines that the server logged are different requests, ids and canaries taken out
    rival     mcp-fuzzer's tools mode and ours in turns, both counted by the server
    real      all requests of the campaign a second to those of `floor.py`, in turns, counted in the server
    jobs      two shards, each pinned to a core with its server, beside one
    memory    resident memory of the harness and all its processes over a long run: the most, and what it grows between
              two of its minutes

The server counts (`count.h`), not the harness. Harness and server share one core (`jobs`: have one each). Beside each
rate stands the same by processor time of harness and servers together: on a machine with other work that is what can
be compared. Linux; needs a C compiler.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from floor import measure as floor
from lines import digest, heard, kind_of
from runs import HERE, Run, cores, head, middle, ours, preloaded, row, theirs

from compiling import responder

RECORD = 1 + 3 * 12
"""Bytes of one record of `told.py`."""


# ---- one measure each


def whole(options: argparse.Namespace) -> None:
    server, pin = [str(responder())], {cores()[0]}
    head("seed", "cases", "cases/s", "cases per CPU s", "requests told", "lines counted", "told to counted",
         "lines/s", "starts", "CPU to wall", "steady cases per CPU s")  # fmt: skip
    runs, steady = [], []
    for seed in options.seeds:
        short = ours(server, options.seconds / 3, seed, pin)
        one = ours(server, options.seconds, seed, pin)
        runs.append(one)
        told = one.report
        steady.append((told["cases"] - short.report["cases"]) / (one.cpu_s - short.cpu_s))
        row(seed, told["cases"], one.cases_per_s, told["cases"] / one.cpu_s, told["requests"], one.lines,
            f"{told['requests'] / one.lines:.4f}", one.lines / told["duration_s"], told["restarts"] + 1,
            f"{one.cpu_s / one.wall_s:.2f}", steady[-1])  # fmt: skip
    by_cpu = middle([one.report["cases"] / one.cpu_s for one in runs])
    print(
        f"median {middle([one.cases_per_s for one in runs]):,.0f} cases/s, {by_cpu:,.0f} per CPU second of all; "
        f"{middle(steady):,.0f} per CPU second beyond those of a run of a third of the time with the same seed"
    )


def records(path: Path) -> Iterator[tuple[str, bytes, bytes, bytes]]:
    """What `told.py` noted: letter, the digests of a line as it was sent, normalised, without padding."""
    data = path.read_bytes()
    for at in range(0, len(data) - RECORD + 1, RECORD):
        yield chr(data[at]), data[at + 1 : at + 13], data[at + 13 : at + 25], data[at + 25 : at + 37]


def _lines(log: Path) -> Iterator[bytes]:
    with log.open("rb") as file:
        for line in file:
            yield line.removesuffix(b"\n")


def distinct(options: argparse.Namespace) -> None:
    server, pin = [str(responder())], {cores()[0]}
    head("seed", "cases told", "lines logged", "of cases", "cases among them", "cases distinct", "lines distinct",
         "lines without padding", "vitals", "said again", "barriers", "handshakes", "other", "not logged")  # fmt: skip
    shares = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as name:
            log, told = Path(name, "log"), Path(name, "told")
            one = ours(server, options.seconds, seed, pin, env=[f"RESPONDER_LOG={log}"], told=told)
            logged = collections.Counter(digest(line) for line in _lines(log))
            total = logged.total()
            seen: collections.Counter[str] = collections.Counter()
            cases: list[list[bytes]] = []
            bare: set[bytes] = set()
            for letter, raw, same, short in records(told):
                if not logged[raw]:
                    seen["lost"] += 1  # it went out, or was to go out, as the server ended
                    continue
                logged[raw] -= 1
                seen[letter if letter in "Ccv" else "r"] += 1
                if letter == "C" or (letter == "c" and not cases):
                    cases.append([])
                if letter in "Cc":
                    cases[-1].append(same)
                    bare.add(short)
            rest: collections.Counter[str] = collections.Counter()
            for line in _lines(log):
                left = logged.pop(digest(line), 0)
                if left:
                    rest[kind_of(line)] += left
        said = seen["C"] + seen["c"]
        shares.append(len({tuple(case) for case in cases}) / len(cases))
        row(seed, one.report["cases"], total, said, len(cases), f"{shares[-1]:.3f}",
            f"{len({line for case in cases for line in case}) / said:.3f}", f"{len(bare) / said:.3f}", seen["v"],
            seen["r"], rest["barrier"], rest["handshake"], rest["other"], seen["lost"])  # fmt: skip
    print(f"median {middle(shares):.3f} of the cases differ, ids and canaries taken out")


def rival(options: argparse.Namespace) -> None:
    if not options.rival:
        sys.exit("rival: where is it? --rival MCP-FUZZER")
    server, pin = str(responder()), {cores()[0]}
    head("turn", "our lines/s", "our cases/s", "their lines/s", "theirs while it sends", "ratio of lines", "of cases",
         "of cases, they while sending", "of cases by CPU")  # fmt: skip
    found: list[tuple[float, ...]] = []
    for turn in range(options.turns):
        pair: dict[str, Run] = {}
        for who in ("ours", "theirs") if turn % 2 else ("theirs", "ours"):
            if who == "ours":
                pair[who] = ours([server], options.seconds, turn + 1, pin)
            else:
                pair[who] = theirs(options.rival, server, options.runs, pin)
        me, they = pair["ours"], pair["theirs"]
        mine, cases = me.lines / me.wall_s, me.report["cases"] / me.wall_s
        rate, sending = they.lines / they.wall_s, they.lines / they.heard_s
        by_cpu = (me.report["cases"] / me.cpu_s) / (they.lines / they.cpu_s)
        found.append((mine / rate, cases / rate, cases / sending, by_cpu))
        row(turn + 1, mine, cases, rate, sending, *(f"{value:.2f}" for value in found[-1]))
    print("medians: " + " · ".join(f"{middle(one):.2f}" for one in zip(*found, strict=True)))


def real(options: argparse.Namespace) -> None:
    if not options.command:
        sys.exit("real: which server? its command after --")
    core = cores()[0]
    head("turn", "floor calls/s", "our lines/s", "starts", "CPU s", "of starts", "server us a call, floor",
         "server us a line", "harness us a line", "lines to floor", "by CPU", "by CPU without starts",
         "server's share alone", "cases to lines")  # fmt: skip
    found = []
    for turn in range(options.turns):
        told: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as name:
            for who in ("floor", "ours") if turn % 2 else ("ours", "floor"):
                if who == "floor":
                    told[who] = base(options, core, Path(name, "floor"))
                else:
                    count = Path(name, "ours")
                    told[who] = ours(
                        options.command, options.seconds, turn + 1, {core}, counted="LINES_COUNT",
                        env=preloaded(count)[:1], count=count,
                    )  # fmt: skip
        me: Run = told["ours"]
        rate = me.lines / me.report["duration_s"]
        calls_per_s, client_us, server_us = told["floor"]
        ours_us = (me.cpu_s - me.serving_s - me.starting_s) / me.lines * 1e6
        line_us = me.serving_s / me.lines * 1e6
        floor_us = client_us + server_us
        rates = (
            rate / calls_per_s, floor_us * me.lines / me.cpu_s / 1e6, floor_us / (ours_us + line_us),
            server_us / line_us, me.report["cases"] / me.lines,
        )  # fmt: skip
        row(turn + 1, calls_per_s, rate, len(me.servers), f"{me.cpu_s:.1f}", f"{me.starting_s:.1f}", server_us, line_us,
            ours_us, *(f"{value:.2f}" for value in rates))  # fmt: skip
        found.append(rates)
    print("medians: " + " · ".join(f"{middle(one):.2f}" for one in zip(*found, strict=True)))


def base(options: argparse.Namespace, core: int, count: Path) -> tuple[float, float, float]:
    """Calls a second of a blocking loop on the same core, and processor microseconds a call of client and of server;
    the server's count must agree."""
    words = ["env", *preloaded(count), *options.command]
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        told = floor(words, pin="one", seconds=options.floor_seconds, tool=options.tool, arguments=options.arguments)
    finally:
        os.sched_setaffinity(0, before)
    lines, _ = heard(count)
    if not told["calls"] <= lines <= told["calls"] * 1.5 + 100:
        sys.exit(f"{told['calls']} calls, but the server counted {lines} lines")
    return told["calls"] / told["seconds"], told["client_cpu_us_per_call"], told["server_cpu_us_per_call"]


def jobs(options: argparse.Namespace) -> None:
    both = cores()
    if len(both) < 2:
        sys.exit("jobs: two cores are needed")
    server = options.command or [str(responder())]
    head("turn", "one: cases/s", "per CPU s", "two: cases/s", "per CPU s", "ratio", "ratio by CPU got")
    found = []
    for turn in range(options.turns):
        pair: dict[int, Run] = {}
        for many in (1, 2) if turn % 2 else (2, 1):
            pin = set(both[:1]) if many == 1 else set(both[:2])
            pair[many] = ours(server, options.seconds, turn + 1, pin, "--jobs", str(many))
        one, two = pair[1], pair[2]
        share = two.cases_per_s / one.cases_per_s
        fair = share * (one.cpu_s / one.wall_s) / (two.cpu_s / two.wall_s) * 2
        found.append((share, fair))
        row(turn + 1, one.cases_per_s, one.report["cases"] / one.cpu_s, two.cases_per_s,
            two.report["cases"] / two.cpu_s, f"{share:.2f}", f"{fair:.2f}")  # fmt: skip
    print("medians: " + " · ".join(f"{middle(one):.2f}" for one in zip(*found, strict=True))
          + "; by CPU got: had two cores given twice the processor time of one")  # fmt: skip


class Held(NamedTuple):
    """Memory of a process and all below it, the servers left out, in MB."""

    rss: float
    """Resident: what several share counts for each."""
    pss: float
    """The same with what is shared divided among those who share it."""
    peaks: float
    """The most that each had resident at any moment until now, added up: no sum was ever higher while these ran."""


def tree(root: int, server: str) -> Held:
    """A child that is about to become a server still has its parent's memory, and its words: left out, too."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    total, todo = [0, 0, 0], [(root, [b""])]
    while todo:
        process, above = todo.pop()
        try:
            words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            if server.encode() in words[:1] or words == above:
                continue
            shares = kilobytes(Path(f"/proc/{process}/smaps_rollup"))
            peak = kilobytes(Path(f"/proc/{process}/status"))["VmHWM"]
            for place, size in enumerate((shares["Rss"], shares["Pss"], peak)):
                total[place] += size
        except (OSError, KeyError):
            continue
        todo += [(child, words) for child in parents.get(process, [])]
    return Held(*(size * 1024 / 1e6 for size in total))


def kilobytes(file: Path) -> dict[str, int]:
    """The lines of a file of /proc that end in kB."""
    rows = (line.split() for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return {row[0].removesuffix(":"): int(row[1]) for row in rows if len(row) == 3 and row[2] == "kB"}


def memory(options: argparse.Namespace) -> None:
    server = options.command or [str(responder())]
    with tempfile.TemporaryDirectory() as name:
        words = [
            sys.executable, "-m", "mcpfuzz", "run", "--profile", "nightly", "--max-time", f"{options.seconds:g}",
            "--seed", str(options.seeds[0]), "--sandbox", options.sandbox, "--quiet", "--state", f"{name}/state",
            "--report", f"json={name}/report", "--", *server,
        ]  # fmt: skip
        began = time.monotonic()
        harness = subprocess.Popen(
            words, cwd=name, env={**os.environ, "PYTHONPATH": str(HERE.parent)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        seen: list[tuple[float, Held]] = []
        while True:
            try:
                harness.wait(timeout=0.25)
                break
            except subprocess.TimeoutExpired:
                seen.append((time.monotonic() - began, tree(harness.pid, server[0])))
        report = json.loads(Path(name, "report").read_text(encoding="utf-8"))["run"]
    head("minute", "RSS, median, MB", "RSS, most", "PSS, median", "PSS, most", "sum of the peaks, most")
    minutes: dict[int, list[Held]] = {}
    for second, held in seen:
        minutes.setdefault(int(second // 60) + 1, []).append(held)
    rss = {minute: middle([held.rss for held in all_]) for minute, all_ in minutes.items()}
    for minute, all_ in minutes.items():
        row(minute, f"{rss[minute]:.1f}", f"{max(held.rss for held in all_):.1f}",
            f"{middle([held.pss for held in all_]):.1f}", f"{max(held.pss for held in all_):.1f}",
            f"{max(held.peaks for held in all_):.1f}")  # fmt: skip
    last = max(minutes) if len(minutes[max(minutes)]) > 80 else max(1, max(minutes) - 1)
    grown = rss[last] - rss.get(2, rss[1])
    print(f"{report['cases']:,} cases, {report['requests']:,} requests, {report['restarts']} restarts in "
          f"{report['duration_s']:.0f} s; most {max(held.rss for _, held in seen):.1f} MB seen, "
          f"{max(held.peaks for _, held in seen):.1f} MB at any moment; from minute 2 to {last} {grown:+.1f} MB "
          "(medians of a minute)")  # fmt: skip


MEASURES: dict[str, Callable[[argparse.Namespace], None]] = {
    "whole": whole, "distinct": distinct, "rival": rival, "real": real, "jobs": jobs, "memory": memory,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=MEASURES)
    parser.add_argument("--seconds", type=float, default=15, help="of one run, --max-time (memory: say 600)")
    parser.add_argument("--seeds", type=lambda text: [int(word) for word in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rival", help="the program mcp-fuzzer")
    parser.add_argument("--runs", type=int, default=2_000, help="of the rival, a tool")
    parser.add_argument("--tool", default="echo", help="that the floor calls")
    parser.add_argument("--arguments", type=json.loads, default={"text": "hello"})
    parser.add_argument("--sandbox", default="off", help="of the run whose memory is measured")
    parser.add_argument("--floor-seconds", type=float, default=5)
    words = sys.argv[1:]
    own, command = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    options = parser.parse_args(own)
    options.command = command  # jobs and memory: the C responder where there is none
    if not hasattr(os, "sched_setaffinity"):
        sys.exit("processes cannot be pinned to cores on this system")
    print(f"{options.measure}: load average {os.getloadavg()[0]:.1f}, {len(cores())} cores", flush=True)
    MEASURES[options.measure](options)
    print(f"load average {os.getloadavg()[0]:.1f} at the end", flush=True)


if __name__ == "__main__":
    main()
