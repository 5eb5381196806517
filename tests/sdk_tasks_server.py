"""A server of the Python SDK 1.30 with tasks behind its bearer middleware.

    python sdk_tasks_server.py PORT stateful|stateless

Stateful, the SDK keeps a task to the session that made it. Stateless, nothing of its owner is kept: "possession of the
ID is what grants access to it" (mcp/server/experimental/task_scope.py).
"""

import contextlib
import sys

import anyio
import uvicorn
from mcp import types
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Mount

TOKENS = {"alice-token-6113": "alice", "bob-token-90427": "bob"}
PORT, STATELESS = int(sys.argv[1]), sys.argv[2] == "stateless"

server = Server("fires")
server.experimental.enable_tasks()
support = server.experimental.task_support
running = support.run


@contextlib.asynccontextmanager
async def nothing():
    yield


if not STATELESS:  # whichever session ends first takes the one task group of all along (1.30.0): hold it ourselves
    support.run = nothing


@server.list_tools()
async def tools():
    glaze = {"type": "string", "examples": ["ash"]}
    schema = {"type": "object", "properties": {"glaze": glaze}, "required": ["glaze"]}
    hints = types.ToolAnnotations(readOnlyHint=True)
    able = types.ToolExecution(taskSupport="optional")
    return [types.Tool(name="fire", description="Fires.", inputSchema=schema, annotations=hints, execution=able)]


@server.call_tool()
async def call(name, arguments):
    async def work(task=None):
        await anyio.sleep(0.7 if task else 0)
        return types.CallToolResult(content=[types.TextContent(type="text", text=f"fired {arguments['glaze']}")])

    asked = server.request_context.experimental
    return await asked.run_task(work) if asked.is_task else await work()


class Verifier:
    async def verify_token(self, token):
        who = TOKENS.get(token)
        return AccessToken(token=token, client_id=who, scopes=[]) if who else None


manager = StreamableHTTPSessionManager(server, stateless=STATELESS)


@contextlib.asynccontextmanager
async def life(app):
    async with manager.run(), running() if not STATELESS else nothing():
        yield


known = Middleware(AuthenticationMiddleware, backend=BearerAuthBackend(Verifier()))
app = Starlette(
    routes=[Mount("/mcp", app=RequireAuthMiddleware(manager.handle_request, []))],
    lifespan=life,
    middleware=[known, Middleware(AuthContextMiddleware)],
)
uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error")
