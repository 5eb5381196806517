"""`--policy FILE`: who may use what, written down. JSON, in the form of the report's `roles`, so that a policy is
reviewed and compared like any other file:

    {"schema": "mcpfuzz-policy/1", "operations": [{"kind": "tool", "name": "add", "callers": {"alice": "served"}}]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json

__all__ = ["SCHEMA", "read_policy", "write_policy"]

SCHEMA = "mcpfuzz-policy/1"
_CELLS = ("served", "refused", "untried")


def read_policy(path: str) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Operation key -> caller -> served or refused; what is `untried` or left out is not judged.

    Raises:
        UsageError: the file is missing, or is no policy; which entry is told.
    """
    try:
        document: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"--policy {path}: {why}; --update-policy writes it") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--policy {path}: not JSON: {error}") from None
    entries = document.get("operations") if isinstance(document, dict) else None
    if not isinstance(entries, list) or document.get("schema") != SCHEMA:
        raise UsageError(f'--policy {path}: needs "schema": "{SCHEMA}" and "operations"')
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for number, entry in enumerate(entries, 1):
        callers = entry.get("callers") if isinstance(entry, dict) else None
        if not isinstance(callers, dict) or not all(isinstance(entry.get(name), str) for name in ("kind", "name")):
            raise UsageError(f"--policy {path}, operation {number}: needs kind, name and callers")
        wrong = [caller for caller, cell in callers.items() if cell not in _CELLS]
        if wrong:
            raise UsageError(f"--policy {path}, operation {number}: {wrong[0]!r} must be one of {', '.join(_CELLS)}")
        found[entry["kind"], entry["name"]] = callers
    return found


def write_policy(path: str, roles: Json) -> None:
    """Write what a run saw (the report's `roles`) as the policy.

    Raises:
        UsageError: there is nothing to write, or the file cannot be written.
    """
    if not roles:
        raise UsageError(
            f"--update-policy {path}: nobody's calls were seen: give two callers with --identity NAME=SPEC"
        )
    text = json.dumps({"schema": SCHEMA, "operations": roles}, indent=1) + "\n"
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--policy {path}: {error.strerror}") from None
