"""Proofs about the process and the connection: it ends, hangs, does not answer, stops serving, grows, will not leave.

Pure, as all proofs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcpfuzz.model import Action, Exchange, Raw, Send, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import CAP, accepted, lost, method_of, of_mcp, words
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.waits import asked_s

__all__ = ["PROCESS", "begins_anew"]

ABNORMAL = frozenset({1006, 1011})
"""Close codes of a server whose code failed (MCP U2); the others are its protocol's way to say no."""
GROWTH_PER_CALL = 12 << 10
"""Bytes a call may leave behind; allocators round, caches warm up, so two windows must both show more."""
GROWTH_TOTAL = 24 << 20
"""More than a garbage collector lets lie between two of its rounds."""
WAIT_SLACK_S = 0.25
"""What waiting for an answer may last longer than the wait that the caller asked for."""


def _process_exit(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    if trace.ending.kind == "exited":
        return f"the process ended: {trace.ending.detail}"
    if trace.ending.serves:
        return None
    if trace.ending.kind == "closed" and "stdin" not in trace.ending.detail and CAP not in trace.ending.detail:
        if bench.transport != "stdio":
            return f"nobody is served any more, a fresh client neither: {trace.ending.detail}"
        return "the server closed its output and answers no more"
    return None


def _server_hang(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    if trace.ending.kind != "silent":
        return None
    if bench.transport != "http" and trace.exchanges and _as_asked(params, trace, trace.exchanges[-1]):
        return None  # one connection's requests may be served one after another; over HTTP each has its own
    return f"nothing answered any more: {trace.ending.detail}"


def _as_asked(params: Mapping[str, Any], trace: Trace, exchange: Exchange) -> bool:
    """Whether a call was told to wait (`waits`, see `mcpfuzz.waits`), and for no less than it was waited for."""
    asked = method_of(trace, exchange)
    waits = {
        name: pair for name, pair in (params.get("waits") or {}).items() if isinstance(pair, list) and len(pair) == 2
    }
    if not waits or exchange.answer is not None or asked is None or not isinstance(asked[1], dict):
        return False
    wanted = asked_s(asked[1].get("arguments"), waits)
    return wanted > 0 and wanted >= exchange.waited_s - WAIT_SLACK_S


def _server_error(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    for exchange in trace.exchanges:
        if exchange.status is None or exchange.status < 500:
            continue
        if of_mcp(trace, exchange) or exchange.status == 500:  # a page may be out of service (501, 503)
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
            if _as_asked(params, trace, exchange):
                continue
            return f"step {exchange.step + 1} was not answered; a later {BY_DATE[bench.revision].barrier} was"
    return None


def _poisoned(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The last step is the known-good call that the params name, and it fails."""
    last = trace.exchanges[-1] if trace.exchanges else None
    if trace.ending.kind in ("exited", "closed") or last is None or last.step != len(trace.conversation) - 1:
        return None
    if method_of(trace, last) != (params["method"], params["params"]) or accepted(last):
        return None
    if begins_anew([step.action for step in trace.conversation.steps]):
        return None
    return f"the known-good call fails: {words(last.answer)}"


def begins_anew(actions: Iterable[Action], anew: bool = False) -> bool:
    """Whether the last `initialize` of a conversation lacks the notification that ends a handshake: a server that
    takes the client at its word waits for it, and refuses calls until then.

    Args:
        anew: the same of what was said before.
    """
    for action in actions:
        if isinstance(action, Raw):
            data = action.data.encode("utf-8", "surrogatepass") if isinstance(action.data, str) else action.data
            anew = anew or b'"initialize"' in data
            continue
        message = action.message if isinstance(action, Send) else None
        for item in message if isinstance(message, list) else [message]:  # a batch may hold one, too
            method = item.get("method") if isinstance(item, dict) else getattr(action, "method", None)
            anew = method == "initialize" or (anew and method != "notifications/initialized")
    return anew


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


PROCESS: Mapping[str, Seen] = {
    "process-exit": _process_exit,
    "server-hang": _server_hang,
    "no-answer": _no_answer,
    "server-error": _server_error,
    "poisoned": _poisoned,
    "memory-growth": _memory_growth,
    "no-shutdown": _no_shutdown,
}
"""Kind -> how it is seen."""
