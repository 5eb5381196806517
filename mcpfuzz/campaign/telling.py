"""What a conversation says, in the few words of a title: once it was shrunk, its case's label is not true."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mcpfuzz.model import Action, Call, Conversation, Http, Json, Raw, Send, Ws

__all__ = ["said"]

MOST = 90
"""Characters of what is quoted."""


def said(conversation: Conversation) -> str:
    """The last thing that is sent, and how much comes before it; slots as they are written."""
    sent = [step for step in conversation.steps if isinstance(step.action, Call | Send | Raw | Http | Ws)]
    if not sent:
        return "opening and closing a connection"
    last = sent[-1]
    words = _words(last.action)
    if last.times > 1:
        words += f", {last.times} times"
    if len(sent) > 1:
        words += f", after {len(sent) - 1} other message{'s' if len(sent) > 2 else ''}"
    return words


def _words(action: Action) -> str:
    match action:
        case Call("tools/call", {"name": str(name), "arguments": arguments}):
            return f"{name} with {_cut(_json(arguments))}"
        case Call(method, params):
            return method + (f" with {_cut(_json(params))}" if params else "")
        case Send({"jsonrpc": "2.0", "method": str(method), **more}) if set(more) <= {"id", "params"}:
            return _cut(method) + (f" with {_cut(_json(more['params']))}" if "params" in more else "")
        case Send(message):
            return f"the message {_cut(_json(message))}"
        case Raw(data) | Ws(payload=data):
            if (called := _called(data)) is not None:
                return called
            return f"the frame {_cut(ascii(data)).removeprefix('b')}"
        case Http(method, path):
            return f"{method} {_cut(path)}"
    return "a message"


def _called(data: str | bytes) -> str | None:
    """Of a frame that is a call of a tool, which one and with what: the rest of it only hides that."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    match message:
        case {"method": "tools/call", "params": {"name": str(name), "arguments": dict(arguments)}}:
            return f"the frame that calls {ascii(name)[1:-1]} with {_cut(json.dumps(arguments))}"
    return None


def _json(value: Json) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    except (ValueError, RecursionError):
        return "..."


def _plain(value: object) -> Json:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= MOST else text[: MOST - 3] + "..."
