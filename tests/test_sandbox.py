"""The sandbox: nothing a server does inside is seen outside but in the scratch tree, and how it ends is told as if
there were no sandbox."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import trio

from mcpfuzz import host
from mcpfuzz.caution import file_writers
from mcpfuzz.client import Client
from mcpfuzz.errors import Gone, LaunchError, TargetError
from mcpfuzz.model import Operation
from mcpfuzz.sandbox.box import REFUSE, Boxed, Sandbox, open_sandbox
from mcpfuzz.target import Prepared, Target

ROOT = Path(__file__).parents[1]
SERVER = str(ROOT / "tests" / "hostile" / "stdio_server.py")
WAIT_S = 20.0


def _probe() -> str:
    with tempfile.TemporaryDirectory() as folder:
        sandbox = _open(Path(folder))
        sandbox.close()
        return sandbox.status


def _open(real: Path) -> Sandbox:
    base = real / "tmp"
    base.mkdir()
    return open_sandbox("auto", base, real)


STATUS = _probe() if host.LINUX else "off: not Linux"
needs_sandbox = pytest.mark.skipif(STATUS != "on", reason=f"no sandbox here: {STATUS}")


class Ended(NamedTuple):
    code: int | None
    out: bytes


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@pytest.fixture
def sandbox(tree: Path) -> Iterator[Sandbox]:
    made = _open(tree)
    yield made
    made.close()


def run(sandbox: Sandbox, *argv: str, cwd: str = "/", **env: str) -> Ended:
    """Start, read its stdout to the end, and end what it left."""
    reading, writing = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        child = sandbox.start(argv, {"PATH": os.environ["PATH"], **env}, cwd, (nothing, writing, nothing))
    finally:
        os.close(writing)
        os.close(nothing)
    with open(reading, "rb") as file:
        out = file.read()
    ended(child)
    child.finish()
    return Ended(child.poll(), out)


def ended(child: Boxed) -> None:
    poller = select.poll()
    poller.register(child.fileno(), select.POLLIN)
    assert poller.poll(WAIT_S * 1000), "it did not end"


def gone(pidfds: list[int]) -> bool:
    """Whether all of these processes end within WAIT_S."""
    poller = select.poll()
    left = set(pidfds)
    for pidfd in pidfds:
        poller.register(pidfd, select.POLLIN)
    while left:
        events = poller.poll(WAIT_S * 1000)
        if not events:
            return False
        for pidfd, _ in events:
            poller.unregister(pidfd)
            left.discard(pidfd)
    return True


# ---- the disk


@needs_sandbox
def test_what_is_written_outside_the_scratch_tree_is_there_for_the_server_alone(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    here = tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
        (folder / "kept").write_text("before")
    name = f"mcpfuzz-{secrets.token_hex(8)}"
    script = f"""
for folder in "$HOME" . /tmp; do
  echo inside > $folder/{name} && cat $folder/{name}
done
echo after > kept; cat kept; rm "$HOME/kept"; ls -A "$HOME"
"""
    done = run(sandbox, "sh", "-c", script, cwd=str(here), HOME=str(home))
    assert done.out.decode().split() == ["inside", "inside", "inside", "after", name]
    assert [path.read_text() for path in (home / "kept", here / "kept")] == ["before", "before"]
    assert not any(Path(folder, name).exists() for folder in (home, here, "/tmp"))


@needs_sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write to /etc")
def test_root_writes_to_its_own_etc(sandbox: Sandbox) -> None:
    before = Path("/etc/passwd").read_bytes()
    done = run(sandbox, "sh", "-c", "echo x >> /etc/passwd; tail -c 2 /etc/passwd")
    assert done.out == b"x\n"
    assert Path("/etc/passwd").read_bytes() == before


@needs_sandbox
def test_the_scratch_tree_is_real_both_ways(sandbox: Sandbox, tree: Path) -> None:
    (tree / "decoy").write_text("planted while it runs")
    done = run(sandbox, "sh", "-c", "cat decoy; echo effect > made", cwd=str(tree))
    assert done.out == b"planted while it runs"
    assert (tree / "made").read_text() == "effect\n"


@needs_sandbox
def test_nothing_is_mounted_outside(sandbox: Sandbox, tree: Path) -> None:
    run(sandbox, "true")
    assert str(tree) not in Path("/proc/self/mounts").read_text(encoding="utf-8")
    assert list((tree / "tmp").iterdir()) == []


@needs_sandbox
def test_a_daemon_of_the_machine_does_not_answer_through_its_socket(sandbox: Sandbox, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / "s"))
        daemon.listen()
        code = "import socket, sys; c = socket.socket(socket.AF_UNIX); sys.exit(c.connect_ex(sys.argv[1]) != 0)"
        assert run(sandbox, sys.executable, "-S", "-c", code, str(tmp_path / "s")).code == 1


@needs_sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no such rights anyway")
def test_root_inside_can_neither_mount_nor_make_devices(sandbox: Sandbox, tree: Path) -> None:
    assert run(sandbox, "mount", "-t", "tmpfs", "none", "/mnt").code != 0
    assert run(sandbox, "mknod", str(tree / "disk"), "b", "7", "0").code != 0


# ---- the network


CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).sendall(b"hello")
except OSError as error:
    print(type(error).__name__)
"""


@needs_sandbox
def test_no_address_but_loopback_is_reached(sandbox: Sandbox) -> None:
    code = CONNECT.replace("type(error).__name__", "error.errno")
    done = run(sandbox, sys.executable, "-S", "-c", code, "192.0.2.1", "80")
    assert int(done.out) == 101  # ENETUNREACH, at once: there is no way out


@needs_sandbox
def test_the_rebind_name_leads_to_a_listener_of_ours(sandbox: Sandbox) -> None:
    assert sandbox.rebind_host is not None
    with sandbox.listen() as listener:
        listener.settimeout(WAIT_S)
        done = run(sandbox, sys.executable, "-S", "-c", CONNECT, sandbox.rebind_host, str(listener.getsockname()[1]))
        assert done.out == b""
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(99) == b"hello"
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(sandbox.rebind_host, 80)


@needs_sandbox
def test_a_port_inside_is_reached_through_a_socket_made_inside(sandbox: Sandbox) -> None:
    with sandbox.listen() as listener, sandbox.socket() as inner, socket.socket() as outer:
        assert inner.connect_ex(listener.getsockname()) == 0
        assert outer.connect_ex(listener.getsockname()) != 0


@needs_sandbox
def test_a_service_that_the_environment_names_is_reached_and_no_other(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as named, socket.create_server(("127.0.0.1", 0)) as other:
        named.settimeout(WAIT_S)
        ports = [str(listener.getsockname()[1]) for listener in (named, other)]
        assert sandbox.let_through([f"postgres://user@localhost:{ports[0]}/db"]) == (int(ports[0]),)
        assert run(sandbox, sys.executable, "-S", "-c", CONNECT, "127.0.0.1", ports[0]).out == b""
        connection, _ = named.accept()
        with connection:
            assert connection.recv(99) == b"hello"
        assert (
            run(sandbox, sys.executable, "-S", "-c", CONNECT, "127.0.0.1", ports[1]).out == b"ConnectionRefusedError\n"
        )


# ---- the end of a server


@needs_sandbox
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0),
        ("exit 77", 77),
        ("exit 139", 139),
        ("kill -SEGV $$", -11),
        ("kill -TERM $$", -15),
        ("kill -9 $$", -9),
    ],
)
def test_exit_codes_and_signals_come_through(sandbox: Sandbox, script: str, code: int) -> None:
    assert run(sandbox, "sh", "-c", script).code == code


@needs_sandbox
def test_an_abort_is_told_as_sigabrt(sandbox: Sandbox) -> None:
    assert run(sandbox, sys.executable, "-S", "-c", "import os; os.abort()").code == -signal.SIGABRT


@needs_sandbox
def test_a_signal_sent_from_outside_ends_it(sandbox: Sandbox) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    child = sandbox.start(("sleep", "60"), {"PATH": os.environ["PATH"]}, "/", (nothing,) * 3)
    os.close(nothing)
    host.kill_group(child.pid, signal.SIGTERM)
    ended(child)
    assert child.poll() == -signal.SIGTERM
    child.finish()


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
os.write(1, b"daemon\\n")  # it is there, and nobody stands between
os.read(0, 1)
"""


@needs_sandbox
def test_a_daemonised_grandchild_ends_with_the_server(sandbox: Sandbox) -> None:
    token = secrets.token_hex(8)
    stdin, hold = os.pipe()
    reading, writing = os.pipe()
    fds = (stdin, writing, writing)
    child = sandbox.start((sys.executable, "-S", "-c", DAEMON), {host.MARK: token}, "/", fds)
    os.close(stdin)
    os.close(writing)
    with open(reading, "rb") as file:
        assert file.readline() == b"daemon\n"
        assert len(host.marked(token)) == 2
        os.close(hold)  # the server leaves
        ended(child)
        child.finish()
        assert file.read() == b""  # the daemon held this pipe
    assert host.marked(token) == []


HOLDER = """
import json, os, sys
from pathlib import Path
from mcpfuzz import host
from mcpfuzz.sandbox.box import open_sandbox
real = Path(sys.argv[1])
sandbox = open_sandbox("require", real / "tmp", real)
reading, writing = os.pipe()
stdin, hold = os.pipe()
child = sandbox.start((sys.executable, "-S", "-c", sys.argv[2]), {}, "/", (stdin, writing, writing))
os.read(reading, 99)
print(json.dumps(host.children_of(os.getpid())), flush=True)
sys.stdin.read()
"""


@needs_sandbox
def test_nothing_lives_on_where_mcpfuzz_is_killed_outright(tree: Path) -> None:
    (tree / "tmp").mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tree), DAEMON], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    pids = json.loads(holder.stdout.readline())
    pidfds = [os.pidfd_open(pid) for pid in pids]
    holder.kill()
    holder.communicate()
    assert len(pidfds) == 4  # keeper, init, server, daemon
    assert gone(pidfds)
    for pidfd in pidfds:
        os.close(pidfd)


# ---- what a server sees of us


@needs_sandbox
def test_every_byte_of_stdout_comes_through(sandbox: Sandbox) -> None:
    code = "import os; os.write(1, bytes(range(256)) * 4096)"
    assert run(sandbox, sys.executable, "-S", "-c", code).out == bytes(range(256)) * 4096


@needs_sandbox
def test_a_server_inherits_three_descriptors_and_no_environment_of_ours(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_TOKEN", "hunter2-of-the-machine")
    sandbox = _open(tree)
    code = (
        "import os\n"
        "print(*sorted(fd for fd in range(256) if os.path.exists(f'/proc/self/fd/{fd}') or fd < 0))\n"
        "print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()))\n"
        "print('CI_TOKEN' in os.environ)\n"
        "try: print(open('/proc/1/environ').read())\n"
        "except PermissionError: print()\n"
    )
    done = run(sandbox, sys.executable, "-S", "-c", code)
    sandbox.close()
    assert done.out.decode().splitlines() == ["0 1 2", "[1, 2]", "False", ""]


@needs_sandbox
def test_a_command_that_cannot_be_executed_is_a_launch_error(sandbox: Sandbox) -> None:
    with pytest.raises(LaunchError, match="no-such-program"):
        run(sandbox, "/no-such-program")
    assert run(sandbox, "true").code == 0


@needs_sandbox
def test_servers_may_run_side_by_side(sandbox: Sandbox) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    children = [sandbox.start(("sleep", "60"), {"PATH": os.environ["PATH"]}, "/", (nothing,) * 3) for _ in range(3)]
    os.close(nothing)
    children[1].finish()
    assert [child.poll() for child in children] == [None, -signal.SIGKILL, None]
    for child in children:
        child.finish()


# ---- the whole way


def target(tmp_path: Path, *argv: str, **more: str) -> Target:
    return Target(command=(sys.executable, *argv), state=str(tmp_path / "state"), **more)  # type: ignore[arg-type]


@needs_sandbox
def test_a_crash_inside_is_told_as_the_signal_it_was(tmp_path: Path) -> None:
    code = "import os, signal, sys; sys.stdin.readline(); os.kill(os.getpid(), signal.SIGSEGV)"
    told: list[Gone] = []
    with Prepared.of(target(tmp_path, "-c", code)) as prepared:
        assert prepared.sandbox.status == "on"

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                with pytest.raises(TargetError) as caught:
                    await Client.connect(prepared.launch, nursery, start_timeout=WAIT_S)
                told.append(caught.value)  # type: ignore[arg-type]
                nursery.cancel_scope.cancel()

        trio.run(main)
    assert "SIGSEGV" in str(told[0])


@needs_sandbox
def test_a_client_talks_to_a_server_inside_and_knows_its_memory(tmp_path: Path) -> None:
    seen: list[int] = []
    with Prepared.of(target(tmp_path, SERVER, "daemonised_grandchild")) as prepared:

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                client = await Client.connect(prepared.launch, nursery, start_timeout=WAIT_S)
                await client.ask("tools/call", {"name": "echo", "arguments": {"text": "hi"}}, timeout=WAIT_S)
                seen.append(client.process.resident())
                await client.close()
                nursery.cancel_scope.cancel()

        trio.run(main)
        assert host.marked(prepared.launch.token) == []
    assert seen[0] > 1 << 20


def mcpfuzz(tmp_path: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mcpfuzz", "run", "--state", str(tmp_path / "state"), "--max-time", "3", *words]
        + ["--", sys.executable, SERVER, "ok"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )


def test_require_exits_3_with_one_line_where_it_cannot_be_had(tmp_path: Path) -> None:
    done = mcpfuzz(tmp_path, "--sandbox", "require", **{REFUSE: "1"})
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "--sandbox require" in done.stderr


def test_off_says_so_in_the_first_line(tmp_path: Path) -> None:
    done = mcpfuzz(tmp_path, "--sandbox", "off")
    assert "sandbox off: asked for" in done.stdout.splitlines()[0]


def test_auto_goes_without_and_says_why(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, Prepared.of(target(tmp_path, SERVER, "ok", sandbox="off")):
        patch.setenv(REFUSE, "1")
        with Prepared.of(target(tmp_path, SERVER, "ok")) as prepared:
            assert prepared.sandbox.status == f"off: {REFUSE} is set"
            assert prepared.sandbox.rebind_host is None
            with prepared.sandbox.listen() as listener, socket.create_connection(listener.getsockname(), timeout=5):
                pass


def test_a_server_that_runs_already_is_outside_and_reaches_our_listener(tmp_path: Path) -> None:
    with Prepared.of(Target(url="http://127.0.0.1:1/mcp", state=str(tmp_path))) as prepared:
        assert (prepared.sandbox.status, prepared.writable) == ("off: the server runs already", "")
        there = urlsplit(prepared.places["listener"])
        with socket.create_connection((there.hostname, there.port), timeout=5):
            pass


def test_require_refuses_a_server_that_runs_already(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="give its command after --"):
        Prepared.of(Target(url="http://127.0.0.1:1/mcp", state=str(tmp_path), sandbox="require"))


def test_a_system_that_refuses_namespaces_is_told_in_one_line(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcpfuzz.sandbox.box._PROGRAM", "raise SystemExit(1)")
    assert _open(tree).status == "off: its keeper ended without a word"


def test_tools_that_write_files_are_known_by_their_words() -> None:
    def tool(name: str, description: str, hint: bool | None = None, **schema: object) -> Operation:
        annotations = {} if hint is None else {"readOnlyHint": hint}
        return Operation(
            kind="tool", name=name, description=description, annotations=annotations, schema={"properties": schema}
        )

    operations = [
        tool("write_file", "Writes text."),
        tool("saveNote", "", path={}),
        tool("read_file", "Reads a file."),
        tool("create_issue", "Opens an issue."),
        tool("edit_file", "", True),
    ]
    assert file_writers(operations) == ("write_file", "saveNote")


ORDINARY = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from mcpfuzz.sandbox.box import open_sandbox
real = Path(sys.argv[2])
(real / "tmp").mkdir()
sandbox = open_sandbox("auto", real / "tmp", real)
told = {"status": sandbox.status, "host": sandbox.rebind_host, "codes": []}
if sandbox.on:
    reading, writing = os.pipe()
    for script in (
        "id -u; touch /etc/x || echo no; echo mine > ../beside; cat ../beside; echo real > made",
        "getent hosts " + sandbox.rebind_host,
        "kill -SEGV $$",
    ):
        child = sandbox.start(("sh", "-c", script), {"PATH": "/usr/bin:/bin"}, str(real), (0, writing, writing))
        while child.poll() is None:
            os.sched_yield()
        told["codes"].append(child.poll())
        child.finish()
    os.close(writing)
    told["out"] = os.fdopen(reading).read()
sandbox.close()
print(json.dumps(told))
"""


@pytest.fixture
def nobody(request: pytest.FixtureRequest) -> Iterator[Callable[[str], dict[str, object]]]:
    """Runs a script as an ordinary user, with an own folder in argv[2]."""
    if not host.LINUX or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to become an ordinary user")
    words = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]
    if subprocess.run(
        [*words, "unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True
    ).returncode:
        pytest.skip("this system gives an ordinary user no namespaces")
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    (folder / "tree").mkdir()
    for path in (folder, folder / "tree"):
        os.chown(path, 54321, 54321)
    usable = (
        f"import subprocess, sys; sys.path.insert(0, {str(ROOT)!r}); assert sys.version_info >= (3, 11)\n"
        "import mcpfuzz.errors; subprocess.run([sys.executable, '-c', ''], check=True)"
    )
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and not subprocess.run([*words, python, "-c", usable], capture_output=True).returncode:
            break
    else:
        shutil.rmtree(folder)
        pytest.skip("no Python here that an ordinary user may run")

    def as_nobody(script: str) -> dict[str, object]:
        done = subprocess.run(
            [*words, python, "-B", "-c", script, str(ROOT), str(folder / "tree")],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr.decode()
        told: dict[str, object] = json.loads(done.stdout)
        told["files"] = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        return told

    yield as_nobody
    shutil.rmtree(folder)


def test_an_ordinary_user_gets_it_too(nobody: Callable[[str], dict[str, object]]) -> None:
    told = nobody(ORDINARY)
    assert told["status"] == "on"
    assert told["codes"] == [0, 0, -signal.SIGSEGV]
    lines = str(told["out"]).splitlines()
    assert lines[0] == "54321"
    assert "no" in lines
    assert "mine" in lines
    assert lines[-1].startswith("127.0.0.1")
    assert told["files"] == ["tree", "tree/made", "tree/tmp"]
