"""Our side of the sandbox: whether it can be had, sockets that lie inside it, servers started in it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import socket as Socket  # Sandbox.socket would hide the module in its own body
from typing import Literal

from mcpfuzz.errors import LaunchError, TargetError
from mcpfuzz.sandbox import keeper, wire
from mcpfuzz.sandbox.relay import Relay, named_ports
from mcpfuzz.sandbox.view import REBIND_HOST

__all__ = ["REBIND_HOST", "Boxed", "Mode", "Sandbox", "open_sandbox"]

Mode = Literal["auto", "off", "require"]
PATIENCE_S = 10.0
"""For one answer of the keeper, which takes milliseconds: past it the machine is in trouble."""
_CREDENTIALS = struct.Struct("iii")
_PROGRAM = """import sys
sys.path.insert(0, sys.argv[1])
from mcpfuzz.sandbox import keeper
keeper.main(int(sys.argv[2]), *sys.argv[3:])
"""


@dataclass(slots=True)
class Boxed:
    """A server inside: `poll` and `fileno` are about the server, `finish` about all that it started.

    Attributes:
        pid: the server's, as we see it; it leads a session and a process group.
    """

    pid: int
    _init: int
    _status: Socket
    _code: int | None = None

    def fileno(self) -> int:
        """Readable once it has ended."""
        return self._status.fileno()

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._code is None:
            try:
                told = self._status.recv(keeper.STATUS.size)
            except BlockingIOError:
                return None
            except OSError:
                told = b""
            # init says nothing only where it was killed, and that kills all the rest
            whole = len(told) == keeper.STATUS.size
            self._code = os.waitstatus_to_exitcode(keeper.STATUS.unpack(told)[0]) if whole else -signal.SIGKILL
        return self._code

    def about_to_end(self) -> None:
        """Nothing to note: the kernel knows who belongs to it."""

    def finish(self) -> None:
        """Kill whatever is left in its PID namespace and wait until the kernel has done so (bounded)."""
        if self._init < 0:
            return
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._init, signal.SIGKILL)
        _readable(self._init, PATIENCE_S)
        self.poll()
        os.close(self._init)
        self._init = -1
        self._status.close()


class Sandbox:
    """The namespaces of one run; `close` ends all that lives in them. Where it is off, sockets are ordinary ones.

    Attributes:
        status: `on`, or `off: ` and why.
    """

    def __init__(
        self,
        status: str,
        popen: subprocess.Popen[bytes] | None = None,
        channel: Socket | None = None,
        rebinds: bool = False,
    ) -> None:
        self.status = status
        self._popen = popen
        self._channel = channel
        self._rebinds = rebinds
        self._relays: list[Relay] = []
        self._lock = threading.Lock()  # the listener may live on a thread of its own

    @property
    def on(self) -> bool:
        return self._channel is not None

    @property
    def rebind_host(self) -> str | None:
        """A name that resolves to 127.0.0.1 for servers inside, and to nothing elsewhere; None where it is off."""
        return REBIND_HOST if self._rebinds and self.on else None

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> Socket:
        """A new socket on the loopback that servers inside see: bind, listen or connect it as any other.

        Raises:
            TargetError: the sandbox is gone.
        """
        if self._channel is None:
            return Socket(family, kind)
        return Socket(fileno=self._ask({"socket": [int(family), int(kind)]})[0])

    def listen(self, port: int = 0, *, host: str = "127.0.0.1", backlog: int = 128) -> Socket:
        """A listening TCP socket that a server inside reaches at host:port (0: a free one).

        Raises:
            OSError: the port is taken.
        """
        listener = self.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(backlog)
        except BaseException:
            listener.close()
            raise
        return listener

    def free_port(self) -> int:
        """A loopback port that nobody listens on now, as servers inside see it."""
        with self.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def let_through(self, texts: Iterable[str]) -> tuple[int, ...]:
        """Loopback ports that these texts name (`localhost:5432`) and that are served outside are served inside, too.

        Returns: the ports.
        """
        ports = named_ports(texts) if self.on else ()
        inside: dict[int, Socket] = {}
        for port in ports:
            with contextlib.suppress(OSError):
                inside[port] = self.listen(port)
        made = tuple(inside)
        if inside:
            self._relays.append(Relay(inside))
        return made

    def start(self, argv: tuple[str, ...], env: Mapping[str, str], cwd: str, fds: tuple[int, int, int]) -> Boxed:
        """Start a program inside; `fds` become its stdin, stdout and stderr (ours stay open).

        Raises:
            LaunchError: it cannot be executed, or the sandbox is gone.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        failure, tell = os.pipe()
        init = -1
        try:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            try:
                request = {"argv": argv, "env": dict(env), "cwd": cwd}
                init = self._ask(request, (*fds, theirs.fileno(), tell))[0]
            except TargetError as error:
                raise LaunchError(f"cannot start {argv[0]!r}: {error}") from None
            finally:
                theirs.close()
                os.close(tell)
            why = os.read(failure, 1 << 12) if _readable(failure, PATIENCE_S) else b'"no answer of the sandbox"'
            if why:
                raise LaunchError(f"cannot start {argv[0]!r}: {why.decode()[1:-1]}; check the command after --")
            return Boxed(_sender(ours), init, ours)
        except BaseException:
            if init >= 0:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(init, signal.SIGKILL)
                os.close(init)
            ours.close()
            raise
        finally:
            os.close(failure)

    def _ask(self, request: object, fds: tuple[int, ...] = ()) -> list[int]:
        if self._channel is None:
            raise TargetError("the sandbox is closed")
        try:
            with self._lock:
                wire.send(self._channel, request, fds)
                answer, made = wire.receive(self._channel)
        except (OSError, EOFError):
            raise TargetError("the sandbox's keeper is gone") from None
        if "error" in answer:
            raise TargetError(f"the sandbox refuses: {answer['error']}")
        return made

    def close(self) -> None:
        """End the keeper and all servers inside; safe to call twice."""
        while self._relays:
            self._relays.pop().close()
        popen, channel, self._popen, self._channel = self._popen, self._channel, None, None
        if channel is not None:
            channel.close()
        if popen is not None:
            _end(popen)


def open_sandbox(
    mode: Mode, base: Path, real: Path, *, places: Iterable[str] = (), trusted: bool = False, ours: bool = True
) -> Sandbox:
    """Namespaces for one run.

    Args:
        mode: of `--sandbox`.
        base: an empty folder inside `real` to mount things on; nothing of it is seen outside.
        real: the scratch tree: the only folder that stays itself inside.
        places: folders that a server should be able to write to (for nothing) if it could outside.
        trusted: the server is known to do no harm; `auto` saves the start then.
        ours: mcpfuzz starts the server. One that runs already is outside, and reaches no listener that lies inside.

    Raises:
        TargetError: it cannot be had, and mode is `require`.
    """
    if mode == "off":
        return Sandbox("off: asked for")
    if not ours:
        if mode == "require":
            raise TargetError(
                "--sandbox require: not to be had for a server that runs already; give its command after --"
            )
        return Sandbox("off: the server runs already")
    if mode == "auto" and trusted:
        return Sandbox("off: the bundled lab needs none")
    try:
        return _opened(base, real, places)
    except OSError as error:
        why = " ".join(str(error.strerror or error).split())
    if mode == "require":
        raise TargetError(f"--sandbox require: not to be had here: {why}; --sandbox auto goes without")
    return Sandbox(f"off: {why}")


def _opened(base: Path, real: Path, places: Iterable[str]) -> Sandbox:
    if not sys.platform.startswith("linux"):
        raise OSError("it needs Linux namespaces")
    if os.environ.get(REFUSE):
        raise OSError(f"{REFUSE} is set")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.settimeout(PATIENCE_S)
    package = str(Path(__file__).resolve().parents[2])
    fd = theirs.fileno()
    words = [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, package, str(fd), str(base), str(real), *places]
    try:
        popen = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(fd,),
            cwd="/",
            start_new_session=True,
            env={},
        )  # a server can read what its init was started with
    except OSError as error:
        ours.close()
        raise OSError(f"{sys.executable}: {error.strerror}") from None
    finally:
        theirs.close()
    try:
        answer, _ = wire.receive(ours)
    except (OSError, EOFError):
        answer = {"error": "its keeper ended without a word"}
    if "error" in answer:
        ours.close()
        _end(popen)
        raise OSError(answer["error"])
    return Sandbox("on", popen, ours, rebinds=answer["rebinds"])


REFUSE = "MCPFUZZ_NO_SANDBOX"
"""Set in our environment: behave as on a system that has no namespaces."""


def _end(popen: subprocess.Popen[bytes]) -> None:
    try:
        popen.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()


def _readable(fd: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def _sender(channel: Socket) -> int:
    """The pid of who sent the message that waits, as we see it."""
    channel.settimeout(PATIENCE_S)
    _, control, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
    channel.setblocking(False)
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return int(_CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0])
    raise LaunchError("the sandbox told no process id")
