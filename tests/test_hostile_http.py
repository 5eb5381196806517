"""Servers that misbehave in one way at a time over HTTP, spoken to by the client alone: every wait ends in time, every
buffer has a cap, every error is one line, and nothing is sent where the user did not point.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from mcpfuzz.client import Client
from mcpfuzz.errors import TargetError
from mcpfuzz.transports.endpoint import Endpoint

START_S, ASK_S, WALL_S = 2.0, 1.0, 12.0
GROWTH = 220 << 20
"""Bytes of memory that one test may add: a cap of 64 MiB, its copies, and what the allocator keeps."""
OK = {"capabilities": {"tools": {}}, "serverInfo": {"name": "hostile", "version": "1"}, "protocolVersion": "2025-11-25"}
Talk = Callable[[socket.socket, dict[str, Any], int], None]
"""(connection, request's JSON, how many requests came before) -> nothing; what it raises ends the connection."""


def head(status: str = "200 OK", *lines: str, kind: str = "application/json") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines, "", "")).encode("latin-1")


def whole(message: Any, *lines: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return head(status, f"Content-Length: {len(body)}", *lines, kind=kind) + body


def answer(request: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request.get("id"), "result": members}


def good(connection: socket.socket, request: dict[str, Any], count: int) -> None:
    """The control."""
    method = request.get("method")
    if method == "server/discover":
        error = {"code": -32601, "message": "unknown"}
        connection.sendall(whole({"jsonrpc": "2.0", "id": request["id"], "error": error}))
    elif "id" not in request:
        connection.sendall(head("202 Accepted", "Content-Length: 0"))
    else:
        connection.sendall(whole(answer(request, **OK) if method == "initialize" else answer(request)))


def raw(*parts: bytes) -> Talk:
    """Whatever is asked, these bytes, and the connection stays open."""

    def talk(connection: socket.socket, request: dict[str, Any], count: int) -> None:
        for part in parts:
            connection.sendall(part)

    return talk


def forever(first: bytes, part: bytes, pause: float = 0.0) -> Talk:
    """The same part again and again; with a pause it trickles."""

    def talk(connection: socket.socket, request: dict[str, Any], count: int) -> None:
        connection.sendall(first)
        ended = threading.Event()
        for _ in itertools.count():
            connection.sendall(part)
            if pause:
                ended.wait(pause)

    return talk


def hangs_up(connection: socket.socket, request: dict[str, Any], count: int) -> None:
    raise ConnectionResetError


def breaks_off(connection: socket.socket, request: dict[str, Any], count: int) -> None:
    connection.sendall(head("200 OK", "Content-Length: 100") + b'{"json')
    raise ConnectionResetError


def redirects_on(connection: socket.socket, request: dict[str, Any], count: int) -> None:
    connection.sendall(head("307 Temporary Redirect", f"Location: /{count}", "Content-Length: 0"))


def wrong_id(connection: socket.socket, request: dict[str, Any], count: int) -> None:
    connection.sendall(whole({"jsonrpc": "2.0", "id": 99_999, "result": OK}))


SSE = head(kind="text/event-stream")
CHUNKED = head("200 OK", "Transfer-Encoding: chunked")
BOMB = gzip.compress(b" " * (64 << 20))
BAD: dict[str, Talk] = {
    "accept_silent": raw(),
    "slow_headers": forever(b"", b"H", 0.2),
    "endless_headers": forever(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 500),
    "huge_header": forever(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65536),
    "slow_body": forever(head("200 OK", "Content-Length: 100000"), b" ", 0.2),
    "sse_never_ends": forever(SSE, b": still here\n\n", 0.1),
    "sse_flood": forever(SSE, b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n' * 100),
    "sse_huge_event": forever(SSE + b"data: ", b"a" * 65536),
    "sse_many_data_lines": forever(SSE, b"data: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 1000),
    "chunked_forever": forever(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "chunk_size_bomb": raw(CHUNKED, b"ffffffffffffffffffff\r\n"),
    "chunk_extension_bomb": forever(CHUNKED + b"1;", b"a" * 65536),
    "chunk_malformed": raw(CHUNKED, b"zz\r\n"),
    "length_too_long": raw(head("200 OK", "Content-Length: 1000"), b"{}"),
    "length_negative": raw(head("200 OK", "Content-Length: -1")),
    "length_twice": raw(head("200 OK", "Content-Length: 2", "Content-Length: 3"), b"{}"),
    "body_1gb": forever(head("200 OK", f"Content-Length: {1 << 30}"), b" " * 65536),
    "gzip_bomb": raw(head("200 OK", "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}"), BOMB),
    "redirect_loop": raw(head("307 Temporary Redirect", "Location: /", "Content-Length: 0")),
    "redirect_chain": redirects_on,
    "redirect_odd_scheme": raw(head("307 Temporary Redirect", "Location: file:///etc/hostname", "Content-Length: 0")),
    "html_200": raw(whole(b"<html>\x1b[31m<script>alert(1)</script>", kind="text/html")),
    "empty_200": raw(head("200 OK", "Content-Length: 0")),
    "accepted_202": raw(head("202 Accepted", "Content-Length: 0")),
    "wrong_id": wrong_id,
    "nested_100k": raw(whole(b"[" * 100_000 + b"]" * 100_000)),
    "early_close": hangs_up,
    "reset_mid_body": breaks_off,
    "not_http": raw(b"SSH-2.0-OpenSSH_9.9\r\n\x00\xff\xfe" * 10),
    "endless_100_continue": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "header_injection_like": raw(b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n folded\nbare: lf\r\nContent-Length: 0\r\n\r\n"),
    "429_retry_after_year": raw(head("429 Too Many Requests", "Retry-After: 31536000", "Content-Length: 0")),
    "500_html_xss": raw(whole(b"<script>::error::x\x1b]0;", status="500 Oops", kind="text/html")),
    "404_always": raw(whole(b"<html>", status="404 Not Found", kind="text/html")),
    "403_always": raw(head("403 Forbidden", "Content-Length: 0")),
    "status_999": raw(head("999 " + "a" * 40_000, "Content-Length: 0")),
}
LATER: dict[str, Talk] = {
    **{
        name: BAD[name]
        for name in (
            "accept_silent", "slow_headers", "huge_header", "sse_never_ends", "sse_huge_event", "chunked_forever",
            "gzip_bomb", "empty_200", "accepted_202", "early_close", "reset_mid_body", "not_http", "404_always",
        )
    },
    "sse_closes_without_answer": raw(
        head("200 OK", "Transfer-Encoding: chunked", kind="text/event-stream"), b"0\r\n\r\n"
    ),
}  # fmt: skip
"""What only calls meet: the handshake is good."""


class Hostile:
    """A server on loopback that does one thing to whatever is asked."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        self.requests: list[bytes] = []
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as reader:
            while line := reader.readline():
                length = 0
                text = line
                while (line := reader.readline()) not in (b"\r\n", b""):
                    text += line
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                body = reader.read(length)
                self.requests.append(text)
                if text.startswith(b"GET"):
                    connection.sendall(head("405 Method Not Allowed", "Content-Length: 0"))
                    continue
                self._talk(connection, json.loads(body) if body else {}, len(self.requests))

    def close(self) -> None:
        for item in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()
        for thread in self._threads:
            thread.join(5)


@contextlib.contextmanager
def serving(talk: Talk) -> Iterator[Hostile]:
    server = Hostile(talk)
    try:
        yield server
    finally:
        server.close()


def speak(server: Hostile, ask: bool = False) -> str:
    """What the client says in the end, "" where it is content; bounded in time and memory."""
    there = Endpoint.of(f"http://127.0.0.1:{server.port}/mcp").with_headers((("Authorization", "Bearer s3cr3t"),))
    said = ""

    async def main() -> None:
        nonlocal said
        async with trio.open_nursery() as nursery:
            try:
                client = await Client.connect(there, nursery, start_timeout=START_S)
                try:
                    if ask:
                        await client.ask("tools/list", timeout=ASK_S)
                finally:
                    await client.close()
            except TargetError as error:
                said = str(error) or "?"
            nursery.cancel_scope.cancel()

    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    trio.run(main)
    assert time.monotonic() - began < WALL_S
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < GROWTH
    return said


def one_line(said: str) -> bool:
    return bool(said) and "\n" not in said and "\x1b" not in said and "s3cr3t" not in said and len(said) < 600


def test_a_good_server_is_spoken_to() -> None:
    with serving(good) as server:
        assert speak(server, ask=True) == ""


@pytest.mark.hostile
@pytest.mark.parametrize("name", BAD)
def test_a_server_that_is_hostile_from_the_start_is_refused_in_one_line(name: str) -> None:
    with serving(BAD[name]) as server:
        said = speak(server)
        assert one_line(said), said
        assert len(server.requests) <= 20


@pytest.mark.hostile
@pytest.mark.parametrize("name", LATER)
def test_a_call_that_is_answered_with_hostility_ends_in_time(name: str) -> None:
    def talk(connection: socket.socket, request: dict[str, Any], count: int) -> None:
        (LATER[name] if request.get("method") == "tools/list" else good)(connection, request, count)

    with serving(talk) as server:
        said = speak(server, ask=True)
        assert one_line(said), said
        assert len(server.requests) <= 20


def test_a_redirect_to_another_origin_is_not_followed() -> None:
    with serving(good) as other:
        away = raw(head("307 Temporary Redirect", f"Location: http://127.0.0.1:{other.port}/", "Content-Length: 0"))
        with serving(away) as server:
            said = speak(server)
        assert one_line(said)
        assert other.requests == []


def test_a_redirect_within_the_origin_is_followed_with_the_same_body() -> None:
    def moved(connection: socket.socket, request: dict[str, Any], count: int) -> None:
        if server.requests[-1].startswith(b"POST /mcp "):
            connection.sendall(head("307 Temporary Redirect", "Location: /mcp/", "Content-Length: 0"))
        else:
            good(connection, request, count)

    with serving(moved) as server:
        assert speak(server, ask=True) == ""
        assert server.requests[-1].startswith(b"POST /mcp/ ")


def test_a_session_id_that_is_no_header_value_is_not_sent_back() -> None:
    def talk(connection: socket.socket, request: dict[str, Any], count: int) -> None:
        if request.get("method") == "initialize":
            connection.sendall(whole(answer(request, **OK), "Mcp-Session-Id: " + "é\x7f" * 300))
        else:
            good(connection, request, count)

    with serving(talk) as server:
        speak(server, ask=True)
        assert not any(b"mcp-session-id" in request.lower() for request in server.requests)


def test_a_kept_connection_that_the_server_closed_meanwhile_costs_one_retry() -> None:
    def talk(connection: socket.socket, request: dict[str, Any], count: int) -> None:
        good(connection, request, count)
        raise ConnectionResetError

    with serving(talk) as server:
        assert speak(server, ask=True) == ""
