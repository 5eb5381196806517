"""A FastAPI server with MCP at /mcp and an HTTP interface beside it, as people build them: `PORT [--sound]`.

Weak: a division that nobody guards, and an answer that is not what its model says.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

PORT, SOUND = int(sys.argv[1]), "--sound" in sys.argv
TOOL = {
    "name": "shout",
    "description": "The text in capitals.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "annotations": {"readOnlyHint": True},
}
app = FastAPI()


class Order(BaseModel):
    pots: int
    boxes: int


class Share(BaseModel):
    each: int


class Price(BaseModel):
    total: int
    currency: str


@app.post("/share", response_model=Share)
def share(order: Order) -> dict[str, int]:
    if SOUND and order.boxes == 0:
        raise HTTPException(422, "there are no boxes")
    return {"each": order.pots // order.boxes}


@app.get("/prices/{article}", responses={200: {"model": Price}})
def price(article: int) -> Response:
    if article < 0:
        raise HTTPException(404, "there is no such article")
    text = '{"total": 5, "currency": "EUR"}' if SOUND or article < 100 else '{"total": "five", "currency": "EUR"}'
    return Response(text, media_type="application/json")


@app.get("/upstream")
def upstream() -> None:
    raise HTTPException(503, "the upstream is not there")


@app.post("/mcp")
async def mcp(request: Request) -> Any:
    try:
        message = await request.json()
    except ValueError:
        return refusal(None, -32700, "not JSON")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        return refusal(None, -32600, "no request")
    if "id" not in message:
        return Response(status_code=202)
    method, params = message["method"], message.get("params") or {}
    results = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "pots", "version": "1"},
        },
        "ping": {},
        "tools/list": {"tools": [TOOL]},
    }
    if method in results:
        return {"jsonrpc": "2.0", "id": message["id"], "result": results[method]}
    if method != "tools/call":
        return refusal(message["id"], -32601, "no such method", 200)
    text = params.get("arguments", {}).get("text")
    if params.get("name") != "shout" or not isinstance(text, str):
        return refusal(message["id"], -32602, "no such tool, or no text", 200)
    return {"jsonrpc": "2.0", "id": message["id"], "result": {"content": [{"type": "text", "text": text.upper()}]}}


def refusal(id_: Any, code: int, text: str, status: int = 400) -> Response:
    from fastapi.responses import JSONResponse

    return JSONResponse({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": text}}, status_code=status)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
