"""`mcpfuzz run` with a record of which lines each case said: TOLD=FILE python benchmarks/told.py run ...

The run is the same, case for case; only the record costs time, so rates are measured without it. A record of the
file: one letter, digest of the line as it was sent, digest of it normalised, digest of it without padding.

    C  the first line of a case     v  the vitals (known-good calls that poisoning is noticed by)
    c  its further lines            r  said again, or for a proof: examined alone, shrunk, controls, confirmations
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from lines import digest, normalised, unpadded
from mcpfuzz.campaign import engine, screening, vitals
from mcpfuzz.cli.entry import main
from mcpfuzz.runner import conversing

mode: ContextVar[str] = ContextVar("mode", default="r")
begun: list[bool] = []
"""Not empty: the next line of a case is its first."""


def recording(real: Callable[..., Any], file: Any, *, volley: bool = False) -> Callable[..., Any]:
    """`outgoing`, which every step goes through before it is sent; in a volley each is a case."""

    def outgoing(client: Any, step: Any, filler: Any, owed: bool | None = None) -> Any:
        made = real(client, step, filler, owed)
        canaries = list(filler.canaries.values())
        for number, line in enumerate(made[0].data.removesuffix(b"\n").split(b"\n")):
            letter = ("c" if number else "C") if volley else mode.get()
            if not volley and letter == "c" and begun:
                begun.clear()
                letter = "C"
            plain = normalised(line, canaries)
            file.write(letter.encode() + digest(line) + digest(plain) + digest(unpadded(plain)))
        return made

    return outgoing


def under(name: str, real: Callable[..., Awaitable[Any]], *, unless: str = "") -> Callable[..., Awaitable[Any]]:
    """The same coroutine, in a mode; not where it was called in the mode `unless`."""

    async def wrapped(*words: Any, **options: Any) -> Any:
        token = mode.set(name if mode.get() != unless else "r")
        if mode.get() == "c":
            begun.append(True)
        try:
            return await real(*words, **options)
        finally:
            mode.reset(token)

    return wrapped


def record(path: str) -> None:
    """From now on all is noted."""
    file = open(path, "wb")  # noqa: SIM115  lives as long as the process
    patched: Any = screening
    patched.outgoing = recording(screening.outgoing, file, volley=True)
    patched = conversing
    patched.outgoing = recording(conversing.outgoing, file)
    patched = engine.Engine
    patched._volley = under("x", engine.Engine._volley)
    patched._alone = under("c", engine.Engine._alone, unless="x")
    patched = engine.Recall
    patched.say = under("x", engine.Recall.say)
    patched = engine.Docket
    patched.suspect = under("r", engine.Docket.suspect)
    patched = vitals
    patched.outgoing = recording(vitals.outgoing, file)
    patched = vitals.Vitals
    patched.ok = under("v", vitals.Vitals.ok)
    patched.choose = under("v", vitals.Vitals.choose)


if __name__ == "__main__":
    record(os.environ["TOLD"])
    main()
