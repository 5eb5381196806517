"""The call loop against any stdio server: one call at a time, and sixteen in flight; the median of five.

    taskset -c 1 python benchmarks/calls.py -- COMMAND

Compare with `benchmarks/floor.py`, the same call in a blocking loop, pinned alike and run in turns.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time

import trio

from mcpfuzz.client import Client
from mcpfuzz.transports.launch import Launch, clean_environment

CALL = {"name": "echo", "arguments": {"text": "hello"}}
ALONE, VOLLEYS, DEPTH, ROUNDS = 4_000, 400, 16, 5


async def measure(argv: tuple[str, ...]) -> dict[str, float]:
    """Calls a second, at depth 1 and at depth 16."""
    alone, together = [], []
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(argv=argv, env=clean_environment(folder, folder, {}), cwd=folder, token="benchmark")
        async with trio.open_nursery() as nursery:
            client = await Client.connect(launch, nursery)
            for _ in range(ROUNDS):
                began = time.perf_counter()
                for _ in range(ALONE):
                    await client.ask("tools/call", CALL, timeout=5)
                alone.append(ALONE / (time.perf_counter() - began))
                began = time.perf_counter()
                for _ in range(VOLLEYS):
                    await client.volley([client.request("tools/call", CALL)[1] for _ in range(DEPTH)], patience=5)
                together.append(VOLLEYS * DEPTH / (time.perf_counter() - began))
            await client.close()
            nursery.cancel_scope.cancel()
    return {"calls_per_s": round(statistics.median(alone)), "in_flight_16": round(statistics.median(together))}


if __name__ == "__main__":
    if "--" not in sys.argv or not sys.argv[sys.argv.index("--") + 1 :]:
        sys.exit(__doc__)
    print(json.dumps(trio.run(measure, tuple(sys.argv[sys.argv.index("--") + 1 :]))))
