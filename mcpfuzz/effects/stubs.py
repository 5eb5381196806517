"""Stand-ins: small programs put before the server's PATH that record their words, then run the real
program, or answer nothing with success. What a server runs, and with which words, is seen in their log.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from mcpfuzz.errors import UsageError

__all__ = ["Stubs", "read_stubs"]

_END = "\x1e"
_BETWEEN = "\x1f"
MAX_LOG = 4 << 20


def read_stubs(words: tuple[str, ...]) -> dict[str, str | None]:
    """`--stub NAME[=PROGRAM][,...]` -> name to program (None: exits 0).

    Raises:
        UsageError: a name is missing or holds a slash; the program is neither a file that may be run nor on PATH.
    """
    made: dict[str, str | None] = {}
    for item in (part for word in words for part in word.split(",")):
        name, found, program = item.partition("=")
        if not name or "/" in name or (found and not program):
            raise UsageError(f"--stub {item}: must be NAME or NAME=PROGRAM, NAME without a slash")
        made[name] = _found(item, program) if program else None
    return made


def _found(item: str, program: str) -> str:
    """Where a program is, absolute: the server's folder is another than the caller's."""
    found = shutil.which(program) or shutil.which(f"./{program}")
    if found is None:
        raise UsageError(f"--stub {item}: {program} is neither a file that may be run (chmod +x) nor on PATH")
    return str(Path(found).absolute())


class Stubs:
    """The stand-ins of one run.

    Args:
        folder: where they lie; goes to the front of PATH. Must exist.
        programs: name -> program that is run in its place; None: it exits 0.
    """

    def __init__(self, folder: Path, programs: Mapping[str, str | None]) -> None:
        self.folder = folder
        self._log = folder / ".log"
        self._read = 0
        self._log.touch()
        for name, program in programs.items():
            then = f'exec {shlex.quote(program)} "$@"' if program else "exit 0"
            path = folder / name
            record = f"printf '%s' {shlex.quote(name)}; for word; do printf '\\037%s' \"$word\"; done; printf '\\036'"
            path.write_text(f"#!/bin/sh\n{{ {record}; }} >> {shlex.quote(str(self._log))}\n{then}\n", encoding="utf-8")
            path.chmod(0o755)

    def take(self) -> list[tuple[str, ...]]:
        """The commands since the last look: name and words of each."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            text = log.read(MAX_LOG)
        end = text.rfind(_END.encode())
        if end < 0:
            return []
        self._read += end + 1
        lines = text[:end].decode("utf-8", "replace").split(_END)
        return [tuple(line.split(_BETWEEN)) for line in lines]
