"""MCP over the pipes of a process: lines out, lines in, with deadlines and caps.

The fast path is a write, a short poll, a read, and it gives way to trio only when the answer is late: an
Event per request costs ten times as much (facts on performance). A write never blocks for ever: while the
server does not read, its output is drained, since it may be blocked on writing to us.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

import trio

from mcpfuzz.errors import Gone, Late
from mcpfuzz.revisions import Revision
from mcpfuzz.transports.channel import Reply, Sent
from mcpfuzz.transports.process import Process
from mcpfuzz.wire import LineFramer

__all__ = ["StdioChannel"]

JOINED = 1 << 20
"""Bytes that are written in one piece, however many messages they are."""
CHUNK = 1 << 16
POLL_MS = 2
"""How long one poll may hold the loop; other tasks (stderr, progress) wait that long at most."""
BREATH_S = 0.02
"""At least this often the loop lets other tasks run, however fast the answers come."""
MAX_QUEUED = 100_000
"""Lines kept before anybody asks for them."""


class StdioChannel:
    """The channel over one process's pipes."""

    transport = "stdio"
    acknowledges = False

    def __init__(self, process: Process) -> None:
        self.process = process
        self._framer = LineFramer()
        self._lines: list[bytes] = []
        self._eof = False
        self._poller = select.poll()
        self._poller.register(process.stdout, select.POLLIN)
        self._breath = time.monotonic()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def agreed(self, revision: Revision) -> None:
        """Nothing of a pipe depends on it."""

    async def aclose(self) -> None:
        """The pipes close with the process."""

    async def send(self, messages: Sequence[Sent], deadline: float) -> Sequence[Reply]:
        """Write all of them: in one piece, unless that would be a large copy.

        Args:
            deadline: `time.monotonic()` by which it must be written, in total.

        Raises:
            Gone: the server ended or closed its stdin.
            Late: it does not read.
        """
        pieces = [message.data for message in messages]
        if sum(map(len, pieces)) <= JOINED:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            await self._write(memoryview(piece), deadline)
        return ()

    async def _write(self, view: memoryview, deadline: float) -> None:
        while view:
            try:
                view = view[os.write(self.process.stdin, view[:CHUNK]) :]
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Late("the server does not read what is written to it") from None
                if not self._read_now():
                    await self._wait_either(min(deadline, time.monotonic() + 0.5))
                if self.process.poll() is not None:
                    raise self._gone("while it was written to") from None
            except OSError:
                await self.process.settle()
                raise self._gone("and closed its stdin") from None

    async def listen(self, message: Sent, deadline: float) -> None:
        """The same as any other request here. Raises Gone, Late."""
        await self.send((message,), deadline)

    async def receive(self, deadline: float) -> list[bytes]:
        """The next lines, at least one.

        Raises:
            Gone: the server ended or closed its stdout.
            Late: nothing came by `deadline`.
            TooMuch: a line passed the cap.
        """
        while True:
            now = time.monotonic()
            if now - self._breath > BREATH_S:
                self._breath = now
                await trio.lowlevel.checkpoint()
            if self._lines:
                lines, self._lines = self._lines, []
                return lines
            if self._eof:
                await self.process.settle()
                raise self._gone("and closed its stdout")
            if now > deadline:
                raise Late("no answer in time")
            if self._poller.poll(POLL_MS):
                self._read_now()
                continue
            if self.process.poll() is not None:
                self._last_words()
                continue
            await self._wait_readable(deadline)

    def waiting(self) -> list[bytes]:
        """Lines that are there already; never waits."""
        self._read_now()
        lines, self._lines = self._lines, []
        return lines

    def _read_now(self) -> bool:
        """Take what the pipe holds; False where it held nothing."""
        try:
            chunk = os.read(self.process.stdout, 1 << 18)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self._eof = True
            return False
        self._lines += self._framer.feed(chunk)
        if len(self._lines) > MAX_QUEUED:
            del self._lines[MAX_QUEUED // 2 :]
        return True

    def _last_words(self) -> None:
        """The process is dead: read what it left in the pipe, then call that the end, though a child may
        hold the pipe open for ever."""
        for _ in range(1024):
            if not self._read_now():
                break
        self._eof = True

    async def _wait_readable(self, deadline: float) -> None:
        with self.process.interrupted_by_death(deadline):
            await trio.lowlevel.wait_readable(self.process.stdout)

    async def _wait_either(self, deadline: float) -> None:
        async def one(wait: Callable[[int], Awaitable[None]], fd: int) -> None:
            await wait(fd)
            nursery.cancel_scope.cancel()

        with self.process.interrupted_by_death(deadline):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one, trio.lowlevel.wait_readable, self.process.stdout)
                nursery.start_soon(one, trio.lowlevel.wait_writable, self.process.stdin)

    def _gone(self, how: str) -> Gone:
        code = self.process.poll()
        if code is None:
            return Gone(f"the server lives {how}")
        return Gone(f"the server ended ({ending_words(code)})", returncode=code)


def ending_words(code: int) -> str:
    """An exit code for people: `exit code 3`, `SIGSEGV`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
