"""Waiting for one of several exchanges to go on, or for the process behind them to end. Polls first: a trip through
trio's loop costs more than a call over loopback.
"""

from __future__ import annotations

import select
import time
from collections.abc import Awaitable, Callable, Sequence

import trio

from mcpfuzz.transports.exchanges import Exchange
from mcpfuzz.transports.process import Process

__all__ = ["nothing_under_way", "ready", "until_ready"]

POLL_MS = 2
"""How long one poll may hold the loop; other tasks (stderr, progress) wait that long at most."""
IDLE_S = 60.0
"""The longest sleep where nothing is under way and no process watched."""


def ready(active: Sequence[Exchange]) -> list[Exchange]:
    """Those that can go on now, or within two milliseconds."""
    poller = select.poll()
    if len(active) == 1:  # the good path: one call after another
        exchange = active[0]
        assert exchange.connection is not None
        poller.register(exchange.connection.fd, _wanted(exchange))
        return [exchange] if poller.poll(POLL_MS) else []
    by_fd = {exchange.connection.fd: exchange for exchange in active if exchange.connection is not None}
    for fd, exchange in by_fd.items():
        poller.register(fd, _wanted(exchange))
    return [by_fd[fd] for fd, _ in poller.poll(POLL_MS)]


def _wanted(exchange: Exchange) -> int:
    assert exchange.connection is not None
    return select.POLLIN | (select.POLLOUT if exchange.connection.unsent else 0)


async def nothing_under_way(process: Process | None, deadline: float) -> None:
    """Until the process ends, or the deadline: nothing else can come."""
    if process is None:
        await trio.sleep(max(0.0, min(deadline - time.monotonic() + 0.001, IDLE_S)))
        return
    with process.interrupted_by_death(deadline + 0.001):
        await trio.sleep_forever()


async def until_ready(active: Sequence[Exchange], process: Process | None, deadline: float) -> None:
    """Until any of them can go on, the process ends, or the deadline passes."""

    async def one(wait: Callable[[int], Awaitable[None]], fd: int) -> None:
        await wait(fd)
        nursery.cancel_scope.cancel()

    async def death(watched: Process) -> None:
        await watched.dead.wait()
        nursery.cancel_scope.cancel()

    until = trio.current_time() + max(0.0, deadline - time.monotonic()) + 0.001
    with trio.CancelScope(deadline=until):
        only = active[0].connection if len(active) == 1 and process is None else None
        if only is not None and not only.unsent:
            await trio.lowlevel.wait_readable(only.fd)
            return
        async with trio.open_nursery() as nursery:
            for exchange in active:
                if exchange.connection is not None:
                    nursery.start_soon(one, trio.lowlevel.wait_readable, exchange.connection.fd)
                    if exchange.connection.unsent:
                        nursery.start_soon(one, trio.lowlevel.wait_writable, exchange.connection.fd)
            if process is not None:
                nursery.start_soon(death, process)
