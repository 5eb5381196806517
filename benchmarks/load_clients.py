"""What our Locust users cost beside bare clients of the same kind, which send the same bodies and read every answer
to its end. Closed loop, one process, gevent; the server answers from memory (`responder` below, a process of its own).

    python benchmarks/load_clients.py [--seconds 4] [--users 8] [--turns 3]

Prints requests a second of each, in turns, and the ratio of the medians; then memory for 1,000 users.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import socket  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import gevent  # noqa: E402
import psutil  # noqa: E402
from locust.env import Environment  # noqa: E402

from mcpfuzz.blocking import Endpoint, StreamableHttp, dial  # noqa: E402
from mcpfuzz.locustfiles.users import fire  # noqa: E402
from mcpfuzz.model import Json  # noqa: E402
from mcpfuzz.wire import encode  # noqa: E402

PARAMS: Json = {"name": "add", "arguments": {"a": 1, "b": 2}}
RESPONDER = r"""
import asyncio, json, re, sys

ID = re.compile(rb'"id":(\d+)')
RESULT = b'{"jsonrpc":"2.0","id":%b,"result":{"content":[{"type":"text","text":"3"}]}}'
INIT = b'{"jsonrpc":"2.0","id":%b,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}}}'

class Http(asyncio.Protocol):
    def connection_made(self, transport): self.t, self.b = transport, b""
    def data_received(self, data):
        data = self.b + data
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0: break
            at = data.find(b"Content-Length:", 0, end)
            size = int(data[at + 15 : data.find(b"\r", at)]) if at >= 0 else 0
            if len(data) < end + 4 + size: break
            body, data = data[end + 4 : end + 4 + size], data[end + 4 + size :]
            found = ID.search(body)
            if found is None:
                self.t.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % (b"202 A" if body else b"405 N"))
                continue
            if b"server/discover" in body:
                out = b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32601,"message":"x"}}' % found[1]
            else:
                out = (INIT if b"initialize" in body else RESULT) % found[1]
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self.t.write(head % len(out) + out)
        self.b = data

async def ws(connection):
    async for text in connection:
        raw = text.encode()
        found = ID.search(raw)
        if found is None: continue
        if b"server/discover" in raw:
            out = b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32601,"message":"x"}}' % found[1]
        else:
            out = (INIT if b"initialize" in raw else RESULT) % found[1]
        await connection.send(out.decode())

async def main():
    loop = asyncio.get_running_loop()
    if sys.argv[1] == "http":
        server = await loop.create_server(Http, "127.0.0.1", 0, backlog=2000)
        port = server.sockets[0].getsockname()[1]
    else:
        from websockets.asyncio.server import serve
        server = await serve(ws, "127.0.0.1", 0, subprotocols=["mcp"], compression=None, ping_interval=None)
        port = list(server.sockets)[0].getsockname()[1]
    print(port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def serve(kind: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([sys.executable, "-c", RESPONDER, kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def bare_http(port: int, head: bytes, environment: Environment | None) -> Callable[[Callable[[], bool]], int]:
    def work(go_on: Callable[[], bool]) -> int:
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        count = 0
        while go_on():
            began = time.perf_counter()
            body = encode({"jsonrpc": "2.0", "id": 1000 + count, "method": "tools/call", "params": PARAMS})
            one.sendall(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
            data = one.recv(65536)
            while True:
                end = data.find(b"\r\n\r\n")
                at = data.find(b"Content-Length:")
                if end >= 0 and len(data) >= end + 4 + int(data[at + 15 : data.find(b"\r", at)]):
                    break
                data += one.recv(65536)
            if environment is not None:
                took = (time.perf_counter() - began) * 1000
                environment.events.request.fire(
                    request_type="RAW",
                    name="x",
                    response_time=took,
                    response_length=len(data),
                    exception=None,
                    context={},
                )
            count += 1
        one.close()
        return count

    return work


def bare_ws(port: int) -> Callable[[Callable[[], bool]], int]:
    from websockets.sync.client import connect

    def work(go_on: Callable[[], bool]) -> int:
        count = 0
        options = {"compression": None, "ping_interval": None, "proxy": None, "subprotocols": ["mcp"]}
        with connect(f"ws://127.0.0.1:{port}", **options) as one:  # type: ignore[arg-type]
            while go_on():
                body = encode({"jsonrpc": "2.0", "id": 1000 + count, "method": "tools/call", "params": PARAMS})
                one.send(body, text=True)
                one.recv(decode=False)
                count += 1
        return count

    return work


def ours(url: str, environment: Environment) -> Callable[[Callable[[], bool]], int]:
    def work(go_on: Callable[[], bool]) -> int:
        client = dial(Endpoint(url=url))
        client.open()
        count = 0
        while go_on():
            fire(environment, "tools/call add", client.call("tools/call", PARAMS))
            count += 1
        client.drop()
        return count

    return work


def rate(work: Callable[[Callable[[], bool]], int], users: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and CPU microseconds of ours each."""
    end = time.monotonic() + seconds
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    jobs = [gevent.spawn(work, lambda: time.monotonic() < end) for _ in range(users)]
    gevent.joinall(jobs)
    after = resource.getrusage(resource.RUSAGE_SELF)
    count = sum(job.value or 0 for job in jobs)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count / (time.monotonic() - began), cpu / max(count, 1) * 1e6


def memory(url: str, users: int) -> float:
    """MB for 1,000 open users that have made a call each."""
    gc.collect()
    before = psutil.Process(os.getpid()).memory_info().rss
    clients = []
    for _ in range(users):
        client = dial(Endpoint(url=url))
        client.open()
        client.call("tools/call", PARAMS)
        clients.append(client)
    jobs = [gevent.spawn(gevent.sleep, 1) for _ in clients]
    gevent.sleep(0.2)
    grown = psutil.Process(os.getpid()).memory_info().rss - before
    gevent.joinall(jobs)
    for client in clients:
        client.drop()
    return grown / users * 1000 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("kinds", nargs="*", default=["http", "ws"])
    options = parser.parse_args()
    environment = Environment()
    environment.create_local_runner()
    for kind in options.kinds:
        process, port = serve(kind)
        try:
            url = f"{kind}://127.0.0.1:{port}" + ("/mcp" if kind == "http" else "")
            client = dial(Endpoint(url=url))
            client.open()
            head = client._head if isinstance(client, StreamableHttp) else b""
            client.drop()
            works = {"bare": bare_http(port, head, None) if kind == "http" else bare_ws(port)}
            if kind == "http":
                works["bare locust user"] = bare_http(port, head, environment)
            works["ours"] = ours(url, environment)
            rates: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
            for _ in range(options.turns):
                for name, work in works.items():
                    rates[name].append(rate(work, options.users, options.seconds))
            medians = {name: statistics.median(r for r, _ in found) for name, found in rates.items()}
            cpus = {name: statistics.median(c for _, c in found) for name, found in rates.items()}
            row = {name: [round(r) for r, _ in found] for name, found in rates.items()}
            print(kind, json.dumps(row))
            for name in works:
                print(f"  ours to {name}: {medians['ours'] / medians[name]:.2f}; CPU {cpus[name]:.1f} us a request")
            print(f"  MB for 1,000 users: {memory(url, 300):.1f}", flush=True)
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
