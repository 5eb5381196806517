"""One server process that we own: started, watched, its stderr drained, ended with all its descendants.

Promises kept here (hostility 7 to 10): stderr is drained all the time and only a tail is kept; death is
noticed at once, even while a grandchild holds the pipes; the end is bounded (close stdin, SIGTERM,
SIGKILL, sweep by mark) and leaves nothing behind, whatever caused it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import Iterator

import trio

from mcpfuzz import host
from mcpfuzz.transports.child import Child
from mcpfuzz.transports.launch import Launch

__all__ = ["GRACE_S", "Process"]

STDERR_TAIL_BYTES = 64 << 10
GRACE_S = 0.3
"""For a server to leave after its stdin closed; then SIGTERM, the same again, then SIGKILL."""


class Process:
    """A running server. Make it with `Process.start`; `await stop()` is safe to call twice.

    Attributes:
        pid: the server's, as we see it, inside a sandbox or not.
        returncode: None while it runs; negative for a signal.
        stdin, stdout: our ends of its pipes, non-blocking.
        started_at: `time.monotonic()`.
    """

    def __init__(self, child: Child, stdin: int, stdout: int, stderr: int) -> None:
        self._child = child
        self.pid = child.pid
        self.stdin, self.stdout, self._stderr = stdin, stdout, stderr
        self.returncode: int | None = None
        self.started_at = time.monotonic()
        self.dead = trio.Event()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self.stderr_bytes = 0
        self._waiters: set[trio.CancelScope] = set()
        self._stopped = False

    @classmethod
    def start(cls, launch: Launch, nursery: trio.Nursery, *, talks: bool = True) -> Process:
        """Start the command; its watchers live in `nursery`.

        Args:
            talks: it is spoken to over its pipes; False keeps its stdout flowing like its stderr.

        Raises:
            LaunchError: the command cannot be started.
        """
        mark = f"{launch.token}.{secrets.token_hex(4)}"  # one connection's end must not touch another's family
        child_in, stdin = os.pipe()
        stdout, child_out = os.pipe()
        stderr, child_err = os.pipe()
        try:
            child = launch.start(mark, child_in, child_out, child_err)
        except BaseException:
            for end in (stdin, stdout, stderr):
                os.close(end)
            raise
        finally:
            for end in (child_in, child_out, child_err):
                os.close(end)
        for end in (stdin, stdout, stderr):
            os.set_blocking(end, False)
        process = cls(child, stdin, stdout, stderr)
        nursery.start_soon(process._watch)
        nursery.start_soon(process._drain, stderr)
        if not talks:
            nursery.start_soon(process._drain, stdout)
        return process

    async def _watch(self) -> None:
        """Notice the end of the process itself, not of its pipes."""
        if self._child.fileno() >= 0:
            ended = os.dup(self._child.fileno())  # ours, whatever the child does with its own
            try:
                await trio.lowlevel.wait_readable(ended)
            finally:
                os.close(ended)
        while self.poll() is None:
            await trio.sleep(0.005)

    def poll(self) -> int | None:
        """The exit code, should it have ended by now."""
        if self.returncode is None and (code := self._child.poll()) is not None:
            self.returncode = code
            self.dead.set()
            for scope in self._waiters:
                scope.cancel()
        return self.returncode

    @contextlib.contextmanager
    def interrupted_by_death(self, deadline: float) -> Iterator[trio.CancelScope]:
        """A cancel scope that the process's end, or `deadline` (monotonic), cuts short."""
        with trio.CancelScope(deadline=trio.current_time() + max(0.0, deadline - time.monotonic())) as scope:
            if self.returncode is not None:
                scope.cancel()
            self._waiters.add(scope)
            try:
                yield scope
            finally:
                self._waiters.discard(scope)

    async def _drain(self, pipe: int) -> None:
        """Keep what the server writes flowing; keep the tail of it."""
        while not self._stopped:
            try:
                chunk = os.read(pipe, 1 << 16)
            except BlockingIOError:
                try:
                    await trio.lowlevel.wait_readable(pipe)
                except trio.ClosedResourceError:
                    return
                continue
            except OSError:
                return
            if not chunk:
                return
            self.stderr_bytes += len(chunk)
            self._tail.append(chunk)
            self._tail_size += len(chunk)
            while self._tail_size - len(self._tail[0]) > STDERR_TAIL_BYTES:
                self._tail_size -= len(self._tail.popleft())
            await trio.lowlevel.checkpoint()  # an endless stderr must not starve the caller

    def stderr(self) -> str:
        """The last of what it wrote to stderr."""
        return b"".join(self._tail)[-STDERR_TAIL_BYTES:].decode("utf-8", "replace")

    def forget_stderr(self) -> None:
        """Begin a new record, so that a trace holds only its own."""
        self._tail.clear()
        self._tail_size = 0

    async def settle(self, seconds: float = 0.25) -> None:
        """Give a dying process's last words and exit code a moment to arrive."""
        with trio.move_on_after(seconds):
            await self.dead.wait()
        self.poll()
        for _ in range(3):
            await trio.lowlevel.checkpoint()

    def resident(self) -> int:
        """Resident bytes of the whole tree."""
        return host.resident(self.pid) if self.returncode is None else 0

    async def stop(self, grace: float = GRACE_S) -> None:
        """End it and everything it started. Bounded in seconds; shielded from cancellation.

        Args:
            grace: seconds to leave after its stdin closed, and again after SIGTERM.
        """
        if self._stopped:
            return
        with trio.CancelScope(shield=True):
            self._child.about_to_end()
            if self.stdin >= 0:
                with contextlib.suppress(OSError):
                    os.close(self.stdin)
                self.stdin = -1
            for number in (None, signal.SIGTERM, signal.SIGKILL):
                if number is not None:
                    host.kill_group(self.pid, number)
                with trio.move_on_after(grace if number != signal.SIGKILL else 5):
                    await self.dead.wait()
                if self.poll() is not None:
                    break
            self._stopped = True
            self._child.finish()
            self._close()

    async def leaves(self, seconds: float) -> bool:
        """Close its stdin; whether it ends by itself within so many seconds."""
        with contextlib.suppress(OSError):
            os.close(self.stdin)
        self.stdin = -1
        with trio.move_on_after(seconds):
            await self.dead.wait()
        return self.poll() is not None

    def kill(self) -> None:
        """End it at once, without grace: it is damaged."""
        host.kill_group(self.pid, signal.SIGKILL)

    def _close(self) -> None:
        trio.lowlevel.notify_closing(self._stderr)
        trio.lowlevel.notify_closing(self.stdout)
        for end in (self.stdout, self._stderr):
            with contextlib.suppress(OSError):
                os.close(end)
