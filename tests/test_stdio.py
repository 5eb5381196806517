"""Real processes over pipes: ended with all they started, noticed when they die, bounded in time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio

from mcpfuzz import host
from mcpfuzz.client import Client, Sent
from mcpfuzz.errors import Gone, HandshakeError, Late, LaunchError, TargetError, TooMuch
from mcpfuzz.transports.launch import Launch, clean_environment
from mcpfuzz.transports.process import STDERR_TAIL_BYTES, Process
from mcpfuzz.transports.stdio import StdioChannel, ending_words

pytestmark = pytest.mark.skipif(not host.LINUX, reason="grandchildren are counted through /proc")

SERVER = Path(__file__).parent / "hostile" / "stdio_server.py"
CALL = ("tools/call", {"name": "echo", "arguments": {"text": "hi"}})


def launch_of(folder: Path, *argv: str, **env: str) -> Launch:
    return Launch(
        argv=argv, env=clean_environment(str(folder), str(folder), env), cwd=str(folder), token=secrets.token_hex(8)
    )


def hostile(folder: Path, mode: str) -> Launch:
    return launch_of(folder, sys.executable, str(SERVER), mode, HOSTILE_MARK=secrets.token_hex(4))


def living(launch: Launch) -> list[int]:
    """Processes of a launch that are no zombies (whoever reaps those is no business of ours)."""
    found = []
    for pid in host.marked(launch.token):
        with contextlib.suppress(psutil.Error):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def bounded(seconds: float, body: Callable[[trio.Nursery], Coroutine[Any, Any, None]]) -> None:
    """Run `body` with a nursery for processes' watchers, within so many seconds."""

    async def main() -> None:
        with trio.fail_after(seconds):
            async with trio.open_nursery() as nursery:
                await body(nursery)
                nursery.cancel_scope.cancel()

    trio.run(main)


@contextlib.asynccontextmanager
async def connected(launch: Launch, nursery: trio.Nursery, *, start_timeout: float = 15) -> AsyncIterator[Client]:
    client = await Client.connect(launch, nursery, start_timeout=start_timeout)
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def started(launch: Launch, nursery: trio.Nursery) -> AsyncIterator[StdioChannel]:
    process = Process.start(launch, nursery)
    try:
        yield StdioChannel(process)
    finally:
        await process.stop()


def refused(launch: Launch, kind: type[TargetError], *, seconds: float, start_timeout: float) -> str:
    """The one-line complaint of a connection that does not come about; nothing is left of the server."""
    told: list[str] = []

    async def body(nursery: trio.Nursery) -> None:
        with pytest.raises(kind) as caught:
            await Client.connect(launch, nursery, start_timeout=start_timeout)
        told.append(str(caught.value))

    bounded(seconds, body)
    assert living(launch) == []
    assert "\n" not in told[0]
    return told[0]


# ---- the end


@pytest.mark.parametrize(
    "mode", ["ok", "grandchildren_hold_pipes", "daemonised_grandchild", "ignore_sigterm", "fork_on_every_call"]
)
def test_nothing_of_a_server_survives_close(mode: str, tmp_path: Path) -> None:
    launch, closing = hostile(tmp_path, mode), 0.0

    async def body(nursery: trio.Nursery) -> None:
        nonlocal closing
        async with connected(launch, nursery) as client:
            for _ in range(3):
                await client.ask(*CALL, timeout=5)
            assert living(launch)
            closing = time.monotonic()
        closing = time.monotonic() - closing

    bounded(25, body)
    assert living(launch) == []
    assert closing < 4


def test_close_may_be_said_twice(tmp_path: Path) -> None:
    async def body(nursery: trio.Nursery) -> None:
        async with connected(hostile(tmp_path, "ok"), nursery) as client:
            await client.close()

    bounded(20, body)


def test_a_cancelled_connection_leaves_nothing(tmp_path: Path) -> None:
    launch = hostile(tmp_path, "never_initialize")

    async def body(nursery: trio.Nursery) -> None:
        with trio.move_on_after(0.5):
            await Client.connect(launch, nursery, start_timeout=30)

    bounded(15, body)
    assert living(launch) == []


def test_closing_one_connection_leaves_another_of_the_same_launch_alone(tmp_path: Path) -> None:
    launch = hostile(tmp_path, "ok")
    codes: list[int | None] = []

    async def body(nursery: trio.Nursery) -> None:
        async with connected(launch, nursery) as one:
            async with connected(launch, nursery):
                pass
            with trio.move_on_after(1):
                await one.process.dead.wait()
            codes.append(one.process.poll())

    bounded(25, body)
    assert codes == [None]


# ---- death


def test_death_is_noticed_at_once_though_a_grandchild_holds_the_pipe(tmp_path: Path) -> None:
    began = time.monotonic()
    refused(hostile(tmp_path, "grandchild_after_parent_death"), LaunchError, seconds=20, start_timeout=15)
    assert time.monotonic() - began < 4  # two of them for starting Python on a busy machine


@pytest.mark.parametrize(
    ("script", "words"), [("raise SystemExit(3)", "exit code 3"), ("import os; os.kill(os.getpid(), 11)", "SIGSEGV")]
)
def test_a_server_that_dies_at_once_is_told_with_how_it_ended(script: str, words: str, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, sys.executable, "-c", script)
    assert words in refused(launch, LaunchError, seconds=15, start_timeout=10)


def test_the_last_words_of_a_dying_server_are_told(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, sys.executable, "-c", "import sys; sys.exit('no database')")
    assert "no database" in refused(launch, LaunchError, seconds=15, start_timeout=10)


def test_a_server_that_dies_in_a_call_is_gone_with_its_signal(tmp_path: Path) -> None:
    async def body(nursery: trio.Nursery) -> None:
        async with connected(hostile(tmp_path, "segfault_on_call"), nursery) as client:
            with pytest.raises(Gone, match="SIGSEGV") as caught:
                await client.ask(*CALL, timeout=10)
            assert caught.value.returncode == -11

    bounded(20, body)


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "SIGKILL"), (-200, "signal 200")]
)
def test_an_ending_is_told_in_words(code: int, words: str) -> None:
    assert ending_words(code) == words


# ---- deadlines


def test_a_big_write_to_a_server_that_never_reads_is_late_within_its_deadline(tmp_path: Path) -> None:
    async def body(nursery: trio.Nursery) -> None:
        async with started(hostile(tmp_path, "never_reads_stdin"), nursery) as channel:
            began = time.monotonic()
            with pytest.raises(Late, match="does not read"):
                await channel.send((Sent(b"x" * (8 << 20)),), began + 1)
            assert 0.9 < time.monotonic() - began < 3

    bounded(15, body)


def test_bytes_that_trickle_in_do_not_move_the_deadline(tmp_path: Path) -> None:
    began = time.monotonic()
    complaint = refused(hostile(tmp_path, "trickle_bytes"), Late, seconds=15, start_timeout=2)
    assert "never answered" in complaint
    assert time.monotonic() - began < 6


def test_a_flood_of_notifications_does_not_move_the_deadline(tmp_path: Path) -> None:
    refused(hostile(tmp_path, "flood_notifications"), Late, seconds=15, start_timeout=2)


def test_a_volley_reports_lateness_instead_of_waiting(tmp_path: Path) -> None:
    async def body(nursery: trio.Nursery) -> None:
        async with connected(hostile(tmp_path, "call_never_answers"), nursery) as client:
            _, sent = client.request(*CALL)
            assert (await client.volley((sent,), patience=0.3)).late

    bounded(15, body)


# ---- caps


@pytest.mark.parametrize("mode", ["line_1gb", "flood_no_newline"])
def test_a_line_without_end_is_too_much_in_bounded_memory(mode: str, tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    peak = before

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, psutil.Process().memory_info().rss)
            await trio.lowlevel.checkpoint()

    async def body(nursery: trio.Nursery) -> None:
        nursery.start_soon(watch)
        with pytest.raises(HandshakeError, match="MAX_FRAME_BYTES"):
            await Client.connect(hostile(tmp_path, mode), nursery, start_timeout=20)

    bounded(30, body)
    assert peak - before < 200 << 20


def test_too_much_is_told_by_the_channel(tmp_path: Path) -> None:
    script = "import sys\nwhile True: sys.stdout.write('x' * 65536)"

    async def body(nursery: trio.Nursery) -> None:
        async with started(launch_of(tmp_path, sys.executable, "-c", script), nursery) as channel:
            with pytest.raises(TooMuch):
                await channel.receive(time.monotonic() + 20)

    bounded(30, body)


def test_endless_stderr_leaves_the_answers_alone_and_only_a_tail_is_kept(tmp_path: Path) -> None:
    async def body(nursery: trio.Nursery) -> None:
        async with connected(hostile(tmp_path, "stderr_flood_forever"), nursery) as client:
            while client.process.stderr_bytes < 20 * STDERR_TAIL_BYTES:
                await client.ask(*CALL, timeout=5)
            assert 0 < len(client.process.stderr().encode()) <= STDERR_TAIL_BYTES

    bounded(25, body)


def test_a_storm_of_requests_is_refused_and_the_answer_still_arrives(tmp_path: Path) -> None:
    async def body(nursery: trio.Nursery) -> None:
        async with connected(hostile(tmp_path, "storm_sampling"), nursery) as client:
            frame = await client.ask(*CALL, timeout=10)
            assert "result" in frame.value

    bounded(20, body)


# ---- ids


@pytest.mark.parametrize("mode", ["string_id", "float_id"])
def test_an_answer_under_a_wrongly_typed_id_is_a_fault_and_no_hang(mode: str, tmp_path: Path) -> None:
    async def body(nursery: trio.Nursery) -> None:
        launch = hostile(tmp_path, mode)
        client = await Client.connect(launch, nursery, handshake=False)
        try:
            _, sent = client.request("ping")
            volley = await client.volley((Sent(sent.data, sent.due),), patience=5)
            (answer,) = volley.answers.values()
            assert "wrong-id" in answer.faults
        finally:
            await client.close()

    bounded(20, body)


# ---- the child's environment

DUMP = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"


def environment_of_child(launch: Launch) -> dict[str, str]:
    seen: dict[str, str] = {}

    async def body(nursery: trio.Nursery) -> None:
        async with started(launch, nursery) as channel:
            (line, *_) = await channel.receive(time.monotonic() + 10)
            seen.update(json.loads(line))

    bounded(15, body)
    return seen


@pytest.mark.parametrize(
    "name", ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "PYTHONPATH", "SSH_AUTH_SOCK", "ANYTHING_ELSE"]
)
def test_no_variable_of_ours_reaches_the_server(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "canary-of-our-environment")
    seen = environment_of_child(launch_of(tmp_path, sys.executable, "-c", DUMP))
    assert name not in seen
    assert "canary-of-our-environment" not in seen.values()


def test_the_server_gets_what_it_was_given_and_a_home_of_its_own(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, sys.executable, "-c", DUMP, API_TOKEN="t")
    seen = environment_of_child(launch)
    assert (seen["API_TOKEN"], seen["HOME"], seen["TMPDIR"]) == ("t", str(tmp_path), str(tmp_path))
    assert seen[host.MARK].startswith(launch.token + ".")
    assert seen["PATH"] == os.environ["PATH"]


def test_no_descriptor_of_ours_but_the_pipes_reaches_the_server(tmp_path: Path) -> None:
    script = "import json, os; print(json.dumps({'fds': ' '.join(sorted(os.listdir('/proc/self/fd')))}), flush=True)"
    with open(tmp_path / "open", "wb") as file:
        os.set_inheritable(file.fileno(), True)
        seen = environment_of_child(launch_of(tmp_path, sys.executable, "-c", script))
        assert str(file.fileno()) not in seen["fds"].split()[4:] or len(seen["fds"].split()) == 4


# ---- commands that cannot start


def test_a_command_that_does_not_exist_is_told_in_one_line(tmp_path: Path) -> None:
    assert "no such file" in refused(launch_of(tmp_path, "/no/such/server"), LaunchError, seconds=5, start_timeout=5)


def test_a_command_that_is_not_on_the_path_is_told(tmp_path: Path) -> None:
    assert "not found on PATH" in refused(
        launch_of(tmp_path, "no-such-server"), LaunchError, seconds=5, start_timeout=5
    )


def test_a_file_that_is_not_executable_is_told(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text("", encoding="utf-8")
    assert "not an executable" in refused(
        launch_of(tmp_path, str(tmp_path / "server.py")), LaunchError, seconds=5, start_timeout=5
    )


def test_an_executable_that_the_system_cannot_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "server").write_bytes(b"\x00\x01\x02")
    (tmp_path / "server").chmod(0o755)
    assert "cannot start" in refused(
        launch_of(tmp_path, str(tmp_path / "server")), LaunchError, seconds=5, start_timeout=5
    )


def test_no_pipe_of_a_failed_start_stays_open(tmp_path: Path) -> None:
    (tmp_path / "server").write_bytes(b"\x00\x01\x02")
    (tmp_path / "server").chmod(0o755)
    refused(launch_of(tmp_path, str(tmp_path / "server")), LaunchError, seconds=5, start_timeout=5)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        refused(launch_of(tmp_path, str(tmp_path / "server")), LaunchError, seconds=5, start_timeout=5)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_connection_leaves_no_descriptor_open(tmp_path: Path) -> None:
    async def body(nursery: trio.Nursery) -> None:
        async with connected(hostile(tmp_path, "ok"), nursery):
            pass

    bounded(15, body)
    before = len(os.listdir("/proc/self/fd"))
    bounded(15, body)
    assert len(os.listdir("/proc/self/fd")) == before
