"""The system calls that Python 3.11 has no word for. Standard library alone: the keeper starts with this."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import signal
import socket
import struct

__all__ = [
    "KEPT_CAPABILITIES",
    "clone",
    "die_with_parent",
    "drop_capabilities",
    "mount",
    "pivot",
    "raise_loopback",
    "unshare",
]

NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_CLONE_PIDFD = 0x1000
_CLONE3, _MOUNT_SETATTR = 435, 442  # the same on every architecture, as all calls since Linux 5.1
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217, "armv7l": 218}
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = -100, 0x8000, 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

KEPT_CAPABILITIES = frozenset((0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31))
"""What a server that runs as root may still do: own and read files, change its user, bind low ports (chown,
dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, sys_chroot, setfcap). Not: mount,
make devices, load modules, open files by handle, reboot."""

_libc = ctypes.PyDLL(None, use_errno=True)  # PyDLL: the GIL stays ours across a clone


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError, whose text names the target."""
    encoded = [os.fsencode(word) for word in (source, target, kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), os.fsencode(data)), f"mount {target}")


def seal(path: str) -> None:
    """Makes a mount and all below it read-only (Linux 5.12). Raises OSError."""
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    call = _libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), _AT_RECURSIVE, attributes, len(attributes))
    _checked(call, f"seal {path}")


def pivot(root: str) -> None:
    """Makes `root`, a mount point, the root of this mount namespace; what was there is let go. Raises OSError."""
    os.chdir(root)
    number = _PIVOT_ROOT.get(platform.machine(), 41)
    _checked(_libc.syscall(number, b".", b"."), "pivot_root")  # the old root lies over the new now
    _checked(_libc.umount2(b".", 2), "umount")
    os.chdir("/")


def clone(flags: int = 0) -> tuple[int, int]:
    """A child in new namespaces, for a process of one thread -> (its pid, a pidfd); (0, -1) in the child.

    Raises OSError.
    """
    pidfd = ctypes.c_int(-1)
    arguments = struct.pack("8Q", flags | _CLONE_PIDFD, ctypes.addressof(pidfd), 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = _checked(_libc.syscall(_CLONE3, arguments, len(arguments)), "clone")
    return (pid, pidfd.value) if pid else (0, -1)


def die_with_parent() -> None:
    """SIGKILL should the parent end. To be said again after a change of user or of user namespace."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def drop_capabilities() -> None:
    """What this process executes never has more than KEPT_CAPABILITIES."""
    number = 0
    while True:
        if number not in KEPT_CAPABILITIES and _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            if ctypes.get_errno() == errno.EINVAL:
                return  # past the last one
            _checked(-1, "drop capabilities")
        number += 1


def raise_loopback() -> None:
    """`lo` up in this network namespace. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        asked = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(probe, _SIOCGIFFLAGS, asked))[1]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | _IFF_UP, b""))
