"""The call loop over WebSocket against a bare `websockets.trio` loop that sends the same frames; medians, in turns.

    taskset -c 1 python benchmarks/websocket.py [--url URL]

Without --url the lab serves (`mcpfuzz lab --transport ws`). The bare loop sends texts that were made before and looks
at nothing that comes back; ours makes each request, frames it, matches its answer and looks for what is wrong with it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time

import trio
from websockets.trio.client import connect
from websockets.typing import Subprotocol

from mcpfuzz.client import Client
from mcpfuzz.lab.served import Served
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.wire import encode

CALL = {"name": "echo", "arguments": {"text": "hello"}}
CALLS, DEPTH, ROUNDS = 1_500, 16, 5
CLIENT = {"name": "bench", "version": "1"}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}


def request(number: int, method: str, params: object) -> str:
    return encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).decode()


async def bare(url: str) -> tuple[float, float]:
    """Calls a second, and microseconds of our processor time a call."""
    texts = [request(number, "tools/call", CALL) for number in range(CALLS)]
    async with connect(url, compression=None, subprotocols=[Subprotocol("mcp")]) as socket:
        await socket.send(request(0, "initialize", HELLO))
        await socket.recv()
        began, used = time.perf_counter(), time.process_time()
        for text in texts:
            await socket.send(text)
            await socket.recv()
        return CALLS / (time.perf_counter() - began), (time.process_time() - used) / CALLS * 1e6


async def ours(url: str, depth: int) -> tuple[float, float]:
    """The same through `Client`, so many calls in flight."""
    async with trio.open_nursery() as nursery:
        client = await Client.connect(Endpoint.of(url), nursery)
        began, used = time.perf_counter(), time.process_time()
        for _ in range(CALLS // depth):
            if depth == 1:
                await client.ask("tools/call", CALL, timeout=5)
            else:
                await client.volley([client.request("tools/call", CALL)[1] for _ in range(depth)], patience=5)
        calls = CALLS // depth * depth
        told = calls / (time.perf_counter() - began), (time.process_time() - used) / calls * 1e6
        await client.close()
        nursery.cancel_scope.cancel()
    return told


def measure(url: str) -> dict[str, float]:
    rounds = [(trio.run(bare, url), trio.run(ours, url, 1), trio.run(ours, url, DEPTH)) for _ in range(ROUNDS)]
    rate, alone, together = ([one[which][0] for one in rounds] for which in range(3))
    return {
        "bare_per_s": round(statistics.median(rate)),
        "calls_per_s": round(statistics.median(alone)),
        "in_flight_16": round(statistics.median(together)),
        "bare_us": round(statistics.median(one[0][1] for one in rounds)),
        "call_us": round(statistics.median(one[1][1] for one in rounds)),
        "ratio": round(statistics.median(mine / theirs for mine, theirs in zip(alone, rate, strict=True)), 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    given = parser.parse_args().url
    with contextlib.ExitStack() as stack:
        place = given or stack.enter_context(Served("ws", "--rate-scope", "none")).url
        print(json.dumps(measure(place)))
