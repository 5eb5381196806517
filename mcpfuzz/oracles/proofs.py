"""The proofs: for each kind of effect, how it is seen in a trace. Pure functions of (params, trace,
bench): the same function judges the first sighting, the confirmation on a fresh server, every step of
shrinking, the benign control, and a replay from the report.

Each returns what was observed, in words, or None where the effect is absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jsonschema
import orjson

from mcpfuzz.errors import Fault
from mcpfuzz.model import Exchange, Frame, Json, Proof, Send, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.leaks import leaks_in, may_leak
from mcpfuzz.oracles.outcomes import Outcome, Outcomes, outcome_of
from mcpfuzz.oracles.ownership import OWNERSHIP
from mcpfuzz.oracles.reading import accepted, answered_result, frames, is_error, method_of, strings, words
from mcpfuzz.oracles.session_proofs import SESSIONS
from mcpfuzz.oracles.shapes import shape_faults
from mcpfuzz.oracles.sightings import SIGHTINGS
from mcpfuzz.oracles.stateful import STATEFUL
from mcpfuzz.oracles.surfaces import SURFACES
from mcpfuzz.oracles.table import Verdict, judge
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.slots import quote
from mcpfuzz.wire import MAX_FRAME_BYTES, encode, is_answer

__all__ = ["PROOFS", "case_outcome", "lost", "observe", "row_verdict"]

ANSWER_CAP_BYTES = 4 << 20
"""An answer of more is oversized where its request was small (`AMPLIFICATION`)."""
AMPLIFICATION = 1_000
CAP = "MAX_FRAME_BYTES"
"""In an ending's detail: we stopped reading, the server did not fail."""
ABNORMAL = frozenset({1006, 1011})
"""Close codes of a server whose code failed (MCP U2); the others are its protocol's way to say no."""
GROWTH_PER_CALL = 12 << 10
"""Bytes a call may leave behind; allocators round, caches warm up, so two windows must both show more."""
GROWTH_TOTAL = 24 << 20
"""More than a garbage collector lets lie between two of its rounds."""
HUGE = 10**400
"""Stands in for an integer of more digits than the reader converts."""
CLOSED = ("additionalProperties", "unevaluatedProperties")
"""Keywords that close a schema against unknown members."""
NOISE = frozenset({"not-json", "not-object", "not-utf8", "bom", "too-deep"})
ILL_FORMED = frozenset(
    {
        "nan",
        "duplicate-key",
        "lone-surrogate",
        "not-utf8",
        "no-jsonrpc",
        "result-and-error",
        "no-result-no-error",
        "error-shape",
    }
)

Seen = Callable[[Mapping[str, Any], Trace, Bench], str | None]


def observe(proof: Proof, trace: Trace, bench: Bench) -> str | None:
    """What of `proof` shows in `trace`, in words; None: nothing.

    Raises:
        Fault: no such proof.
    """
    seen = PROOFS.get(proof.kind)
    if seen is None:
        raise Fault(f"{proof.kind!r} is no proof that this version knows")
    try:
        return seen(proof.params, trace, bench)
    except KeyError as missing:  # a report's proof may lack what it needs: it shows nothing then
        if missing.args[0] in proof.params:
            raise
        return None


# ---- the process ----------------------------------------------------------------------------------


def _process_exit(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    if trace.ending.kind == "exited":
        return f"the process ended: {trace.ending.detail}"
    if trace.ending.serves:
        return None
    if trace.ending.kind == "closed" and "stdin" not in trace.ending.detail and CAP not in trace.ending.detail:
        return "the server closed its output and answers no more"
    return None


def _server_hang(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    return f"nothing answered any more: {trace.ending.detail}" if trace.ending.kind == "silent" else None


def lost(trace: Trace) -> bool:
    """Whether a WebSocket ended by the server's doing, while the server serves others."""
    return trace.ending.kind == "closed" and trace.ending.serves and trace.ending.code is not None


def _server_error(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    for exchange in trace.exchanges:
        if exchange.status is not None and exchange.status >= 500:
            return f"step {exchange.step + 1} is answered with HTTP {exchange.status}"
    return None


def _no_answer(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    if lost(trace) and trace.ending.code in ABNORMAL:
        last = trace.exchanges[-1] if trace.exchanges else None
        if last is not None and last.due and last.answer is None and last.sent:
            return f"the connection was ended instead: {trace.ending.detail}"
    if trace.ending.kind != "alive":
        return None
    for exchange in trace.exchanges:
        refused = exchange.status is not None and exchange.status >= 400  # an answer, though not of JSON-RPC
        if exchange.due and exchange.answer is None and exchange.sent and not refused:
            return f"step {exchange.step + 1} was not answered; a later {BY_DATE[bench.revision].barrier} was"
    return None


def _poisoned(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The last step is the known-good call that the params name, and it fails."""
    last = trace.exchanges[-1] if trace.exchanges else None
    if trace.ending.kind in ("exited", "closed") or last is None or last.step != len(trace.conversation) - 1:
        return None
    if method_of(trace, last) != (params["method"], params["params"]) or accepted(last):
        return None
    return f"the known-good call fails: {words(last.answer)}"


def _memory_growth(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Steps done many times over: the first warms up, the windows behind it must all grow."""
    steps = trace.conversation.steps
    marks = [(exchange.rss, steps[exchange.step].times) for exchange in trace.exchanges if exchange.rss]
    if len(marks) < 3:
        return None
    grown = [(after - before, times) for (before, _), (after, times) in zip(marks, marks[1:], strict=False)]
    total = sum(size for size, _ in grown)
    if total < GROWTH_TOTAL or any(size < GROWTH_PER_CALL * times for size, times in grown):
        return None
    rates = [size / times for size, times in grown]
    if rates[-1] < rates[0] / 2:
        return None  # it settles
    calls = sum(times for _, times in grown)
    return f"{total >> 20} MiB more after {calls} calls, {total // calls >> 10} KiB each"


def _no_shutdown(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    return trace.ending.detail if trace.ending.detail.startswith("still running") else None


# ---- answers --------------------------------------------------------------------------------------


def _oversized(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    for exchange in trace.exchanges:
        size = len(exchange.answer.raw) if exchange.answer else 0
        if size > ANSWER_CAP_BYTES and size > AMPLIFICATION * len(exchange.sent):
            return f"{size:,} bytes in answer to {len(exchange.sent):,}"
    asked = max((len(exchange.sent) for exchange in trace.exchanges), default=0)
    if CAP in trace.ending.detail and asked * AMPLIFICATION < MAX_FRAME_BYTES:
        return f"{trace.ending.detail}, in answer to {asked:,} bytes"
    return None


def _leak(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    sent: str | None = None
    for frame in frames(trace):
        if not may_leak(frame.raw, bench.secrets):
            continue
        text = strings(frame.value) if frame.value is not None else frame.raw[: 1 << 16].decode("utf-8", "replace")
        if sent is None:
            sent = "\n".join(_sent_texts(trace))
        if params["rule"] == "secret-leak":
            for secret in bench.secrets:
                if secret in text and secret not in sent:
                    return "the answer holds a configured secret"
        for leak, found in leaks_in(text, error=is_error(frame), sent=sent, known=bench.known, roots=bench.roots):
            if leak.rule == params["rule"]:
                return f"{leak.name}: {found[:160]!r}"
    return None


def _sent_texts(trace: Trace) -> list[str]:
    """What was sent as it stands and as a reader decodes it: an echo may come back in either form."""
    texts = []
    for exchange in trace.exchanges:
        raw = exchange.sent[: 1 << 20]
        texts.append(raw.decode("utf-8", "replace"))
        for line in raw.split(b"\n"):
            try:
                texts.append(strings(orjson.loads(line)))
            except ValueError:
                continue
    return texts


def _stdout_noise(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    for frame in frames(trace):
        if NOISE & set(frame.faults) and not is_answer(frame.value):
            return f"a line that is no message: {words(frame, 120)!r}"
    return None


def _wrong_id(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    for exchange in trace.exchanges:
        if exchange.answer is not None and "wrong-id" in exchange.answer.faults:
            return f"id {exchange.id!r} came back as {exchange.answer.value.get('id')!r}"
    return None


def _duplicate(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    for exchange in trace.exchanges:
        if exchange.answer is None or exchange.id is None:
            continue
        for frame in (frame for other in trace.exchanges for frame in other.others):
            value = frame.value
            if is_answer(value) and type(value.get("id")) is type(exchange.id) and value.get("id") == exchange.id:
                return f"a second answer with id {exchange.id!r}: {words(frame, 120)}"
    return None


def _ill_formed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Answers that break JSON, JSON-RPC or the method's own result schema."""
    for exchange in trace.exchanges:
        for frame in (exchange.answer, *exchange.others):
            found = _frame_fault(frame, exchange, trace, bench)
            if found:
                return found
    return None


def _frame_fault(frame: Frame | None, exchange: Exchange, trace: Trace, bench: Bench) -> str | None:
    if frame is None or not isinstance(frame.value, dict):
        return None
    bad = [fault for fault in frame.faults if fault in ILL_FORMED]
    if bad:
        return f"{', '.join(bad)} in {words(frame, 120)}"
    asked = method_of(trace, exchange) if frame is exchange.answer else None
    result = frame.value.get("result")
    if asked is not None and "result" in frame.value and "error" not in frame.value:
        faults = shape_faults(asked[0], result, BY_DATE[bench.revision])
        if faults:
            return f"{asked[0]}: {'; '.join(faults[:3])}"
    return None


def _output_schema(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    for exchange in trace.exchanges:
        asked = method_of(trace, exchange)
        result = answered_result(exchange)
        if asked is None or asked[0] != "tools/call" or result is None or result.get("isError") is True:
            continue
        if not isinstance(asked[1], dict) or asked[1].get("name") != quote(params["tool"]):
            continue
        if "structuredContent" not in result:
            return "an outputSchema is declared, but there is no structuredContent" if accepted(exchange) else None
        content = result["structuredContent"]
        if exchange.answer is not None and "huge-int" in exchange.answer.faults:
            content = _as_integers(content)
        why = schema_fault(params["schema"], content)
        if why:
            return why
    return None


def _as_integers(value: Json) -> Json:
    """The value with huge integers where the reader put infinity for them: still integers, still huge."""
    if isinstance(value, dict):
        return {key: _as_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_integers(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return HUGE if value > 0 else -HUGE
    return value


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> jsonschema.Draft202012Validator | None:
    try:
        loaded = json.loads(schema)
        jsonschema.Draft202012Validator.check_schema(loaded)
        return jsonschema.Draft202012Validator(loaded)
    except (jsonschema.SchemaError, RecursionError, ValueError, re.error):
        return None


def schema_fault(schema: Mapping[str, Json], value: Json, *, extra: bool | None = None) -> str | None:
    """Where `value` breaks a schema, in words; None where it does not, or where the schema is no schema.

    Args:
        extra: True looks for members that nothing allows and for nothing else, False for all but those.
    """
    try:
        validator = _validator(encode(schema))
    except (RecursionError, TypeError, ValueError):
        return None
    if validator is None:
        return None
    try:
        errors = validator.iter_errors(value)
        error = next((item for item in errors if extra is None or extra is (item.validator in CLOSED)), None)
    except Exception as problem:
        if isinstance(problem, MemoryError):
            raise
        return None
    if error is None:
        return None
    where = "/" + "/".join(str(part) for part in error.absolute_path)
    return f"structuredContent{where if where != '/' else ''} breaks {error.validator}: {error.message[:160]}"


def _accepted(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A call whose arguments break the tool's inputSchema went through as if nothing were wrong."""
    for exchange in trace.exchanges:
        asked = method_of(trace, exchange)
        if asked is None or not accepted(exchange) or not isinstance(asked[1], dict):
            continue
        if asked[1].get("name") != quote(params["tool"]):
            continue
        why = schema_fault(params["schema"], asked[1].get("arguments", {}), extra=bool(params.get("extra")))
        if why:
            flaw = why.replace("structuredContent", "arguments", 1)
            return f"{flaw}; yet a normal answer: {words(exchange.answer, 120)}"
    return None


# ---- the ORACLE table -----------------------------------------------------------------------------


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
    else:
        outcome = case_outcome(trace, ids, trap)
    if row == "M2" and transport == "http" and _other_era(trace, bench):
        return Verdict("OK", f"{row}: it serves the older era beside this one", row)
    return judge(row, outcome, bench.revision, transport, strict=bench.strict, logging=bench.logging or None)


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


PROOFS: Mapping[str, Seen] = {
    "process-exit": _process_exit,
    "server-hang": _server_hang,
    "no-answer": _no_answer,
    "server-error": _server_error,
    "poisoned": _poisoned,
    "memory-growth": _memory_growth,
    "effect": _effect,
    "no-shutdown": _no_shutdown,
    "oversized-answer": _oversized,
    "leak": _leak,
    "stdout-noise": _stdout_noise,
    "wrong-id": _wrong_id,
    "duplicate-answer": _duplicate,
    "ill-formed": _ill_formed,
    "output-schema": _output_schema,
    "accepted": _accepted,
    "verdict": _verdict,
    **SIGHTINGS,
    **STATEFUL,
    **OWNERSHIP,
    **SESSIONS,
    **SURFACES,
}
