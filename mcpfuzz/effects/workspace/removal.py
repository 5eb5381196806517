"""Removing what a server left behind, whatever its modes, its depth, its links. No link is ever followed."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = ["remove_tree"]


def remove_tree(path: Path) -> tuple[str, ...]:
    """Remove a folder and all in it: modes, depth and links of what a server left there do not matter.

    Returns:
        What is left and why, at most 20 lines; never raises OSError.
    """
    left: list[str] = []
    for _ in range(3):  # something may still write into it while the last process goes
        left = []
        with _noting(left, str(path)):
            if not path.is_symlink():
                os.chmod(path, 0o700)
            top = os.open(path, _FOLDER)
            try:
                _empty(top, left)
            finally:
                os.close(top)
            path.rmdir()
        if not os.path.lexists(path):
            return ()
    return tuple(left[:20])


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def _empty(top: int, left: list[str]) -> None:
    """Remove all that is in the open folder `top`. Every folder met moves up into it under a fresh name, so that
    neither the longest path nor the stack sets a limit; links are never followed."""
    token = secrets.token_hex(8)
    count, done = _clear(top, top, token, 0, left), 0
    while done < count:
        name = f"{token}-{done}"
        done += 1
        with _noting(left, name):
            folder = os.open(name, _FOLDER, dir_fd=top)
            try:
                count = _clear(folder, top, token, count, left)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)


def _clear(folder: int, top: int, token: str, count: int, left: list[str]) -> int:
    """Unlink the files in `folder`, move its folders into `top` as `token`-`count` and so on; the next number."""
    for name in os.listdir(folder):
        with _noting(left, name):
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                os.chmod(name, 0o700, dir_fd=folder)  # moving a folder needs leave to write in it
                os.rename(name, f"{token}-{count}", src_dir_fd=folder, dst_dir_fd=top)
                count += 1
            else:
                os.unlink(name, dir_fd=folder)
    return count


@contextlib.contextmanager
def _noting(left: list[str], name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        left.append(f"{name}: {error.strerror}")
