"""Proofs about malformed messages and notifications: what the ORACLE table says of a trace, and whether a call that
nobody may answer was obeyed.

Pure, as all proofs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpfuzz.model import Json, Send, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.outcomes import Outcome, Outcomes, outcome_of
from mcpfuzz.oracles.reading import frames, lost, words
from mcpfuzz.oracles.socket_proofs import socket_outcome
from mcpfuzz.oracles.verdicts import Verdict, judge
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.wire import encode

__all__ = ["MESSAGES", "case_outcome", "http_outcome", "row_verdict"]

SESSION = b"Mcp-Session-Id: "
NO_SESSION = SESSION + b"{session}"
"""A slot that stayed empty: the connection that was opened has no session id."""


def case_outcome(trace: Trace, ids: Json, trap: Json) -> Outcomes:
    """What a malformed message came to: all that arrived for its steps."""
    arrived = [frame for frame in frames(trace) if frame.faults != ("blank",)]
    closed: int | bool = trace.ending.kind in ("exited", "closed")
    if lost(trace):
        closed = trace.ending.code or 1006
    status = next((exchange.status for exchange in trace.exchanges if exchange.status is not None), None)
    known = tuple(ids) if isinstance(ids, list) else ids
    return outcome_of(known, None, arrived, closed=closed, trap=trap, status=status)


def http_outcome(trace: Trace, ids: Json, trap: Json, *, last: bool = False) -> Outcomes:
    """The same over HTTP, where each message has a status of its own.

    Args:
        last: only of the last message: the others lead up to it.
    """
    wanted = tuple(ids) if isinstance(ids, list) else ids
    told: list[Outcome] = []
    said = [exchange for exchange in trace.exchanges if exchange.sent]
    for exchange in said[-1:] if last else said:
        arrived = [frame for frame in (exchange.answer, *exchange.others) if frame and frame.faults != ("blank",)]
        one = outcome_of(wanted, None, arrived, status=exchange.status, closed=exchange.lost, trap=trap)
        told += one if isinstance(one, tuple) else (one,)
    if len(told) == 1:
        return told[0]
    return tuple(told) or case_outcome(trace, ids, trap)


def row_verdict(params: Mapping[str, Any], trace: Trace, bench: Bench) -> Verdict:
    """The table's verdict on a trace; params: row, ids, trap."""
    ids, trap, row, transport = params.get("ids"), params.get("trap"), params["row"], bench.transport
    if transport == "sse" and all(exchange.status is None or exchange.status < 300 for exchange in trace.exchanges):
        transport = "stdio"  # the POST only says "received": what came of it came on the stream
    if transport in ("http", "sse") or row[0] == "H":
        outcome = http_outcome(trace, ids, trap, last=row[0] == "H")
    elif row[0] == "W":
        outcome = socket_outcome(trace, ids, trap)
    else:
        outcome = case_outcome(trace, ids, trap)
    if row == "H8c" and not _ended(trace):
        return Verdict("OK", f"{row}: the session was not ended", row)
    if row in ("H8a", "H8b") and not _in_session(trace):
        return Verdict("OK", f"{row}: it issues no session ids", row)
    if row == "M2" and transport == "http" and _other_era(trace, bench):
        return Verdict("OK", f"{row}: it serves the older era beside this one", row)
    return judge(row, outcome, bench.revision, transport, strict=bench.strict, logging=bench.logging or None)


def _in_session(trace: Trace) -> bool:
    """Whether a request before the last one was made in a session that the server gave: a server without sessions
    may serve whoever shows none, or any."""
    led = [exchange.sent for exchange in trace.exchanges[:-1]]
    return any(SESSION in sent and NO_SESSION not in sent for sent in led)


def _ended(trace: Trace) -> bool:
    """Whether the request before the last one, a DELETE, was taken at its word."""
    told = [exchange.status for exchange in trace.exchanges if exchange.sent.startswith(b"DELETE ")]
    return bool(told) and told[-1] is not None and 200 <= told[-1] < 300


def _other_era(trace: Trace, bench: Bench) -> bool:
    """A modern server that answers `initialize` as a legacy one: it speaks both, which is its right."""
    results = [frame.value.get("result") for frame in frames(trace) if isinstance(frame.value, dict)]
    agreed = [result.get("protocolVersion") for result in results if isinstance(result, dict)]
    modern = BY_DATE[bench.revision].era == "modern"
    return modern and any(isinstance(d, str) and d in BY_DATE and BY_DATE[d].era == "legacy" for d in agreed)


def _said(ids: Json, trace: Trace) -> bool:
    """Whether the message that is judged was sent at all, under the ids that the verdict compares with:
    a shorter conversation without it, or with another id in it, shows nothing about it."""
    sent = b"".join(exchange.sent for exchange in trace.exchanges).replace(b"\n", b"")  # F10 splits lines anywhere
    carried = [exchange.id for exchange in trace.exchanges]
    wanted = ids if isinstance(ids, list | tuple) else () if ids is None else (ids,)
    if not wanted:
        return any(exchange.sent for exchange in trace.exchanges)
    return all(item in carried or encode(item) in sent for item in wanted)


def _verdict(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    if not (trace.ending.kind == "alive" or lost(trace)) or not _said(params.get("ids"), trace):
        return None
    if params.get("steps") not in (None, len(trace.conversation)):
        return None
    verdict = row_verdict(params, trace, bench)
    return verdict.because if verdict.level == "FAIL" else None


def _effect(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The same readings before and after a notification that names a tool: did one of them change?"""
    steps = trace.conversation.steps
    middle = [i for i, step in enumerate(steps) if isinstance(step.action, Send) and _is_silent_call(step.action)]
    if len(middle) != 1 or trace.ending.kind != "alive" or len(steps) != 2 * middle[0] + 1:
        return None
    answers = {exchange.step: exchange.answer for exchange in trace.exchanges}
    for index in range(middle[0]):
        before, after = answers.get(index), answers.get(middle[0] + 1 + index)
        if before is not None and after is not None and before.value.get("result") != after.value.get("result"):
            return f"after it {words(after, 120)}; before it {words(before, 120)}"
    return None


def _is_silent_call(action: Send) -> bool:
    message = action.message
    return isinstance(message, dict) and "id" not in message and message.get("method") == "tools/call"


MESSAGES: Mapping[str, Seen] = {"verdict": _verdict, "effect": _effect}
"""Kind -> how it is seen."""
