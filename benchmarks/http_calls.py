"""The call loop over Streamable HTTP on loopback, kept alive, one call at a time: calls a second and CPU time of the
client a call; in turns with the official SDK's client; the median of five turns.

    python benchmarks/http_calls.py [--calls 1000] [--against PYTHON]...

PYTHON is an interpreter that has `mcp` (1.24 or later). The server is a responder in a process of its own that knows
just enough to answer. Compare with `benchmarks/calls.py`, the same loop over pipes.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys

BODY = b'{"jsonrpc":"2.0","id":%b,"result":%b}'
HELLO = b'{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"responder","version":"1"}}'
TOOLS = b'{"tools":[{"name":"echo","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}}]}'
RESULT = b'{"content":[{"type":"text","text":"' + b"x" * 200 + b'"}],"isError":false}'
HEAD = b"HTTP/1.1 %b\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: responder\r\n"
ARGUMENTS = {"text": "y" * 200}
TURNS = 5

OFFICIAL = """
import asyncio, importlib.metadata, json, sys, time
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
async def main(url, calls, arguments):
    async with streamable_http_client(url) as streams, ClientSession(streams[0], streams[1]) as session:
        await session.initialize()
        for _ in range(50):
            await session.call_tool("echo", arguments)
        began, spent = time.perf_counter(), time.process_time()
        for _ in range(calls):
            await session.call_tool("echo", arguments)
        took = [time.process_time() - spent, time.perf_counter() - began]
        print(json.dumps([importlib.metadata.version("mcp"), *took]))
asyncio.run(main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])))
"""
OURS = """
import json, sys, time
import trio
from mcpfuzz.client import Client
from mcpfuzz.revisions import revision
from mcpfuzz.transports.endpoint import Endpoint
async def main(url, calls, arguments):
    async with trio.open_nursery() as nursery:
        client = await Client.connect(Endpoint.of(url), nursery, wanted=revision("2025-11-25"))
        params = {"name": "echo", "arguments": arguments}
        for _ in range(50):
            await client.ask("tools/call", params, timeout=10)
        began, spent = time.perf_counter(), time.process_time()
        for _ in range(calls):
            await client.ask("tools/call", params, timeout=10)
        took = [time.process_time() - spent, time.perf_counter() - began]
        await client.close()
        nursery.cancel_scope.cancel()
    print(json.dumps(["ours", *took]))
trio.run(main, sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]))
"""


def respond(listener: socket.socket) -> None:
    """Serve all connections, for ever, from one thread."""
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in ready.select():
            if key.data is None:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(connection, selectors.EVENT_READ, bytearray())
                continue
            connection, kept = key.fileobj, key.data
            assert isinstance(connection, socket.socket)
            try:
                chunk = connection.recv(1 << 16)
            except ConnectionError:
                chunk = b""
            if not chunk:
                ready.unregister(connection)
                connection.close()
                continue
            kept += chunk
            serve(connection, kept)


def serve(connection: socket.socket, kept: bytearray) -> None:
    """Answer the request in `kept`, if it is whole."""
    head, found, rest = bytes(kept).partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or b"0") if found else 0
    if not found or len(rest) < length:
        return
    kept[:] = rest[length:]
    if not head.startswith(b"POST"):
        status = b"405 Method Not Allowed" if head.startswith(b"GET") else b"200 OK"
        connection.sendall(HEAD % status + b"Content-Length: 0\r\n\r\n")
        return
    key = rest.partition(b'"id":')[2].partition(b",")[0].partition(b"}")[0]
    if not key:
        connection.sendall(HEAD % b"202 Accepted" + b"Content-Length: 0\r\n\r\n")
        return
    result = HELLO if b'"initialize"' in rest else TOOLS if b'"tools/list"' in rest else RESULT
    body = BODY % (key, result)
    told = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    connection.sendall(HEAD % b"200 OK" + told)


def turn(python: str, program: str, url: str, calls: int) -> tuple[str, float, float]:
    """Who, microseconds of CPU a call, calls a second."""
    argv = [python, "-c", program, url, str(calls), json.dumps(ARGUMENTS)]
    who, cpu, wall = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=120).stdout)
    return who, cpu / calls * 1e6, calls / wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--against", action="append", default=[], metavar="PYTHON")
    chosen = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        try:
            respond(listener)
        finally:
            os._exit(0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    seen: dict[str, list[tuple[float, float]]] = {}
    try:
        for _ in range(TURNS):
            for python, program in ((sys.executable, OURS), *((other, OFFICIAL) for other in chosen.against)):
                who, cpu, rate = turn(python, program, url, chosen.calls)
                seen.setdefault(who if who == "ours" else f"mcp {who}", []).append((cpu, rate))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    ours = [rate for _, rate in seen["ours"]]
    for who, turns in seen.items():
        ratio = statistics.median(mine / rate for mine, (_, rate) in zip(ours, turns, strict=True))
        cpu, rate = (statistics.median(column) for column in zip(*turns, strict=True))
        print(f"{who}: {cpu:.0f} us of the client's CPU a call, {rate:.0f} calls/s, ours to it {ratio:.1f}")


if __name__ == "__main__":
    main()
