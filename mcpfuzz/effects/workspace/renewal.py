"""The copies of a run, made anew for every server that is started: what the last one left in its workspace would be a
cause that no conversation tells, and that no replay has.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from mcpfuzz.effects.workspace.copying import copy_workspace
from mcpfuzz.effects.workspace.removal import remove_tree
from mcpfuzz.errors import UsageError

__all__ = ["Copies"]

QUICK_S = 0.3
"""A folder that takes longer to copy is kept as the last server left it: starts are what a run has fewest of."""


Marks = frozenset[tuple[str, int, int, int]]


@dataclass(slots=True)
class _Copy:
    source: Path
    place: Path
    took_s: float
    marks: Marks | None = None
    """As it was when a server was about to start; None: not known."""


class Copies:
    """The workspaces' copies of one run."""

    def __init__(self) -> None:
        self._made: list[_Copy] = []

    def make(self, source: Path, place: Path) -> tuple[str, ...]:
        """Copy a folder to a place that is not there yet; what the user should know of it.

        Raises:
            UsageError: it cannot be copied.
        """
        began = time.monotonic()
        report = copy_workspace(source, place)
        self._made.append(_Copy(source, place, time.monotonic() - began))
        return tuple(report.notes)

    def settle(self) -> None:
        """All that was laid into the copies is laid: what differs from now on is a server's doing."""
        for copy in self._made:
            if copy.took_s <= QUICK_S:
                copy.marks = _marks(copy.place)

    def renew(self) -> None:
        """Put every copy back as it was, where something was done to it and that is quick. No server may be running;
        never raises for a folder that has gone or grown since."""
        for copy in self._made:
            if copy.took_s <= QUICK_S and (copy.marks is None or copy.marks != _marks(copy.place)):
                _put_back(copy)


def _marks(place: Path) -> Marks:
    """Changes when anything in the folder does: names, inodes, sizes, and when each was changed (which no server can
    set back)."""
    found = []
    for folder, folders, files in os.walk(place):
        for name in (*folders, *files, "."):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                status = os.lstat(path)
                found.append((path, status.st_ino, status.st_size, status.st_ctime_ns))
    return frozenset(found)


def _put_back(copy: _Copy) -> None:
    aside = copy.place.with_name(f".left-{secrets.token_hex(8)}")
    with contextlib.suppress(OSError):  # the server removed it
        os.rename(copy.place, aside)
    try:
        copy_workspace(copy.source, copy.place)
    except UsageError:
        remove_tree(copy.place)
        with contextlib.suppress(OSError):
            os.rename(aside, copy.place)
    remove_tree(aside)
