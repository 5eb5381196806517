"""The official SDK's own server over the network, either major version of it: sdk_server.py http|sse. It prints its
port."""

import socket
import sys

import uvicorn

try:
    from mcp.server.fastmcp import Context, FastMCP
except ImportError:
    from mcp.server.mcpserver import Context
    from mcp.server.mcpserver import MCPServer as FastMCP

server = FastMCP("demo", log_level="ERROR")


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


@server.tool()
async def noisy(ctx: Context) -> str:
    for step in range(3):
        await ctx.report_progress(step, 3)
    return "done"


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
app = server.sse_app() if sys.argv[1] == "sse" else server.streamable_http_app()
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
