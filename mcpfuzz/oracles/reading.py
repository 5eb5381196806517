"""Reading a trace: small questions with one answer, shared by judging and by the proofs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcpfuzz.answers import normal, result_of
from mcpfuzz.model import Call, Exchange, Frame, Http, Json, Send, Trace
from mcpfuzz.wire import decode

__all__ = [
    "CAP", "accepted", "answered_result", "bare", "by_step", "frames", "is_error", "lost", "method_of", "of_mcp",
    "params_of", "stands_in", "strings", "text_of", "words",
]  # fmt: skip

CAP = "MAX_FRAME_BYTES"
"""In an ending's detail: we stopped reading, the server did not fail."""
MAX_STRINGS = 2_000


def method_of(trace: Trace, exchange: Exchange) -> tuple[str, Json] | None:
    """Method and params of the step's well-formed request; None where it is none."""
    action = trace.conversation.steps[exchange.step].action
    if isinstance(action, Call):
        return action.method, action.params
    if isinstance(action, Send) and isinstance(action.message, dict):
        method = action.message.get("method")
        return (method, action.message.get("params")) if isinstance(method, str) else None
    return None


def by_step(params: Mapping[str, Any], trace: Trace) -> dict[int, Exchange] | None:
    """Exchanges by step; None unless the whole conversation (`steps` of the params) was said and the server lives."""
    if len(trace.conversation) != params["steps"] or trace.ending.kind != "alive":
        return None
    return {exchange.step: exchange for exchange in trace.exchanges}


def params_of(exchange: Exchange) -> Mapping[str, Json]:
    """The params of a request as it went out, slots filled; empty where it was none."""
    said = decode(exchange.sent).value
    params = said.get("params") if isinstance(said, dict) else None
    return params if isinstance(params, dict) else {}


def answered_result(exchange: Exchange) -> Mapping[str, Json] | None:
    """The result object of the answer, isError or not; None where there is none."""
    return result_of(exchange.answer.value) if exchange.answer is not None else None


def accepted(exchange: Exchange) -> bool:
    """Whether the answer is a normal one: a result, and no tool error."""
    return exchange.answer is not None and normal(exchange.answer.value)


def is_error(frame: Frame) -> bool:
    """Whether a frame is an error response or a tool result with isError."""
    value = frame.value
    if not isinstance(value, dict):
        return False
    result = value.get("result")
    return "error" in value or (isinstance(result, dict) and result.get("isError") is True)


def lost(trace: Trace) -> bool:
    """Whether a WebSocket ended by the server's doing, while the server serves others."""
    return trace.ending.kind == "closed" and trace.ending.serves and trace.ending.code is not None


def of_mcp(trace: Trace, exchange: Exchange) -> bool:
    """Whether what came is meant to be MCP: other pages of a networked server are not, nor what a preflight or a
    method that is not served gets."""
    steps = trace.conversation.steps
    action = steps[exchange.step].action if exchange.step < len(steps) else None
    return not isinstance(action, Http) or (action.method == "POST" and action.path in ("{endpoint}", "{address}"))


def frames(trace: Trace) -> Iterator[Frame]:
    """All messages that arrived, in order."""
    for exchange in trace.exchanges:
        if not of_mcp(trace, exchange):
            continue
        yield from exchange.others
        if exchange.answer is not None:
            yield exchange.answer


def strings(value: Json) -> str:
    """All text inside a value, one piece a line, in order; bounded."""
    found: list[str] = []
    todo = [value]
    while todo and len(found) < MAX_STRINGS:
        item = todo.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            for key, member in reversed(item.items()):
                todo += (member, key)
        elif isinstance(item, list):
            todo += reversed(item)
    return "\n".join(found)


def text_of(exchange: Exchange | None) -> str:
    """All text inside an answer's result; empty where there is none."""
    result = answered_result(exchange) if exchange is not None else None
    return "" if result is None else strings(result)


_NAMED = re.compile(r"(?<![\w-])[\w-]*\d[\w.,:-]*")
"""What holds a digit, from where its word begins: from within a long one it would cost its length squared."""


def bare(text: str) -> str:
    """A text without what may be an id or a number: what it says, not of what."""
    return _NAMED.sub("#", text)


def stands_in(text: str, key: str) -> bool:
    """Whether an id stands in a text, and not only as a part of another."""
    return re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", text) is not None


def words(frame: Frame | None, limit: int = 200) -> str:
    """A frame for people, on one line."""
    if frame is None:
        return "no answer"
    text = frame.raw[: limit * 4].decode("utf-8", "replace").replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"
