"""HTTP exchanges in flight over kept connections, without a task each: whoever waits, reads. It knows HTTP and
event streams, and nothing of sessions or eras.

What an exchange is, what its bytes mean and how one waits for them stands in `exchanges`, `intake` and `waiting`;
here is which of them has a connection, and what becomes of it when that ends.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Iterable

import h11
import trio

from mcpfuzz.errors import Gone, Late, LaunchError, TooMuch
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.exchanges import REDIRECTS, Exchange, redirected, resumed
from mcpfuzz.transports.http1 import Connection, NotHttp
from mcpfuzz.transports.intake import Intake
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.stdio import ending_words
from mcpfuzz.transports.tcp import connect
from mcpfuzz.transports.waiting import nothing_under_way, ready, until_ready

__all__ = ["MAX_CONNECTIONS", "Pool"]

MAX_CONNECTIONS = 32
BREATH_S = 0.02
"""At least this often the loop lets other tasks run, however fast the answers come."""
FRESH_S = 2.0
"""For a connection that is to tell whether the server still listens."""


class Pool:
    """Connections to one endpoint, and the exchanges on them.

    Attributes:
        dead: what was found when the server took no more connections.
        active: exchanges that have a connection.
    """

    def __init__(self, endpoint: Endpoint, process: Process | None = None) -> None:
        self.endpoint = endpoint
        self.process = process
        self.dead: Gone | None = None
        self.active: list[Exchange] = []
        self._intake = Intake()
        self._idle: list[Connection] = []
        self._pending: deque[Exchange] = deque()
        self._broken: deque[Exchange] = deque()
        """Their connection ended before anything came: to be tried again, or told."""
        self._later: list[Exchange] = []
        """Their event stream broke off, and is taken up again in a while."""
        self._closed = False
        self._breath = time.monotonic()
        self._finished = 0

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
            self._intake.check()
            if self._intake.messages:
                return self._intake.take()
            if self._finished != finished:
                return []
            if self._closed:
                raise Gone("the connection was closed by us")
            now = time.monotonic()
            if now > deadline:
                for exchange in (*self.active, *self._later):
                    exchange.stale = True
                raise Late("no answer in time")
            if now - self._breath > BREATH_S:
                self._breath = now
                await trio.lowlevel.checkpoint()
            await self.step(deadline)

    def waiting(self) -> list[bytes]:
        """What is there already. Raises TooMuch."""
        for exchange in self.active[:]:
            self._read(exchange)
        self._intake.check()
        return self._intake.take()

    def close(self) -> None:
        self._closed = True
        self._drop_all("closed by us")
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _drop_all(self, why: str) -> None:
        for exchange in [*self.active, *self._pending, *self._broken, *self._later]:
            self._done(exchange, why, keep=False)
        self._later.clear()
        self._pending.clear()
        self._broken.clear()

    # ---- connections

    async def _fill(self, deadline: float) -> None:
        """Give connections to those that wait for one."""
        self._due()
        while self._broken:
            await self._again(self._broken.popleft(), deadline)
        while self._pending:
            connection, fresh = self._kept(), False
            if connection is None:
                if len(self.active) >= MAX_CONNECTIONS and not self._drop_one():
                    return
                connection, fresh = await self._fresh(deadline), True
            self._begin(self._pending.popleft(), connection, fresh)

    def _due(self) -> None:
        """Streams whose time has come to be taken up again; nobody waits for the stale ones any longer."""
        now = time.monotonic()
        for exchange in [one for one in self._later if one.due_at <= now or (one.stale and not one.lasting)]:
            self._later.remove(exchange)
            if exchange.stale and not exchange.lasting:
                self._done(exchange, exchange.reply.problem, keep=False)
            else:
                self._pending.append(exchange)

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
            if not exchange.lasting and (exchange.stale or exchange.answered):
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
        self._drop_all(words)
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
        if self._later:
            self._due()
            deadline = min([deadline, *[exchange.due_at for exchange in self._later]])
        if self._broken or self._pending:
            finished = self._finished
            await self._fill(deadline)
            if self._finished != finished:
                return
        if not self.active:
            await nothing_under_way(self.process, deadline)
            if self.process is not None and self.process.poll() is not None:
                raise await self._gone("it ended")
            return
        going = ready(self.active)
        for exchange in going:
            if exchange.connection is not None and exchange.connection.unsent:
                exchange.connection.flush()
            self._read(exchange)
        if going:
            return
        if self.process is not None and self.process.poll() is not None:
            await self._last_words()
            return
        await until_ready(self.active, self.process, deadline)

    async def _last_words(self) -> None:
        """The process is dead: read what is left, then call that the end, though a child may hold the sockets."""
        for _ in range(1024):
            before = len(self._intake.messages), self._finished
            for exchange in self.active[:]:
                self._read(exchange)
            if (len(self._intake.messages), self._finished) == before:
                break
        if not self._intake.messages:
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
                    self._intake.data(exchange, bytes(event.data))  # type: ignore[attr-defined]
                elif kind is h11.Response:
                    if problem := self._intake.response(exchange, event):  # type: ignore[arg-type]
                        self._done(exchange, problem, keep=False)
                elif kind is h11.EndOfMessage:
                    self._end(exchange)
                if exchange.connection is not connection or exchange.reply.done:
                    return
        except TooMuch as error:
            self._intake.too_much = error
            self._done(exchange, str(error), keep=False)

    def _end(self, exchange: Exchange) -> None:
        """The answer is there to its end."""
        if exchange.reply.status in REDIRECTS and redirected(self.endpoint, exchange):
            self._release(exchange, keep=True)
            self._pending.append(exchange)
            return
        if self._resumes(exchange, keep=True):
            return
        self._done(exchange, self._intake.whole(exchange), keep=True)

    def _resumes(self, exchange: Exchange, *, keep: bool) -> bool:
        """Whether its event stream ended too early, and is taken up again."""
        if self._closed or not resumed(exchange, time.monotonic()):
            return False
        self._release(exchange, keep)
        self._later.append(exchange)
        return True

    def _break(self, exchange: Exchange, connection: Connection, problem: str) -> None:
        """Its connection is of no more use."""
        exchange.reply.problem = problem
        exchange.parts = []
        if connection.ended and self._resumes(exchange, keep=False):
            return
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
