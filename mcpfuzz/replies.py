"""Which frame answers which message, where HTTP gives each message an exchange of its own: what came in its body is
its own, whatever the ids say.
"""

from __future__ import annotations

from mcpfuzz.model import Exchange, Frame, replace
from mcpfuzz.transports.channel import Reply
from mcpfuzz.wire import decode, encode, id_key

__all__ = ["answer_of", "take_answer", "take_own", "with_reply"]


def with_reply(exchange: Exchange, reply: Reply) -> Exchange:
    """The exchange with what HTTP itself said to its message."""
    return replace(exchange, status=reply.status, headers=reply.headers, lost=reply.done and reply.status is None)


def take_own(extra: list[Frame], reply: Reply) -> list[Frame]:
    """Of what nobody waited for, the frames that this message's own body brought; they are taken out of `extra`."""
    own: list[Frame] = []
    for piece in _pieces(reply) if extra else ():
        found = next((position for position, frame in enumerate(extra) if frame.raw == piece), None)
        if found is not None:
            own.append(extra.pop(found))
    return own


def take_answer(extra: list[Frame], key: object) -> Frame | None:
    """The answer to an id that was not owed one but got one."""
    for position, frame in enumerate(extra):
        value = frame.value
        if isinstance(value, dict) and "method" not in value and id_key(value.get("id")) == key:
            return extra.pop(position)
    return None


def answer_of(frame: Frame | None, own: list[Frame], key: object, reply: Reply | None) -> Frame | None:
    """The answer to one message: the one that its id drew, unless that came in another message's body."""
    if frame is not None and (reply is None or frame.raw in _pieces(reply)):
        return frame
    return take_answer(own, key) if key is not None else None


def _pieces(reply: Reply) -> list[bytes]:
    """Its messages, and those of a batch one by one, as they are filed."""
    pieces: list[bytes] = []
    for raw in reply.messages:
        pieces.append(raw)
        if raw.lstrip()[:1] == b"[" and isinstance(values := decode(raw).value, list):
            pieces += [encode(value) for value in values]
    return pieces
