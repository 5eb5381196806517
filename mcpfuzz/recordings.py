"""Recorded sessions (`mcpfuzz record`), read: which calls were answered normally, as examples, and as a test.

A recording is JSON Lines. A line with `"mcpfuzz": "record/1"` begins a session and holds its `command`; every other
line is one message as it went by: `t` seconds since the session began, `from` client or server, and `message`, or
`bytes` where it was no JSON. One file may hold several sessions: clients start their servers again.
"""

from __future__ import annotations

import json
import pprint
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcpfuzz.answers import normal
from mcpfuzz.model import Json
from mcpfuzz.slots import quoted

__all__ = ["HEAD", "REDACTED", "Recorded", "calls", "examples", "is_recording", "as_test"]

HEAD = "record/1"
REDACTED = "<redacted>"
"""As `reports.redact` writes it: what holds it is no call that works."""
_METHODS = {"tools/call": ("tool", "name"), "prompts/get": ("prompt", "name"), "resources/read": ("resource", "uri")}
"""Method -> kind of operation, and the parameter that names it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call of a session, and what came of it."""

    kind: str
    name: str
    params: Mapping[str, Json]
    method: str
    good: bool
    """Whether it was answered normally."""


def is_recording(first: Json) -> bool:
    """Whether a file whose first line is this is a recording."""
    return isinstance(first, dict) and first.get("mcpfuzz") == HEAD


def calls(lines: Sequence[str]) -> Iterator[Recorded]:
    """The answered calls of all sessions, in the order of their answers. What is no line of a recording (the last
    one of a session that was killed) is left out."""
    waiting: dict[str, tuple[str, Mapping[str, Json]]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if is_recording(entry):
            waiting = {}
        if not isinstance(entry, dict):
            continue
        message = entry.get("message")
        for one in message if isinstance(message, list) else [message]:
            if not isinstance(one, dict) or "id" not in one:
                continue
            key = json.dumps(one["id"])  # 1 and "1" are two ids
            if entry.get("from") == "client" and one.get("method") in _METHODS:
                params = one.get("params")
                waiting[key] = (one["method"], params if isinstance(params, dict) else {})
            elif entry.get("from") == "server" and "method" not in one and key in waiting:
                yield from _recorded(*waiting.pop(key), normal(one))


def _recorded(method: str, params: Mapping[str, Json], good: bool) -> Iterator[Recorded]:
    kind, key = _METHODS[method]
    name = params.get(key)
    if isinstance(name, str) and REDACTED not in json.dumps(params):
        kept = {member: value for member, value in params.items() if member != "_meta"}
        yield Recorded(kind, name, kept, method, good)


def examples(lines: Sequence[str]) -> list[dict[str, Json]]:
    """Each good call once, as `--example` has them; text that looks like a slot is quoted."""
    made: list[dict[str, Json]] = []
    for call in calls(lines):
        arguments = call.params.get("arguments", {})
        entry = {call.kind: call.name, "arguments": quoted(arguments if isinstance(arguments, dict) else {})}
        if call.good and entry not in made:
            made.append(entry)
    return made


# ---- as a test ------------------------------------------------------------------------------------

_TEST = '''"""Recorded with `mcpfuzz record`: what a real client asked, asked again."""

from __future__ import annotations

import pytest

from mcpfuzz import Target

COMMAND = {command}

# method, parameters, whether it was answered normally
CALLS = {calls}


@pytest.fixture(scope="session")
def mcp_target():
    return Target(command=COMMAND)


@pytest.mark.parametrize(("method", "params", "good"), CALLS)
def test_recorded(mcp, method, params, good):
    assert mcp.request(method, params).ok is good
'''


def as_test(lines: Sequence[str]) -> str:
    """A pytest file that says the recorded calls again, in their order, to a server started by the same command."""
    rows: list[tuple[str, dict[str, Json], bool]] = []
    for call in calls(lines):
        row = (call.method, dict(call.params), call.good)
        if row not in rows:
            rows.append(row)
    heads: list[Any] = []
    for line in lines:
        try:
            heads.append(json.loads(line))
        except (ValueError, RecursionError):
            continue
    command = next((tuple(head["command"]) for head in heads if is_recording(head)), ())
    shown = [pprint.pformat(one, width=100, sort_dicts=False) for one in (command, rows)]
    return _TEST.format(command=shown[0], calls=shown[1])
