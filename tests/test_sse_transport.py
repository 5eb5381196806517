"""HTTP+SSE over real sockets: order on the wire, and how a run against such a server is told."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import queue
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import trio

from mcpfuzz.client import Client
from mcpfuzz.model import Conversation, Raw
from mcpfuzz.revisions import revision
from mcpfuzz.runner import Talk, converse
from mcpfuzz.slots import Filler
from mcpfuzz.transports.endpoint import Endpoint

_spec = importlib.util.spec_from_file_location("http_server", Path(__file__).parent / "http_server.py")
assert _spec is not None and _spec.loader is not None
http_server = sys.modules.get("http_server") or importlib.util.module_from_spec(_spec)
sys.modules["http_server"] = http_server
_spec.loader.exec_module(http_server)
serving, response, stream, event, result = (
    http_server.serving, http_server.response, http_server.stream, http_server.event, http_server.result,
)  # fmt: skip
REFUSED = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}}


def slow_with_what_is_malformed(seconds: float) -> Any:
    """A server of 2024-11-05: a thread a connection takes messages, slowly where they are no JSON; one worker answers
    them in the order in which they were taken."""
    taken: queue.Queue[bytes] = queue.Queue()

    def streaming() -> Any:
        yield stream(b"event: endpoint\ndata: /messages?session=1\n\n")
        with contextlib.suppress(queue.Empty):
            while True:
                said = taken.get(timeout=10)
                time.sleep(0.1)
                yield said

    def answer(asked: Any) -> Any:
        if asked.method == "GET":
            return streaming()
        try:
            message = asked.json
        except ValueError:
            time.sleep(seconds)
            taken.put(event(REFUSED, event="message"))
            return response(202, b"Accepted", "text/plain")
        if "id" in message:
            hello = {**http_server.HELLO, "protocolVersion": "2024-11-05"}
            taken.put(event(result(asked, hello if message["method"] == "initialize" else {}), event="message"))
        return response(202, b"Accepted", "text/plain")

    return answer


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    async with trio.open_nursery() as nursery:
        where = Endpoint.of(url, "sse")
        client = await Client.connect(where, nursery, wanted=revision("2024-11-05"), start_timeout=10)
        try:
            yield client
        finally:
            await client.close()
        nursery.cancel_scope.cancel()


def test_the_barrier_does_not_overtake_what_it_ends_the_wait_for() -> None:
    with serving(slow_with_what_is_malformed(0.4)) as server:

        async def main() -> None:
            with trio.fail_after(15):
                async with connected(server.url) as client:
                    talk = Talk(client, Filler(), 8.0)
                    trace = await converse(talk, Conversation.of(Raw("{nope\n"), Raw("{neither\n")))
            came = [[frame.value for frame in exchange.others] for exchange in trace.exchanges]
            assert came == [[REFUSED], [REFUSED]]

        trio.run(main)


def test_a_url_that_fell_back_to_sse_is_told_as_sse(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "mcpfuzz", "run", "--scenario", "greeting", "--max-time", "20", "--profile", "quick",
         "--report", f"json={path}", "--state", str(tmp_path / "state"), "--no-color",
         "--url", "http://127.0.0.1:{port}/sse", "--",
         sys.executable, "-m", "mcpfuzz.lab", "--transport", "sse", "--port", "{port}"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, text=True, check=False,
    )  # fmt: skip
    title = next(line for line in done.stdout.splitlines() if line.startswith("mcpfuzz tests"))
    assert " · sse · " in title and " · http · " not in title, done.stdout + done.stderr
    assert json.loads(path.read_text(encoding="utf-8"))["target"]["transport"] == "sse"
