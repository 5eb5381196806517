"""The stdio front: lines in on one descriptor, lines out through `sys.stdout`. Knows framing and nothing of MCP."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mcpfuzz.lab.codec import MAX_LINE, Json, dumps

if TYPE_CHECKING:
    from mcpfuzz.lab.core import Server

__all__ = ["OVERSIZE", "lines", "serve"]

LINGER_S: Final = 1.0
"""Seconds given to slow calls after the last line; the specification asks for a prompt exit at EOF."""

OVERSIZE: Final = None
"""Stands for a line longer than `codec.MAX_LINE`, which is not kept."""

_CHUNK = 1 << 16


def lines(descriptor: int, *, wait_at_end: bool = False) -> Iterator[bytes | None]:
    """Lines without their line feed, OVERSIZE for one that is too long, and what is left at the end of input.

    Args:
        descriptor: read with plain `os.read`, so that a line is seen as soon as it is there.
        wait_at_end: go on waiting for more at the end of input, as `tail -f` does.
    """
    pending = bytearray()
    searched = 0
    dropping = False
    while True:
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            if not wait_at_end:
                break
            time.sleep(0.05)
            continue
        pending += chunk
        while (end := pending.find(b"\n", searched)) >= 0:
            line = bytes(pending[:end])
            del pending[: end + 1]
            searched = 0
            yield OVERSIZE if dropping or len(line) > MAX_LINE else line
            dropping = False
        searched = len(pending)
        if searched > MAX_LINE:
            pending.clear()
            searched, dropping = 0, True
    if dropping:
        yield OVERSIZE
    elif pending:
        yield bytes(pending)


def serve(server: Server) -> int:
    """Answer stdin on stdout until it ends; the exit code."""
    from mcpfuzz.lab.core import Connection

    lab = server.lab
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    lock = threading.Lock()

    def write(message: Json) -> None:
        text = dumps(message, constants=lab.on("nan-out")) + "\n"
        with lock:
            sys.stdout.write(text)
            sys.stdout.flush()

    connection = Connection(emit=write, told=write)
    try:
        # no-shutdown: the reader takes the end of input for a pause
        for line in lines(sys.stdin.fileno(), wait_at_end=lab.on("no-shutdown")):
            answers = [server.refuse_size(connection)] if line is OVERSIZE else server.handle(line, connection)
            for answer in answers:
                write(answer)
        server.calls.workers.drain(LINGER_S)
    except (BrokenPipeError, KeyboardInterrupt) as error:
        # nobody reads any more: what is still buffered must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 130 if isinstance(error, KeyboardInterrupt) else 0
    return 0
