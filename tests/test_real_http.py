"""The official SDK's servers over the network: both major versions, both HTTP transports, every revision they offer.
Installed once, into $MCPFUZZ_REAL_CACHE."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from mcpfuzz.client import Client, Sent
from mcpfuzz.revisions import REVISIONS, revision
from mcpfuzz.transports.endpoint import Endpoint

CACHE = Path(os.environ.get("MCPFUZZ_REAL_CACHE") or Path.home() / ".cache" / "mcpfuzz-real")
INSTALL_S = 100
SERVER = Path(__file__).parent / "sdk_server.py"
VERSIONS = {"1.30.0": "2025-11-25", "2.3.0": "2026-07-28"}
"""Version of the SDK -> the newest revision that it speaks."""

pytestmark = [pytest.mark.real, pytest.mark.timeout(INSTALL_S + 60)]


def python_with(version: str) -> str:
    """An interpreter that has the SDK; skips the test where it cannot be had."""
    folder = CACHE / f"mcp-{version}"
    python, done = folder / "bin" / "python", folder / ".done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        pip = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", f"mcp=={version}", "uvicorn")
        for command in ((sys.executable, "-m", "venv", str(folder)), pip):
            try:
                subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=INSTALL_S, check=True)
            except (subprocess.SubprocessError, OSError) as error:
                pytest.skip(f"mcp {version} cannot be installed here: {type(error).__name__}")
        done.touch()
    return str(python)


@pytest.fixture(scope="module", params=[(v, k) for v in VERSIONS for k in ("http", "sse")], ids="-".join)
def sdk(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, str]]:
    """Version, transport and URL of a server that listens."""
    version, kind = request.param
    command = (python_with(version), str(SERVER), kind)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            yield version, kind, f"http://127.0.0.1:{port}/{'sse' if kind == 'sse' else 'mcp'}"
        finally:
            server.kill()


def talk(url: str, date: str | None, said: list[tuple[str, str]]) -> None:
    async def main() -> None:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                wanted = revision(date) if date else None
                client = await Client.connect(Endpoint.of(url), nursery, wanted=wanted, start_timeout=20)
                said.append((client.transport, client.session.revision.date))
                add = {"name": "add", "arguments": {"a": 2, "b": 3}}
                frame = await client.ask("tools/call", add, timeout=10)
                assert frame.faults == () and frame.value["result"]["content"][0]["text"] == "5"
                things = [client.request("tools/call", add)[1] for _ in range(40)]
                volley = await client.volley(things, patience=10)
                assert volley.whole and len(volley.answers) == 40 and volley.extra == []
                meta = {"name": "noisy", "arguments": {}, "_meta": {"progressToken": "p"}}
                volley = await client.volley((client.request("tools/call", meta)[1],), patience=10)
                assert [frame.value["method"] for frame in volley.extra] == ["notifications/progress"] * 3
                volley = await client.volley((Sent(b"{nope\n"),), patience=10)
                assert volley.replies[0].status == 400 and volley.whole
                assert (await client.barrier(10)).whole
                await client.close()
                nursery.cancel_scope.cancel()

    trio.run(main)


def test_an_sdk_server_is_found_and_spoken_to(sdk: tuple[str, str, str]) -> None:
    version, kind, url = sdk
    said: list[tuple[str, str]] = []
    talk(url, None, said)
    assert said == [(kind, "2025-11-25" if kind == "sse" else VERSIONS[version])]


def test_an_sdk_server_is_spoken_to_in_every_revision_that_it_offers(sdk: tuple[str, str, str]) -> None:
    version, kind, url = sdk
    newest = "2025-11-25" if kind == "sse" else VERSIONS[version]
    dates = [known.date for known in REVISIONS if known.date <= newest]
    said: list[tuple[str, str]] = []
    for date in dates:
        talk(url, date, said)
    assert said == [(kind, date) for date in dates]


def test_an_answer_is_fetched_from_an_sdk_server_that_closes_its_stream_first() -> None:
    command = (python_with("1.30.0"), str(SERVER.with_name("sdk_polling_server.py")))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}/mcp"

            async def main() -> None:
                with trio.fail_after(30):
                    async with trio.open_nursery() as nursery:
                        wanted = revision("2025-11-25")
                        client = await Client.connect(Endpoint.of(url), nursery, wanted=wanted, start_timeout=10)
                        for _ in range(2):
                            frame = await client.ask("tools/call", {"name": "slow", "arguments": {}}, timeout=10)
                            assert frame.value["result"]["content"][0]["text"] == "at last"
                        await client.close()
                        nursery.cancel_scope.cancel()

            trio.run(main)
        finally:
            server.kill()
