"""MCP over WebSocket as people write it by hand, with FastAPI and uvicorn: `ws_server.py PORT [READER]`.

    /ws         is careful: nothing that mcpfuzz does to it should show anything
    /careless   takes messages as they come, as tutorials do

READER: what reads the frames for uvicorn; websockets (default), websockets-sansio or wsproto.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket

TOKEN = "guide-token-5512"
PORT = int(sys.argv[1])
READER = sys.argv[2] if len(sys.argv) > 2 else "websockets"
HOSTS = {f"127.0.0.1:{PORT}", f"localhost:{PORT}"}
MAX_DEPTH = 100
REVISIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
GREET = {
    "name": "greet",
    "description": "A greeting for somebody",
    "inputSchema": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 100}},
        "required": ["name"],
        "additionalProperties": False,
    },
    "annotations": {"readOnlyHint": True},
}
app = FastAPI()


class Wrong(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def initialize(params: dict[str, Any]) -> dict[str, Any]:
    wanted = params.get("protocolVersion")
    if not isinstance(wanted, str):
        raise Wrong(-32602, "protocolVersion is missing")
    info = {"name": "by-hand", "version": "1"}
    version = wanted if wanted in REVISIONS else REVISIONS[0]
    return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}


def listing(params: dict[str, Any]) -> dict[str, Any]:
    if "cursor" in params:
        raise Wrong(-32602, "there is one page")
    return {"tools": [GREET]}


def call(params: dict[str, Any]) -> dict[str, Any]:
    arguments = params.get("arguments", {})
    if not isinstance(params.get("name"), str) or not isinstance(arguments, dict):
        raise Wrong(-32602, "name and arguments of a tool are needed")
    if params["name"] != "greet":
        raise Wrong(-32602, "there is no such tool")
    name = arguments.get("name")
    if set(arguments) != {"name"} or not isinstance(name, str) or len(name) > 100:
        return {"content": [{"type": "text", "text": "name is a text of 100 characters at most"}], "isError": True}
    return {"content": [{"type": "text", "text": f"Hello, {name}"}]}


METHODS = {"initialize": initialize, "ping": lambda params: {}, "tools/list": listing, "tools/call": call}


def number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("too large")
    return value


def refuse(text: str) -> None:
    raise ValueError(text)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice")
    return made


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0)


def loads(text: str) -> Any:
    value = json.loads(text, parse_constant=refuse, object_pairs_hook=unique, parse_float=number)
    if depth(value) > MAX_DEPTH:
        raise ValueError("too deep")
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no text
    return value


def answer(text: str) -> dict[str, Any] | None:
    """What is said to one message; None for nothing."""
    try:
        message = loads(text)
    except (ValueError, RecursionError):
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "That is no JSON"}}
    known = message.get("id") if isinstance(message, dict) else None
    readable = isinstance(known, str) or (isinstance(known, int) and not isinstance(known, bool))
    try:
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise Wrong(-32600, "That is no JSON-RPC 2.0 message")
        if "method" not in message and ("result" in message or "error" in message):
            return None
        method, params = message.get("method"), message.get("params", {})
        if not isinstance(method, str) or "result" in message or "error" in message:
            raise Wrong(-32600, "That is no request")
        if "id" not in message:
            return None
        if not readable:
            raise Wrong(-32600, "An id is a text or an integer")
        if not isinstance(params, dict):
            raise Wrong(-32602, "params is an object")
        token = params.get("_meta", {}).get("progressToken", 0) if isinstance(params.get("_meta", {}), dict) else None
        if not isinstance(token, str | int) or isinstance(token, bool):
            raise Wrong(-32602, "a progress token is a text or an integer")
        if method not in METHODS:
            raise Wrong(-32601, "There is no such method")
        return {"jsonrpc": "2.0", "id": known, "result": METHODS[method](params)}
    except Wrong as wrong:
        error = {"code": wrong.code, "message": str(wrong)}
        return {"jsonrpc": "2.0", "id": known if readable else None, "error": error}


@app.websocket("/ws")
async def careful(websocket: WebSocket, token: str = "") -> None:
    origin = websocket.headers.get("origin")
    if websocket.headers.get("host") not in HOSTS or origin not in (None, *(f"http://{host}" for host in HOSTS)):
        await websocket.close(1008)
        return
    if token != TOKEN and websocket.headers.get("authorization") != f"Bearer {TOKEN}":
        await websocket.close(1008)  # before it is accepted: HTTP 403
        return
    offered = websocket.scope.get("subprotocols") or []
    await websocket.accept(subprotocol="mcp" if "mcp" in offered else None)
    while True:
        frame = await websocket.receive()
        if frame["type"] == "websocket.disconnect":
            return
        if frame.get("text") is None:
            await websocket.close(1003)
            return
        said = answer(frame["text"])
        if said is not None:
            await websocket.send_text(json.dumps(said))


@app.websocket("/careless")
async def careless(websocket: WebSocket, token: str = "") -> None:
    await websocket.accept()
    if token != TOKEN:
        await websocket.send_text("Authentication Error: wrong token")
        await websocket.close(code=1008)
        return
    await websocket.send_text("Welcome! Connection secure.")
    while True:
        message = json.loads(await websocket.receive_text())
        if "id" in message:
            try:
                said = {"result": METHODS[message["method"]](message.get("params", {}))}
            except (KeyError, Wrong) as error:
                said = {"error": {"code": getattr(error, "code", -32601), "message": str(error)}}
            await websocket.send_text(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}))


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error", lifespan="off", ws=READER)  # type: ignore[arg-type]
