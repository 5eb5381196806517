"""One WebSocket over `websockets.trio`: our headers at its opening, and messages filed the moment they arrive, in a
list that can be looked at without waiting. It knows bytes and frames; who waits for what is the channel's business.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import trio
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Event
from websockets.trio.client import ClientConnection
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from mcpfuzz.errors import TooMuch
from mcpfuzz.transports.channel import Sent
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.wire import MAX_FRAME_BYTES

__all__ = ["CHUNK", "Connection", "Protocol"]

CHUNK = 1 << 18
MAX_QUEUED = 100_000
"""Messages kept before anybody asks for them; then the server is not read from until somebody does."""
MAX_QUEUED_BYTES = 64 << 20
MAX_FRAGMENTS = 10_000
"""Frames of one message: each costs more than its bytes."""

_LOGGER = logging.getLogger("mcpfuzz.websocket")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class Protocol(ClientProtocol):
    """The opening handshake with our headers; one that the library sets, too, is replaced by ours."""

    def __init__(self, uri: WebSocketURI, endpoint: Endpoint, subprotocols: Sequence[str]) -> None:
        super().__init__(
            uri,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            max_size=MAX_FRAME_BYTES,
            logger=_LOGGER,
        )
        self._ours = endpoint.headers

    def connect(self) -> Request:
        request = super().connect()
        for name in {name.lower() for name, _ in self._ours}:
            if name in request.headers:
                del request.headers[name]
        for name, value in self._ours:
            request.headers[name] = value
        return request


class Connection(ClientConnection):
    """Files messages as they come."""

    def begin(self, descriptor: int | None) -> None:
        """Must be called before the handshake: the library's constructor has already asked for its reader.

        Args:
            descriptor: of the socket, where there is no TLS on it.
        """
        self.messages: list[bytes] = []
        self.queued = 0
        self.too_much: TooMuch | None = None
        self.arrived = trio.lowlevel.ParkingLot()
        self.descriptor = descriptor
        self._parts: list[bytes] = []

    # ---- in

    async def recv_events(self) -> None:
        """Read for as long as there is something to read; in place of the library's, which files an event only
        after it has given way, so that nobody else could read beside it."""
        try:
            while True:
                if self.recv_flow_control is not None:
                    await self.recv_flow_control.wait()
                data = await self.stream.receive_some(CHUNK)
                if not data:
                    break
                await self.feed(bytes(data))
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self.set_connection_exc(error)
        finally:
            self.protocol.receive_eof()
            for event in self.protocol.events_received():
                self.process_event(event)
            await self.close_stream()

    async def feed(self, data: bytes) -> None:
        """Take bytes off the socket, whoever read them; gives way only where they must be answered."""
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            self.process_event(event)
        if self.protocol.writes:
            await self.send_data()

    def process_event(self, event: Event) -> None:
        """A response or a frame (the library's hook for subclasses)."""
        if not isinstance(event, Frame) or event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            super().process_event(event)
            self.arrived.unpark_all()  # a close frame is an end, though the server may leave the socket open
            return
        if event.fin and not self._parts:
            message = bytes(event.data)
        else:
            self._parts.append(bytes(event.data))
            if len(self._parts) > MAX_FRAGMENTS:
                self._parts = self._parts[:1]
                self.too_much = TooMuch(f"a message of over {MAX_FRAGMENTS} frames (cap MAX_FRAGMENTS)")
                self.arrived.unpark_all()
            if not event.fin:
                return
            message, self._parts = b"".join(self._parts), []
        self.messages.append(message)
        self.queued += len(message)
        if self.recv_flow_control is None and (len(self.messages) > MAX_QUEUED or self.queued > MAX_QUEUED_BYTES):
            self.pause_reading()
        self.arrived.unpark_all()

    def take(self) -> list[bytes]:
        """What has arrived."""
        taken, self.messages, self.queued = self.messages, [], 0
        if self.recv_flow_control is not None:
            self.resume_reading()
        return taken

    async def close_stream(self) -> None:
        self.descriptor = None
        await super().close_stream()
        self.arrived.unpark_all()

    # ---- out

    def framed(self, messages: Sequence[Sent], binary: bool) -> bytes:
        """All of them as they go onto the stream, and what the library has to say before them."""
        send = self.protocol.send_binary if binary else self.protocol.send_text
        out: list[bytes] = []
        for message in messages:
            if message.raw:
                out += self.protocol.data_to_send()
                out.append(message.data)
            else:
                send(message.data[:-1] if message.data.endswith(b"\n") else message.data)
        return b"".join(out + self.protocol.data_to_send())

    def put(self, data: bytes) -> bytes:
        """Write what the socket takes at once; what is left. Raises OSError."""
        if self.descriptor is None:
            return data
        try:
            return data[os.write(self.descriptor, data) :]
        except BlockingIOError:
            return data
