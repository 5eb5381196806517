"""The official SDK's server (1.x) with an event store: its tool `slow` ends its stream before it answers, and a client
has to come back for the answer. It prints its port."""

import socket
from typing import Any

import anyio
import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.streamable_http import EventMessage, EventStore


class Store(EventStore):
    """Every event of every stream, in order; an id is a place in it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id: str, send_callback: Any) -> str:
        after = int(last_event_id)
        stream = self.events[after - 1][0]
        for number, (one, message) in enumerate(self.events[after:], after + 1):
            if one == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


server = FastMCP("demo", log_level="CRITICAL", event_store=Store(), retry_interval=100)


@server.tool()
async def slow(ctx: Context) -> str:
    await ctx.close_sse_stream()
    await anyio.sleep(0.5)
    return "at last"


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="critical")).run(sockets=[listener])
