"""The call loop over Streamable HTTP on loopback, kept alive: CPU time of the client a call; the median of five.

    python benchmarks/http_calls.py [CALLS]

The server is a thread-less responder in a process of its own that knows just enough to answer. Compare with
`benchmarks/calls.py`, the same loop over pipes.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import sys
import time

import trio

from mcpfuzz.client import Client
from mcpfuzz.revisions import revision
from mcpfuzz.transports.endpoint import Endpoint

BODY = b'{"jsonrpc":"2.0","id":%b,"result":%b}'
HELLO = b'{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"responder","version":"1"}}'
RESULT = b'{"content":[{"type":"text","text":"' + b"x" * 200 + b'"}],"isError":false}'


def respond(listener: socket.socket) -> None:
    """Serve one connection after another, for ever."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        kept = b""
        while chunk := connection.recv(1 << 16):
            kept += chunk
            head, found, rest = kept.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or b"0") if found else 0
            if not found or len(rest) < length:
                continue
            kept = rest[length:]
            key = rest.partition(b'"id":')[2].partition(b",")[0].partition(b"}")[0]
            if not key:
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                continue
            body = BODY % (key, HELLO if b'"initialize"' in rest else RESULT)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: responder\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )


async def loop(port: int, calls: int) -> None:
    endpoint = Endpoint.of(f"http://127.0.0.1:{port}/mcp")
    async with trio.open_nursery() as nursery:
        client = await Client.connect(endpoint, nursery, wanted=revision("2025-11-25"))
        arguments = {"name": "echo", "arguments": {"text": "y" * 200}}
        cpu, wall = [], []
        for _ in range(5):
            began, spent = time.perf_counter(), time.process_time()
            for _ in range(calls):
                await client.ask("tools/call", arguments, timeout=10)
            cpu.append((time.process_time() - spent) / calls)
            wall.append((time.perf_counter() - began) / calls)
        print(
            f"{statistics.median(cpu) * 1e6:.0f} us of the client's CPU a call, "
            f"{1 / statistics.median(wall):.0f} calls/s"
        )
        await client.close()
        nursery.cancel_scope.cancel()


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    listener = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        try:
            respond(listener)
        finally:
            os._exit(0)
    try:
        trio.run(loop, listener.getsockname()[1], calls)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
