"""A small MCP server to put load on: standard library alone (websockets for `--ws`), a rate-limit policy by
configuration, and the mistakes that load scenarios must find. Not a test; started as a process by them.

    python load_server.py --port 0 --config '{"policy": {"scope": "identity", "rate": 20, "burst": 10}}'

It prints one line, the port, once it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import ssl
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

TOOLS = [
    {
        "name": "add",
        "description": "Adds two numbers.",
        "inputSchema": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "report",
        "description": "Makes a long report.",
        "inputSchema": {"type": "object", "properties": {}},
        "annotations": {"readOnlyHint": True},
    },
]


class Policy:
    """A token bucket, or a fixed window, per whatever the scope says."""

    def __init__(self, given: dict[str, Any], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.scope = given.get("scope", "none")
        self.kind = given.get("kind", "bucket")
        self.rate = float(given.get("rate", 10))
        self.burst = float(given.get("burst", 10))
        self.window = float(given.get("window", 1.0))
        self.answer = given.get("answer", "429")
        self.retry = given.get("retry_after", "true")
        self.trust_forwarded = bool(given.get("trust_forwarded"))
        self.buckets: dict[str, list[float]] = {}

    def wait(self, key: str) -> float:
        """0 where the request may pass, else the seconds until one may."""
        now = self.clock()
        if self.kind == "window":
            number = math.floor(now / self.window)
            bucket = self.buckets.setdefault(key, [number, 0.0])
            if bucket[0] != number:
                bucket[:] = [number, 0.0]
            if bucket[1] >= self.burst:
                return (number + 1) * self.window - now
            bucket[1] += 1
            return 0.0
        bucket = self.buckets.setdefault(key, [now, self.burst])
        bucket[1] = min(self.burst, bucket[1] + (now - bucket[0]) * self.rate)
        bucket[0] = now
        if bucket[1] < 1:
            return (1 - bucket[1]) / self.rate
        bucket[1] -= 1
        return 0.0


class Lab:
    """What the server does, whatever carries it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.policy = Policy(config.get("policy", {}))
        self.sessions: dict[str, Any] = {}
        self.leaked: list[bytes] = []
        self.stuck = False
        self.seen: list[float] = []

    def key(self, message: dict[str, Any], who: dict[str, str]) -> str | None:
        scope = self.policy.scope
        if scope == "none" or message.get("method") in ("initialize", "server/discover") or "id" not in message:
            return None
        if scope == "tool":
            return str((message.get("params") or {}).get("name") or message.get("method"))
        if scope == "address" and self.policy.trust_forwarded and who.get("forwarded"):
            return who["forwarded"]
        return who.get(scope, "") if scope != "global" else "all"

    def refuse(self, message: dict[str, Any], wait: float) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, answer and headers of a refusal."""
        told = {"true": math.ceil(wait), "lie": 1, "none": None}[self.policy.retry]
        if self.policy.answer == "rpc":
            data = {} if told is None else {"retry_after": told}
            error = {"code": -32000, "message": "Rate limit exceeded", "data": data}
            return 200, {"jsonrpc": "2.0", "id": message["id"], "error": error}, {}
        if self.policy.answer == "tool":
            result = {"isError": True, "content": [{"type": "text", "text": "Rate limit exceeded, slow down"}]}
            return 200, {"jsonrpc": "2.0", "id": message["id"], "result": result}, {}
        error = {"code": -32000, "message": "Too many requests"}
        headers = {} if told is None else {"Retry-After": str(told)}
        return 429, {"jsonrpc": "2.0", "id": message["id"], "error": error}, headers

    async def answer(self, message: dict[str, Any], who: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON-RPC answer (None for a notification) and headers."""
        await self.weaknesses()
        key = self.key(message, who)
        wait = self.policy.wait(key) if key is not None else 0.0
        if wait > 0:
            return self.refuse(message, wait)
        if "id" not in message:
            return 202, None, {}
        headers: dict[str, str] = {}
        if message.get("method") == "initialize" and self.config.get("sessions", True):
            headers["Mcp-Session-Id"] = self.new_session()
        if (message.get("params") or {}).get("name") == "whoami":  # not listed
            result: Any = {"content": [{"type": "text", "text": who.get("identity", "")}]}
        else:
            result = await self.result(message.get("method"), message.get("params") or {})
        if result is None:
            error = {"code": -32601, "message": "Method not found"}
            return 200, {"jsonrpc": "2.0", "id": message["id"], "error": error}, {}
        return 200, {"jsonrpc": "2.0", "id": message["id"], "result": result}, headers

    def new_session(self) -> str:
        session = uuid.uuid4().hex
        if self.config.get("leak_sessions"):
            self.leaked.append(b"x" * int(self.config["leak_sessions"]))
        self.sessions[session] = True
        while len(self.sessions) > 10_000:
            self.sessions.pop(next(iter(self.sessions)))
        return session

    async def result(self, method: Any, params: dict[str, Any]) -> dict[str, Any] | None:
        if method == "initialize":
            return {
                "protocolVersion": params.get("protocolVersion", "2025-11-25"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "load-lab", "version": "1"},
            }
        if method == "server/discover" and self.config.get("modern"):
            return {
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "load-lab", "version": "1"}},
                "ttlMs": 0,
                "cacheScope": "private",
            }
        if method == "tools/list":
            return {"tools": TOOLS}
        if method == "tools/call":
            return await self.tool(params.get("name"), params.get("arguments") or {})
        return {} if method == "ping" else None

    async def tool(self, name: Any, arguments: dict[str, Any]) -> dict[str, Any] | None:
        if name == "add":
            if not all(isinstance(arguments.get(key), int) for key in ("a", "b")):
                return {"isError": True, "content": [{"type": "text", "text": "a and b must be integers"}]}
            return {"content": [{"type": "text", "text": str(arguments["a"] + arguments["b"])}]}
        if name == "report":
            await self.work()
            return {"content": [{"type": "text", "text": "r" * int(self.config.get("report_bytes", 20_000))}]}
        return None

    async def work(self) -> None:
        """The expensive tool: sound on a helper, weak on the loop that serves everybody."""
        seconds = float(self.config.get("expensive_ms", 20)) / 1000
        if self.config.get("blocking_tool"):
            time.sleep(seconds)
        else:
            await asyncio.sleep(seconds)

    async def weaknesses(self) -> None:
        freeze = self.config.get("freeze")
        if freeze:
            period, length = freeze
            at = time.monotonic() % period
            if at < length:
                time.sleep(length - at)
        broken = self.config.get("no_recovery")
        if broken:
            now = time.monotonic()
            self.seen = [at for at in self.seen[-broken:] if now - at < 1.0] + [now]
            self.stuck = self.stuck or len(self.seen) > broken
            if self.stuck:
                await asyncio.sleep(1.5)


# ---- HTTP ----------------------------------------------------------------------------------------


class Http:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.slots = asyncio.Semaphore(int(lab.config.get("slots", 2_000)))
        self.streams: dict[str, asyncio.Queue[bytes]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        patience = self.lab.config.get("head_timeout", 3.0)
        try:
            async with self.slots:
                while await self.one(reader, writer, patience):
                    pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            pass
        finally:
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float | None) -> bool:
        first = await asyncio.wait_for(reader.read(1), None if patience is None else 30)
        if not first:
            return False
        head = first + await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience)
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:]) if k}
        length = int(headers.get("content-length", 0))
        if length > int(self.lab.config.get("max_body", 4 << 20)):
            self.reply(writer, 413, b"")
            return False
        body = await asyncio.wait_for(reader.readexactly(length), patience) if length else b""
        if path == "/login":
            self.reply(writer, 200, json.dumps({"token": f"{json.loads(body)['user']}-secret"}).encode())
            return True
        if path.startswith(("/sse", "/messages")):
            return await self.old(method, path, headers, body, writer)
        if method != "POST":
            self.reply(writer, 200 if method == "DELETE" else 405, b"")
            return True
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            error = {"code": -32700, "message": "Parse error"}
            self.reply(writer, 400, json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode())
            return True
        messages = message if isinstance(message, list) else [message]
        answers, status, more = [], 202, {}
        for item in messages:
            if not isinstance(item, dict):
                error = {"code": -32600, "message": "Invalid request"}
                answers.append({"jsonrpc": "2.0", "id": None, "error": error})
                status = 400
                continue
            status, answer, more = await self.lab.answer(item, self.who(path, headers, writer))
            answers += [answer] if answer is not None else []
        if not answers:
            self.reply(writer, status, b"", more)
        elif self.lab.config.get("sse_answers") and status == 200:
            await self.as_events(writer, answers, more)
        else:
            self.reply(writer, status, json.dumps(answers if isinstance(message, list) else answers[0]).encode(), more)
        if self.lab.config.get("unbounded") or writer.transport.get_write_buffer_size() > 1 << 16:
            await asyncio.wait_for(writer.drain(), 5)
        return True

    def who(self, path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> dict[str, str]:
        key = parse_qs(path.partition("?")[2]).get("key", ["anonymous"])[0]
        said = headers.get("authorization", key)
        if not self.lab.config.get("raw_key"):  # the scheme of a credential has no case
            said = said.rpartition(" ")[2]
        return {
            "identity": said,
            "address": writer.get_extra_info("peername")[0],
            "session": headers.get("mcp-session-id", ""),
            "forwarded": headers.get("x-forwarded-for", ""),
        }

    @staticmethod
    def reply(writer: asyncio.StreamWriter, status: int, body: bytes, more: dict[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (more or {}).items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    @staticmethod
    async def as_events(writer: asyncio.StreamWriter, answers: list[Any], more: dict[str, str]) -> None:
        lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"]
        lines += [f"{name}: {value}" for name, value in more.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "working"}}
        for index, message in enumerate([note, *answers]):
            event = b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            if index == 0:
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")

    async def old(
        self, method: str, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        if method == "GET":
            name = uuid.uuid4().hex
            queue = self.streams[name] = asyncio.Queue()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            event = f"event: endpoint\ndata: /messages?session={name}\n\n".encode()
            try:
                while True:
                    writer.write(b"%x\r\n%b\r\n" % (len(event), event))
                    await writer.drain()
                    event = await queue.get()
            finally:
                del self.streams[name]
        if path.partition("session=")[2] not in self.streams:
            self.reply(writer, 405 if path.startswith("/sse") else 404, b"")
            return True
        queue = self.streams[path.partition("session=")[2]]
        self.reply(writer, 202, b"")
        _, answer, _ = await self.lab.answer(json.loads(body), self.who(path, headers, writer))
        if answer is not None:
            queue.put_nowait(b"event: message\ndata: " + json.dumps(answer).encode() + b"\n\n")
        return True


async def websocket(lab: Lab, port: int, tls: ssl.SSLContext | None) -> Any:
    from websockets.asyncio.server import serve

    async def handle(connection: Any) -> None:
        key = parse_qs(connection.request.path.partition("?")[2]).get("key", ["anonymous"])[0]
        who = {"identity": connection.request.headers.get("Authorization", key), "session": str(id(connection))}
        who["address"] = connection.remote_address[0]
        if connection.subprotocol not in (None, "mcp"):
            who["identity"] = connection.subprotocol
        async for text in connection:
            message = json.loads(text)
            if "login" in message:
                who["identity"] = message["login"]
                continue
            _, answer, _ = await lab.answer(message, who)
            if answer is not None:
                await connection.send(json.dumps(answer))

    known = lab.config.get("subprotocols", ["mcp"])
    return await serve(handle, "127.0.0.1", port, subprotocols=known, ping_interval=None, ssl=tls)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--config", type=json.loads, default={})
    parser.add_argument("--ws", action="store_true")
    parser.add_argument("--stdio", action="store_true")
    parser.add_argument("--tls", help="certificate and key, PEM")
    options = parser.parse_args()
    lab = Lab(options.config)
    tls = None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls)
    if options.stdio:
        for line in sys.stdin:
            _, answer, _ = await lab.answer(json.loads(line), {"identity": os.environ.get("LOAD_USER", "anonymous")})
            if answer is not None:
                print(json.dumps(answer), flush=True)
        return
    if options.ws:
        server = await websocket(lab, options.port, tls)
    else:
        backlog = int(options.config.get("backlog", 1_024))
        server = await asyncio.start_server(
            Http(lab).serve, "127.0.0.1", options.port, limit=1 << 23, backlog=backlog, ssl=tls
        )
    print(
        server.sockets[0].getsockname()[1] if not options.ws else list(server.sockets)[0].getsockname()[1], flush=True
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
