"""A trio loop on one background thread. Work is handed to it from plain code, from inside asyncio and from
inside another trio loop alike (where `trio.from_thread` and anyio's portals refuse). Knows nothing of MCP.

What must be entered and left by one task (a connection, a campaign) is held by a task of its own: `hold`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

import trio

from mcpfuzz.errors import Fault, McpfuzzError

__all__ = ["Held", "Job", "TrioThread", "in_trio"]

START_S = 30.0
"""For the thread to come up."""
STOP_S = 20.0
"""For it to end, servers included."""

T = TypeVar("T")


class Job(Generic[T]):
    """Work under way on the thread."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self._scope = trio.CancelScope()
        self._future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._future.set_running_or_notify_cancel()  # from now on only the work itself settles it

    async def run(self, work: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> None:
        """On the thread. Exceptions go to whoever waits, never to the loop."""
        try:
            with self._scope:
                self._future.set_result(await work(*args))
        except Exception as error:  # noqa: BLE001 - handed over whole
            self._future.set_exception(error)
        finally:
            if not self._future.done():
                self._future.set_exception(Fault("mcpfuzz's background thread gave this up: it was cancelled"))

    def cancel(self) -> None:
        """From any thread; the work ends at its next checkpoint."""
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._scope.cancel)

    def wait(self, seconds: float | None = None) -> T:
        """Block until it is done; Ctrl-C and a passed bound cancel it.

        Raises:
            Fault: it took longer than `seconds`, though all it does is bounded.
        """
        __tracebackhide__ = True
        try:
            done, _ = concurrent.futures.wait([self._future], seconds)
        except BaseException:
            self.cancel()
            raise
        if not done:
            self.cancel()
            raise Fault(f"mcpfuzz's background thread did not answer within {seconds:g} s")
        return self._outcome()

    async def wait_async(self) -> T:
        """Await it, on asyncio or trio; being cancelled cancels it."""
        __tracebackhide__ = True
        try:
            if in_trio():
                await self._until_done_trio()
            else:
                wrapped = asyncio.wrap_future(self._future)
                await asyncio.wait([wrapped])
                wrapped.cancelled() or wrapped.exception()  # looked at; else asyncio logs that nobody did
        except BaseException:
            self.cancel()
            raise
        return self._outcome()

    async def _until_done_trio(self) -> None:
        token, event = trio.lowlevel.current_trio_token(), trio.Event()

        def tell(_: object) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(event.set)

        self._future.add_done_callback(tell)
        await event.wait()

    def _outcome(self) -> T:
        """The result; an error of ours is raised here anew, so that a test shows its own line and not our loop's."""
        __tracebackhide__ = True
        error = self._future.exception()
        if isinstance(error, McpfuzzError):
            raise error.with_traceback(None) from None
        if error is not None:
            raise error
        return self._future.result()


def in_trio() -> bool:
    """Whether the caller is a task of trio's."""
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


class Held(Generic[T]):
    """A context manager that a task of its own holds open."""

    def __init__(self, value: T) -> None:
        self.value = value
        self._leave = trio.Event()
        self._left = trio.Event()
        self._error: Exception | None = None

    async def close(self) -> None:
        """Leave it, in the task that entered it. A second time does nothing."""
        self._leave.set()
        await self._left.wait()
        error, self._error = self._error, None
        if error is not None:
            raise error

    @staticmethod
    async def live(
        manager: AbstractAsyncContextManager[T], *, task_status: trio.TaskStatus[Held[T]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        held: Held[T] | None = None
        try:
            async with manager as value:
                held = Held(value)
                task_status.started(held)
                await held._leave.wait()
        except Exception as error:
            if held is None:
                raise  # to whoever wanted it opened
            held._error = error
        finally:
            if held is not None:
                held._left.set()


class TrioThread:
    """The thread. It is a daemon: an interpreter that ends without `stop` is not kept waiting."""

    def __init__(self) -> None:
        ready: concurrent.futures.Future[tuple[trio.lowlevel.TrioToken, trio.Nursery]] = concurrent.futures.Future()

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                ready.set_result((trio.lowlevel.current_trio_token(), nursery))
                await trio.sleep_forever()

        self._thread = threading.Thread(target=trio.run, args=(main,), name="mcpfuzz-trio", daemon=True)
        self._thread.start()
        self._token, self._nursery = ready.result(START_S)

    def spawn(self, work: Callable[..., Awaitable[T]], *args: Any) -> Job[T]:
        """Begin `work(*args)` on the thread.

        Raises:
            Fault: the thread was stopped.
        """
        job: Job[T] = Job(self._token)
        try:
            self._token.run_sync_soon(self._nursery.start_soon, job.run, work, args)
        except trio.RunFinishedError:
            raise Fault("mcpfuzz's background thread was stopped already") from None
        return job

    def call(self, work: Callable[..., Awaitable[T]], *args: Any, seconds: float | None = None) -> T:
        """`spawn` and `wait`."""
        __tracebackhide__ = True
        return self.spawn(work, *args).wait(seconds)

    async def hold(self, manager: AbstractAsyncContextManager[T]) -> Held[T]:
        """On the thread: enter `manager` in a task of its own."""
        held: Held[T] = await self._nursery.start(Held.live, manager)
        return held

    def stop(self) -> None:
        """End everything on it. Bounded; safe to call twice."""
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._nursery.cancel_scope.cancel)
        self._thread.join(STOP_S)
