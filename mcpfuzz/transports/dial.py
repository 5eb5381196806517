"""The one place that decides which transport is spoken: from a `Launch` (pipes of a process of its own) or an
`Endpoint` (a connection to a server that listens) to an open channel.
"""

from __future__ import annotations

from typing import TypeAlias

import trio

from mcpfuzz.errors import Fault
from mcpfuzz.transports.channel import Channel
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.launch import Launch
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.stdio import StdioChannel

__all__ = ["Way", "open_channel", "words_of"]

Way: TypeAlias = Launch | Endpoint
"""How a server is reached."""


async def open_channel(
    way: Way, nursery: trio.Nursery, deadline: float, process: Process | None = None
) -> tuple[Channel, Process | None]:
    """A channel, and the process behind it where there is one of ours.

    Args:
        nursery: where watchers and reader tasks live.
        deadline: `time.monotonic()` by which the connection must stand.
        process: of a networked server that mcpfuzz started; over stdio one is started here.

    Raises:
        LaunchError: the command cannot be started, or nobody listens there.
        HandshakeError: somebody listens, but the connection is refused above TCP.
        Late: the connection does not come about in time.
    """
    if isinstance(way, Launch):
        started = Process.start(way, nursery)
        return StdioChannel(started), started
    if way.transport == "ws":
        from mcpfuzz.transports.websocket import open_websocket  # 0.2 s of imports that pipes do not need

        return await open_websocket(way, nursery, deadline, process), process
    if way.transport == "http":
        from mcpfuzz.transports.streamable import StreamableChannel

        return await StreamableChannel.open(way, deadline, process), process
    if way.transport == "sse":
        from mcpfuzz.transports.sse import SseChannel

        return await SseChannel.open(way, deadline, process), process
    raise Fault(f"transport {way.transport} is not built yet")


def words_of(way: Way) -> str:
    """A server's name in error messages."""
    return repr(way.argv[0]) if isinstance(way, Launch) else way.origin + way.target.partition("?")[0]
