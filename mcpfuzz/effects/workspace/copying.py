"""A folder copied with nothing in the copy that leads out of it: measured first, then made.

Links are written anew, relative to where they stand; links that lead out, sockets and devices are left out; hard
links become files of their own. Files that git reads are `gitfiles`' business.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mcpfuzz.effects.workspace.gitfiles import GitFiles
from mcpfuzz.effects.workspace.notes import Notes
from mcpfuzz.effects.workspace.places import Places
from mcpfuzz.effects.workspace.state import STATE_NAME, is_state
from mcpfuzz.effects.workspace.texts import MAX_TEXT_BYTES, decode, encode
from mcpfuzz.errors import UsageError

__all__ = ["MAX_BYTES", "MAX_FILES", "CopyReport", "copy_workspace"]

MAX_BYTES = 512 << 20
"""What one copy may hold; a source tree with its dependencies fits, a home folder does not."""
MAX_FILES = 200_000
"""The same in files (and in folders); a large node_modules has about 100,000."""
_MEASURE_ENTRIES = 1_000_000
"""A folder above the cap is measured on, so that the error tells its size, but no further than this."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied, and what was cut."""

    files: int
    """Regular files and links in the copy."""
    bytes: int
    """Their contents, in bytes."""
    notes: tuple[str, ...] = ()
    """One sentence per kind of change, with the first few names."""


def copy_workspace(
    source: Path, destination: Path, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES
) -> CopyReport:
    """Copy `source` to `destination`, with nothing in the copy that leads out of it.

    Args:
        source: a folder; may be a link to one. It is only read.
        destination: made here, with its parents; may exist when empty, may lie inside `source` (and is then left out).
        max_bytes: most bytes of contents, each hard link counted.
        max_files: most files and links, and most folders.

    Raises:
        UsageError: `source` is no folder, is above a cap, or the copy cannot be written.
    """
    if not source.is_dir():
        raise UsageError(f"--workspace {source} is not a folder")
    copier = _Copier(Places(source, destination), max_bytes, max_files)
    copier.measure()
    try:
        return copier.copy()
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise UsageError(
            f"--workspace {source} cannot be copied to {destination}: {error.strerror or error}{where}; "
            "--state names another place for the copy"
        ) from error


class _Copier:
    """One copy. Paths inside are relative to the source."""

    def __init__(self, places: Places, max_bytes: int, max_files: int) -> None:
        self.places = places
        self.max_bytes, self.max_files = max_bytes, max_files
        self.files = self.bytes = 0
        self.notes = Notes()
        self.git = GitFiles(places, self.notes)

    # ---- what there is ----

    def walk(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Every entry that is to be copied, folders before what is in them."""
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self.places.here(folder)) as entries:
                    for entry in entries:
                        name = os.path.join(folder, entry.name)
                        is_folder = entry.is_dir(follow_symlinks=False)
                        if is_folder and self._left_out(name):
                            continue
                        yield name, entry
                        if is_folder:
                            pending.append(name)
            except OSError:
                self.notes.add("folders that could not be read are empty in the copy", folder or ".")

    def _left_out(self, folder: str) -> bool:
        path = self.places.here(folder)
        if path == self.places.destination or os.path.basename(folder) == STATE_NAME or is_state(path):
            return True
        return self.git.is_worktree_elsewhere(folder)

    def measure(self) -> None:
        """Raises UsageError where the folder is above a cap, with its size as far as it was measured."""
        folders = 0
        limit = max(_MEASURE_ENTRIES, 2 * self.max_files + 1)
        for _, entry in self.walk():
            if entry.is_dir(follow_symlinks=False):
                folders += 1
            else:
                self.files += 1
                if entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(OSError):
                        self.bytes += entry.stat(follow_symlinks=False).st_size
            if self.files + folders >= limit:
                break
        self._check(folders, more=self.files + folders >= limit)
        self.files = self.bytes = 0
        self.notes.clear()

    def _check(self, folders: int = 0, *, more: bool = False) -> None:
        if self.bytes <= self.max_bytes and max(self.files, folders) <= self.max_files:
            return
        count = f"{folders:,} folders" if folders > max(self.files, self.max_files) else f"{self.files:,} files"
        size = f"{'at least ' if more else ''}{_size(self.bytes)}"
        raise UsageError(
            f"--workspace {self.places.given} is too big to be copied: {size} in {count}, and the cap "
            f"is {_size(self.max_bytes)} in {self.max_files:,} files; give --workspace a smaller folder"
        )

    # ---- the copy ----

    def copy(self) -> CopyReport:
        os.makedirs(self.places.destination, mode=0o700, exist_ok=True)
        for name, entry in self.walk():
            if entry.is_symlink():
                self._link(name)
            elif entry.is_dir(follow_symlinks=False):
                mode = entry.stat(follow_symlinks=False).st_mode
                os.mkdir(self.places.there(name))
                os.chmod(self.places.there(name), (mode & 0o777) | 0o700)
            elif entry.is_file(follow_symlinks=False):
                self._file(name, entry.path)
            else:
                self.notes.add("sockets, devices and pipes were left out", name)
        return CopyReport(self.files, self.bytes, self.notes.lines())

    def _link(self, name: str) -> None:
        path = self.places.here(name)
        target = self.places.inside(path)
        try:
            os.path.realpath(path, strict=True)
        except OSError as error:
            if error.errno == errno.ELOOP:
                target = None
        if target is None:
            self.notes.add("links that lead out of the folder, or in circles, were cut", name)
            if os.path.isfile(path):
                self._write(name, b"")
            return
        if self.git.owns(name) and os.path.isfile(path):
            self._file(name, self.places.here(target))
            return
        self.files += 1
        self._check()
        os.symlink(os.path.relpath("/" + target, "/" + os.path.dirname(name)), self.places.there(name))

    def _file(self, name: str, path: str) -> None:
        try:
            reader = open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")  # noqa: SIM115
        except OSError:
            self.notes.add("files that could not be read were left out", name)
            return
        with reader:
            status = os.fstat(reader.fileno())
            if not stat.S_ISREG(status.st_mode):
                self.notes.add("sockets, devices and pipes were left out", name)
                return
            if status.st_nlink > 1:
                self.notes.add("hard links became separate copies", name)
            if self.git.owns(name):
                text = self.git.vetted(name, decode(reader.read(MAX_TEXT_BYTES + 1)))
                if text is not None:
                    self._write(name, encode(text), status)
            else:
                self._write(name, reader, status)

    def _write(self, name: str, content: bytes | BinaryIO, status: os.stat_result | None = None) -> None:
        """A new file; never a link to, nor a clone in name of, what it was read from."""
        self.files += 1
        with open(self.places.there(name), "xb") as writer:
            reader = io.BytesIO(content) if isinstance(content, bytes) else content
            while block := reader.read(1 << 20):
                self.bytes += len(block)
                self._check()
                writer.write(block)
            if status is not None:
                os.fchmod(writer.fileno(), (status.st_mode & 0o777) | 0o600)
        if status is not None:
            os.utime(self.places.there(name), ns=(status.st_atime_ns, status.st_mtime_ns))


def _size(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB" if count >= 1 << 20 else f"{count:,} bytes"
