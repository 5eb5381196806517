"""MCP over WebSocket, ws and wss: one message a frame, over `websockets.trio`.

The library shakes hands, masks, answers pings and closes. Three things are done beside it. Messages are filed the
moment they arrive, in a list that can be looked at without waiting. Many messages leave in one write. And where
there is no TLS whoever waits for an answer writes and reads the socket itself, with a short poll as over stdio: a
trip through trio's loop and the library's locks and queues costs more than all the rest of a call. The library's
reader goes on beside that, for pings and for what comes when nobody waits. What is malformed on purpose goes past
the library, onto its stream.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import ssl
import time
from collections.abc import Sequence

import trio
from websockets.client import ClientProtocol
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    NegotiationError,
    PayloadTooBig,
    WebSocketException,
)
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State
from websockets.trio.client import ClientConnection
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from mcpfuzz.errors import Gone, HandshakeError, Late, TargetError, TooMuch, Unauthorized
from mcpfuzz.revisions import Revision
from mcpfuzz.transports.channel import Reply, Sent
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.tcp import connect_tcp
from mcpfuzz.wire import MAX_FRAME_BYTES

__all__ = ["WebSocketChannel", "open_websocket"]

CONNECT_S = 30.0
"""For TCP alone; the deadline of the whole is the caller's."""
AGENT = "mcpfuzz"
CHUNK = 1 << 18
POLL_MS = 2
"""How long one poll may hold the loop."""
BREATH_S = 0.02
"""At least this often the loop lets other tasks run, however fast the answers come."""
CLOSE_S = 1.0
"""For the closing handshake; then the socket is closed without it."""
MAX_QUEUED = 100_000
"""Messages kept before anybody asks for them; then the server is not read from until somebody does."""
MAX_QUEUED_BYTES = 64 << 20
MAX_FRAGMENTS = 10_000
"""Frames of one message: each costs more than its bytes."""

_LOGGER = logging.getLogger("mcpfuzz.websocket")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class _Protocol(ClientProtocol):
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


class _Connection(ClientConnection):
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


class WebSocketChannel:
    """The channel over one WebSocket. Make it with `open_websocket`."""

    transport = "ws"
    acknowledges = False

    def __init__(self, connection: _Connection, endpoint: Endpoint, process: Process | None) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._process = process
        self._binary = endpoint.binary
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
        try:
            data = connection.framed(messages, self._binary)
            if not connection.send_lock.locked():  # else a pong is on its way, perhaps in part
                data = connection.put(data)
            if not data:
                return ()
            with trio.CancelScope(deadline=_moment(deadline)) as scope:
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
                with trio.CancelScope(deadline=_moment(deadline)):
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
        """Close with the handshake that belongs to it, or without it where the server has none of that."""
        with trio.CancelScope(shield=True):
            with trio.move_on_after(CLOSE_S), contextlib.suppress(ConnectionClosed, OSError):
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
        words, code = _closing(connection.protocol)
        return Gone(words, returncode=returncode, code=code)


def _moment(deadline: float) -> float:
    """A moment of `time.monotonic()` on trio's clock."""
    return trio.current_time() + deadline - time.monotonic()


def _closing(protocol: ClientProtocol) -> tuple[str, int]:
    """How a connection ended, in words, and its close code: 1006 where the server said none."""
    fault, received = protocol.parser_exc, protocol.close_rcvd
    if fault is not None and not isinstance(fault, EOFError) and received is None:
        return f"the server broke the WebSocket protocol: {_short(str(fault))}", 1006
    if received is None:
        return "the server closed the connection without a close frame (1006)", 1006
    reason = f" ({_short(received.reason)})" if received.reason else ""
    return f"the server closed the WebSocket with {received.code}{reason}", received.code


def _short(text: str) -> str:
    """A stranger's text on one line."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= 200 else shown[:200] + "..."


# ---- opening --------------------------------------------------------------------------------------


async def open_websocket(
    endpoint: Endpoint, nursery: trio.Nursery, deadline: float, process: Process | None = None
) -> WebSocketChannel:
    """Connect, shake hands, say the first message where there is one.

    Args:
        nursery: where the task that reads lives, until the channel is closed.
        deadline: `time.monotonic()`, for all of it.
        process: the server's, where mcpfuzz started it.

    Raises:
        LaunchError: nobody listens there.
        HandshakeError: somebody does, but TLS or the upgrade fails; says what to do about it.
        Late: it takes too long.
    """
    offers: list[Sequence[str]] = [tuple(name for name in endpoint.subprotocols if name)]
    if not endpoint.subprotocols:
        offers = [("mcp",), ()]  # some servers refuse a subprotocol that they do not know
    failure: TargetError | None = None
    for subprotocols in offers:
        scope = trio.CancelScope(deadline=_moment(deadline))
        with scope:
            try:
                connection = await _connected(endpoint, nursery, subprotocols)
            except InvalidStatus as error:
                failure = failure or _refused(endpoint, error.response)
                if error.response.status_code != 400:
                    break
                continue
        if scope.cancelled_caught:
            raise Late(f"{endpoint.origin} accepts connections but did not open a WebSocket in time")
        channel = WebSocketChannel(connection, endpoint, process)
        if endpoint.first_message is not None:
            await channel.send((Sent(endpoint.first_message.encode()),), deadline)
        return channel
    assert failure is not None
    raise failure


async def _connected(endpoint: Endpoint, nursery: trio.Nursery, subprotocols: Sequence[str]) -> _Connection:
    """One attempt. Raises InvalidStatus for an answer that is no upgrade, else as `open_websocket`."""
    stream = await _dialled(endpoint)
    try:
        protocol = _Protocol(parse_uri(endpoint.url), endpoint, subprotocols)
        connection = _Connection(nursery, stream, protocol, ping_interval=None, close_timeout=CLOSE_S, max_queue=None)
        connection.begin(stream.socket.fileno() if isinstance(stream, trio.SocketStream) else None)
        await connection.handshake(user_agent_header=AGENT)
    except InvalidStatus:
        await trio.aclose_forcefully(stream)
        raise
    except NegotiationError as error:
        await trio.aclose_forcefully(stream)
        raise HandshakeError(
            f"{endpoint.origin} selects a subprotocol that was not offered: {_short(str(error))}"
        ) from None
    except (InvalidHandshake, ConnectionClosed, OSError, EOFError) as error:
        await trio.aclose_forcefully(stream)
        why = error.__cause__ or error
        raise HandshakeError(
            f"{endpoint.origin} does not open a WebSocket: {_short(str(why))}; is it an MCP endpoint over WebSocket?"
        ) from None
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return connection


async def _dialled(endpoint: Endpoint) -> trio.abc.Stream:
    """TCP, and TLS where the scheme asks for it."""
    sock = await connect_tcp(endpoint, time.monotonic() + CONNECT_S)
    tcp = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    if not endpoint.secure:
        return tcp
    tls = trio.SSLStream(tcp, endpoint.context(), server_hostname=endpoint.host, https_compatible=True)
    try:
        await tls.do_handshake()
    except BaseException as error:
        await trio.aclose_forcefully(tls)
        if not isinstance(error, trio.BrokenResourceError | ssl.SSLError | OSError):
            raise
        raise HandshakeError(_tls_words(endpoint, error.__cause__ or error)) from None
    return tls


def _tls_words(endpoint: Endpoint, error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "trust its authority with --cacert FILE, or give --insecure"
        return f"{endpoint.origin}: its certificate is not trusted: {error.verify_message}; {advice}"
    why = error.reason if isinstance(error, ssl.SSLError) and error.reason else _short(str(error))
    return f"{endpoint.origin} does not speak TLS as we do: {why}; is it ws:// rather than wss://?"


def _refused(endpoint: Endpoint, response: Response) -> HandshakeError:
    """One line for an answer that is no upgrade."""
    status, where = response.status_code, f"{endpoint.origin}{endpoint.target.partition('?')[0]}"
    headers = response.headers
    if status == 401:
        challenges = ", ".join(headers.get_all("WWW-Authenticate")) or "no challenge"
        return Unauthorized(f"{where} wants authorization (401: {_short(challenges)}); give --identity or --header")
    if 300 <= status < 400:
        return HandshakeError(f"{where} redirects ({status}) to {_short(headers.get('Location', '?'))}; give that URL")
    advice = {
        403: "a credential, or an Origin, may be missing: --identity, --header",
        404: "check the path of --url",
        426: "the server wants another version of WebSocket",
        200: "that is a page, not a WebSocket: check the path of --url",
    }.get(status, "check --url")
    said = _short(bytes(response.body or b"")[:200].decode("utf-8", "replace").strip())
    error = Unauthorized if status == 403 else HandshakeError
    return error(f"{where} refuses the upgrade with {status}{f' ({said})' if said else ''}; {advice}")
