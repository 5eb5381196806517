"""Compiles the benchmarks' C responders: `python benchmarks/compiling.py [http_responder]` prints a path.

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

FLAGS = ("-O2", "-D_GNU_SOURCE")
LIBRARY = ("-shared", "-fPIC")


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


def responder(name: str = "responder") -> Path:
    """A compiled responder, made now if it is not there yet: `responder` answers on pipes, `http_responder` on a port,
    `preload` is no responder but a library that counts what another server reads.
    Exits with one line where no compiler is."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit("no C compiler: install cc, or name one in CC")
    source = Path(__file__).with_name(f"{name}.c")
    flags = (*FLAGS, *LIBRARY) if name == "preload" else FLAGS
    made_from = source.read_bytes() + source.with_name("count.h").read_bytes() + " ".join((compiler, *flags)).encode()
    program = cache() / f"{name}-{hashlib.sha256(made_from).hexdigest()[:16]}"
    if not program.exists():
        young = program.with_suffix(f".{os.getpid()}")
        subprocess.run(
            [compiler, *flags, "-o", str(young), str(source), *(["-ldl"] if name == "preload" else [])], check=True
        )
        young.replace(program)
    return program


if __name__ == "__main__":
    print(responder(*sys.argv[1:2]))
