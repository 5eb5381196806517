"""What our Locust users cost beside bare clients of the same kind, which send the same bodies and read every answer
to its end, and beside `wrk` where it is installed. Closed loop, one process, gevent; the server answers from memory.

    python benchmarks/load_clients.py [--seconds 4] [--users 8] [--turns 5] [http ws]

They take turns, each turn beginning with another. Prints the median rate and CPU of each, and the median over the turns
of ours to theirs: a machine that others use, too, slows all of one turn.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import resource  # noqa: E402
import shutil  # noqa: E402
import socket  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import gevent  # noqa: E402
from locust.env import Environment  # noqa: E402

from mcpfuzz.blocking import Endpoint, StreamableHttp, dial  # noqa: E402
from mcpfuzz.locustfiles.users import fire  # noqa: E402
from mcpfuzz.model import Json  # noqa: E402
from mcpfuzz.wire import encode  # noqa: E402

from compiling import responder  # noqa: E402

PARAMS: Json = {"name": "add", "arguments": {"a": 1, "b": 2}}
RESPONDER = r"""
import asyncio, re
from websockets.asyncio.server import serve

ID = re.compile(r'"id":(\d+)')
RESULT = '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"3"}]}}'
INIT = '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}}}'
UNKNOWN = '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"x"}}'

async def answer(connection):
    async for text in connection:
        found = ID.search(text)
        if found is not None:
            form = UNKNOWN if "server/discover" in text else INIT if "initialize" in text else RESULT
            await connection.send(form % found[1])

async def main():
    server = await serve(answer, "127.0.0.1", 0, subprotocols=["mcp"], compression=None, ping_interval=None)
    print(list(server.sockets)[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.body = [[%s]]
"""


def serve(kind: str) -> tuple[subprocess.Popen[str], int]:
    """HTTP is answered by C on one core, a WebSocket by the library's asyncio server."""
    words = [str(responder("http_responder"))] if kind == "http" else [sys.executable, "-c", RESPONDER]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def wrk(url: str, users: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and CPU microseconds each, of one thread of wrk."""
    body = encode({"jsonrpc": "2.0", "id": 1001, "method": "tools/call", "params": PARAMS}).decode()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".lua") as script:
        script.write(WRK % body)
        script.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = ["wrk", "-t1", f"-c{users}", f"-d{seconds:g}s", "-s", script.name, url]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Non-2xx" not in said, said
    count = int(re.search(r"(\d+) requests in", said)[1])  # type: ignore[index]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count / seconds, cpu / max(count, 1) * 1e6


def tell(environment: Environment | None, began: float, size: int) -> None:
    """What any Locust user has to."""
    if environment is not None:
        took = (time.perf_counter() - began) * 1000
        environment.events.request.fire(
            request_type="RAW", name="x", response_time=took, response_length=size, exception=None, context={}
        )


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
            tell(environment, began, len(data))
            count += 1
        one.close()
        return count

    return work


def bare_ws(port: int, environment: Environment | None) -> Callable[[Callable[[], bool]], int]:
    from websockets.sync.client import connect

    def work(go_on: Callable[[], bool]) -> int:
        count = 0
        options = {"compression": None, "ping_interval": None, "proxy": None, "subprotocols": ["mcp"]}
        with connect(f"ws://127.0.0.1:{port}", **options) as one:  # type: ignore[arg-type]
            while go_on():
                began = time.perf_counter()
                body = encode({"jsonrpc": "2.0", "id": 1000 + count, "method": "tools/call", "params": PARAMS})
                one.send(body, text=True)
                tell(environment, began, len(one.recv(decode=False)))
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
        client.close()
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("kinds", nargs="*", default=["http", "ws"])
    options = parser.parse_args()
    environment = Environment()
    environment.create_local_runner()
    for kind in options.kinds:
        process, port = serve(kind)
        try:
            compare(kind, port, environment, options)
        finally:
            process.kill()
            process.wait()


def compare(kind: str, port: int, environment: Environment, options: argparse.Namespace) -> None:
    """All of one kind, in turns."""
    url = f"{kind}://127.0.0.1:{port}" + ("/mcp" if kind == "http" else "")
    works: dict[str, Callable[[float], tuple[float, float]]] = {}

    def gevented(work: Callable[[Callable[[], bool]], int]) -> Callable[[float], tuple[float, float]]:
        return lambda seconds: rate(work, options.users, seconds)

    if kind == "http":
        client = dial(Endpoint(url=url))
        client.open()
        assert isinstance(client, StreamableHttp)
        head = client._head
        client.drop()
        if shutil.which("wrk"):
            works["wrk, one thread"] = lambda seconds: wrk(url, options.users, seconds)
        works["bare loop"] = gevented(bare_http(port, head, None))
        works["bare Locust user"] = gevented(bare_http(port, head, environment))
    else:
        works["bare websockets.sync"] = gevented(bare_ws(port, None))
        works["bare Locust user"] = gevented(bare_ws(port, environment))
    works["ours"] = gevented(ours(url, environment))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    ratios: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(options.turns):
        names = list(works)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            found[name].append(works[name](options.seconds))
        for name in works:
            ratios[name].append(found["ours"][-1][0] / found[name][-1][0])
    print(f"{kind}, {options.users} users, load average {os.getloadavg()[0]:.1f}")
    mine = statistics.median(cpu for _, cpu in found["ours"])
    for name, turns in found.items():
        cpu = statistics.median(cpu for _, cpu in turns)
        print(
            f"  {name:22} {statistics.median(r for r, _ in turns):8.0f}/s {cpu:6.1f} us CPU a request; "
            f"ours to it: rate {statistics.median(ratios[name]):.2f} (turns "
            f"{' '.join(f'{r:.2f}' for r in ratios[name])}), CPU {cpu / mine:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
