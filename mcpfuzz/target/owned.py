"""The journal of the processes that a run owns, so that a run which was killed outright leaves none for good: what a
server had daemonised by then is ended by the next run with the same state folder.

    processes/TOKEN    the boot and the moment when the run began (`host.moment`); locked as long as that lives

TOKEN is the run's mark, which every process of it carries in its environment: 64 random bits. Ended is only what
carries the mark of a run that is gone, and began after that run did. In a sandbox nothing outlives the run, and none is
written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from pathlib import Path

from mcpfuzz import host

__all__ = ["Owned"]

FOLDER = "processes"
_TOKEN = re.compile(r"[0-9a-f]{16}")


class Owned:
    """One run's entry; entries of runs that are gone are worked off when it is made.

    Args:
        state: the state folder.
        token: the run's mark.

    Attributes:
        ended: processes of earlier runs that were ended.
    """

    def __init__(self, state: Path, token: str) -> None:
        folder = state / FOLDER
        self._path = folder / token
        self._lock = -1
        self.ended = 0
        with contextlib.suppress(OSError):  # a folder that cannot be written to is no reason to stop
            folder.mkdir(mode=0o700, exist_ok=True)
            self.ended = sum(map(_end, sorted(folder.iterdir())))
            young = folder / f"new-{token}"  # only what is locked already ever bears the name that others look for
            self._lock = os.open(young, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(self._lock, "{} {:.2f}".format(*host.moment()).encode("ascii"))
            young.rename(self._path)

    def close(self) -> None:
        """The run has ended its processes itself."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1


def _end(path: Path) -> int:
    """End what is left of an entry's run, should that be gone; how many there were."""
    if _TOKEN.fullmatch(path.name) is None:
        return 0
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return 0
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        boot, began = os.read(lock, 200).decode("ascii").rsplit(" ", 1)
        ended = host.sweep(path.name, since=float(began)) if boot == host.moment()[0] else 0
    except (OSError, ValueError):  # its run lives, or somebody else wrote that
        return 0
    else:
        path.unlink(missing_ok=True)
        return ended
    finally:
        os.close(lock)
