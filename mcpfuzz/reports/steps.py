"""Steps of a conversation as a report writes them, and back: a replay works from the report alone.

Each step has `as`, `on`, `group`, `receive`, `times` where it is done more than once, and one of

    send      a JSON message; `"call": true` beside it means that the session chooses id and envelope;
              `"encoded": true` means that it is given as JSON text, for what other readers of JSON
              would change or refuse (half a surrogate pair, NaN, deep nesting)
    bytes     {"utf8": ...}, which may hold slots, or {"base64": ...}
    http      {"method", "path", "headers": [[name, value], ...], "body": null or as `bytes`}
    ws        {"opcode", "fin", "payload": as `bytes`}
    open      {"handshake": true or false}
    close     true
    wait_s    seconds

A report is untrusted input: whatever is not of this form is a UsageError that names the step.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcpfuzz.errors import UsageError
from mcpfuzz.model import (
    Action,
    Call,
    Close,
    Conversation,
    Http,
    Json,
    Open,
    Raw,
    Send,
    Step,
    Wait,
    Ws,
)
from mcpfuzz.reports.safe import bytes_json, is_plain, scrub
from mcpfuzz.slots import quote

__all__ = ["ACTIONS", "MAX_TIMES", "conversation_of", "steps_json"]

MAX_TIMES = 1_000_000
"""How often a report may ask for one step."""

_LONE = re.compile("[\ud800-\udfff]")


# ---- writing --------------------------------------------------------------------------------------


def steps_json(conversation: Conversation, receive: Sequence[Json] = ()) -> list[dict[str, Json]]:
    """The conversation as the report's `reproducer.steps`; `receive` may be shorter than it."""
    came = [*receive[: len(conversation)], *[None] * (len(conversation) - len(receive))]
    return [_step_json(step, number, came[number - 1]) for number, step in enumerate(conversation.steps, start=1)]


def _step_json(step: Step, number: int, receive: Json) -> dict[str, Json]:
    who = {"as": step.as_, "on": step.on, "group": step.group}
    often = {} if step.times == 1 else {"times": step.times}
    return {**who, **often, **_action_json(step.action, number), "receive": receive}


def _action_json(action: Action, number: int) -> dict[str, Json]:
    match action:
        case Call(method, params):
            message = {"jsonrpc": "2.0", "id": number, "method": method}
            return {**_message(message if params is None else {**message, "params": params}), "call": True}
        case Send(message):
            return _message(message)
        case Raw(data):
            return {"bytes": _data(data)}
        case Http(method, path, headers, body):
            pairs = [[scrub(name), scrub(value)] for name, value in headers]
            shown = None if body is None else _data(body)
            return {"http": {"method": scrub(method), "path": scrub(path), "headers": pairs, "body": shown}}
        case Ws(opcode, payload, fin, masked, length):
            wrong = {**({} if masked else {"masked": False}), **({} if length is None else {"length": length})}
            return {"ws": {"opcode": opcode, "fin": fin, "payload": _data(payload), **wrong}}
        case Open(handshake, headers, revision):
            given: dict[str, Json] = (
                {"headers": [[scrub(name), scrub(value)] for name, value in headers]} if headers else {}
            )
            if revision is not None:
                given["revision"] = scrub(revision)
            return {"open": {"handshake": handshake, **given}}
        case Close():
            return {"close": True}
        case Wait(seconds):
            return {"wait_s": seconds}


def _message(message: Json) -> dict[str, Json]:
    if is_plain(message):
        return {"send": message}
    try:
        return {"send": json.dumps(message, ensure_ascii=True, separators=(",", ":")), "encoded": True}
    except (ValueError, RecursionError):
        return {"send": message, "cut": True}  # `harmless` bounds it; a replay refuses the step


def _data(data: bytes | str) -> dict[str, str]:
    """Text may hold slots, so bytes that are text are quoted: they fill to themselves."""
    if isinstance(data, bytes):
        return {coding: quote(text) if coding == "utf8" else text for coding, text in bytes_json(data).items()}
    if _LONE.search(data):
        return {"base64": base64.b64encode(data.encode("utf-8", "surrogatepass")).decode("ascii")}
    return {"utf8": data}


# ---- reading --------------------------------------------------------------------------------------


def conversation_of(steps: Sequence[Mapping[str, Json]]) -> Conversation:
    """The conversation that a report's `reproducer.steps` tells.

    Raises:
        UsageError: a step is not of the form above.
    """
    if not isinstance(steps, Sequence) or isinstance(steps, str) or not steps:
        raise UsageError("the report has a finding without steps: there is nothing to send")
    made = []
    for number, step in enumerate(steps, start=1):
        try:
            made.append(_step_of(step))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"step {number} of the report cannot be sent: {_why(error)}") from None
    return Conversation(tuple(made))


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its message is nested too deep"
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


def _step_of(step: Any) -> Step:
    if not isinstance(step, Mapping):
        raise TypeError("a step is an object")
    present = [name for name in ACTIONS if name in step]
    if len(present) != 1:
        raise ValueError(f"it holds {' and '.join(present) or 'none'} of {', '.join(ACTIONS)}; one is needed")
    as_, group = step.get("as"), step.get("group")
    return Step(
        action=ACTIONS[present[0]](step),
        as_=None if as_ is None else _text(as_, "as"),
        on=_text(step.get("on", "c1"), "on"),
        group=None if group is None else _text(group, "group"),
        times=_times(step.get("times", 1)),
    )


def _times(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_TIMES:
        raise ValueError(f"times is not a number from 1 to {MAX_TIMES:,}")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is not a string")
    return value


def _bytes_of(value: Any, what: str) -> bytes | str:
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping) or len({"utf8", "base64"} & set(value)) != 1:
        raise TypeError(f'{what} is not {{"utf8": ...}} or {{"base64": ...}}')
    if "utf8" in value:
        return _text(value["utf8"], what)
    try:
        return base64.b64decode(_text(value["base64"], what), validate=True)
    except binascii.Error:
        raise ValueError(f"{what} is not valid base64") from None


def _send_of(step: Mapping[str, Any]) -> Action:
    if step.get("cut"):
        raise ValueError("its message was too deep or too large for a report and was cut")
    message = json.loads(_text(step["send"], "send")) if step.get("encoded") else step["send"]
    if not step.get("call"):
        return Send(message)
    if not isinstance(message, Mapping):
        raise TypeError("a call is a JSON object")
    return Call(_text(message["method"], "method"), message.get("params"))


def _http_of(step: Mapping[str, Any]) -> Action:
    http = step["http"]
    if not isinstance(http, Mapping):
        raise TypeError("http is not an object")
    pairs = http.get("headers") or ()
    headers = tuple(
        (_text(name, "header"), _text(value, "header"))
        for name, value in (pairs.items() if isinstance(pairs, Mapping) else pairs)
    )
    body = None if http.get("body") is None else _bytes_of(http["body"], "body")
    return Http(_text(http["method"], "method"), _text(http["path"], "path"), headers, body)


def _ws_of(step: Mapping[str, Any]) -> Action:
    ws = step["ws"]
    if not isinstance(ws["opcode"], int):
        raise TypeError("opcode is not a number")
    length = ws.get("length")
    if length is not None and not (isinstance(length, int) and 0 <= length < 1 << 64):
        raise TypeError("length is not a number of bytes")
    payload = _bytes_of(ws["payload"], "payload")
    return Ws(ws["opcode"], payload, bool(ws.get("fin", True)), bool(ws.get("masked", True)), length)


def _open_of(step: Mapping[str, Any]) -> Action:
    given = step["open"] if isinstance(step["open"], Mapping) else {}
    headers = tuple((_text(name, "header"), _text(value, "header")) for name, value in given.get("headers") or ())
    revision = given.get("revision")
    wanted = _text(revision, "revision") if revision is not None else None
    return Open(bool(given.get("handshake", True)), headers, wanted)


def _wait_of(step: Mapping[str, Any]) -> Action:
    seconds = step["wait_s"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 86400:
        raise ValueError("wait_s is not a number of seconds within a day")
    return Wait(seconds)


ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], Action]] = {
    "send": _send_of,
    "bytes": lambda step: Raw(_bytes_of(step["bytes"], "bytes")),
    "http": _http_of,
    "ws": _ws_of,
    "open": _open_of,
    "close": lambda step: Close(),
    "wait_s": _wait_of,
}
"""The member that says what a step does -> what reads it."""
