"""Pools of arguments by Schemathesis, in a process of its own that reaches nobody (`aside`).

    stdin    {"seed", "seconds", "operations": [{"name", "schema", "draws"}]}
    stdout   a line for each operation, in that order: {"name", "values": [[words, arguments], ...]}, or
             {"name", "values": [], "trouble": words}

Run as `python -m mcpfuzz.strategies.pool_worker`. It is polite: whatever else runs on its core goes first.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments import CannotGenerate
from mcpfuzz.strategies.aside import begin
from mcpfuzz.strategies.schema_adapter import Mode, pool

__all__ = ["main"]

SHARES: tuple[tuple[Mode, int], ...] = (("boundary", 2), ("invalid", 1), ("valid", 1))
"""Quarters of an operation's draws."""
NICE = 5
MAX_BYTES = 12_000
"""JSON text of one value: what is larger takes longer to send than it is worth."""


UTF8 = "codec-v2-utf-8"
"""The name of a table in Hypothesis's own cache: its format, too. One that looks for another makes its own."""


def spare_table() -> None:
    """Which characters UTF-8 has, written where Hypothesis looks for it before it makes it: all but the surrogates, two
    ranges. It would try each code point and hold 200 MB before it saw that, for a second or two."""
    from hypothesis.internal import charmap

    file = charmap.charmap_file(UTF8)
    ranges = [[0, 0xD7FF], [0xE000, sys.maxunicode]]
    with contextlib.suppress(OSError):
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            half = file.with_name(f"{file.name}.{os.getpid()}")
            half.write_bytes(gzip.compress(json.dumps([ranges, []]).encode()))
            half.replace(file)


def drawn(schema: Json, draws: int, seed: int, seconds: float) -> list[tuple[str, Json]]:
    """One operation's pool, all modes in turns, each simplest first: what is wrong or right with a value, and it.

    Raises:
        CannotGenerate: no mode gives a value; says why.
    """
    end = time.monotonic() + seconds
    rows: list[list[tuple[str, Json]]] = []
    trouble: CannotGenerate | None = None
    for mode, quarters in SHARES:
        count = max(1, draws * quarters // 4)
        try:
            labels = pool(schema, mode, count, seed, budget_s=max(0.0, end - time.monotonic()))
        except CannotGenerate as error:
            trouble = error
            continue
        row = [(label.why, label.value) for label in labels if len(json.dumps(label.value)) <= MAX_BYTES]
        rows += [row[part::quarters] for part in range(quarters)]
    made = list(_in_turns(rows))
    if trouble is not None and not made:
        raise trouble
    return made


def _in_turns(rows: list[list[tuple[str, Json]]]) -> Iterator[tuple[str, Json]]:
    for turn in itertools.zip_longest(*rows):
        yield from (one for one in turn if one is not None)


def main() -> None:
    """Take the order, make the pools, say each as soon as it is there."""
    os.nice(NICE)
    line = begin()
    order = line.take()
    line.end_with_parent()
    spare_table()
    end = time.monotonic() + float(order["seconds"])
    for operation in order["operations"]:
        told: dict[str, Any] = {"name": operation["name"], "values": []}
        try:
            told["values"] = drawn(
                operation["schema"], int(operation["draws"]), int(order["seed"]), end - time.monotonic()
            )
        except CannotGenerate as error:
            told["trouble"] = error.reason[:200]
        line.tell(told)


if __name__ == "__main__":
    main()
