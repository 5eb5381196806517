"""Watched folders: what appears in them that we did not put there. Polled, since a case has an end at
which to look, and a look costs a fraction of a millisecond.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

__all__ = ["Inside", "Watch"]

MAX_ENTRIES = 5_000
"""A server may be made to unpack an archive next door."""


MAX_BYTES = 256 << 10
"""Of a file that was changed."""
YOUNG_NS = 100_000_000
"""A folder that changed so short a time ago may change again without its time of change telling: clocks of file
systems tick, and some only once a second (`_COARSE_NS`)."""
_COARSE_NS = 1_000_000


class Watch:
    """Looks at folders and below.

    Args:
        folders: what is watched.
        without: folders in them that are not entered (the workspace's copy, the decoy that is a repository).
        own: whether a path was laid out by us.
    """

    def __init__(self, folders: Iterable[Path], without: Iterable[Path], own: Callable[[Path], bool]) -> None:
        self._folders = tuple(folders)
        self._without = frozenset(map(str, without))
        self._own = own
        self._known: set[str] = set()
        self._stamps: dict[str, int] = {}
        self.settle()

    def settle(self) -> None:
        """Take what is there now as known."""
        self._known = set(self._entries())

    def _quiet(self) -> bool:
        """Whether no folder changed since all were read: nothing can be new then. A tenth of the cost of reading."""
        try:
            return all(os.stat(folder).st_ctime_ns == stamp for folder, stamp in self._stamps.items())
        except OSError:
            return False

    def news(self) -> list[Path]:
        """Files and folders that are new since the last look, ours left out; outermost first."""
        found: list[Path] = []
        if self._quiet():
            return found
        for name in self._entries():
            if name not in self._known:
                self._known.add(name)
                path = Path(name)
                if not self._own(path):
                    found.append(path)
        return found

    def _entries(self) -> Iterator[str]:
        todo = [str(folder) for folder in self._folders]
        count, now = 0, time.time_ns()
        self._stamps = {}
        while todo and count < MAX_ENTRIES:
            folder = todo.pop()
            self._stamps[folder] = -1  # of one that cannot be read, or changes just now: to be read again
            try:
                changed = os.stat(folder).st_ctime_ns
                with os.scandir(folder) as entries:
                    for entry in entries:
                        count += 1
                        yield entry.path
                        if entry.is_dir(follow_symlinks=False) and entry.path not in self._without:
                            todo.append(entry.path)
            except OSError:
                continue
            if changed % _COARSE_NS and now - changed > YOUNG_NS:
                self._stamps[folder] = changed


class Inside:
    """Looks at the files of one folder: which were made, changed or removed since the last look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = dict(self._files())

    def settle(self) -> None:
        """Take what is there now as known."""
        self._known = dict(self._files())

    def news(self) -> list[tuple[str, Path]]:
        """(`made`, `changed` or `removed`, path relative to the folder), in order of the names."""
        now = dict(self._files())
        found = []
        for path in sorted({*now, *self._known}):
            if now.get(path) != self._known.get(path):
                what = "made" if path not in self._known else "changed" if path in now else "removed"
                found.append((what, Path(path).relative_to(self._folder)))
        self._known = now
        return found

    def text(self, path: Path) -> str:
        """What stands in a file, by its path relative to the folder: the beginning of it, whatever it is."""
        try:
            with (self._folder / path).open("rb") as file:
                return file.read(MAX_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    def _files(self) -> Iterator[tuple[str, tuple[int, int]]]:
        count = 0
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                yield path, (status.st_mtime_ns, status.st_size)
                count += 1
                if count >= MAX_ENTRIES:
                    return
