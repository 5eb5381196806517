"""Compiles the benchmarks' C responder: `python benchmarks/build.py` prints its path.

The program goes to a cache outside the repository ($XDG_CACHE_HOME/mcpfuzz-benchmarks, or the system's temporary
folder), named by what it was made from, so that an old one is never taken for a new one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("responder.c")
FLAGS = ("-O2", "-D_GNU_SOURCE")


def cache() -> Path:
    """A folder of this user's own."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (
        Path(base, "mcpfuzz-benchmarks") if base else Path(tempfile.gettempdir(), f"mcpfuzz-benchmarks-{os.getuid()}")
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        sys.exit(f"{folder} belongs to somebody else: set XDG_CACHE_HOME")
    return folder


def responder() -> Path:
    """The compiled responder, made now if it is not there yet. Exits with one line where no compiler is."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit("no C compiler: install cc, or name one in CC")
    made_from = SOURCE.read_bytes() + " ".join((compiler, *FLAGS)).encode()
    program = cache() / f"responder-{hashlib.sha256(made_from).hexdigest()[:16]}"
    if not program.exists():
        young = program.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, *FLAGS, "-o", str(young), str(SOURCE)], check=True)
        young.replace(program)
    return program


if __name__ == "__main__":
    print(responder())
