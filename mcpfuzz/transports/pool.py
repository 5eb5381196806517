"""HTTP exchanges in flight over kept connections, without a task each: whoever waits, reads. It knows HTTP and
event streams, and nothing of sessions or eras.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin, urlsplit

import h11
import orjson
import trio

from mcpfuzz.errors import Gone, Late, LaunchError, TooMuch
from mcpfuzz.transports.channel import Reply
from mcpfuzz.transports.endpoint import DEFAULT_PORTS, Endpoint
from mcpfuzz.transports.events import Event, EventReader
from mcpfuzz.transports.http1 import Connection, NotHttp, readable
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.stdio import ending_words
from mcpfuzz.transports.tcp import connect
from mcpfuzz.wire import MAX_FRAME_BYTES

__all__ = ["Exchange", "Pool", "within"]

MAX_CONNECTIONS = 32
MAX_REDIRECTS = 3
MAX_KEPT = 1_000
"""Messages that one reply keeps; `receive` gives all of them."""
MAX_QUEUED_BYTES = 64 << 20
"""Of messages that nobody took yet."""
POLL_MS = 2
"""How long one poll may hold the loop; other tasks (stderr, progress) wait that long at most."""
BREATH_S = 0.02
"""At least this often the loop lets other tasks run, however fast the answers come."""
FRESH_S = 2.0
"""For a connection that is to tell whether the server still listens."""
REDIRECTS = frozenset((301, 302, 307, 308))


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its answer, as it grows."""

    method: str
    build: Callable[[str], bytes]
    """The whole request for a target, made anew after a redirect."""
    target: str
    reply: Reply = field(default_factory=Reply)
    body: Literal["any", "messages", "none"] = "any"
    """What of a body is a message: all of a good answer's, only JSON-RPC, or nothing."""
    on_response: Callable[[Exchange], None] | None = None
    """Called when status and headers are there."""
    on_event: Callable[[Event], bytes | None] | None = None
    """What an event brings; None: its data is a message."""
    connection: Connection | None = None
    fresh: bool = False
    """Never to be sent again: its connection was made for it, so that no server closed it for being idle, or
    something of the answer came."""
    stale: bool = False
    """Nobody waits for it any longer."""
    answered: bool = False
    """Its event stream brought an answer, and goes on."""
    events: EventReader | None = None
    hops: int = 0
    parts: list[bytes] = field(default_factory=list)
    size: int = 0


class Pool:
    """Connections to one endpoint, and the exchanges on them.

    Attributes:
        inbox: messages that came and nobody took.
        dead: what was found when the server took no more connections.
    """

    def __init__(self, endpoint: Endpoint, process: Process | None = None) -> None:
        self.endpoint = endpoint
        self.process = process
        self.inbox: list[bytes] = []
        self.dead: Gone | None = None
        self.active: list[Exchange] = []
        self._queued = 0
        self._idle: list[Connection] = []
        self._pending: deque[Exchange] = deque()
        self._broken: deque[Exchange] = deque()
        """Their connection ended before anything came: to be tried again, or told."""
        self._closed = False
        self._breath = time.monotonic()
        self._finished = 0
        self._too_much: TooMuch | None = None

    async def open(self, deadline: float) -> None:
        """Connect once, so that nobody need wonder later whether anybody listens. Raises LaunchError, Late."""
        self._idle.append(Connection(await connect(self.endpoint, deadline)))

    async def start(self, exchanges: Iterable[Exchange], deadline: float) -> None:
        """Send their requests, in order, as far as there are connections; the rest as others end.

        Raises:
            Gone: the server takes no more connections.
            Late: it does not read what is written to it.
        """
        self._pending.extend(exchanges)
        await self._fill(deadline)
        while any(exchange.connection is not None and exchange.connection.unsent for exchange in self.active):
            if time.monotonic() > deadline:
                raise Late("the server does not read what is written to it")
            await self.step(min(deadline, time.monotonic() + 0.5))

    async def receive(self, deadline: float) -> list[bytes]:
        """The next messages; empty where an exchange ended without any.

        Raises:
            Gone, Late, TooMuch.
        """
        finished = self._finished
        while True:
            if self._too_much is not None:
                error, self._too_much = self._too_much, None
                raise error
            if self.inbox:
                return self.take()
            if self._finished != finished:
                return []
            if self._closed:
                raise Gone("the connection was closed by us")
            now = time.monotonic()
            if now > deadline:
                for exchange in self.active:
                    exchange.stale = True
                raise Late("no answer in time")
            if now - self._breath > BREATH_S:
                self._breath = now
                await trio.lowlevel.checkpoint()
            await self.step(deadline)

    def take(self) -> list[bytes]:
        messages, self.inbox, self._queued = self.inbox, [], 0
        return messages

    def waiting(self) -> list[bytes]:
        """What is there already. Raises TooMuch."""
        for exchange in self.active[:]:
            self._read(exchange)
        if self._too_much is not None:
            error, self._too_much = self._too_much, None
            raise error
        return self.take()

    def close(self) -> None:
        self._closed = True
        for exchange in [*self.active, *self._pending, *self._broken]:
            self._done(exchange, "closed by us", keep=False)
        self._pending.clear()
        self._broken.clear()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    # ---- connections

    async def _fill(self, deadline: float) -> None:
        """Give connections to those that wait for one."""
        while self._broken:
            await self._again(self._broken.popleft(), deadline)
        while self._pending:
            connection, fresh = self._kept(), False
            if connection is None:
                if len(self.active) >= MAX_CONNECTIONS and not self._drop_one():
                    return
                connection, fresh = await self._fresh(deadline), True
            self._begin(self._pending.popleft(), connection, fresh)

    def _kept(self) -> Connection | None:
        """An idle connection that the server has not closed meanwhile."""
        while self._idle:
            connection = self._idle.pop()
            poller = select.poll()
            poller.register(connection.fd, select.POLLIN)
            if not poller.poll(0):
                return connection
            connection.close()
        return None

    def _drop_one(self) -> bool:
        """End the oldest exchange that nobody waits for."""
        for exchange in self.active:
            if exchange.method != "GET" and (exchange.stale or exchange.answered):
                self._done(exchange, "given up: nobody waited for it any longer", keep=False)
                return True
        return False

    async def _fresh(self, deadline: float) -> Connection:
        """A new connection.

        Raises:
            Gone: there is none to be had.
            Late
        """
        try:
            return Connection(await connect(self.endpoint, deadline))
        except LaunchError as error:
            raise await self._gone(str(error)) from None

    async def _gone(self, why: str) -> Gone:
        code = None
        if self.process is not None:
            await self.process.settle()
            code = self.process.poll()
        words = f"the server ended ({ending_words(code)})" if code is not None else f"the server is gone: {why}"
        self.dead = Gone(words, returncode=code)
        for exchange in [*self.active, *self._pending, *self._broken]:
            self._done(exchange, words, keep=False)
        self._pending.clear()
        self._broken.clear()
        return self.dead

    def _begin(self, exchange: Exchange, connection: Connection, fresh: bool) -> None:
        exchange.connection, exchange.fresh = connection, fresh
        self.active.append(exchange)
        connection.begin(exchange.method.encode("ascii", "replace"), exchange.build(exchange.target))

    async def _again(self, exchange: Exchange, deadline: float) -> None:
        """Its connection ended before anything came. Once more where it was an old one that the server may have
        closed meanwhile; else find out whether the server lives."""
        until = min(deadline, time.monotonic() + FRESH_S)
        try:
            connection = await self._fresh(until)
        except Late:
            self._done(exchange, exchange.reply.problem or "the connection was closed", keep=False)
            return
        if exchange.fresh:
            self._idle.append(connection)
            self._done(exchange, exchange.reply.problem, keep=False)
        else:
            exchange.reply.problem = ""
            self._begin(exchange, connection, True)

    # ---- progress

    async def step(self, deadline: float) -> None:
        """Wait for one thing to happen, and do what it asks for."""
        if self._broken or self._pending:
            finished = self._finished
            await self._fill(deadline)
            if self._finished != finished:
                return
        active = self.active
        if not active:
            await self._idle_wait(deadline)
            return
        if len(active) == 1:
            exchange = active[0]
            assert exchange.connection is not None
            poller = select.poll()
            poller.register(exchange.connection.fd, _wanted(exchange))
            ready = poller.poll(POLL_MS)
            if ready:
                self._move(exchange)
                return
        else:
            by_fd = {exchange.connection.fd: exchange for exchange in active if exchange.connection is not None}
            poller = select.poll()
            for fd, exchange in by_fd.items():
                poller.register(fd, _wanted(exchange))
            ready = poller.poll(POLL_MS)
            if ready:
                for fd, _ in ready:
                    self._move(by_fd[fd])
                return
        await self._sleep(active, deadline)

    def _move(self, exchange: Exchange) -> None:
        if exchange.connection is not None and exchange.connection.unsent:
            exchange.connection.flush()
        self._read(exchange)

    async def _idle_wait(self, deadline: float) -> None:
        """Nothing is under way: only the server's end, or the deadline, can come."""
        if self.process is None:
            await trio.sleep(max(0.0, min(deadline - time.monotonic() + 0.001, 60.0)))
            return
        with self.process.interrupted_by_death(deadline + 0.001):
            await trio.sleep_forever()
        if self.process.poll() is not None:
            raise await self._gone("it ended")

    async def _sleep(self, active: list[Exchange], deadline: float) -> None:
        """Until any of them can go on, the process ends, or the deadline passes."""

        async def one(wait: Callable[[int], Awaitable[None]], fd: int) -> None:
            await wait(fd)
            nursery.cancel_scope.cancel()

        until = trio.current_time() + max(0.0, deadline - time.monotonic()) + 0.001
        if self.process is not None and self.process.poll() is not None:
            await self._last_words()
            return
        with trio.CancelScope(deadline=until):
            only = active[0].connection if len(active) == 1 and self.process is None else None
            if only is not None and not only.unsent:
                await trio.lowlevel.wait_readable(only.fd)
                return
            async with trio.open_nursery() as nursery:
                for exchange in active:
                    if exchange.connection is not None:
                        nursery.start_soon(one, trio.lowlevel.wait_readable, exchange.connection.fd)
                        if exchange.connection.unsent:
                            nursery.start_soon(one, trio.lowlevel.wait_writable, exchange.connection.fd)
                if self.process is not None:
                    nursery.start_soon(self._until_dead, nursery.cancel_scope)

    async def _until_dead(self, scope: trio.CancelScope) -> None:
        assert self.process is not None
        await self.process.dead.wait()
        scope.cancel()

    async def _last_words(self) -> None:
        """The process is dead: read what is left, then call that the end, though a child may hold the sockets."""
        for _ in range(1024):
            before = len(self.inbox), self._finished
            for exchange in self.active[:]:
                self._read(exchange)
            if (len(self.inbox), self._finished) == before:
                break
        if not self.inbox:
            raise await self._gone("it ended")

    # ---- reading

    def _read(self, exchange: Exchange) -> None:
        connection = exchange.connection
        if connection is None or exchange.reply.done:
            return
        try:
            events = connection.read()
        except NotHttp as error:
            self._break(exchange, connection, str(error))
            return
        try:
            for event in events:
                kind = type(event)
                if kind is h11.Data:
                    self._data(exchange, bytes(event.data))  # type: ignore[attr-defined]
                elif kind is h11.Response:
                    self._response(exchange, event)  # type: ignore[arg-type]
                elif kind is h11.EndOfMessage:
                    self._end(exchange)
                if exchange.connection is not connection or exchange.reply.done:
                    return
        except TooMuch as error:
            self._too_much = error
            self._done(exchange, str(error), keep=False)

    def _response(self, exchange: Exchange, event: h11.Response) -> None:
        reply = exchange.reply
        reply.status, reply.headers = event.status_code, readable(event.headers)
        for name, value in reply.headers:
            if name == "content-type":
                if value.partition(";")[0].strip().lower() == "text/event-stream" and event.status_code < 300:
                    exchange.events = EventReader()
            elif name == "content-encoding" and value.strip().lower() not in ("", "identity"):
                self._done(
                    exchange, f"its body is {value[:40]}-encoded, though only identity was asked for", keep=False
                )
                return
        if exchange.on_response is not None:
            exchange.on_response(exchange)

    def _data(self, exchange: Exchange, data: bytes) -> None:
        if exchange.events is not None:
            for event in exchange.events.feed(data):
                message = event.data if exchange.on_event is None else exchange.on_event(event)
                if message is not None:
                    self._deliver(exchange, message)
                    exchange.answered = exchange.answered or b'"method"' not in message
            return
        exchange.size += len(data)
        if exchange.size > MAX_FRAME_BYTES:
            raise TooMuch(f"a body of over {MAX_FRAME_BYTES >> 20} MiB (cap MAX_FRAME_BYTES)")
        exchange.parts.append(data)

    def _end(self, exchange: Exchange) -> None:
        reply = exchange.reply
        status = reply.status or 0
        if status in REDIRECTS and self._redirected(exchange):
            return
        problem = reply.problem
        if exchange.events is not None:
            if not reply.messages:
                problem = "the event stream ended without a message"
                if exchange.events.noise:
                    self._deliver(exchange, exchange.events.noise)  # JSON that is called an event stream, say
        elif exchange.parts:
            body = exchange.parts[0] if len(exchange.parts) == 1 else b"".join(exchange.parts)
            strict = exchange.body == "messages" or status >= 300 or status == 202
            if exchange.body != "none" and (_is_message(body) if strict else body.strip()):
                self._deliver(exchange, body)
            exchange.parts = []
        self._done(exchange, problem, keep=True)

    def _redirected(self, exchange: Exchange) -> bool:
        """Follow a redirect within the origin; False: the exchange ends here, the reply says why."""
        reply = exchange.reply
        location = next((value for name, value in reply.headers if name == "location"), "")
        target = within(self.endpoint, exchange.target, location)
        if target is None:
            reply.problem = f"it redirects to {location[:200]!r}, another origin: not followed"
        elif exchange.hops >= MAX_REDIRECTS:
            reply.problem = f"it redirects more than {MAX_REDIRECTS} times"
        else:
            self._release(exchange, keep=True)
            exchange.hops += 1
            exchange.target = target
            reply.status, reply.headers = None, ()
            exchange.parts, exchange.size = [], 0
            self._pending.append(exchange)
            return True
        return False

    def _deliver(self, exchange: Exchange, message: bytes) -> None:
        self._queued += len(message)
        if self._queued > MAX_QUEUED_BYTES:
            raise TooMuch(f"messages of over {MAX_QUEUED_BYTES >> 20} MiB at once (cap MAX_QUEUED_BYTES)")
        if len(exchange.reply.messages) < MAX_KEPT:
            exchange.reply.messages.append(message)
        self.inbox.append(message)

    def _break(self, exchange: Exchange, connection: Connection, problem: str) -> None:
        """Its connection is of no more use."""
        exchange.reply.problem = problem
        exchange.parts = []
        if not connection.ended or exchange.stale or self._closed:
            self._done(exchange, problem, keep=False)
            return
        exchange.fresh = exchange.fresh or connection.heard
        self._release(exchange, keep=False)
        self._broken.append(exchange)

    def _release(self, exchange: Exchange, keep: bool) -> None:
        connection, exchange.connection = exchange.connection, None
        if exchange in self.active:
            self.active.remove(exchange)
        if connection is not None:
            if keep and connection.reusable and not self._closed:
                self._idle.append(connection)
            else:
                connection.close()

    def _done(self, exchange: Exchange, problem: str, *, keep: bool) -> None:
        self._release(exchange, keep)
        exchange.reply.problem = problem
        if not exchange.reply.done:
            exchange.reply.done = True
            self._finished += exchange.body != "none"


def _wanted(exchange: Exchange) -> int:
    assert exchange.connection is not None
    return select.POLLIN | (select.POLLOUT if exchange.connection.unsent else 0)


def _is_message(body: bytes) -> bool:
    """Whether a body is (meant as) JSON-RPC, and no page or framework's own error."""
    if b'"jsonrpc"' not in body:
        return False
    try:
        value = orjson.loads(body)
    except ValueError:
        return False
    if isinstance(value, list):
        value = value[0] if value else None
    return isinstance(value, dict) and "jsonrpc" in value


def within(endpoint: Endpoint, target: str, location: str) -> str | None:
    """Where a Location of this origin leads; None for another origin and for none at all."""
    try:
        parts = urlsplit(urljoin(endpoint.origin + target, location))
        port = parts.port
    except ValueError:
        return None
    if not location or parts.scheme != endpoint.scheme or (parts.hostname or "") != endpoint.host.lower():
        return None
    if (port if port is not None else DEFAULT_PORTS[parts.scheme]) != endpoint.port:
        return None
    made = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return made if made.isascii() and not any(c <= " " or c == "\x7f" for c in made) else None
