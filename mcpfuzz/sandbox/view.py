"""The view of the disk that a server gets: everything is there, nothing it writes is real but the scratch tree.

Each file system lies under an overlay whose upper layer is in memory. An ordinary user may not overlay a folder that
others' mounts lie in (the kernel would have to show what they hide): such a folder is made anew and its entries are
overlaid one by one. Where no overlay can be had at all, the thing is there read-only. Unix sockets do not answer
through an overlay, so that no daemon of the machine (Docker, D-Bus) can be asked.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable

from mcpfuzz.sandbox import calls

__all__ = ["REBIND_HOST", "build"]

REBIND_HOST = "rebind.mcpfuzz.test"
"""Resolves to 127.0.0.1 inside (RFC 6761: .test is nobody's)."""
_MEMORY = "size=25%,mode=755"
"""Of the machine's memory, at most, for what a server writes outside the scratch tree."""
_TEMPORARY = ("/var/tmp",)
_OWN = ("/proc", "/sys", "/dev")
"""Made anew, not overlaid."""
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_NO_FILES = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "fusectl"),
        *("hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs"),
    )
)
"""File systems that hold no files of anybody's."""


class _View:
    def __init__(self, base: str, user: bool) -> None:
        self.base = base
        self.root = base + "/root"
        self.user = user
        self._count = 0
        self.mounts = _mounts(base)

    def show(self, path: str) -> None:
        """Put `path` of the machine at its place in the view."""
        there = self.root + path.rstrip("/")
        if path != "/" and not os.path.lexists(there):
            return None  # its parent is shown without it
        if not os.path.isdir(path):
            return self._bind(path, there)
        crowded = any(_below(other, path) for other in self.mounts)
        if self.user and crowded:
            return self._compose(path, there)
        try:
            self._overlay(path, there)
        except OSError:
            if crowded:
                return self._compose(path, there)
            if path == "/":
                raise
            if path.startswith(("/run/", "/var/run/")) or path == "/run":
                calls.mount("none", there, "tmpfs", calls.NOSUID | calls.NODEV, _MEMORY)
            else:
                self._bind(path, there)
        return None

    def deepen(self, path: str) -> None:
        """An overlay of its own for a folder within another: an overlay made by an ordinary user cannot take up the
        folders of others, and so nothing below them."""
        if path not in self.mounts and path != "/" and os.path.dirname(path) != "/":
            self._overlay(path, self.root + path)

    def _overlay(self, path: str, there: str) -> None:
        self._count += 1
        upper, work = f"{self.base}/upper{self._count}", f"{self.base}/work{self._count}"
        os.mkdir(upper)
        os.mkdir(work)
        os.chmod(upper, self._mode(path))
        lower = path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        calls.mount("overlay", there, "overlay", 0, options + (",userxattr" if self.user else ""))

    def _compose(self, path: str, there: str) -> None:
        """A folder of our own with the entries of `path`."""
        calls.mount("none", there, "tmpfs", 0, _MEMORY)
        os.chmod(there, self._mode(path))
        for entry in os.scandir(path):
            if entry.path in _OWN or entry.path == self.base:
                os.mkdir(there + "/" + entry.name)
            elif entry.is_symlink():
                os.symlink(os.readlink(entry.path), there + "/" + entry.name)
            elif entry.is_dir():
                os.mkdir(there + "/" + entry.name)
                if entry.path not in self.mounts:
                    with contextlib.suppress(OSError):  # a folder that we may not enter stays empty
                        self.show(entry.path)
            elif entry.is_file():
                os.close(os.open(there + "/" + entry.name, os.O_CREAT | os.O_WRONLY, 0o600))
                if entry.path not in self.mounts:
                    self._bind(entry.path, there + "/" + entry.name)

    def _mode(self, path: str) -> int:
        """The mode for a folder that stands in for `path`. An ordinary user owns the stand-in, whoever owns the
        original: what the owner may do there is then what that user may do here."""
        status = os.stat(path)
        mode = stat.S_IMODE(status.st_mode)
        if not self.user or status.st_uid == os.geteuid():
            return mode
        mine = mode >> 3 if status.st_gid in (os.getegid(), *os.getgroups()) else mode
        return (mode & ~0o700) | (mine & 7) << 6

    def _bind(self, path: str, there: str) -> None:
        """Read-only, for what cannot be overlaid."""
        calls.mount(path, there, "", calls.BIND)
        calls.mount("", there, "", calls.BIND | calls.REMOUNT | calls.RDONLY | _flags(path))


def build(base: str, real: str, user: bool, places: Iterable[str] = ()) -> bool:
    """Make the view and enter it, in a mount namespace of our own.

    Args:
        base: an empty folder of ours to mount things on; inside `real`.
        real: the folder that stays itself.
        user: whether this is done as an ordinary user.
        places: folders that should be writable if they are outside.

    Returns:
        Whether REBIND_HOST resolves.

    Raises:
        OSError: the system does not let us.
    """
    calls.mount("", "/", "", calls.REC | calls.PRIVATE)
    calls.mount("none", base, "tmpfs", calls.NOSUID | calls.NODEV, _MEMORY)
    view = _View(base, user)
    os.mkdir(view.root)
    calls.mount("none", view.root, "tmpfs", 0, _MEMORY)  # pivot_root wants a mount, and / may be composed
    view.show("/")
    for path in view.mounts:
        if path != "/":
            with contextlib.suppress(OSError):  # what cannot be shown is not there
                view.show(path)
    if user:
        mine = {_writable(place) for place in (*places, *_TEMPORARY)} - {None}
        for path in sorted(str(found) for found in mine):
            with contextlib.suppress(OSError):
                view.deepen(path)
    root = view.root
    os.makedirs(root + real, mode=0o700, exist_ok=True)
    calls.mount(real, root + real, "", calls.BIND)
    _devices(root)
    with contextlib.suppress(OSError):
        calls.mount("/sys", root + "/sys", "", calls.BIND | calls.REC)
        try:
            calls.seal(root + "/sys")
        except OSError:
            calls.mount("none", root + "/sys", "tmpfs", calls.RDONLY)
    calls.mount("/proc", root + "/proc", "", calls.BIND | calls.REC)  # until each server gets its own
    named = _hosts(root, base)
    calls.pivot(root)
    return named


def _writable(place: str) -> str | None:
    """The outermost folder on the way to a place that we may write to; None where there is none."""
    path = ""
    for part in os.path.realpath(place).split("/")[1:]:
        path += "/" + part
        try:
            status = os.stat(path)
        except OSError:
            return None
        if status.st_uid == os.geteuid() or status.st_mode & stat.S_IWOTH:
            return path
    return None


def own_proc() -> None:
    """In a new PID and mount namespace: /proc shows this PID namespace, and the kernel's switches are read-only."""
    calls.mount("proc", "/proc", "proc", calls.RDONLY | calls.NOSUID | calls.NODEV | calls.NOEXEC)


def _devices(root: str) -> None:
    dev = root + "/dev"
    calls.mount("none", dev, "tmpfs", calls.NOSUID, "mode=755,size=1m")
    for name in _DEVICES:
        if os.path.exists("/dev/" + name):
            os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_WRONLY, 0o600))
            calls.mount("/dev/" + name, f"{dev}/{name}", "", calls.BIND)
    for name, target in _LINKS.items():
        os.symlink(target, f"{dev}/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{dev}/{name}")
    calls.mount("none", dev + "/shm", "tmpfs", calls.NOSUID | calls.NODEV, "size=25%,mode=1777")
    with contextlib.suppress(OSError):
        calls.mount("devpts", dev + "/pts", "devpts", calls.NOSUID, "newinstance,ptmxmode=0666,mode=620")


def _hosts(root: str, base: str) -> bool:
    """A hosts file of its own, so that a name can lead to loopback."""
    mine, place = base + "/hosts", os.path.realpath("/etc/hosts")
    try:
        with open(mine, "w", encoding="ascii") as file:
            names = ("localhost", REBIND_HOST, *([os.uname().nodename] if os.uname().nodename.isascii() else ()))
            file.write(f"127.0.0.1 {' '.join(names)}\n::1 localhost ip6-localhost ip6-loopback\n")
        os.chmod(mine, 0o644)
        if not os.path.exists(root + place):
            os.close(os.open(root + place, os.O_CREAT | os.O_WRONLY, 0o644))
        calls.mount(mine, root + place, "", calls.BIND)
    except OSError:
        return False
    return True


def _mounts(base: str) -> tuple[str, ...]:
    """Where file systems with files are mounted, outermost first."""
    found = set()
    with open("/proc/self/mounts", "rb") as file:
        for line in file:
            words = line.split()
            path = os.fsdecode(words[1].decode("unicode_escape").encode("latin-1"))
            kept = words[2].decode() not in _NO_FILES and not any(_below(path, own) for own in _OWN)
            if kept and path not in _OWN and path != base and not _below(path, base):
                found.add(path)
    return tuple(sorted(found))


def _below(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder.rstrip("/") + "/")


def _flags(path: str) -> int:
    """The flags of a mount that an ordinary user cannot take off it: they must be said again."""
    there = os.statvfs(path).f_flag
    return sum(
        flag
        for known, flag in (
            (os.ST_NOSUID, calls.NOSUID),
            (os.ST_NODEV, calls.NODEV),
            (os.ST_NOEXEC, calls.NOEXEC),
            (os.ST_NOATIME, 1024),
            (os.ST_NODIRATIME, 2048),
            (os.ST_RELATIME, 1 << 21),
        )
        if there & known
    )
