"""The floor: what one stdio request costs a client that does nothing but os.write and os.read.

    python benchmarks/floor.py [--seconds 3] [--pin one|apart|free] [--tool NAME --arguments JSON] [-- COMMAND ...]

One fixed call, one at a time, in a blocking loop; without COMMAND the C responder answers. Every other client's
calls per second are told as a share of this one's on the same server, placed on the cores in the same way: core
placement alone moves the absolute number more than tenfold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from compiling import responder

CLIENT = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "floor", "version": "1"}}
CHUNK = 1 << 16
BATCH = 200
"""Calls between two looks at the clock."""


def frame(method: str, params: Any, **more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **more, "method": method, "params": params}).encode() + b"\n"


def start(command: list[str], pin: str) -> subprocess.Popen[bytes]:
    """Start the server. one: with us on one core; apart: on another than ours; free: as the system likes."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if pin == "apart" and len(cores) < 2:
        sys.exit("--pin apart needs two cores")
    if pin != "free" and cores:
        os.sched_setaffinity(0, {cores[-1] if pin == "apart" else cores[0]})
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    if pin == "apart" and cores:
        os.sched_setaffinity(0, {cores[0]})
    return server


def ask(send: int, receive: int, message: bytes) -> dict[str, Any]:
    """One request; notifications before its answer are passed over."""
    os.write(send, message)
    wanted, got = json.loads(message)["id"], b""
    while True:
        block = os.read(receive, CHUNK)
        if not block:
            sys.exit("the server ended")
        *lines, got = (got + block).split(b"\n")
        for line in lines:
            try:
                value = json.loads(line)
            except ValueError:
                sys.exit(f"the server wrote a line that is not JSON: {line[:200]!r}")
            if value.get("id") == wanted and "method" not in value:
                return dict(value)


def loop(send: int, receive: int, message: bytes, seconds: float) -> tuple[int, float, float]:
    """Calls made, seconds and CPU seconds of ours they took."""
    write, read, size, calls, lines = os.write, os.read, len(message), 0, 0
    cpu, started = time.process_time(), time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        for _ in range(BATCH):
            if write(send, message) != size:
                sys.exit("a short write: the call is larger than the pipe")
            block = read(receive, CHUNK)
            while not block.endswith(b"\n"):
                lines += block.count(b"\n")
                more = read(receive, CHUNK)
                if not more:
                    sys.exit("the server ended")
                block = more
            lines += block.count(b"\n")
        calls += BATCH
    if lines != calls:
        sys.exit(
            f"{lines} lines for {calls} calls: the server says more than answers, its floor cannot be told this way"
        )
    return calls, passed, time.process_time() - cpu


def spent(process: int) -> float:
    """Processor seconds of a process until now (Linux; 0.0 elsewhere); its children's are not counted."""
    try:
        words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def measure(command: list[str], *, pin: str, seconds: float, tool: str, arguments: Any) -> dict[str, Any]:
    """The floor of one command."""
    server = start(command, pin)
    assert server.stdin is not None and server.stdout is not None
    send, receive = server.stdin.fileno(), server.stdout.fileno()
    try:
        ask(send, receive, frame("initialize", CLIENT, id=1))
        os.write(send, frame("notifications/initialized", {}))
        call = frame("tools/call", {"name": tool, "arguments": arguments}, id=2)
        answer = ask(send, receive, call)
        if "error" in answer or answer.get("result", {}).get("isError"):
            sys.exit(f"{tool} does not take {json.dumps(arguments)}: {json.dumps(answer)[:300]}")
        loop(send, receive, call, min(0.3, seconds))
        before = spent(server.pid)
        calls, passed, cpu = loop(send, receive, call, seconds)
        theirs = spent(server.pid) - before
    finally:
        server.stdin.close()
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    return {
        "command": command,
        "pin": pin,
        "calls": calls,
        "seconds": round(passed, 3),
        "calls_per_s": round(calls / passed),
        "client_cpu_us_per_call": round(cpu / calls * 1e6, 2),
        "server_cpu_us_per_call": round(theirs / calls * 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--pin", choices=("one", "apart", "free"), default="one")
    parser.add_argument("--tool", default="echo")
    parser.add_argument("--arguments", type=json.loads, default={"text": "hello"})
    parser.add_argument("command", nargs="*", help="after --; the C responder when there is none")
    given = parser.parse_args()
    command = given.command or [str(responder())]
    found = measure(command, pin=given.pin, seconds=given.seconds, tool=given.tool, arguments=given.arguments)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
