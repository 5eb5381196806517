"""WebSocket, ws and wss: one message a frame, subprotocol `mcp`. Needs the package `websockets` for its protocol.

The upgrade is read by our own reader, so that host, origin, credentials, sizes and deadlines are what they are over
HTTP; from then on `websockets` turns bytes into frames and back, and does no I/O.
"""

from __future__ import annotations

import json
import math
import select
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs

from websockets.exceptions import NegotiationError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Upgrade
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from mcpfuzz.lab.codec import MAX_LINE
from mcpfuzz.lab.core import Connection
from mcpfuzz.lab.fronts.exchange import Exchange, end, explained
from mcpfuzz.lab.fronts.guard import ANONYMOUS, Guard, Known, Refused
from mcpfuzz.lab.fronts.reading import Gone, Request, Stream
from mcpfuzz.lab.fronts.replying import refusal, write
from mcpfuzz.lab.fronts.signing import Signing
from mcpfuzz.lab.fronts.unchecked import read_loosely

__all__ = ["PATTERNS", "WebSockets"]

PATH: Final = "/ws"
PATTERNS: Final = ("header", "query", "subprotocol", "first-message", "ticket")
"""Where the token is: `Authorization: Bearer T`, `?token=T`, an offered subprotocol `mcp.auth.T`, or
`{"type": "auth", "token": T}` as the first message; or it was shown for a ticket (`signing`), and `?ticket=` opens."""

_TOKEN: Final = "mcp.auth."

PING_S: Final = 30.0
"""Of silence; then a ping, and the end where that is not answered in the same time."""
POLICY: Final = 1008
LOOK_S: Final = 0.3
"""That looking at a credential takes, where messages are served meanwhile."""
_CHUNK: Final = 1 << 16


class WebSockets:
    """The endpoint."""

    def __init__(self, exchange: Exchange, guard: Guard, pattern: str = "header") -> None:
        self.lab = exchange.lab
        self.guard = guard
        self.pattern = pattern
        self.exchange = exchange
        self.signing = Signing(guard)
        self.talks: set[_Talk] = set()
        """Those that are open."""

    def talk(self, stream: Stream, request: Request) -> None:
        """One connection, from its upgrade to its end."""
        too_late = False
        try:
            if self.signing.answers(request):
                write(stream, self.signing.answer(request), keep=False)
                stream.linger(0.2)
                return
            known = self._admitted(request)
        except Refused as refused:
            if refused.response.status != 401 or not self._accepts_first(request):
                write(stream, refused.response, keep=False)
                stream.linger(0.2)
                return
            known, too_late = Known(ANONYMOUS), True
        # subprotocol-unoffered: "mcp" is what is spoken here, so that is what is answered
        choose = _always if self.lab.on("subprotocol-unoffered") else _offered
        # message-unbounded: frames are small, so the messages made of them need no limit
        most = None if self.lab.on("message-unbounded") else MAX_LINE + 1
        protocol = ServerProtocol(select_subprotocol=choose, max_size=most)
        protocol.receive_data(request.raw_head)
        upgrade = next(iter(protocol.events_received()), None)
        if not isinstance(upgrade, Upgrade):
            write(stream, refusal(400, "This is no upgrade to a WebSocket"), keep=False)
            return
        protocol.send_response(protocol.accept(upgrade))
        talk = _Talk(self, protocol, stream, request, known)
        talk.flush()
        if protocol.state is State.OPEN:
            if self.lab.on("frames-unchecked"):
                read_loosely(protocol)
            protocol.receive_data(stream.taken())
            talk.run(turned_away=too_late)
        else:
            stream.linger(0.2)

    def _accepts_first(self, request: Request) -> bool:
        """Whether somebody who shows nothing that is good gets their WebSocket all the same."""
        # accepted-before-auth: `await websocket.accept()`, and the token is looked at on the next line
        # served-before-auth: the same, and what came meanwhile was read already
        weak = self.lab.on("accepted-before-auth") or self.lab.on("served-before-auth")
        return weak and request.path == PATH and request.method == "GET"

    def _admitted(self, request: Request) -> Known | None:
        """Who it is; None where the first message will tell. Raises Refused."""
        self.guard.door(request)
        if request.path != PATH:
            self.guard.admit(f"strays from {self.guard.address(request)}")
            raise Refused(refusal(404, "There is nothing here"))
        if request.method != "GET":
            raise Refused(refusal(405, "A WebSocket begins with GET").plus(("Allow", "GET")))
        if not self.guard.access.tokens:
            return Known(ANONYMOUS)
        if self.pattern == "header":
            return self.guard.known(request)
        if self.pattern == "first-message":
            return None
        if self.pattern == "ticket":
            given = parse_qs(request.query).get("ticket", [])
        elif self.pattern == "query":
            given = parse_qs(request.query).get("token", [])
        else:
            offered = [name.strip() for value in request.all("sec-websocket-protocol") for name in value.split(",")]
            given = [name.removeprefix(_TOKEN) for name in offered if name.startswith(_TOKEN)]
        whose = self.signing.redeem if self.pattern == "ticket" else self.guard.known_by
        known = whose(given[0]) if len(given) == 1 else None
        if known is None:
            self.guard.admit(f"attempts from {self.guard.address(request)}")
            raise Refused(self.guard.challenge(tried=bool(given)))
        return known


def _offered(protocol: ServerProtocol, names: Sequence[Subprotocol]) -> Subprotocol | None:
    """`mcp` where it is offered, none where none is."""
    if "mcp" in names:
        return Subprotocol("mcp")
    if any(not name.startswith(_TOKEN) for name in names):
        raise NegotiationError("the subprotocol is mcp, or none")
    return None


def _always(protocol: ServerProtocol, names: Sequence[Subprotocol]) -> Subprotocol:
    return Subprotocol("mcp")


class _Talk:
    """One open WebSocket: frames in, messages to the core, answers out in the kind of frame they were asked in."""

    def __init__(
        self, front: WebSockets, protocol: ServerProtocol, stream: Stream, request: Request, known: Known | None
    ) -> None:
        self._front = front
        self._protocol = protocol
        self._stream = stream
        self._address = front.guard.address(request)
        self._identity = known.identity if known is not None else None
        self._until = known.until if known is not None else math.inf
        self._connection = Connection(
            identity=self._identity or ANONYMOUS,
            told=lambda message: self._later(front.exchange.text(message), answer=False),
        )
        self._binary = False
        self._parts: list[bytes] = []
        self._opcode = Opcode.TEXT
        self._lock = threading.Lock()
        self._delay = 0.0

    # ---- out ----

    def flush(self) -> None:
        """Send what the protocol wants sent."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._stream.send(data)

    def _put(self, text: str) -> None:
        """A message out; from any thread."""
        with self._lock:
            if self._protocol.state is State.OPEN:
                send = self._protocol.send_binary if self._binary else self._protocol.send_text
                send(text.encode("utf-8"))
                self._flush()

    def _later(self, text: str, answer: bool) -> None:
        try:
            self._put(text)
        except Gone:
            return  # the reader finds out by itself

    def fail(self, code: int, reason: str) -> None:
        """End it; from any thread."""
        with self._lock:
            self._protocol.fail(code, reason)
            self._flush()

    # ---- in ----

    def run(self, *, turned_away: bool = False) -> None:
        """Read until the connection ends; with nobody to talk to, only until they are told so."""
        if turned_away:
            self._turn_away()
            return
        self._front.talks.add(self)
        introduced_by = time.monotonic() + self._front.guard.access.introduction_s
        pinged = False
        try:
            while self._handle():
                if self._protocol.close_expected():
                    break
                wait, over = self._allowed(introduced_by)
                data = self._receive(wait) if wait > 0 else None
                if data is None and (over or pinged):
                    self.fail(POLICY if over else 1011, over or "silence")
                    break
                pinged = data is None
                with self._lock:
                    if data is None:
                        self._protocol.send_ping(str(time.monotonic()).encode())
                    elif data:
                        self._protocol.receive_data(data)
                    else:
                        self._protocol.receive_eof()
                    self._flush()
                if data == b"":
                    self._handle()
                    break
                if self._protocol.parser_exc is not None and self._front.lab.on("error-ends-all"):
                    # error-ends-all: what went wrong may have gone wrong for all of them, so all begin anew
                    for other in self._front.talks - {self}:
                        other.fail(1012, "restarting")
        finally:
            self._front.talks.discard(self)
            for cancelled in list(self._connection.running.values()):
                cancelled.set()
        self._stream.linger(1.0)

    def _allowed(self, introduced_by: float) -> tuple[float, str]:
        """Seconds that may pass without a word, and why it is over then; no reason where a ping comes first."""
        if self._identity is None and not self._front.lab.on("introduction-awaited"):
            # introduction-awaited: a person may have to type it first
            return introduced_by - time.monotonic(), "nobody said who this is"
        left = self._until - time.time()
        return (left, "the token has ended") if left < PING_S else (PING_S, "")

    def _turn_away(self) -> None:
        """The upgrade was answered, and the credential is looked at now."""
        if self._front.lab.on("served-before-auth"):
            data = self._receive(LOOK_S)
            if data:
                with self._lock:
                    self._protocol.receive_data(data)
            self._handle()
        self._put('{"detail":"Authentication error"}')
        self.fail(POLICY, "a valid token is required")
        self._stream.linger(1.0)

    def _receive(self, seconds: float) -> bytes | None:
        """Bytes, b"" at their end, None where nothing came. A worker may send meanwhile, and TLS takes turns."""
        sock = self._stream.sock
        until = time.monotonic() + seconds
        try:
            if not isinstance(sock, ssl.SSLSocket):
                sock.settimeout(seconds)
                return sock.recv(_CHUNK)
            while (left := until - time.monotonic()) > 0:
                if sock.pending() or select.select([sock], [], [], left)[0]:
                    with self._lock, suppress(ssl.SSLWantReadError):
                        sock.settimeout(0.0)
                        return sock.recv(_CHUNK)
        except TimeoutError:
            return None
        except (OSError, ValueError):
            raise Gone from None
        return None

    def _handle(self) -> bool:
        """Whether to read on."""
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                if event.opcode is not Opcode.CONT:
                    self._parts, self._opcode = [], event.opcode
                self._parts.append(bytes(event.data))
                if event.fin:
                    self._message(b"".join(self._parts))
            elif isinstance(event, Frame) and event.opcode is Opcode.PONG and self._front.lab.on("pong-crash"):
                # pong-crash: our pings say when they were sent, so a pong tells how long the way is
                try:
                    self._delay = time.monotonic() - float(event.data)
                except ValueError as error:
                    end(error)
        return self._protocol.state is State.OPEN

    def _message(self, message: bytes) -> None:
        if self._protocol.state is not State.OPEN:
            return
        if self._opcode is Opcode.TEXT:
            try:
                message.decode("utf-8")
            except UnicodeDecodeError:
                self.fail(1007, "text is UTF-8")
                return
        elif self._front.lab.on("binary-frame-crash"):
            # binary-frame-crash: nobody looked whether it is text, and the handler's exception closes the socket
            raise Gone
        self._binary = self._opcode is Opcode.BINARY
        if self._identity is None and not self._introduced(message):
            return
        if time.time() >= self._until:
            self.fail(POLICY, "the token has ended")
            return
        guard = self._front.guard
        wait = guard.wait(self._address, self._identity or ANONYMOUS, f"ws {id(self)}")
        if wait:
            data = {"retryAfter": round(wait, 3)}
            error = {"code": 429, "message": "Too many requests", "data": data}
            self._put(json.dumps({"jsonrpc": "2.0", "error": error}))
            return
        for answer in self._front.exchange.say(message, self._connection, self._later):
            self._put(self._front.exchange.text(answer))

    def _introduced(self, message: bytes) -> bool:
        """Whether this message goes on to the core: False for the one that says who this is, and for all before."""
        try:
            value = json.loads(message)
        except (ValueError, RecursionError):
            value = None
        if self._front.lab.on("leak-close-reason"):
            try:
                value["token"]
            except (KeyError, TypeError) as error:
                # leak-close-reason: so that whoever writes a client sees what is wrong with it
                self.fail(POLICY, explained(error))
                return False
        token = value.get("token") if isinstance(value, dict) and value.get("type") == "auth" else None
        known = self._front.guard.known_by(token) if isinstance(token, str) else None
        if known is not None:
            self._identity = self._connection.identity = known.identity
            self._until = known.until
            self._put('{"type":"auth","ok":true}')
            return False
        if self._front.lab.on("served-before-auth"):
            # served-before-auth: who has not said who he is is not yet known, and that is no reason to wait
            return True
        if self._front.lab.on("introductions-unlimited"):
            # introductions-unlimited: one may have mistyped it
            self._put('{"type":"auth","ok":false}')
            return False
        self.fail(POLICY, "authentication comes first")
        return False
