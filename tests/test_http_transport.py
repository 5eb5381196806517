"""Streamable HTTP, HTTP+SSE and requests below them, over real sockets: what goes out, what comes back, and what a
server may do wrong without the client hanging, growing or telling a secret."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from hypothesis import given
from hypothesis import strategies as st

from mcpfuzz.client import Client, Sent
from mcpfuzz.errors import Gone, HandshakeError, Late, LaunchError, TooMuch
from mcpfuzz.model import Call, Conversation, Http, Open, Raw, Send, Step, Trace
from mcpfuzz.revisions import revision
from mcpfuzz.runner import Talk, converse
from mcpfuzz.slots import Filler
from mcpfuzz.transports import exchanges, intake, pool
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.events import EventReader
from mcpfuzz.transports.headers import encoded, learn, mirrored
from mcpfuzz.transports.once import OneReply, request_once
from mcpfuzz.transports.streamable import StreamableChannel

_spec = importlib.util.spec_from_file_location("http_server", Path(__file__).parent / "http_server.py")
assert _spec is not None and _spec.loader is not None
http_server = importlib.util.module_from_spec(_spec)
sys.modules["http_server"] = http_server
_spec.loader.exec_module(http_server)
serving, response, stream, event, result, legacy = (
    http_server.serving, http_server.response, http_server.stream, http_server.event, http_server.result,
    http_server.legacy,
)  # fmt: skip

MODERN = "2026-07-28"
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'


def bounded(seconds: float, body: Callable[[trio.Nursery], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        with trio.fail_after(seconds):
            async with trio.open_nursery() as nursery:
                await body(nursery)
                nursery.cancel_scope.cancel()

    trio.run(main)


@contextlib.asynccontextmanager
async def connected(url: str, *, date: str | None = "2025-11-25", forced: str | None = None) -> AsyncIterator[Client]:
    async with trio.open_nursery() as nursery:
        client = await Client.connect(
            Endpoint.of(url, forced), nursery, wanted=revision(date) if date else None, start_timeout=10
        )
        try:
            yield client
        finally:
            await client.close()
        nursery.cancel_scope.cancel()


def soon(seconds: float = 5) -> float:
    return time.monotonic() + seconds


async def opened(endpoint: Endpoint | str) -> StreamableChannel:
    return await StreamableChannel.open(endpoint if isinstance(endpoint, Endpoint) else Endpoint.of(endpoint), soon())


def failing(url: str, kind: type[BaseException], *, date: str | None = None, forced: str | None = None) -> str:
    """The one line that a handshake ends with."""
    said = []

    async def body(nursery: trio.Nursery) -> None:
        with pytest.raises(kind) as caught:
            await Client.connect(
                Endpoint.of(url, forced), nursery, wanted=revision(date) if date else None, start_timeout=10
            )
        said.append(str(caught.value))

    bounded(15, body)
    assert "\n" not in said[0]
    return said[0]


# ---- one message at a time


def test_a_legacy_session_sends_its_id_and_revision_once_they_are_known() -> None:
    with serving(legacy) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                await client.ask("tools/list", timeout=5)

        bounded(10, body)
    posts = [asked for asked in server.asked if asked.method == "POST"]
    assert [asked.json["method"] for asked in posts] == ["initialize", "notifications/initialized", "tools/list"]
    assert "mcp-session-id" not in posts[0].headers and "mcp-protocol-version" not in posts[0].headers
    for asked in posts[1:]:
        assert asked.headers["mcp-session-id"] == "s-1"
        assert asked.headers["mcp-protocol-version"] == "2025-11-25"
    for asked in posts:
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["accept"] == "application/json, text/event-stream"
        assert asked.headers["accept-encoding"] == "identity"
        assert asked.headers["host"] == f"127.0.0.1:{server.port}"
    last = [asked for asked in server.asked if asked.method != "GET"][-1]  # its stream is another connection
    assert last.method == "DELETE" and last.headers["mcp-session-id"] == "s-1"


def test_calls_one_after_another_share_one_connection() -> None:
    with serving(lambda asked: legacy(asked, session=None)) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                for _ in range(10):
                    await client.ask("tools/list", timeout=5)

        bounded(10, body)
    assert server.connections == 1


def test_the_users_headers_are_on_every_request_and_have_the_last_word() -> None:
    with serving(legacy) as server:

        async def body(nursery: trio.Nursery) -> None:
            endpoint = Endpoint.of(server.url).with_headers((("Authorization", "Bearer x"), ("accept", "text/odd")))
            client = await Client.connect(endpoint, nursery, wanted=revision("2025-11-25"))
            await client.ask("tools/list", timeout=5)
            await client.close()

        bounded(10, body)
    assert {asked.method for asked in server.asked} == {"POST", "GET", "DELETE"}
    for asked in server.asked:
        assert asked.headers["authorization"] == "Bearer x"
        assert [value for name, value in asked.lines if name.lower() == "accept"] == ["text/odd"]


def test_a_notification_is_answered_by_a_status_alone() -> None:
    with serving(legacy) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(server.url)
            (reply,) = await channel.send((Sent(b'{"jsonrpc":"2.0","method":"notifications/x"}\n'),), soon())
            assert await channel.receive(soon()) == []
            assert (reply.status, reply.done, reply.messages, reply.problem) == (202, True, [], "")
            await channel.aclose()

        bounded(10, body)


def test_a_json_rpc_error_with_a_bad_status_is_a_message_and_a_page_is_none() -> None:
    error = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}'
    answers = [response(400, error), response(400, b"<html>no</html>", "text/html"), response(422, b'{"detail":"no"}')]
    with serving(lambda asked: answers.pop(0)) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(server.url)
            for status, messages in ((400, [error]), (400, []), (422, [])):
                (reply,) = await channel.send((Sent(b"{nope\n"),), soon())
                assert await channel.receive(soon()) == messages
                while not reply.done:
                    await channel.receive(soon())
                assert (reply.status, reply.messages) == (status, messages)
            await channel.aclose()

        bounded(10, body)
    assert server.asked[0].body == b"{nope"


def test_a_server_request_inside_an_event_stream_is_answered_before_the_stream_ends() -> None:
    ponged = threading.Event()

    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.json.get("method") == "tools/call":

            def pieces() -> Any:
                yield stream(b": hello\n\n", event({"jsonrpc": "2.0", "id": "q", "method": "ping"}, id="1"))
                assert ponged.wait(5)
                yield event(result(asked))

            return pieces()
        if asked.method == "POST" and "method" not in asked.json:
            assert asked.json == {"jsonrpc": "2.0", "id": "q", "result": {}}
            ponged.set()
        return legacy(asked)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                frame = await client.ask("tools/call", {"name": "x"}, timeout=8)
                assert frame.value["result"] == {}

        bounded(10, body)
    assert ponged.is_set()


def test_the_servers_own_stream_is_read_in_a_legacy_session() -> None:
    ponged = threading.Event()

    def answer(asked: Any) -> Any:
        if asked.method == "GET":
            return itertools.chain(
                [stream(event({"jsonrpc": "2.0", "id": 7, "method": "ping"}))], _until(server.closing)
            )
        if asked.method == "POST" and asked.json.get("result") == {} and asked.json.get("id") == 7:
            ponged.set()
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            assert ponged.wait(5)
        return legacy(asked)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                await client.ask("tools/call", {"name": "x"}, timeout=8)

        bounded(10, body)
    assert ponged.is_set()


def _until(closing: threading.Event) -> Any:
    """Keeps a stream open."""
    closing.wait(10)
    yield b""


def test_a_refusal_of_the_servers_own_stream_is_nobodys_noise() -> None:
    def answer(asked: Any) -> Any:
        if asked.method == "GET":
            return response(405, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no stream"}}')
        return legacy(asked)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                for _ in range(3):
                    volley = await client.volley((client.request("tools/list")[1],), patience=5)
                    assert volley.whole and volley.extra == []

        bounded(10, body)
    assert [asked.method for asked in server.asked].count("GET") == 1


def test_without_a_session_nothing_is_listened_to_and_nothing_ended() -> None:
    with serving(lambda asked: legacy(asked, session=None)) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                await client.ask("tools/list", timeout=5)

        bounded(10, body)
    assert {asked.method for asked in server.asked} == {"POST"}


def test_closing_waits_a_second_at_most_for_the_sessions_end() -> None:
    def answer(asked: Any) -> Any:
        return _until(server.closing) if asked.method == "DELETE" else legacy(asked)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                began = time.monotonic()
                await client.close()
                assert 0.5 < time.monotonic() - began < 2

        bounded(10, body)


# ---- several at once


def test_several_messages_are_in_flight_together_over_32_connections_at_most() -> None:
    width, lock = [0, 0], threading.Lock()
    full = threading.Event()

    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            with lock:
                width[0] += 1
                width[1] = max(width)
                if width[0] == pool.MAX_CONNECTIONS:
                    full.set()
            assert full.wait(5)
            with lock:
                width[0] -= 1
        return legacy(asked, session=None)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                things = [client.request("tools/call", {"name": "x"})[1] for _ in range(50)]
                volley = await client.volley(things, patience=8)
                assert volley.whole and len(volley.answers) == 50
                assert [reply.status for reply in volley.replies] == [200] * 50

        bounded(15, body)
    assert width[1] == pool.MAX_CONNECTIONS == server.connections


def test_streams_that_have_not_answered_are_kept_however_many_wait_for_a_connection() -> None:
    begun = threading.Semaphore(0)
    full = threading.Event()

    def pieces(asked: Any) -> Any:
        yield stream(event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}))
        begun.release()
        assert full.wait(5)
        time.sleep(0.05)
        yield event(result(asked))

    def wait_for_all() -> None:
        full.set() if all(begun.acquire(timeout=5) for _ in range(pool.MAX_CONNECTIONS)) else None

    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            return pieces(asked)
        return legacy(asked, session=None)

    with serving(answer) as server:
        threading.Thread(target=wait_for_all, daemon=True).start()

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                things = [client.request("tools/call", {"name": "x"})[1] for _ in range(50)]
                volley = await client.volley(things, patience=8)
                assert volley.whole and len(volley.answers) == 50 and len(volley.extra) == 50

        bounded(15, body)


def test_streams_that_answered_and_go_on_give_way() -> None:
    def pieces(asked: Any) -> Any:
        yield stream(event(result(asked)))
        server.closing.wait(10)

    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            return pieces(asked)
        return legacy(asked, session=None)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                for _ in range(pool.MAX_CONNECTIONS + 5):
                    await client.ask("tools/call", {"name": "x"}, timeout=5)

        bounded(15, body)


def test_calls_that_hang_do_not_use_up_the_connections() -> None:
    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            return _until(server.closing)
        return legacy(asked, session=None)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                things = [client.request("tools/call", {"name": "x"})[1] for _ in range(pool.MAX_CONNECTIONS)]
                assert (await client.volley(things, patience=0.3)).late
                await client.ask("tools/list", timeout=5)

        bounded(15, body)


# ---- connections that end


def test_a_kept_connection_that_the_server_closed_is_replaced_without_a_word() -> None:
    """It closes after every answer and does not say so."""

    def answer(asked: Any) -> Any:
        whole = legacy(asked, session=None)
        return _then_close(whole)

    def _then_close(whole: bytes) -> Any:
        yield whole
        raise OSError

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                for _ in range(20):
                    await client.ask("tools/list", timeout=5)

        bounded(15, body)
    assert len(server.asked) == 22, "and nothing is said twice that was answered"


def test_a_message_that_met_a_closed_connection_is_sent_once_more() -> None:
    def answer(asked: Any) -> Any:
        return (
            None if asked.json.get("method") == "tools/list" and asked.connection == 1 else legacy(asked, session=None)
        )

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                await client.ask("tools/list", timeout=5)

        bounded(10, body)
    assert [asked.connection for asked in server.asked] == [1, 1, 1, 2]


def test_a_message_that_ends_a_fresh_connection_is_not_repeated_and_the_reply_says_why() -> None:
    with serving(lambda asked: None) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(server.url)
            channel._pool._idle.pop().close()
            (reply,) = await channel.send((Sent(PING),), soon())
            assert await channel.receive(soon()) == []
            assert reply.done and reply.status is None and "closed before the answer" in reply.problem
            assert channel.alive
            await channel.aclose()

        bounded(10, body)
    assert len(server.asked) == 1


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"])
def test_a_server_that_is_no_longer_there_is_gone(begun: bytes) -> None:
    def answer(asked: Any) -> Any:
        server.stop_listening()
        return [begun, *_broken()]

    def _broken() -> Any:
        raise OSError
        yield b""

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(server.url)
            await channel.send((Sent(PING),), soon())
            with pytest.raises(Gone):
                await channel.receive(soon())
            assert not channel.alive
            await channel.aclose()

        bounded(10, body)


def test_comments_for_ever_do_not_move_the_deadline() -> None:
    def answer(asked: Any) -> Any:
        yield stream()
        while not server.closing.wait(0.02):
            yield b": still here\n\n"

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(server.url)
            await channel.send((Sent(PING),), soon())
            began = time.monotonic()
            with pytest.raises(Late):
                await channel.receive(soon(0.5))
            assert time.monotonic() - began < 1.5
            await channel.aclose()

        bounded(10, body)


# ---- what is too much, or no HTTP


def said_of(answer: Any, *, count: int = 1) -> tuple[Any, list[bytes], Any]:
    """The reply to one message, what was received, and the server."""
    found: list[Any] = []
    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(server.url)
            (reply,) = await channel.send((Sent(PING),), soon())
            got: list[bytes] = []
            while not reply.done:
                got += await channel.receive(soon())
            found.extend((reply, got))
            await channel.aclose()

        bounded(10, body)
        return found[0], found[1], server


def test_a_compressed_body_is_refused_unread() -> None:
    reply, got, _ = said_of(lambda asked: response(200, b"\x1f\x8b" * 100, Content_Encoding="gzip"))
    assert got == [] and reply.status == 200 and "gzip" in reply.problem


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 600_000 + b"\r\n\r\n", b"\x00" * 50]
)
def test_what_is_no_http_ends_the_exchange(raw: bytes) -> None:
    reply, got, _ = said_of(lambda asked: raw)
    assert got == [] and reply.status is None and "not HTTP/1.1" in reply.problem


def test_a_body_beyond_the_cap_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_FRAME_BYTES", 1 << 20)
    with serving(lambda asked: response(200, b" " * (1 << 20) + b"{}")) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(server.url)
            await channel.send((Sent(PING),), soon())
            with pytest.raises(TooMuch, match="MAX_FRAME_BYTES"):
                while True:
                    await channel.receive(soon())
            await channel.aclose()

        bounded(10, body)


def test_an_answer_before_the_whole_request_is_read_is_an_answer() -> None:
    """413, and the rest of 30 MiB is never read."""

    def early(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.sendall(response(413, b"too large", "text/plain", Connection="close"))
        connection.shutdown(socket.SHUT_WR)
        done.wait(5)
        connection.close()

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=early, args=(listener,), daemon=True).start()

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
            (reply,) = await channel.send((Sent(b"x" * (30 << 20)),), soon())
            while not reply.done:
                await channel.receive(soon())
            assert reply.status == 413
            await channel.aclose()

        bounded(10, body)
        done.set()


# ---- redirects


def test_a_redirect_within_the_origin_is_followed_and_remembered() -> None:
    def answer(asked: Any) -> Any:
        if asked.target == "/mcp":
            return response(307, Location=f"http://127.0.0.1:{server.port}/mcp/")
        return legacy(asked)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                await client.ask("tools/list", timeout=5)

        bounded(10, body)
    assert [asked.target for asked in server.asked].count("/mcp") == 1
    assert server.asked[1].body == server.asked[0].body


def test_what_is_said_below_the_session_goes_where_a_redirect_led() -> None:
    def answer(asked: Any) -> Any:
        if asked.target == "/mcp":
            return response(307, Location="/mcp/")
        return legacy(asked) if asked.method == "POST" else response(200)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url) as client:
                steps = (Http("DELETE", "{endpoint}", ()), Http("OPTIONS", "{address}", ()))
                talk = Talk(client, Filler({"endpoint": "/mcp", "address": "/mcp"}), 5)
                trace = await converse(talk, Conversation.of(*steps))
                assert [exchange.status for exchange in trace.exchanges] == [200, 200]

        bounded(10, body)
    below = [asked.target for asked in server.asked if asked.method in ("DELETE", "OPTIONS")]
    assert set(below) == {"/mcp/"} and len(below) >= 2


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        (lambda: response(500), "after c2 left, it answers 500 to whatever it is asked"),
        (lambda: response(200, b": nothing\n\n", "text/event-stream"), "after c2 left, it answers 200 and no message"),
    ],
)
def test_a_server_that_dies_of_a_goodbye_is_told_so_and_does_not_hang(spoilt: Callable[[], bytes], told: str) -> None:
    gone = threading.Event()

    def answer(asked: Any) -> Any:
        if asked.method == "DELETE":
            gone.set()
            return response(200)
        return spoilt() if gone.is_set() else legacy(asked)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            async def opener(step: Step, how: Open) -> Client:
                return await Client.connect(Endpoint.of(server.url), nursery, wanted=revision("2025-11-25"))

            async with connected(server.url) as client:
                steps = (Step(action=Open(), on="c2"), Step(action=Call("tools/list"), on="c2"))
                trace = await converse(Talk(client, Filler(), 5, opener), Conversation(steps))
                assert (trace.ending.kind, trace.ending.left, trace.ending.serves) == ("closed", True, False)
                assert told in trace.ending.detail

        bounded(20, body)


def test_a_redirect_to_another_origin_is_not_followed() -> None:
    with serving(legacy) as other, serving(lambda asked: response(307, Location=other.url)) as server:
        said = failing(server.url, HandshakeError)
    assert other.connections == 0
    assert "another origin" in said and "307" in said


@pytest.mark.parametrize("location", ["//example.test/mcp", "file:///etc/hostname", "http://[", ""])
def test_odd_redirects_are_not_followed(location: str) -> None:
    reply, got, server = said_of(lambda asked: response(302, Location=location))
    assert reply.status == 302 and got == [] and len(server.asked) == 1


def test_a_redirect_loop_ends() -> None:
    reply, _, server = said_of(lambda asked: response(308, Location=asked.target + "x"))
    assert len(server.asked) == 1 + exchanges.MAX_REDIRECTS and "redirects" in reply.problem


# ---- the modern era


def modern(asked: Any) -> Any:
    discovered = {"supportedVersions": [MODERN], "capabilities": {}, "resultType": "complete"}
    return response(200, json.dumps(result(asked, discovered)).encode())


def test_modern_requests_mirror_their_body_in_headers() -> None:
    with serving(modern) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url, date=None) as client:
                assert client.session.revision.date == MODERN
                client.endpoint.learned["größe"] = {"/size": "Size", "/on": "On", "/not": "Not"}  # type: ignore[union-attr]
                await client.ask("tools/call", {"name": "größe", "arguments": {"size": 3, "on": True}}, timeout=5)
                await client.ask("resources/read", {"uri": "note:///1"}, timeout=5)

        bounded(10, body)
    first, call, read = (asked.headers for asked in server.asked)
    assert first["mcp-method"] == "server/discover"
    assert {asked.headers["mcp-protocol-version"] for asked in server.asked} == {MODERN}
    assert (call["mcp-method"], call["mcp-name"]) == ("tools/call", "=?base64?Z3LDtsOfZQ==?=")
    assert (call["mcp-param-size"], call["mcp-param-on"]) == ("3", "true") and "mcp-param-not" not in call
    assert (read["mcp-method"], read["mcp-name"]) == ("resources/read", "note:///1")
    assert {asked.method for asked in server.asked} == {"POST"}


def test_the_version_header_follows_the_envelope_of_the_message() -> None:
    message = {"method": "x", "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "1999-01-01"}}}
    assert dict(mirrored(message, MODERN, {}))["MCP-Protocol-Version"] == "1999-01-01"
    assert dict(mirrored([message], MODERN, {})) == {"MCP-Protocol-Version": MODERN}


@pytest.mark.parametrize("value", ["a b", "tools/call", "~"])
def test_plain_values_stay_as_they_are(value: str) -> None:
    assert encoded(value) == value


@pytest.mark.parametrize("value", [" a", "a\r\nX: y", "é", "=?base64?YQ==?=", "\x00", "\ud800"])
def test_unsafe_values_are_wrapped(value: str) -> None:
    assert encoded(value).startswith("=?base64?") and encoded(value).isascii() and "\n" not in encoded(value)


def test_marked_arguments_are_learned_from_the_listing() -> None:
    inner = {"type": "object", "properties": {"b/c": {"type": "string", "x-mcp-header": "Deep"}}}
    schema = {"properties": {"a": inner, "z": {"x-mcp-header": "bad name\r\n"}, "q": {"items": {"x-mcp-header": "No"}}}}
    learned: dict[str, dict[str, str]] = {"gone": {"/x": "X"}}
    learn(learned, [{"name": "t", "inputSchema": schema}, {"name": "gone"}, "noise"])
    assert learned == {"t": {"/a/b~1c": "Deep"}}


# ---- errors at the door


def test_a_refusal_names_the_status_and_the_challenge() -> None:
    said = failing_with(response(401, WWW_Authenticate='Bearer resource_metadata="http://x.test/"'))
    assert "401" in said and "Bearer resource_metadata" in said and "--header" in said


def test_a_refusal_in_plain_text_is_quoted() -> None:
    said = failing_with(response(403, b"Access is only allowed at localhost", "text/plain"))
    assert "403 Forbidden, 'Access is only allowed at localhost'" in said


def failing_with(raw: bytes, kind: type[BaseException] = HandshakeError) -> str:
    with serving(lambda asked: raw) as server:
        return failing(server.url, kind)


def test_a_404_page_asks_whether_the_path_is_right() -> None:
    assert "is the path right?" in failing_with(response(404, b"<html>nope</html>", "text/html"))


def test_a_web_page_is_not_mcp() -> None:
    assert "web page" in failing_with(response(200, b"<html>Welcome</html>", "text/html"))


def test_a_server_error_is_told_with_its_status() -> None:
    assert "500" in failing_with(response(500, b"oops", "text/plain"))


def test_nobody_listening_is_told_with_host_and_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert f"127.0.0.1:{port}" in failing(f"http://127.0.0.1:{port}/mcp", LaunchError)


def test_an_unknown_name_is_told() -> None:
    assert "no-such-host.invalid" in failing("http://no-such-host.invalid/mcp", LaunchError)


def test_a_server_that_takes_connections_and_says_nothing_is_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def body(nursery: trio.Nursery) -> None:
            endpoint = Endpoint.of(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
            with pytest.raises(Late, match="never answered"):
                await Client.connect(endpoint, nursery, wanted=revision("2025-11-25"), start_timeout=0.5)

        bounded(10, body)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def secured(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_tls_with_an_authority_of_the_users(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    long = {"text": "y" * 300_000}
    with serving(lambda asked: legacy(asked), secured(authority)) as server:

        async def body(nursery: trio.Nursery) -> None:
            endpoint = endpoint_of(server.url, cacert=str(tmp_path / "ca.pem"))
            client = await Client.connect(endpoint, nursery, wanted=revision("2025-11-25"))
            for _ in range(3):
                await client.ask("tools/call", {"name": "x", "arguments": long}, timeout=5)
            await client.close()

        bounded(10, body)
    assert server.asked[-1].method == "DELETE"


def endpoint_of(url: str, **changes: Any) -> Endpoint:
    return replace(Endpoint.of(url), **changes)


def test_a_large_answer_over_tls_comes_whole(authority: trustme.CA) -> None:
    text = "z" * 2_000_000
    with serving(lambda asked: response(200, json.dumps(result(asked, text)).encode()), secured(authority)) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(endpoint_of(server.url, insecure=True))
            await channel.send((Sent(PING),), soon())
            (message,) = await channel.receive(soon())
            assert json.loads(message)["result"] == text
            await channel.aclose()

        bounded(10, body)


def test_an_unknown_certificate_is_not_accepted(authority: trustme.CA) -> None:
    with serving(legacy, secured(authority)) as server:
        said = failing(server.url, LaunchError)
    assert "certificate" in said and "--cacert" in said and not server.asked


@pytest.mark.parametrize(("said", "words"), [(b"", "hangs up"), (response(400), "does not speak TLS")])
def test_tls_to_a_plain_server_says_so(said: bytes, words: str) -> None:
    def plain(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.recv(4_000)
        connection.sendall(said)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=plain, args=(listener,), daemon=True).start()
        told = failing(f"https://127.0.0.1:{listener.getsockname()[1]}/mcp", LaunchError)
    assert words in told and "http://" in told


def test_connections_are_made_with_the_given_dial() -> None:
    made = []

    def dial() -> socket.socket:
        made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        return made[-1]

    with serving(legacy) as server:

        async def body(nursery: trio.Nursery) -> None:
            channel = await opened(endpoint_of(server.url, dial=dial))
            await channel.aclose()

        bounded(10, body)
    assert len(made) == 1


# ---- HTTP+SSE


def old_style(named: str = "/messages?session=1") -> Callable[[Any], Any]:
    """A server of 2024-11-05 at /mcp."""
    out: list[bytes] = []
    ready = threading.Condition()

    def answer(asked: Any) -> Any:
        if asked.method == "GET":
            return streaming()
        if asked.target != named:
            return response(405, b"Method Not Allowed", "text/plain")
        message = asked.json
        if "id" in message:
            value = http_server.HELLO if message["method"] == "initialize" else {}
            with ready:
                out.append(event(result(asked, value), event="message"))
                ready.notify()
        return response(202, b"Accepted", "text/plain")

    def streaming() -> Any:
        yield stream(f"event: endpoint\r\ndata: {named}\r\n\r\n".encode())
        while True:
            with ready:
                ready.wait_for(lambda: out, timeout=10)
                pieces, out[:] = out[:], []
            yield b"".join(pieces)

    return answer


def test_an_old_server_is_spoken_to_over_its_event_stream() -> None:
    with serving(old_style()) as server:

        async def body(nursery: trio.Nursery) -> None:
            async with connected(server.url, date=None) as client:
                assert client.transport == "sse"
                assert client.endpoint is not None and client.endpoint.transport == "sse"
                things = [client.request("tools/list")[1] for _ in range(5)]
                volley = await client.volley(things, patience=5)
                assert volley.whole and volley.extra == []

        bounded(10, body)
    assert server.asked[-1].target == "/messages?session=1"


def test_a_forced_transport_does_not_fall_back() -> None:
    with serving(old_style()) as server:
        assert "405" in failing(server.url, HandshakeError, forced="http")
    assert {asked.method for asked in server.asked} == {"POST"}


def test_messages_are_not_sent_to_an_endpoint_of_another_origin() -> None:
    with serving(legacy) as other, serving(old_style(other.url)) as server:
        assert "another origin" in failing(server.url, HandshakeError, forced="sse")
    assert other.connections == 0


def test_the_end_of_the_event_stream_is_the_servers() -> None:
    posted = threading.Event()

    def streaming() -> Any:
        yield stream(b"event: endpoint\ndata: /m\n\n")
        posted.wait(5)
        raise OSError

    def answer(asked: Any) -> Any:
        if asked.method == "GET":
            return streaming()
        posted.set()
        return response(202)

    with serving(answer) as server:

        async def body(nursery: trio.Nursery) -> None:
            client = await Client.connect(Endpoint.of(server.url, "sse"), nursery, handshake=False)
            volley = await client.volley((client.request("ping")[1],), patience=5)
            assert volley.gone is not None and not client.alive
            await client.close()

        bounded(10, body)


# ---- steps


def traced(url: str, conversation: Conversation, *, date: str = "2025-11-25") -> Trace:
    found: list[Trace] = []

    async def body(nursery: trio.Nursery) -> None:
        async with connected(url, date=date) as client:
            found.append(await converse(Talk(client, Filler(), patience=5), conversation))

    bounded(15, body)
    return found[0]


def test_a_trace_holds_the_status_and_headers_of_every_message() -> None:
    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.body == b"[]":
            return response(400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}', X_Odd="1")
        return legacy(asked)

    with serving(answer) as server:
        trace = traced(server.url, Conversation.of(Send([]), Call("tools/list")))
    odd, call = trace.exchanges
    assert odd.status == 400 and ("x-odd", "1") in odd.headers
    assert [frame.value["error"]["code"] for frame in odd.others] == [-32600]
    assert call.status == 200 and call.answer is not None and trace.ending.kind == "alive"
    assert call.others == ()


def test_a_step_below_the_session_sends_exactly_its_headers() -> None:
    page = response(200, b'{"ok": true}', X_A="1")
    with serving(lambda asked: page if asked.target == "/other?x=1" else legacy(asked)) as server:
        headers = (("Host", "evil.example"), ("X-Twice", "1"), ("X-Twice", "2"))
        trace = traced(server.url, Conversation.of(Http("PUT", "/other?x=1", headers, "{}"), Call("tools/list")))
    (asked,) = [asked for asked in server.asked if asked.target == "/other?x=1"]
    assert asked.lines == [*headers, ("Content-Length", "2")] and asked.body == b"{}"
    exchange = trace.exchanges[0]
    assert exchange.status == 200 and ("x-a", "1") in exchange.headers
    assert exchange.answer is not None and exchange.answer.value == {"ok": True}
    assert exchange.sent.startswith(b"PUT /other?x=1 HTTP/1.1\r\nHost: evil.example\r\n")
    assert trace.exchanges[1].answer is not None


def test_malformed_bytes_go_out_as_they_stand() -> None:
    with serving(legacy_or_400) as server:
        trace = traced(server.url, Conversation.of(Raw(b'{"a":1,}\n')))
    assert b'{"a":1,}' in [asked.body for asked in server.asked]
    assert trace.exchanges[0].status == 400


def legacy_or_400(asked: Any) -> Any:
    try:
        return legacy(asked)
    except ValueError:
        return response(400)


def once(raw: Any, deadline: float = 5.0, **request: Any) -> OneReply:
    found: list[OneReply] = []
    with serving(lambda asked: raw) as server:

        async def body(nursery: trio.Nursery) -> None:
            made = {"method": "GET", "target": "/", "headers": (("Host", "x"),), "body": None, **request}
            found.append(await request_once(Endpoint.of(server.url), **made, deadline=soon(deadline)))

        bounded(10, body)
    return found[0]


def test_a_page_comes_back_as_it_is() -> None:
    reply = once(response(404, b"<html>", "text/html"))
    assert (reply.status, reply.body, reply.problem) == (404, b"<html>", "")


def test_of_an_event_stream_the_first_event_comes_back() -> None:
    def pieces() -> Any:
        yield stream(event({"a": 1}))
        time.sleep(3)

    began = time.monotonic()
    reply = once(pieces())
    assert (reply.status, reply.body) == (200, b'{"a": 1}') and time.monotonic() - began < 2


def test_a_silent_event_stream_comes_back_after_a_second() -> None:
    silent = threading.Event()

    def pieces() -> Any:
        yield stream(b": nothing\n\n")
        silent.wait(4)

    began = time.monotonic()
    reply = once(pieces())
    silent.set()
    assert reply.status == 200 and reply.problem == "" and time.monotonic() - began < 2.5


def test_no_answer_at_all_is_told() -> None:
    assert once(None).problem == "the connection was closed before the answer"


# ---- event streams


@given(
    st.lists(st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")), max_size=4),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_events_do_not_depend_on_how_the_bytes_arrive(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    raw = b"\xef\xbb\xbf" + b"".join(b"data: " + line + end + b": c" + end + end for line in lines)
    whole = EventReader().feed(raw)
    reader, events, last = EventReader(), [], 0
    for cut in sorted({min(cut, len(raw)) for cut in cuts} | {len(raw)}):
        events += reader.feed(raw[last:cut])
        last = cut
    assert [found.data for found in whole] == lines
    assert events == whole


def test_an_event_may_have_several_lines_a_name_and_an_id() -> None:
    reader = EventReader()
    (found,) = reader.feed(b"id: 7\nevent: odd\ndata: a\ndata:b\nretry: 5\nnonsense\n\nevent: lost\n\n")
    assert (found.data, found.kind) == (b"a\nb", "odd")
    assert (reader.last_id, reader.retry_ms, reader.noise) == ("7", 5, b"nonsense")


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 700, b"data: x\n" * 90, b"data: \n" * 90])
def test_an_event_has_a_cap_whatever_it_is_made_of(piece: bytes) -> None:
    reader = EventReader(cap=1_000)
    reader.feed(piece)
    with pytest.raises(TooMuch, match="MAX_FRAME_BYTES"):
        reader.feed(piece)
