"""What differs between operating systems, and nothing else: process groups, orphans, death signals,
memory readings, cores. Linux is whole. macOS keeps process groups; a grandchild that leaves its group
(double fork, setsid) is found only by its environment there, and memory is not watched through /proc.
Windows is refused in one line.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable

import psutil

from mcpfuzz.errors import UsageError

__all__ = [
    "MARK",
    "become_subreaper",
    "carries",
    "children_of",
    "cores",
    "die_with_parent",
    "heed_signals",
    "kill_group",
    "listening",
    "marked",
    "moment",
    "path_roots",
    "pin",
    "reap",
    "refuse_windows",
    "return_memory",
    "resident",
    "sweep",
]

LINUX = sys.platform.startswith("linux")
MARK = "MCPFUZZ_RUN"
"""Environment variable that every process of a run inherits: how a stray grandchild is known as ours."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def refuse_windows() -> None:
    """Raises UsageError where no POSIX process groups exist."""
    if os.name != "posix":
        raise UsageError("mcpfuzz needs POSIX process groups: run it on Linux, macOS or in WSL, not on Windows")


def become_subreaper() -> None:
    """Orphans of a server come back to this process, so that none is lost to init (Linux only).

    The command line calls this; the pytest plugin does not, as the process there is the user's.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def heed_signals() -> None:
    """SIGTERM, and SIGHUP of a terminal that is closed, end this process as Ctrl-C does: what it owns is ended, what it
    knows is reported. Under nohup SIGHUP stays ignored. The command line calls this; main thread only."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun with & by a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            # as SIGINT rather than by raising: trio has its own way with that where it runs
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
LARGE_BLOCK = 1 << 20
KEPT = 4 << 20


def return_memory() -> None:
    """What a message of megabytes took goes back to the system when it is done (glibc only): left to itself the
    allocator raises its own limits at each of them and keeps up to 64 MB. Blocks over `LARGE_BLOCK` bytes get a mapping
    of their own, and of what is free at the end of the heap `KEPT` bytes stay.

    The command line calls this; the pytest plugin does not, as the process there is the user's.
    """
    if _libc is not None and hasattr(_libc, "mallopt"):  # musl has none
        _libc.mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)
        _libc.mallopt(_M_TRIM_THRESHOLD, KEPT)


def die_with_parent() -> None:
    """In a fresh child: ends it should this process be killed outright (Linux only)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def kill_group(pid: int, number: int) -> None:
    """Signal the process group that `pid` leads, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def children_of(pid: int) -> list[int]:
    """All living descendants of a process, nearest first."""
    found, todo = [], [pid]
    while todo:
        for child in _direct_children(todo.pop()):
            found.append(child)
            todo.append(child)
    return found


def _direct_children(pid: int) -> list[int]:
    if LINUX:
        kids: list[int] = []
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    kids += [int(word) for word in file.read().split()]
        return kids
    with contextlib.suppress(psutil.Error):
        return [child.pid for child in psutil.Process(pid).children()]
    return []


def marked(token: str) -> list[int]:
    """Processes of this user whose environment carries our mark with `token`, ourselves left out."""
    return [pid for pid in psutil.pids() if pid != os.getpid() and carries(pid, token)]


def carries(pid: int, token: str) -> bool:
    """Whether one process carries a mark that begins with `token` (a run's, or one process's whole mark):
    a pid may have been given to a stranger meanwhile."""
    if LINUX:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            return any(entry.startswith(f"{MARK}={token}".encode()) for entry in file.read().split(b"\0"))
        return False
    with contextlib.suppress(psutil.Error, OSError):
        return psutil.Process(pid).environ().get(MARK, "").startswith(token)
    return False


CLOCK_SLACK_S = 0.1
"""By how much a start, which is told in ticks, may seem to lie before the moment that was noted before it."""


def moment() -> tuple[str, float]:
    """(which boot of the system, seconds since then): what starts of processes are told in, whatever the clock does."""
    if not LINUX:
        return "", time.time()
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip(), time.clock_gettime(time.CLOCK_BOOTTIME)


def _started(pid: int) -> float:
    """When a process began, in seconds as `moment` has them. Raises OSError or psutil.Error where there is none."""
    if not LINUX:
        return float(psutil.Process(pid).create_time())
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


GOING_S = 0.5
"""For what was killed to be gone."""


def sweep(token: str, *, since: float = 0.0) -> int:
    """Kill what a run left behind, known by its mark, and reap it; how many there were.

    Args:
        since: a `moment` of this boot; what began before is left alone.
    """
    ended: set[int] = set()
    until = time.monotonic() + GOING_S
    while left := [pid for pid in marked(token) if _alive(pid) and _kill(pid, token, since)]:
        ended.update(left)  # a fork bomb's children may be born while we look; who was killed takes a moment to go
        reap(left)
        if time.monotonic() > until:
            break
        time.sleep(0.002)
    return len(ended)


def _kill(pid: int, token: str, since: float) -> bool:
    """Kill one process, should it be the one that is meant: its id may have been given to another meanwhile, so it is
    held on to, where that is possible, before it is looked at."""
    held = -1
    try:
        held = _held(pid)
        if _started(pid) + CLOCK_SLACK_S < since or not carries(pid, token):
            return False
        if held >= 0:
            signal.pidfd_send_signal(held, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
        return True
    except (OSError, psutil.Error):
        return False
    finally:
        if held >= 0:
            os.close(held)


def _held(pid: int) -> int:
    """A descriptor of a process; -1 where the system has none (before Linux 5.3), or a container forbids it."""
    try:
        return os.pidfd_open(pid) if LINUX and hasattr(os, "pidfd_open") else -1
    except ProcessLookupError:
        raise
    except OSError:
        return -1


def reap(pids: Iterable[int]) -> None:
    """Collect exit statuses of adopted children; never waits for a living one."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError, OSError):
            os.waitpid(pid, os.WNOHANG)


def _alive(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def resident(pid: int) -> int:
    """Resident bytes of a process and its descendants; 0 where that cannot be read."""
    if not LINUX:
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().rss)
        return 0
    total = 0
    for member in (pid, *children_of(pid)):
        with contextlib.suppress(OSError, IndexError), open(f"/proc/{member}/statm", encoding="ascii") as file:
            total += int(file.read().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE")


def cores() -> list[int]:
    """The cores this process may use, lowest first."""
    return sorted(os.sched_getaffinity(0)) if LINUX else list(range(os.cpu_count() or 1))


SHARED_ROOTS = ("bin", "etc", "lib", "lib64", "opt", "sbin", "usr")
"""Folders laid out alike on many machines: that `/opt/google` is named tells nothing where there is none."""


def path_roots() -> tuple[str, ...]:
    """How absolute paths on this machine begin: first components, and the first two below `SHARED_ROOTS`."""
    found: list[str] = []
    for name in sorted(os.listdir("/")):
        found.append(name) if name not in SHARED_ROOTS else found.extend(_children(name))
    return tuple(found)


def _children(name: str) -> list[str]:
    try:
        return [f"{name}/{child}" for child in sorted(os.listdir(f"/{name}"))]
    except OSError:
        return []


def pin(core: int) -> None:
    """Keep this process, and so its children, on one core (a no-op where the system cannot).

    A pipe loop across cores is 20 to 80 times slower than on one.
    """
    if LINUX:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})


_LISTENS = "0A"
"""State of a listening socket in /proc/net/tcp."""


def listening(pid: int, port: int) -> tuple[str, ...]:
    """Addresses at which somebody listens at a port, in the network namespace of a process; none where the system
    does not tell (not Linux, the process is gone)."""
    found = set()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/net/{table}", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                where, _, number = fields[1].partition(":")
                if fields[3] == _LISTENS and int(number, 16) == port:
                    found.add(_address(family, where))
    return tuple(sorted(found))


def _address(family: socket.AddressFamily, digits: str) -> str:
    """An address as the kernel prints it: words of four bytes in the machine's order."""
    words = (int(digits[start : start + 8], 16) for start in range(0, len(digits), 8))
    return socket.inet_ntop(family, b"".join(word.to_bytes(4, sys.byteorder) for word in words))
