"""The same core behind FastAPI, as tutorials build such servers: Pydantic models, passwords and tickets in SQL,
`/login`, `/api/ws-ticket`, `/mcp` and `/ws` in one application. Needs `fastapi`, `uvicorn` and `websockets`.

Thin on purpose: the framework reads and writes, our Streamable HTTP answers in JSON, the guard decides. What is here is
what people write themselves. There are no event streams.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import math
import os
import secrets
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Final

import uvicorn
from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from fastapi import Request as Asked
from fastapi.responses import JSONResponse
from fastapi.responses import Response as Answer
from pydantic import BaseModel, StringConstraints
from starlette.requests import HTTPConnection

from mcpfuzz.lab.codec import MAX_LINE, Json
from mcpfuzz.lab.core import Connection
from mcpfuzz.lab.fronts.exchange import Exchange, explained
from mcpfuzz.lab.fronts.guard import METADATA, Guard, Known, Refused
from mcpfuzz.lab.fronts.reading import Request, Stream
from mcpfuzz.lab.fronts.replying import Response
from mcpfuzz.lab.fronts.streamable import Streamable
from mcpfuzz.lab.fronts.tokens import mint
from mcpfuzz.lab.tries import SLOWED_S, Tries

__all__ = ["application", "run"]

ROUNDS: Final = 1_000
LOOK_S: Final = 0.05
"""That looking an account up takes, where that is done between two questions."""
POLICY: Final = 1008


class Credentials(BaseModel):
    """The body of /login."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Accounts:
    """Users and tickets, in a database of this process."""

    def __init__(self, guard: Guard) -> None:
        self.lab, self.life_s = guard.lab, guard.access.ticket_s
        # login-unlimited: passwords are long, and hashing takes its time
        self.tries = Tries(endless=guard.lab.on("login-unlimited"))
        self._lock = threading.Lock()
        self._sql = sqlite3.connect(":memory:", check_same_thread=False)
        self._sql.execute("CREATE TABLE users (name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL)")
        columns = "ticket TEXT PRIMARY KEY, name TEXT NOT NULL, ends REAL NOT NULL, until REAL NOT NULL"
        self._sql.execute(f"CREATE TABLE tickets ({columns})")
        for name, password in guard.access.passwords.items():
            salt = os.urandom(16)
            self._sql.execute("INSERT INTO users VALUES (?, ?, ?)", (name, salt, _hash(password, salt)))

    def known(self, name: str, password: str) -> bool:
        """Takes as long for a name that nobody has."""
        with self._lock:
            row = self._sql.execute("SELECT salt, hash FROM users WHERE name = ?", (name,)).fetchone()
        salt, wanted = row if row is not None else (b"", b"")
        return hmac.compare_digest(_hash(password, salt), wanted)

    def ticket(self, known: Known) -> str:
        made, now = secrets.token_urlsafe(24), time.time()
        with self._lock:
            self._sql.execute("DELETE FROM tickets WHERE until < ?", (now - 60,))
            self._sql.execute("INSERT INTO tickets VALUES (?, ?, ?, ?)", (made, *known, now + self.life_s))
        return made

    async def redeem(self, ticket: str) -> Known | None:
        """Whose ticket this is, and until when what it was given for is good; it is worth nothing from then on."""
        if self.lab.on("ticket-race") or self.lab.on("ticket-reuse"):
            # ticket-race: asked for, the account asked for, and only then taken away
            row = self._one("SELECT name, ends, until FROM tickets WHERE ticket = ?", ticket)
            await asyncio.sleep(LOOK_S)
            if not self.lab.on("ticket-reuse"):
                # ticket-reuse: the job that clears the table takes it away
                self._one("DELETE FROM tickets WHERE ticket = ? RETURNING name, ends, until", ticket)
        else:
            row = self._one("DELETE FROM tickets WHERE ticket = ? RETURNING name, ends, until", ticket)
        # ticket-kept: whatever is in the table is good
        fresh = row is not None and (time.time() < row[2] or self.lab.on("ticket-kept"))
        return Known(*row[:2]) if row is not None and fresh else None

    def _one(self, query: str, ticket: str) -> tuple[str, float, float] | None:
        with self._lock:
            found: tuple[str, float, float] | None = self._sql.execute(query, (ticket,)).fetchone()
        return found


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogatepass"), salt, ROUNDS)


def application(exchange: Exchange, guard: Guard, pattern: str) -> FastAPI:
    """The application; `pattern` as `websocket.PATTERNS`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    accounts = Accounts(guard)
    app.add_exception_handler(Refused, _refuse)
    _signing(app, guard, accounts)
    _streamable(app, guard, exchange)

    @app.websocket("/ws")
    async def talk(ws: WebSocket) -> None:
        await _Socket(ws, exchange, guard, accounts, pattern).talk()

    return app


def _refuse(asked: Asked, refused: Exception) -> Answer:
    assert isinstance(refused, Refused)
    return _written(refused.response)


def _signing(app: FastAPI, guard: Guard, accounts: Accounts) -> None:
    """A password for a token, a token for a ticket."""

    @app.post("/login")
    def login(asked: Asked, given: Credentials) -> dict[str, object]:
        guard.door(_plain(asked))
        if accounts.tries.too_many(given.username):
            raise HTTPException(429, "Too many tries", {"Retry-After": f"{SLOWED_S:.0f}"})
        if not accounts.known(given.username, given.password):
            raise HTTPException(401, "Bad username or password")
        accounts.tries.forget(given.username)
        access = guard.access
        token = mint(given.username, access.jwt_key, access.life_s) if access.jwt_key else access.tokens[given.username]
        return {"access_token": token, "token_type": "bearer", "expires_in": access.life_s}

    @app.post("/api/ws-ticket")
    def ticket(asked: Asked) -> dict[str, object]:
        guard.door(_plain(asked))
        return {"ticket": accounts.ticket(guard.known(_plain(asked))), "expires_in": accounts.life_s}


def _streamable(app: FastAPI, guard: Guard, exchange: Exchange) -> None:
    """MCP over HTTP: every answer is one JSON document."""
    front = Streamable(exchange, guard, "json")

    @app.get(METADATA)
    @app.get(METADATA + guard.resource)
    def metadata(asked: Asked) -> dict[str, object]:
        guard.door(_plain(asked))
        return guard.metadata()

    @app.api_route("/mcp", methods=["POST", "DELETE", "OPTIONS"])
    async def mcp(asked: Asked) -> Answer:
        body = await _body(asked)
        if body is None:
            return JSONResponse({"detail": "The body is too large"}, 413)
        request = replace(_plain(asked), body=body)
        response = await asyncio.to_thread(front.answer, request, _NoStream())
        assert response is not None  # an answer in JSON is handed back
        return _written(response.plus(*guard.cors(request)))


class _NoStream(Stream):
    """What stands for a connection where answers are JSON: somebody is there, and nothing is written to it here."""

    def __init__(self) -> None:
        """There is no socket."""

    def gone(self) -> bool:
        return False


async def _body(asked: Asked) -> bytes | None:
    """None where there is more of it than a message may have."""
    parts = bytearray()
    async for chunk in asked.stream():
        parts += chunk
        if len(parts) > MAX_LINE:
            return None
    return bytes(parts)


class _Socket:
    """One WebSocket."""

    def __init__(self, ws: WebSocket, exchange: Exchange, guard: Guard, accounts: Accounts, pattern: str) -> None:
        self._ws, self._exchange, self._guard, self._accounts, self._pattern = ws, exchange, guard, accounts, pattern
        self._request = _plain(ws)

    async def talk(self) -> None:
        lab = self._guard.lab
        try:
            self._guard.door(self._request)
            known = await self._admitted()
        except Refused:
            if lab.on("accepted-before-auth") or lab.on("served-before-auth"):
                # accepted-before-auth: the sample's own first line is `await websocket.accept()`
                await self._turned_away()
            else:
                await self._ws.close(POLICY)  # before accept(): the upgrade is refused with 403
            return
        offered = self._ws.scope.get("subprotocols") or []
        await self._ws.accept("mcp" if "mcp" in offered else None)
        try:
            known = known or await self._introduced()
            if known is not None:
                await self._serve(Connection(identity=known.identity), until=known.until)
        except WebSocketDisconnect:
            return

    async def _admitted(self) -> Known | None:
        """Who it is; None where the first message will tell. Raises Refused."""
        if self._pattern == "first-message":
            return None
        if self._pattern == "header" or not self._guard.access.tokens:
            return self._guard.known(self._request)
        given = self._ws.query_params.get("ticket" if self._pattern == "ticket" else "token", "")
        found = await self._accounts.redeem(given) if self._pattern == "ticket" else self._guard.known_by(given)
        if found is None:
            raise Refused(self._guard.challenge(tried=bool(given)))
        return found

    async def _introduced(self) -> Known | None:
        """Whose first message this is; None where it is nobody's, and the connection is over."""
        lab, patience = self._guard.lab, self._guard.access.introduction_s
        # introduction-awaited: receive_text() waits
        until = math.inf if lab.on("introduction-awaited") else time.monotonic() + patience
        known = None
        while known is None:
            left = None if until == math.inf else until - time.monotonic()
            try:
                value = json.loads(await asyncio.wait_for(self._ws.receive_text(), left))
            except TimeoutError:
                await self._ws.close(POLICY, "nobody said who this is")
                return None
            except (ValueError, KeyError, RecursionError):
                value = None
            try:
                token = value["token"] if value["type"] == "auth" else None
            except (KeyError, TypeError) as error:
                # leak-close-reason: `except Exception as e: await websocket.close(1008, str(e))`, and a little more
                token, why = None, explained(error) if lab.on("leak-close-reason") else ""
            else:
                why = ""
            known = self._guard.known_by(token) if isinstance(token, str) else None
            if known is None and not lab.on("introductions-unlimited"):
                await self._ws.close(POLICY, why or "authentication comes first")
                return None
            if known is None:
                # introductions-unlimited: the form asks again
                await self._ws.send_text('{"type":"auth","ok":false}')
        await self._ws.send_text('{"type":"auth","ok":true}')
        return known

    async def _serve(self, connection: Connection, most: int | None = None, until: float = math.inf) -> None:
        """Messages in, until the connection or what opened it ends, or so many came; slow calls answer from their own
        threads."""
        loop = asyncio.get_running_loop()
        out: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        writer = asyncio.create_task(self._write(out))

        def told(message: Json) -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(out.put_nowait, (self._exchange.text(message), False))

        connection.told = told
        try:
            count = 0
            while most is None or count < most:
                message = await self._next(until)
                if message["type"] == "websocket.disconnect":
                    return
                count += 1
                text, data = message.get("text"), message.get("bytes")
                binary = text is None
                wait = self._guard.wait(self._guard.address(self._request), connection.identity, f"ws {id(self)}")
                if wait:
                    error = {"code": 429, "message": "Too many requests", "data": {"retryAfter": round(wait, 3)}}
                    out.put_nowait((json.dumps({"jsonrpc": "2.0", "error": error}), binary))
                    continue

                def later(text: str, answer: bool, binary: bool = binary) -> None:
                    with suppress(RuntimeError):  # the loop is closed: nobody is there any more
                        loop.call_soon_threadsafe(out.put_nowait, (text, binary))

                body = text.encode("utf-8", "surrogatepass") if text is not None else data or b""
                for answer in await asyncio.to_thread(self._exchange.say, body, connection, later):
                    out.put_nowait((self._exchange.text(answer), binary))
            await out.join()
        finally:
            writer.cancel()
            for cancelled in list(connection.running.values()):
                cancelled.set()

    async def _next(self, until: float) -> Mapping[str, Any]:
        """What comes next; that it is over where the token ends before that."""
        try:
            return await asyncio.wait_for(self._ws.receive(), None if until == math.inf else until - time.time())
        except TimeoutError:
            await self._ws.close(POLICY, "the token has ended")
            return {"type": "websocket.disconnect"}

    async def _write(self, out: asyncio.Queue[tuple[str, bool]]) -> None:
        while True:
            text, binary = await out.get()
            with suppress(RuntimeError, WebSocketDisconnect):  # the reader finds out by itself
                await (self._ws.send_bytes(text.encode("utf-8")) if binary else self._ws.send_text(text))
            out.task_done()

    async def _turned_away(self) -> None:
        await self._ws.accept()
        try:
            if self._guard.lab.on("served-before-auth"):
                # served-before-auth: the loop runs, and the token is verified by a task beside it
                await asyncio.wait_for(self._serve(Connection(identity="anonymous"), most=1), 1.0)
            else:
                await self._ws.send_text('{"detail":"Authentication error"}')
            await self._ws.close(POLICY)
        except (WebSocketDisconnect, TimeoutError, RuntimeError):
            return


def _plain(asked: HTTPConnection) -> Request:
    """What the guard looks at."""
    fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in asked.scope["headers"])
    return Request(
        method=asked.scope.get("method", "GET"), path=asked.scope["path"],
        query=asked.scope["query_string"].decode("latin-1"), fields=fields, body=b"", version=1, raw_head=b"",
        peer=asked.client.host if asked.client is not None else "",
    )  # fmt: skip


def _written(response: Response) -> Answer:
    made = Answer(response.body, response.status, media_type=response.kind)
    for name, value in response.fields:
        made.headers[name] = value
    return made


def run(app: FastAPI, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Serve until interrupted."""
    config = uvicorn.Config(app, log_level="error", access_log=False, ws="websockets-sansio", ws_max_size=MAX_LINE)
    config.load()
    config.ssl = tls
    uvicorn.Server(config).run(sockets=[sock])
