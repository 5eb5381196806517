"""What to call under load: the tools that answer well, with the arguments that made them do so, fastest first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mcpfuzz.answers import result_of
from mcpfuzz.blocking import Client, Outcome
from mcpfuzz.caution import looks_destructive
from mcpfuzz.errors import TargetError
from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments import CannotGenerate, compile, valid
from mcpfuzz.strategies.choices import RandomChoices

__all__ = ["LoadCall", "Survey", "take_survey"]

MAX_TOOLS = 25
TRIES = 6
MAX_PAGES = 10


@dataclass(frozen=True, slots=True)
class LoadCall:
    """One request that the server answers well."""

    row: str
    """Its name in tables: method and subject."""
    method: str
    params: Mapping[str, Json]
    took_ms: float = 0.0


@dataclass(slots=True)
class Survey:
    """What was found. `calls` are sorted by how long they take; never empty once taken."""

    calls: list[LoadCall] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Tool -> why it is not called."""
    revision: str = ""
    offered: tuple[str, ...] = ()
    server: dict[str, Json] = field(default_factory=dict)
    has_sessions: bool = False
    tools: list[str] = field(default_factory=list)

    @property
    def cheap(self) -> LoadCall:
        return self.calls[0]

    @property
    def expensive(self) -> LoadCall:
        return self.calls[-1]

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Survey:
        calls = [LoadCall(**call) for call in plain["calls"]]
        return cls(**{**plain, "calls": calls, "offered": tuple(plain["offered"])})


def take_survey(
    client: Client,
    *,
    examples: Sequence[Mapping[str, Json]] = (),
    destructive: bool = False,
    seed: int = 0,
    seconds: float = 20.0,
) -> Survey:
    """List the tools and find a good call of each.

    Args:
        client: open.
        examples: known-good calls of the user's; tried first.
        destructive: tools that may destroy or send something are called too.
        seconds: after which no further tool is tried, once there is one.

    Raises:
        TargetError: not even a listing or a ping is answered well.
    """
    assert client.session is not None
    made = Survey(
        revision=client.session.revision.date,
        offered=client.session.offered,
        server=dict(client.session.server),
        has_sessions=client.session_id is not None,
    )
    listing = LoadCall("tools/list", "tools/list", {})
    timed: list[LoadCall] = []
    end = time.monotonic() + seconds
    for tool in _tools(client):
        made.tools.append(tool["name"])
        if len(timed) >= MAX_TOOLS:
            made.skipped[tool["name"]] = f"the first {MAX_TOOLS} tools are called"
        elif timed and time.monotonic() > end:
            made.skipped[tool["name"]] = "no time left to find a call of it"
        elif looks_destructive(tool) and not destructive:
            made.skipped[tool["name"]] = "may destroy or send something: give --allow-destructive"
        else:
            found = _good_call(client, tool, examples, seed)
            if found is None:
                made.skipped[tool["name"]] = "no call of it was accepted: give one with --example"
            else:
                timed.append(found)
    if not timed:
        timed = [
            call for call in (listing, _barrier(client)) if client.call(call.method, dict(call.params)).kind == "ok"
        ]
    if not timed:
        raise TargetError("nothing to put load on: no tool, no listing and no ping is answered well")
    made.calls = sorted(timed, key=lambda call: call.took_ms)
    return made


def _barrier(client: Client) -> LoadCall:
    assert client.session is not None
    method = client.session.revision.barrier
    return LoadCall(method, method, {})


def _tools(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Json] = {}
    for _ in range(MAX_PAGES):
        outcome = client.call("tools/list", params)
        result = result_of(outcome.value) if outcome.kind == "ok" else None
        if result is None or not isinstance(result.get("tools"), list):
            return found
        found += [tool for tool in result["tools"] if isinstance(tool, dict) and isinstance(tool.get("name"), str)]
        cursor = result.get("nextCursor")
        if not isinstance(cursor, str) or params.get("cursor") == cursor:
            return found
        params = {"cursor": cursor}
    return found


def _good_call(
    client: Client, tool: Mapping[str, Any], examples: Sequence[Mapping[str, Json]], seed: int
) -> LoadCall | None:
    name = tool["name"]
    for arguments in _candidates(tool, examples, seed):
        params = {"name": name, "arguments": arguments}
        outcome = _patiently(client, params)
        if outcome.kind == "ok":
            again = client.call("tools/call", params)  # the first may have paid for warming up
            took = min(outcome.took_s, again.took_s) if again.kind == "ok" else outcome.took_s
            return LoadCall(f"tools/call {name}"[:120], "tools/call", params, round(took * 1000, 3))
        if outcome.kind in ("broken", "late"):
            return None
    return None


def _patiently(client: Client, params: Mapping[str, Json]) -> Outcome:
    """A call; one that is refused for too much is tried again a few times."""
    outcome = client.call("tools/call", params)
    for _ in range(3):
        if outcome.kind != "limited":
            break
        time.sleep(min(outcome.retry_after_s or 0.5, 2.0))
        outcome = client.call("tools/call", params)
    return outcome


def _candidates(tool: Mapping[str, Any], examples: Sequence[Mapping[str, Json]], seed: int) -> Iterator[Json]:
    for example in examples:
        if example.get("tool") == tool["name"]:
            yield example.get("arguments", {})
    schema = tool.get("inputSchema")
    try:
        plan = compile(schema if isinstance(schema, dict) else {"type": "object"}, slots=False)
        for index in range(TRIES):
            yield valid(RandomChoices(seed, "load", tool["name"], index), plan)
    except CannotGenerate:
        return
