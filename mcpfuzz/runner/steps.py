"""What one step puts on the wire: its bytes, the id it carries, and whether an answer is owed."""

from __future__ import annotations

import re

from mcpfuzz.client import Client, Sent
from mcpfuzz.errors import Fault, UsageError
from mcpfuzz.model import Call, Frame, Http, Json, Raw, Send, Step, Ws, replace
from mcpfuzz.rounds import CAPABILITIES, asks, following
from mcpfuzz.slots import Filler, may_have_slots
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.frames import frame_bytes
from mcpfuzz.wire import decode, encode, id_key

__all__ = [
    "call_message", "filled", "next_round", "on_this_origin", "outgoing", "owes_answer", "readable_ids", "said_by",
]  # fmt: skip

LARGE = 1 << 20
"""A longer message may be refused without its id being read: no answer under that id is owed."""
_ID = re.compile(rb'"id"\s*:\s*(?:(-?\d{1,18})\b|"([^"\\]{0,200})")')


def outgoing(client: Client, step: Step, filler: Filler, owed: bool | None = None) -> tuple[Sent, Json, bool]:
    """A step's bytes, the id it carries where one can be read, and whether its answer is owed.

    Raises:
        Fault: the step is not for this transport.
    """
    action = step.action
    if isinstance(action, Call):
        request_id = client.session.next_id()
        data = encode(client.session.message(action.method, action.params, request_id))
        if may_have_slots(data):
            data = encode(client.session.message(action.method, filled(filler, action.params), request_id))
        return Sent(data + b"\n", (("int", request_id),)), request_id, True
    if isinstance(action, Send):
        message = action.message
        data = encode(message) + b"\n"
        if may_have_slots(data):
            message = filled(filler, message)
            data = encode(message) + b"\n"
        carried = message.get("id") if isinstance(message, dict) else None
        key = id_key(carried)
        if key is not None and len(data) <= LARGE and owed is not False and owes_answer(message):
            return Sent(data, (key,)), carried, True
        return Sent(data, hoped=(key,) if key is not None else ()), carried, False
    if isinstance(action, Raw):
        data = filled(filler, action.data).encode("utf-8") if isinstance(action.data, str) else action.data
        return Sent(data, hoped=readable_ids(data)), None, False
    if isinstance(action, Ws) and client.transport == "ws":
        data = said_by(step, filler)
        frame = frame_bytes(action.opcode, data, fin=action.fin, masked=action.masked, length=action.length)
        return Sent(frame, hoped=readable_ids(data), raw=True), None, False
    raise Fault(f"{type(action).__name__} steps need another transport than {client.transport}")


def said_by(step: Step, filler: Filler) -> bytes:
    """The payload of a WebSocket frame; nothing for any other step."""
    payload = step.action.payload if isinstance(step.action, Ws) else b""
    return filled(filler, payload).encode("utf-8", "surrogatepass") if isinstance(payload, str) else payload


def next_round(client: Client, call: Call, sent: Sent, answer: Frame | None) -> tuple[Sent, Json, bool] | None:
    """The same for the next round of a call whose answer asks for input; None where there is none, or where the call
    says itself what its client can be asked: then its rounds are steps."""
    result = asks(answer.value) if answer is not None else None
    given = call.params if isinstance(call.params, dict) else {}
    meta = given.get("_meta")
    if result is None or (isinstance(meta, dict) and CAPABILITIES in meta) or "requestState" in given:
        return None
    params = following(decode(sent.data).value.get("params"), result)
    if params is None:
        return None
    request_id = client.session.next_id()
    message = client.session.message(call.method, params, request_id)
    return Sent(encode(message) + b"\n", (("int", request_id),)), request_id, True


def call_message(client: Client, call: Call, filler: Filler) -> tuple[Json, dict[str, Json]]:
    """The message of a Call under a new id, slots filled."""
    request_id = client.session.next_id()
    params = filled(filler, call.params) if call.params is not None else None
    return request_id, client.session.message(call.method, params, request_id)


def filled(filler: Filler, value: Json) -> Json:
    """With its slots filled; as it stands where one names what this run does not have, since then it is no
    slot of ours but a stranger's text that looks like one."""
    try:
        return filler.fill(value)
    except KeyError:
        return value


def on_this_origin(endpoint: Endpoint, action: Http) -> Http:
    """With the path alone where it is a whole URL of this origin, as metadata gives it; without one where it is of
    another, or where it is a slot that could not be filled: nobody else is ever asked."""
    if action.path.startswith(("{step:", "{browser:")):
        return replace(action, path="")
    if not action.path.lower().startswith(("http://", "https://")):
        return action
    try:
        there = Endpoint.of(action.path)
    except UsageError:
        return replace(action, path="")
    same_host = there.host == endpoint.host or (there.loopback and endpoint.loopback)
    same = (there.scheme, there.port) == (endpoint.scheme, endpoint.port) and same_host
    return replace(action, path=there.target if same else "")


def owes_answer(message: Json) -> bool:
    """Whether a message is a request that JSON-RPC owes an answer whatever is in it."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        return False
    if "result" in message or "error" in message:
        return False
    known = isinstance(message.get("id"), int | str) and not isinstance(message.get("id"), bool)
    return known and isinstance(message.get("params", {}), dict)


def readable_ids(data: bytes) -> tuple[tuple[str, Json], ...]:
    """Ids that a reader may find in raw bytes."""
    found = []
    for match in _ID.finditer(data[:LARGE]):
        number, text = match.groups()
        found.append(("int", int(number)) if number else ("str", text.decode("utf-8", "replace")))
    return tuple(found)
