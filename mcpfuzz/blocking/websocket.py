"""A WebSocket on a blocking socket: one message a text frame, whoever waits reads. The library checks the opening
handshake; frames are taken apart here, because its blocking connection has a thread, a selector and a pair of sockets
for each client, which is what a thousand of them cost (docs/benchmarks.md).

What comes is held against RFC 6455 as far as a client must: no masks, no reserved bits, no unknown opcodes, control
frames whole and small, sizes bounded.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.http11 import Response as Upgraded
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from mcpfuzz.blocking.http1 import NEVER, Connection, Place, Response
from mcpfuzz.blocking.mux import Mux
from mcpfuzz.errors import Gone, HandshakeError, TargetError, TooMuch
from mcpfuzz.revisions import Revision
from mcpfuzz.transports.frames import frame_bytes
from mcpfuzz.wire import MAX_FRAME_BYTES

__all__ = ["WebSocket"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAX_CONTROL = 125


class WebSocket(Mux):
    """One message a text frame, subprotocol `mcp` (custom transport, in no revision).

    Args:
        subprotocols: offered in this order; empty: `mcp`, or none where that is refused.
        first_message: sent before anything else (JSON text).

    Raises:
        HandshakeError: what listens there opens no WebSocket.
        Gone, Late: nobody listens, or does not answer.
    """

    transport = "ws"

    def __init__(
        self,
        place: Place,
        *,
        headers: Mapping[str, str] | None = None,
        wanted: Revision | None = None,
        timeout: float = 10.0,
        source: str | None = None,
        tls: ssl.SSLContext | None = None,
        subprotocols: Sequence[str] = (),
        first_message: str | None = None,
    ) -> None:
        super().__init__(wanted=wanted, timeout=timeout)
        self.place = place
        self._headers = {"User-Agent": "mcpfuzz", **(headers or {})}
        self._options: dict[str, Any] = {"timeout": timeout, "source": source, "tls": tls}
        self._offered = tuple(name for name in subprotocols if name) if subprotocols else ("mcp",)
        self._data = b""
        self._parts: list[bytes] = []
        self._size = 0
        try:
            self._wire = self._opened(self._offered)
        except HandshakeError as refused:
            if subprotocols or "HTTP 400" not in str(refused):
                raise
            self._offered = ()  # some servers refuse a subprotocol that they do not know
            self._wire = self._opened(())
        if first_message is not None:
            self.write(first_message.encode())

    # ---- the opening handshake

    def _opened(self, offered: Sequence[str]) -> Connection:
        protocol, request = self._upgrade(offered)
        wire = Connection(self.place, **self._options)
        try:
            came = wire.exchange(request, on_head=lambda response: response.status == 101)
            protocol.process_response(_upgraded(came))
        except InvalidStatus as error:
            wire.close()
            raise HandshakeError(f"no WebSocket at {self.place.path}: HTTP {error.response.status_code}") from None
        except InvalidHandshake as error:
            wire.close()
            raise HandshakeError(f"no WebSocket at {self.place.path}: {error}") from None
        except BaseException:
            wire.close()
            raise
        self._data = wire.taken()
        return wire

    def _upgrade(self, offered: Sequence[str]) -> tuple[ClientProtocol, bytes]:
        """The library's half of the handshake, and the request that begins it."""
        uri = f"{self.place.scheme}://{self.place.authority}{self.place.path}"
        names = [Subprotocol(name) for name in offered] or None
        protocol = ClientProtocol(parse_uri(uri), subprotocols=names)
        request = protocol.connect()
        for name, value in self._headers.items():
            request.headers.pop(name, None)
            request.headers[name] = value
        return protocol, request.serialize()

    def listening(self) -> bytes:
        """The request of somebody who opens a WebSocket."""
        return self._upgrade(self._offered)[1]

    def connect(self) -> Connection:
        """A bare connection of its own to the server."""
        return Connection(self.place, **self._options)

    # ---- messages

    def write(self, data: bytes) -> None:
        self._wire.send(frame_bytes(TEXT, data))

    def read(self, deadline: float) -> bytes:
        wire = self._wire
        wire.reading = deadline  # a timer for each message would double its cost
        try:
            return self._message(deadline)
        finally:
            wire.reading = NEVER

    def _message(self, deadline: float) -> bytes:
        parts = self._parts  # of ours, not of this call: whoever reads may be ended in the middle of a message
        while True:
            fin, opcode, payload = self._frame(deadline)
            if opcode >= CLOSE:
                self._control(opcode, payload)
                continue
            if (opcode == CONTINUATION) != bool(parts):
                raise Gone("the server broke the framing: a continuation of nothing, or a message inside another")
            if fin and not parts:
                return payload
            parts.append(payload)
            self._size += len(payload)
            if self._size > MAX_FRAME_BYTES:
                raise TooMuch(f"a message of over {MAX_FRAME_BYTES >> 20} MiB")
            if fin:
                self._parts, self._size = [], 0
                return b"".join(parts)

    def _frame(self, deadline: float) -> tuple[bool, int, bytes]:
        """The next frame: whether it ends its message, its opcode, its payload."""
        if len(self._data) < 2:
            self._have(2, deadline)
        data = self._data
        first, second = data[0], data[1]
        opcode, size, at = first & 0x0F, second & 0x7F, 2
        if first & 0x70 or second & 0x80 or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Gone("the server broke the framing: reserved bits, a mask or an unknown opcode")
        if opcode >= CLOSE and (size > MAX_CONTROL or not first & 0x80):
            raise Gone("the server broke the framing: a control frame in pieces, or too long")
        if size >= 126:
            at = 4 if size == 126 else 10
            self._have(at, deadline)
            data = self._data
            (size,) = struct.unpack("!H" if at == 4 else "!Q", data[2:at])
            if size > MAX_FRAME_BYTES:
                raise TooMuch(f"a frame of over {MAX_FRAME_BYTES >> 20} MiB")
        need = at + size
        if len(data) < need:
            self._have(need, deadline)
            data = self._data
        self._data = data[need:]
        return bool(first & 0x80), opcode, data[at:need]

    def _have(self, need: int, deadline: float) -> None:
        """Have that many bytes; what came is kept, should the wait be ended."""
        pieces, have = [self._data], len(self._data)
        try:
            while have < need:
                pieces.append(self._wire.more(deadline))
                have += len(pieces[-1])
        finally:
            self._data = b"".join(pieces) if len(pieces) > 1 else pieces[0]

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            with self._writing:
                self._wire.send(frame_bytes(PONG, payload))
        elif opcode == CLOSE:
            code = f" ({int.from_bytes(payload[:2], 'big')})" if len(payload) >= 2 else ""
            raise Gone(f"the WebSocket was closed{code}")

    def close(self) -> None:
        """Say goodbye and close; the answer is not waited for."""
        try:
            with self._writing:
                self._wire.send(frame_bytes(CLOSE, b"\x03\xe8"))
        except TargetError:
            pass
        self.shut()

    def shut(self) -> None:
        self._wire.close()


def _upgraded(came: Response) -> Upgraded:
    """The head of a response as the library wants it."""
    _, *lines = came.head.decode("latin-1").split("\r\n")
    headers = Headers()
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    return Upgraded(came.status, "", headers, came.body)
