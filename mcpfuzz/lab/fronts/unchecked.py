"""A reader of WebSocket frames as people write it in an hour: it takes them apart, and looks at nothing else.

Only where `frames-unchecked` is on; else `websockets` reads, which is strict.
"""

from __future__ import annotations

from collections.abc import Generator

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.server import ServerProtocol
from websockets.utils import apply_mask

__all__ = ["read_loosely"]

_CONTROL = frozenset({Opcode.CLOSE, Opcode.PING, Opcode.PONG})


def read_loosely(protocol: ServerProtocol) -> None:
    """frames-unchecked: from now on frames are read by hand; a mask is taken off where there is one, reserved bits and
    opcodes are for later versions, and fragments come in order anyway."""
    protocol.parser = _frames(protocol)
    next(protocol.parser)


def _frames(protocol: ServerProtocol) -> Generator[None]:
    try:
        while True:
            control = yield from _frame(protocol)
            if control is not None:
                protocol.recv_frame(control)
    except EOFError as error:
        protocol.fail(CloseCode.ABNORMAL_CLOSURE)
        protocol.parser_exc = error
    except (ProtocolError, UnicodeDecodeError) as error:  # a close frame's payload
        protocol.fail(CloseCode.PROTOCOL_ERROR)
        protocol.parser_exc = error
    yield


def _frame(protocol: ServerProtocol) -> Generator[None, None, Frame | None]:
    """One frame: a control frame is returned, any other becomes an event at once."""
    read = protocol.reader.read_exact
    first, second = yield from read(2)
    length = second & 0x7F
    if length > 125:
        length = int.from_bytes((yield from read(2 if length == 126 else 8)), "big")
    key = (yield from read(4)) if second & 0x80 else b""
    data = bytes((yield from read(length)))
    if key:
        data = apply_mask(data, key)
    opcode = first & 0x0F
    if opcode in _CONTROL:
        return Frame(Opcode(opcode), data)
    kind = Opcode(opcode) if opcode in (Opcode.CONT, Opcode.BINARY) else Opcode.TEXT
    protocol.events.append(Frame(kind, data, bool(first & 0x80)))
    return None
