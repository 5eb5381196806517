"""Known-good calls that the user gives: a file of them, or a recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json
from mcpfuzz.recordings import examples as recorded
from mcpfuzz.recordings import is_recording

__all__ = ["read_examples"]


def read_examples(path: str) -> tuple[Mapping[str, Json], ...]:
    """Known-good calls, JSON Lines; or a recording of `mcpfuzz record`, of which the calls that were answered
    normally are taken.

    Raises:
        UsageError: the file is missing, or a line is no such call; the line's number is told.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")  # not splitlines(): U+2028 may stand in a string
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"--example {path}: {why}") from None
    made = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = orjson.loads(line)
        except ValueError as error:
            raise UsageError(f"--example {path}, line {number}: not JSON ({error})") from None
        if is_recording(entry):
            return tuple(recorded(lines))
        if not isinstance(entry, dict) or not any(
            isinstance(entry.get(kind), str) for kind in ("tool", "resource", "prompt")
        ):
            raise UsageError(f'--example {path}, line {number}: needs "tool", "resource" or "prompt" with a name')
        if not isinstance(entry.get("arguments", {}), dict):
            raise UsageError(f'--example {path}, line {number}: "arguments" is no object')
        made.append(entry)
    return tuple(made)
