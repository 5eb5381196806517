"""What 1,000 users more cost one Locust process: resident memory and descriptors, for each transport. The users are
those of `locustfiles/`, each with a session and one call made; they then wait.

    python benchmarks/load_memory.py [--users 1000] [http sse ws]

Run each transport in a process of its own: memory that was freed is not always given back.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import gc  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
import psutil  # noqa: E402
from locust import constant, events  # noqa: E402
from locust.argument_parser import get_parser  # noqa: E402
from locust.env import Environment  # noqa: E402

from mcpfuzz.locustfiles.mcp_http import HttpUser  # noqa: E402
from mcpfuzz.locustfiles.mcp_sse import SseUser  # noqa: E402
from mcpfuzz.locustfiles.mcp_ws import WebSocketUser  # noqa: E402
from mcpfuzz.locustfiles.users import McpUser  # noqa: E402

SERVER = str(Path(__file__).resolve().parent.parent / "tests" / "load_server.py")
USERS: dict[str, tuple[type[McpUser], str]] = {
    "http": (HttpUser, "http://127.0.0.1:{}/mcp"),
    "sse": (SseUser, "http://127.0.0.1:{}/sse"),
    "ws": (WebSocketUser, "ws://127.0.0.1:{}/"),
}


def look() -> tuple[float, int]:
    """Resident MB, descriptors."""
    gc.collect()
    me = psutil.Process(os.getpid())
    return me.memory_info().rss / 1e6, me.num_fds()


def measure(kind: str, users: int) -> tuple[float, float]:
    """MB and descriptors for 1,000 users more."""
    words = [sys.executable, SERVER, "--config", '{"slots": 9000}', *(["--ws"] if kind == "ws" else [])]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    made, url = USERS[kind]
    quiet = type("Quiet", (made,), {"wait_time": constant(3600)})
    try:
        options = get_parser().parse_args([])
        environment = Environment(
            user_classes=[quiet], events=events, host=url.format(server.stdout.readline().strip())
        )
        environment.parsed_options = options
        runner = environment.create_local_runner()
        runner.start(10, spawn_rate=10)
        until(environment, 10)
        before, open_before = look()
        runner.start(10 + users, spawn_rate=250)
        until(environment, 10 + users)
        after, open_after = look()
        runner.quit()
    finally:
        server.kill()
        server.wait()
    return (after - before) / users * 1000, (open_after - open_before) / users * 1000


def until(environment: Environment, users: int) -> None:
    """All of them have shaken hands and made their call."""
    with gevent.Timeout(120):
        while environment.stats.total.num_requests < 2 * users:
            gevent.sleep(0.1)
    assert not environment.stats.errors, list(environment.stats.errors.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("kinds", nargs="*", default=list(USERS))
    options = parser.parse_args()
    if len(options.kinds) > 1:
        for kind in options.kinds:
            subprocess.run([sys.executable, __file__, "--users", str(options.users), kind], check=True)
        return
    (kind,) = options.kinds
    mb, descriptors = measure(kind, options.users)
    print(f"{kind}: {mb:.1f} MB, {descriptors:.0f} descriptors for 1,000 users", flush=True)


if __name__ == "__main__":
    main()
