"""Proofs about what arrives, whatever was asked: its size, what it gives away, its ids, its form.

Pure, as all proofs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from mcpfuzz.model import Exchange, Frame, Http, Trace, brief
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.leaks import leaks_in, may_leak
from mcpfuzz.oracles.reading import CAP, frames, is_error, method_of, of_mcp, strings, words
from mcpfuzz.oracles.shapes import shape_faults
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.wire import MAX_FRAME_BYTES, is_answer

__all__ = ["ANSWERS", "CLOSE_REASON"]

ANSWER_CAP_BYTES = 4 << 20
"""An answer of more is oversized where its request was small (`AMPLIFICATION`)."""
AMPLIFICATION = 1_000
ANSWER, CLOSE_REASON = "the answer", "the reason of a close frame"
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
    for text, error, where in _told(trace, bench):
        if sent is None:
            sent = "\n".join(_sent_texts(trace))
        if params["rule"] == "secret-leak":
            for secret in bench.secrets:
                if secret in text and secret not in sent:
                    return f"{where} holds a configured secret"
        for leak, found in leaks_in(text, error=error, sent=sent, known=bench.known, roots=bench.roots):
            if leak.rule == params["rule"]:
                told = "" if where == ANSWER else f" in {where}"
                return f"{leak.name}{told}: {found[:160]!r}"
    return None


def _told(trace: Trace, bench: Bench) -> Iterator[tuple[str, bool, str]]:
    """Texts of the server's in which something may be leaked, whether they are errors, and what they are called."""
    for frame in frames(trace):
        if may_leak(frame.raw, bench.secrets):
            text = strings(frame.value) if frame.value is not None else frame.raw[: 1 << 16].decode("utf-8", "replace")
            yield text, is_error(frame), ANSWER
    for reason in (*(exchange.reason for exchange in trace.exchanges), trace.ending.reason):
        if reason:
            yield reason, True, CLOSE_REASON


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
            return f"id {exchange.id!r} came back as {brief(exchange.answer.value.get('id'), 120)}"
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
        for frame in (exchange.answer, *exchange.others) if of_mcp(trace, exchange) else ():
            found = _frame_fault(frame, exchange, trace, bench)
            if found:
                return found
    return None


def _frame_fault(frame: Frame | None, exchange: Exchange, trace: Trace, bench: Bench) -> str | None:
    if frame is None or not isinstance(frame.value, dict):
        return None
    if isinstance(trace.conversation.steps[exchange.step].action, Http) and "jsonrpc" not in frame.value:
        return None  # the web server's own words, beside MCP: a 404, a metadata document, an error of OAuth (RFC 6750)
    bad = [fault for fault in frame.faults if fault in ILL_FORMED]
    if bad:
        return f"{', '.join(bad)} in {words(frame, 120)}"
    asked = method_of(trace, exchange) if frame is exchange.answer else None
    result = frame.value.get("result")
    if asked is not None and "result" in frame.value and "error" not in frame.value:
        faults = shape_faults(asked[0], result, BY_DATE[bench.revision], asked[1])
        if faults:
            return f"{asked[0]}: {'; '.join(faults[:3])}"
    return None


ANSWERS: Mapping[str, Seen] = {
    "oversized-answer": _oversized,
    "leak": _leak,
    "stdout-noise": _stdout_noise,
    "wrong-id": _wrong_id,
    "duplicate-answer": _duplicate,
    "ill-formed": _ill_formed,
}
"""Kind -> how it is seen."""
