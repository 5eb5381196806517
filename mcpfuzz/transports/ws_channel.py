"""The channel over one WebSocket: one message a frame.

The library shakes hands, masks, answers pings and closes. Two things are done beside it. Many messages leave in one
write. And where there is no TLS whoever waits for an answer writes and reads the socket itself, with a short poll as
over stdio: a trip through trio's loop and the library's locks and queues costs more than all the rest of a call. The
library's reader goes on beside that, for pings and for what comes when nobody waits. What is malformed on purpose goes
past the library, onto its stream.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Sequence

import trio
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, PayloadTooBig, WebSocketException
from websockets.protocol import State

from mcpfuzz.errors import Gone, Late, TargetError, TooMuch
from mcpfuzz.revisions import Revision
from mcpfuzz.transports.channel import Reply, Sent
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.ws_connection import CHUNK, Connection
from mcpfuzz.wire import MAX_FRAME_BYTES

__all__ = ["CLOSE_S", "WebSocketChannel", "moment", "short"]

POLL_MS = 2
"""How long one poll may hold the loop."""
BREATH_S = 0.02
"""At least this often the loop lets other tasks run, however fast the answers come."""
CLOSE_S = 1.0
"""For the closing handshake; then the socket is closed without it."""


class WebSocketChannel:
    """The channel over one WebSocket. Make it with `websocket.open_websocket`."""

    transport = "ws"
    acknowledges = False

    def __init__(self, connection: Connection, endpoint: Endpoint, process: Process | None) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._process = process
        self._binary = endpoint.binary
        self._below = False
        self._breath = time.monotonic()
        self._poller = select.poll()
        if connection.descriptor is not None:
            self._poller.register(connection.descriptor, select.POLLIN)

    @property
    def subprotocol(self) -> str | None:
        """What the server selected."""
        return self._connection.subprotocol

    @property
    def alive(self) -> bool:
        return self._connection.protocol.state is State.OPEN

    def agreed(self, revision: Revision) -> None:
        """Nothing of a frame depends on it."""

    async def send(self, messages: Sequence[Sent], deadline: float) -> Sequence[Reply]:
        """A frame each, in one write; what is `raw` goes onto the stream as it stands.

        Raises:
            Gone: the connection is closed.
            Late: the server does not read. The connection is of no use then: a frame may have gone out in part.
        """
        connection = self._connection
        self._below = self._below or any(message.raw for message in messages)
        try:
            data = connection.framed(messages, self._binary)
            if not connection.send_lock.locked():  # else a pong is on its way, perhaps in part
                data = connection.put(data)
            if not data:
                return ()
            with trio.CancelScope(deadline=moment(deadline)) as scope:
                async with connection.send_lock:
                    await connection.stream.send_all(data)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, WebSocketException):
            raise await self._ended() from None
        if scope.cancelled_caught:
            connection.descriptor = None
            await trio.aclose_forcefully(connection.stream)
            raise Late("the server does not read what is written to it")
        return ()

    async def listen(self, message: Sent, deadline: float) -> None:
        """The same as any other request here. Raises Gone, Late."""
        await self.send((message,), deadline)

    async def receive(self, deadline: float) -> list[bytes]:
        """The next messages, at least one.

        Raises:
            Gone: the connection is closed; with its close code.
            Late: nothing came by `deadline`.
            TooMuch: a message passed a cap.
        """
        connection = self._connection
        while True:
            now = time.monotonic()
            if now - self._breath > BREATH_S:
                self._breath = now
                await trio.lowlevel.checkpoint()
            if connection.messages:
                return connection.take()
            if connection.too_much is not None:
                raise connection.too_much
            if not self.alive:
                ended = await self._ended()
                if connection.messages:
                    continue
                raise ended
            if now > deadline:
                raise Late("no answer in time")
            if not await self._read_now():
                with trio.CancelScope(deadline=moment(deadline)):
                    await connection.arrived.park()

    async def _read_now(self) -> bool:
        """Take what the socket holds, or brings within a short poll; False where that is left to the reader."""
        descriptor = self._connection.descriptor
        if descriptor is None or not self._poller.poll(POLL_MS):
            return False
        try:
            data = os.read(descriptor, CHUNK)
        except OSError:
            return False
        if data:
            with contextlib.suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                await self._connection.feed(data)  # a pong that cannot be sent is no news beside what has been read
        return bool(data)

    def waiting(self) -> list[bytes]:
        """Messages that are there already; never waits. Raises TooMuch."""
        if not self._connection.messages and self._connection.too_much is not None:
            raise self._connection.too_much
        return self._connection.take()

    async def aclose(self) -> None:
        """Close with the handshake that belongs to it; without it where the server has none of that, or where half a
        frame may be under way."""
        with trio.CancelScope(shield=True):
            with trio.move_on_after(0 if self._below else CLOSE_S), contextlib.suppress(ConnectionClosed, OSError):
                await self._connection.aclose()
            await trio.aclose_forcefully(self._connection.stream)

    async def _ended(self) -> TargetError:
        """Why it ended: Gone, or TooMuch where it was we who had enough."""
        connection = self._connection
        with trio.move_on_after(CLOSE_S):
            await connection.stream_closed.wait()
        if isinstance(connection.protocol.parser_exc, PayloadTooBig):
            return TooMuch(f"a message of over {MAX_FRAME_BYTES >> 20} MiB (cap MAX_FRAME_BYTES)")
        returncode = None
        if self._process is not None:
            await self._process.settle()
            returncode = self._process.poll()
        words, code = closing_words(connection.protocol)
        received = connection.protocol.close_rcvd
        return Gone(words, returncode=returncode, code=code, reason=received.reason if received is not None else "")


def moment(deadline: float) -> float:
    """A moment of `time.monotonic()` on trio's clock."""
    return trio.current_time() + deadline - time.monotonic()


def closing_words(protocol: ClientProtocol) -> tuple[str, int]:
    """How a connection ended, in words, and its close code: 1006 where the server said none."""
    fault, received = protocol.parser_exc, protocol.close_rcvd
    if fault is not None and not isinstance(fault, EOFError) and received is None:
        return f"the server broke the WebSocket protocol: {short(str(fault))}", 1006
    if received is None:
        return "the server closed the connection without a close frame (1006)", 1006
    reason = f" ({short(received.reason)})" if received.reason else ""
    return f"the server closed the WebSocket with {received.code}{reason}", received.code


def short(text: str) -> str:
    """A stranger's text on one line."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= 200 else shown[:200] + "..."
