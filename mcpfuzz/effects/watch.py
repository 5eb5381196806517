"""Watched folders: what appears in them that we did not put there. Polled, since a case has an end at
which to look, and a look costs a fraction of a millisecond.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

__all__ = ["Watch"]

MAX_ENTRIES = 5_000
"""A server may be made to unpack an archive next door."""


class Watch:
    """Looks at folders and below.

    Args:
        folders: what is watched.
        without: folders in them that are not entered (the workspace's copy).
        own: whether a path was laid out by us.
    """

    def __init__(self, folders: Iterable[Path], without: Iterable[Path], own: Callable[[Path], bool]) -> None:
        self._folders = tuple(folders)
        self._without = frozenset(map(str, without))
        self._own = own
        self._known: set[str] = set()
        self.settle()

    def settle(self) -> None:
        """Take what is there now as known."""
        self._known = set(self._entries())

    def news(self) -> list[Path]:
        """Files and folders that are new since the last look, ours left out; outermost first."""
        found = []
        for name in self._entries():
            if name not in self._known:
                self._known.add(name)
                path = Path(name)
                if not self._own(path):
                    found.append(path)
        return found

    def _entries(self) -> Iterator[str]:
        todo = [str(folder) for folder in self._folders]
        count = 0
        while todo and count < MAX_ENTRIES:
            try:
                with os.scandir(todo.pop()) as entries:
                    for entry in entries:
                        count += 1
                        yield entry.path
                        if entry.is_dir(follow_symlinks=False) and entry.path not in self._without:
                            todo.append(entry.path)
            except OSError:
                continue
