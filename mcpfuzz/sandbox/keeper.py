"""The keeper: a small process that holds one run's namespaces open and starts servers in them.

It is in the network, mount and IPC namespaces of the run but still in our PID namespace. For each start it clones an
init, which is process 1 of a new PID namespace; the init starts the server, reaps orphans, says how the server ended
and ends, whereupon the kernel kills what is left. The server is no process 1 itself, as signals would not end it then.

    mcpfuzz ── keeper ── init (1) ── server (2) ── ...

All of them end with mcpfuzz: the keeper when its socket closes, an init when the keeper ends. Standard library alone;
no thread is ever started here, as it clones.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
from typing import Any, NoReturn

from mcpfuzz.sandbox import calls, view, wire

__all__ = ["main"]

STATUS = struct.Struct("i")
"""How a server ended, as wait(2) tells it."""
NAMESPACES = calls.NEWNS | calls.NEWNET | calls.NEWIPC


def main(channel_fd: int, base: str, real: str, *places: str) -> None:
    """Make the namespaces, say whether it worked, then serve until the channel closes."""
    channel = socket.socket(fileno=channel_fd)
    channel.set_inheritable(False)
    try:
        rebinds = _enter(base, real, places)
    except OSError as error:
        text = error.strerror if error.errno is not None else str(error)
        wire.send(channel, {"error": text or str(error)})
        return
    wire.send(channel, {"rebinds": rebinds})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies here; the harness holds a pidfd of each init
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            _serve(channel)


def _enter(base: str, real: str, places: tuple[str, ...]) -> bool:
    user = False
    try:
        calls.unshare(NAMESPACES)
    except PermissionError:
        user = True
        uid, gid = os.geteuid(), os.getegid()
        calls.unshare(NAMESPACES | calls.NEWUSER)
        # Itself and nobody else: a server sees the user that it would see without all this.
        for name, text in (("uid_map", f"{uid} {uid} 1"), ("setgroups", "deny"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    calls.raise_loopback()
    rebinds = view.build(base, real, user, places)
    _rehearse()
    return rebinds


def _rehearse() -> None:
    """One empty start: where /proc cannot be mounted, say, the sandbox is off from the beginning.

    Raises OSError."""
    told, tell = os.pipe()
    pid, pidfd = calls.clone(calls.NEWPID)
    if pid == 0:
        try:
            calls.unshare(calls.NEWNS)
            view.own_proc()
        except OSError as error:
            os.write(tell, str(error.strerror).encode())
        os._exit(0)
    os.close(tell)
    os.close(pidfd)
    os.waitpid(pid, 0)
    why = os.read(told, 1 << 12)
    os.close(told)
    if why:
        raise OSError(1, why.decode())


def _serve(channel: socket.socket) -> None:
    """One request."""
    request, fds = wire.receive(channel)
    answer: tuple[int, ...] = ()
    try:
        if "socket" in request:
            made = socket.socket(*request["socket"])
            answer = (made.detach(),)
        else:
            pid, pidfd = calls.clone(calls.NEWPID)
            if pid == 0:
                channel.close()
                _init(request, *fds)
            answer = (pidfd,)
        wire.send(channel, {}, answer)
    except OSError as error:
        wire.send(channel, {"error": error.strerror or str(error)})
    finally:
        for fd in (*fds, *answer):
            os.close(fd)


def _init(request: Any, stdin: int, stdout: int, stderr: int, status: int, failure: int) -> NoReturn:
    """Process 1: start the server, reap until it ends, tell how, end."""
    try:
        calls.die_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        calls.unshare(calls.NEWNS)
        view.own_proc()
        server = os.fork()
        if server == 0:
            _server(request, stdin, stdout, stderr, status, failure)
        for fd in (stdin, stdout, stderr, failure):
            os.close(fd)
        while True:
            pid, code = os.wait()
            if pid == server:
                with contextlib.suppress(OSError):
                    os.write(status, STATUS.pack(code))
                os._exit(0)
    except BaseException as error:  # noqa: BLE001 - a clone must never come back
        _fail(failure, error)


def _server(request: Any, stdin: int, stdout: int, stderr: int, status: int, failure: int) -> NoReturn:
    try:
        os.setsid()
        os.write(status, b"s")  # the kernel adds our pid as the other side knows it (SO_PASSCRED)
        for number, fd in enumerate((stdin, stdout, stderr)):
            os.dup2(fd, number)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them; a program expects the default
            signal.signal(number, signal.SIG_DFL)
        os.chdir(request["cwd"])
        calls.drop_capabilities()
        os.execvpe(request["argv"][0], request["argv"], request["env"])
    except BaseException as error:  # noqa: BLE001 - a clone must never come back
        _fail(failure, error)


def _fail(failure: int, error: BaseException) -> NoReturn:
    """Say why the server did not start."""
    with contextlib.suppress(OSError):
        os.write(
            failure, json.dumps(error.strerror or str(error) if isinstance(error, OSError) else repr(error)).encode()
        )
    os._exit(127)
