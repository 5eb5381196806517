"""The WebSocket channel: against the lab over ws and wss, a server as people write them by hand, and servers that
misbehave below the library."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from mcpfuzz.client import Client
from mcpfuzz.errors import Gone, HandshakeError, Late, LaunchError, TooMuch, UsageError
from mcpfuzz.lab.served import Served
from mcpfuzz.model import Call, Conversation, Step, Trace, Ws, replace
from mcpfuzz.revisions import revision as revision_of
from mcpfuzz.runner import Talk, converse
from mcpfuzz.slots import Filler
from mcpfuzz.transports import ws_connection
from mcpfuzz.transports.channel import Sent
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.frames import frame_bytes
from mcpfuzz.transports.websocket import WebSocketChannel, open_websocket

PING = b'{"jsonrpc":"2.0","id":7,"method":"ping"}'
PONG = b'{"jsonrpc":"2.0","id":7,"result":{}}'
ECHO = {"name": "echo", "arguments": {"text": "hello"}}


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def with_channel(endpoint: Endpoint, work: Callable[[WebSocketChannel], Awaitable[Any]], *, seconds: float = 10) -> Any:
    """Open a channel, do the work, close it."""

    async def main() -> Any:
        async with trio.open_nursery() as nursery:
            channel = await open_websocket(endpoint, nursery, soon(seconds))
            try:
                return await work(channel)
            finally:
                await channel.aclose()
                nursery.cancel_scope.cancel()

    return _run(main)


def with_client(endpoint: Endpoint, work: Callable[[Client], Awaitable[Any]], **options: Any) -> Any:
    """Connect as the campaign does, do the work, close."""

    async def main() -> Any:
        async with trio.open_nursery() as nursery:
            client = await Client.connect(endpoint, nursery, start_timeout=15, **options)
            try:
                return await work(client)
            finally:
                await client.close()
                nursery.cancel_scope.cancel()

    return _run(main)


def _run(main: Callable[[], Awaitable[Any]]) -> Any:
    """The result, or the error itself rather than the group that a nursery puts it in."""
    try:
        return trio.run(main)
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


async def exchange(channel: WebSocketChannel, *messages: Sent) -> list[bytes]:
    await channel.send(messages or (Sent(PING + b"\n"),), soon())
    return await channel.receive(soon())


def refusal(endpoint: Endpoint) -> str:
    """The one line that a refused connection comes to."""
    with pytest.raises(HandshakeError) as refused:
        with_channel(endpoint, exchange)
    told = str(refused.value)
    assert "\n" not in told
    return told


# ---- against the lab ---------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["ws", "wss"])
def lab(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    with Served(request.param) as served:
        authority = served.authority if request.param == "wss" else None
        yield replace(Endpoint.of(served.url), cacert=authority)
        assert served.alive and served.stderr == ""


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-11-25", "2026-07-28"])
def test_a_session_is_agreed_and_serves(lab: Endpoint, revision: str) -> None:
    async def work(client: Client) -> None:
        assert (client.transport, client.session.revision.date) == ("ws", revision)
        frame = await client.ask("tools/call", ECHO, timeout=5)
        assert frame.value["result"]["content"][0]["text"] == "hello"

    with_client(lab, work, wanted=revision_of(revision))


def test_many_requests_in_flight_are_all_answered(lab: Endpoint) -> None:
    async def work(client: Client) -> None:
        made = [client.request("tools/call", ECHO) for _ in range(200)]
        volley = await client.volley([sent for _, sent in made], patience=5)
        assert volley.whole and set(volley.answers) == {key for key, _ in made}

    with_client(lab, work)


def test_messages_wait_in_a_list_until_somebody_asks(lab: Endpoint) -> None:
    async def work(channel: WebSocketChannel) -> None:
        assert channel.waiting() == []
        await channel.send([Sent(PING)] * 3, soon())
        said: list[bytes] = []
        with trio.fail_after(10):
            while len(said) < 3:
                await trio.sleep(0.01)
                said += channel.waiting()
        assert said == [PONG] * 3

    with_channel(lab, work)


def test_the_subprotocol_is_the_users(lab: Endpoint) -> None:
    async def selected(channel: WebSocketChannel) -> str | None:
        await exchange(channel)
        return channel.subprotocol

    assert with_channel(lab, selected) == "mcp"
    assert with_channel(replace(lab, subprotocols=("",)), selected) is None
    assert with_channel(replace(lab, subprotocols=("other", "mcp")), selected) == "mcp"
    assert "refuses the upgrade with 400" in refusal(replace(lab, subprotocols=("other",)))


def test_binary_frames_carry_messages_too(lab: Endpoint) -> None:
    assert with_channel(replace(lab, binary=True), exchange) == [PONG]


def test_a_large_message_goes_both_ways(lab: Endpoint) -> None:
    text = "x" * 2000
    asked = [b'{"jsonrpc":"2.0","id":%d,"method":"%s"}' % (key, text.encode()) for key in range(500)]

    async def work(channel: WebSocketChannel) -> None:
        await channel.send([Sent(one) for one in asked], soon())
        said: list[bytes] = []
        while len(said) < 500:
            said += await channel.receive(soon())

    with_channel(lab, work)


# ---- below the library -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (Ws(1, "hello", masked=False), 1002),
        (Ws(0x41, "hello"), 1002),
        (Ws(3, ""), 1002),
        (Ws(0, "continued from nothing"), 1002),
        (Ws(9, "x" * 126), 1002),
        (Ws(1, b"\xff\xfe"), 1007),
        (Ws(1, "", length=1 << 40), 1009),
        (Ws(8, b"\x03\xe8"), 1000),
    ],
)
def test_a_malformed_frame_reaches_the_server_and_its_close_code_comes_back(
    lab: Endpoint, action: Ws, code: int
) -> None:
    async def work(channel: WebSocketChannel) -> None:
        payload = action.payload if isinstance(action.payload, bytes) else action.payload.encode()
        data = frame_bytes(action.opcode, payload, fin=action.fin, masked=action.masked, length=action.length)
        with pytest.raises(Gone) as gone:
            await exchange(channel, Sent(data, raw=True))
        assert gone.value.code == code and str(code) in str(gone.value)
        assert not channel.alive
        with pytest.raises(Gone):
            await channel.send((Sent(PING),), soon())

    with_channel(lab, work)


def test_a_fragmented_message_is_one_step_after_the_other(lab: Endpoint) -> None:
    async def work(client: Client) -> Trace:
        conversation = Conversation.of(
            Ws(1, '{"jsonrpc":"2.0",', fin=False), Ws(0, '"id":"f","method":"no/such"}'), Call("tools/list")
        )
        return await converse(Talk(main=client, filler=Filler(), patience=5), conversation)

    async def together(channel: WebSocketChannel) -> list[bytes]:
        parts = (frame_bytes(1, PING[:9], fin=False), frame_bytes(9, b"?"), frame_bytes(0, PING[9:]))
        return await exchange(channel, *(Sent(part, raw=True) for part in parts))

    assert with_channel(lab, together) == [PONG]
    trace = with_client(lab, work)  # a barrier's message stands between the fragments, which RFC 6455, 5.4 forbids
    assert (trace.ending.kind, trace.ending.at_step) == ("closed", 0)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("masked", [True, False])
def test_a_frame_that_is_right_is_the_one_that_the_library_reads(size: int, masked: bool) -> None:
    protocol = ServerProtocol(max_size=None) if masked else None
    data = frame_bytes(2, os.urandom(size), masked=masked)
    head = 2 + (8 if size > 65_535 else 2 if size > 125 else 0) + (4 if masked else 0)
    assert len(data) == head + size
    if protocol is not None:
        protocol.receive_data(websocket_request())
        protocol.send_response(protocol.accept(protocol.events_received()[0]))  # type: ignore[arg-type]
        protocol.receive_data(data)
        (frame,) = protocol.events_received()
        assert isinstance(frame, Frame) and len(frame.data) == size and frame.fin


def websocket_request() -> bytes:
    return (
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )


# ---- who we are --------------------------------------------------------------------------------------


def test_credentials_go_where_the_server_looks_for_them() -> None:
    token = ("--token", "alice=alice-token")
    with Served("ws", *token) as served:
        there = Endpoint.of(served.url)
        assert with_channel(there.with_headers((("Authorization", "Bearer alice-token"),)), exchange) == [PONG]
        told = refusal(there)
        assert "wants authorization (401: Bearer" in told and "--identity" in told
    with Served("ws", *token, "--auth", "query") as served:
        there = Endpoint.of(served.url)
        assert with_channel(there.with_query((("token", "alice-token"),)), exchange) == [PONG]
        assert "alice-wrong" not in refusal(there.with_query((("token", "alice-wrong"),)))
    with Served("ws", *token, "--auth", "subprotocol") as served:
        there = replace(Endpoint.of(served.url), subprotocols=("mcp", "mcp.auth.alice-token"))
        assert with_channel(there, exchange) == [PONG]
    with Served("ws", *token, "--auth", "first-message") as served:
        there = replace(Endpoint.of(served.url), first_message='{"type":"auth","token":"alice-token"}')

        async def listed(client: Client) -> Any:
            return (await client.ask("tools/list", timeout=5)).value["result"]["tools"]

        assert with_client(there, listed)


def test_our_own_headers_replace_the_librarys() -> None:
    with Served("ws") as served:
        there = Endpoint.of(served.url)
        assert "403" in refusal(there.with_headers((("Host", "attacker.example"),)))
        assert "403" in refusal(there.with_headers((("Origin", "http://attacker.example"),)))
        own = (("Host", f"localhost:{served.port}"), ("Origin", f"http://localhost:{served.port}"))
        assert with_channel(there.with_headers(own), exchange) == [PONG]


# ---- TLS ---------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_told_otherwise() -> None:
    with Served("wss") as served:
        there = Endpoint.of(served.url)
        assert "--cacert FILE" in refusal(there) and "--insecure" in refusal(there)
        assert with_channel(replace(there, insecure=True), exchange) == [PONG]
        assert with_channel(replace(there, cacert=served.authority), exchange) == [PONG]


def test_tls_where_there_is_none_is_one_line() -> None:
    with Served("ws") as served:
        assert "TLS" in refusal(Endpoint.of(served.url.replace("ws://", "wss://")))
    with Served("wss") as served:
        assert "does not open a WebSocket" in refusal(Endpoint.of(served.url.replace("wss://", "ws://")))


# ---- servers as people write them ---------------------------------------------------------------------

BY_HAND = """
import json, sys
import uvicorn
from fastapi import FastAPI, Query, WebSocket

app = FastAPI()

@app.websocket("/ws")
async def endpoint(websocket: WebSocket, token: str = Query(...)):
    await websocket.accept()
    if token != "good":
        await websocket.send_text("Authentication Error: bad token")
        await websocket.close(code=1008)
        return
    await websocket.send_text("Welcome! Connection secure.")
    while True:
        message = json.loads(await websocket.receive_text())
        answers = {
            "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                           "serverInfo": {"name": "by-hand", "version": "1"}},
            "ping": {},
            "tools/list": {"tools": [{"name": "greet", "inputSchema": {"type": "object"}}]},
        }
        if "id" in message:
            known = message.get("method") in answers
            said = {"result": answers[message["method"]]} if known else {"error": {"code": -32601, "message": "no"}}
            await websocket.send_text(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}))

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="off")
"""


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    script = tmp_path_factory.mktemp("hand") / "server.py"
    script.write_text(textwrap.dedent(BY_HAND), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, str(script), str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 20
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert time.monotonic() < until and process.poll() is None
            yield Endpoint.of(f"ws://127.0.0.1:{port}/ws")
        finally:
            process.kill()


def test_a_server_written_by_hand_is_agreed_with_though_it_greets_first(by_hand: Endpoint) -> None:
    async def work(client: Client) -> None:
        assert any(b"Welcome" in frame.raw for frame in client.greeting)
        tools = (await client.ask("tools/list", timeout=5)).value["result"]["tools"]
        assert [tool["name"] for tool in tools] == ["greet"]

    with_client(by_hand.with_query((("token", "good"),)), work)


def test_a_server_that_refuses_after_the_upgrade_is_told_with_its_code(by_hand: Endpoint) -> None:
    async def work(channel: WebSocketChannel) -> None:
        assert await channel.receive(soon()) == [b"Authentication Error: bad token"]
        with pytest.raises(Gone) as gone:
            await channel.receive(soon())
        assert gone.value.code == 1008

    with_channel(by_hand.with_query((("token", "bad"),)), work)


def test_a_server_that_dies_of_a_message_leaves_a_code(by_hand: Endpoint) -> None:
    async def work(channel: WebSocketChannel) -> int | None:
        await channel.send((Sent(b"{"),), soon())
        with pytest.raises(Gone) as gone:
            for _ in range(3):
                await channel.receive(soon())
        return gone.value.code

    assert with_channel(by_hand.with_query((("token", "good"),)), work) in (1006, 1011, 1012)


# ---- servers that misbehave ----------------------------------------------------------------------------


@contextlib.contextmanager
def badly(serve: Callable[[socket.socket, ServerProtocol], None], *, status: bytes = b"") -> Iterator[Endpoint]:
    """A listener whose connections are upgraded and then given to `serve`; or all answered with `status`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(15)
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(1 << 16)
            if status:
                sock.sendall(status)
                return
            protocol = ServerProtocol(max_size=None)
            protocol.receive_data(head)
            (request,) = protocol.events_received()
            assert isinstance(request, Request)
            response = protocol.accept(request)
            assert isinstance(response, Response)
            protocol.send_response(response)
            sock.sendall(b"".join(protocol.data_to_send()))
            serve(sock, protocol)

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(sock,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield Endpoint.of(f"ws://127.0.0.1:{listener.getsockname()[1]}/mcp")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def nothing(sock: socket.socket, protocol: ServerProtocol) -> None:
    while sock.recv(1 << 16):
        pass


def test_silence_ends_at_the_deadline_whatever_else_arrives() -> None:
    def pinging(sock: socket.socket, protocol: ServerProtocol) -> None:
        while True:
            sock.sendall(b"\x89\x00")
            time.sleep(0.01)

    async def work(channel: WebSocketChannel) -> float:
        began = time.monotonic()
        with pytest.raises(Late):
            await channel.receive(began + 0.5)
        return time.monotonic() - began

    with badly(pinging) as there:
        assert 0.4 < with_channel(there, work) < 2


def test_an_upgrade_that_never_comes_is_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(Late):
        with_channel(Endpoint.of(f"ws://127.0.0.1:{listener.getsockname()[1]}/"), exchange, seconds=0.7)


def test_a_server_that_does_not_read_is_late_and_the_channel_is_done() -> None:
    def deaf(sock: socket.socket, protocol: ServerProtocol) -> None:
        threading.Event().wait(5)

    async def work(channel: WebSocketChannel) -> None:
        with pytest.raises(Late):
            await channel.send((Sent(b"x" * (32 << 20)),), time.monotonic() + 0.7)
        with pytest.raises(Gone):
            await channel.send((Sent(PING),), soon())

    with badly(deaf) as there:
        with_channel(there, work)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x81\x85\x00\x00\x00\x00hello", "broke the WebSocket protocol"),
        (b"\x83\x00", "broke the WebSocket protocol"),
        (b"\xc1\x00", "broke the WebSocket protocol"),
        (b"\x80\x00", "broke the WebSocket protocol"),
        (b"\x88\x01\x00", "broke the WebSocket protocol"),
        (b"not a frame at all", "broke the WebSocket protocol"),
        (Frame(Opcode.CLOSE, Close(4401, "go\naway").serialize()).serialize(mask=False), r"4401 \(go\?away\)"),
        (b"", "without a close frame"),
    ],
)
def test_how_it_ended_is_said_in_one_line(data: bytes, words: str) -> None:
    def rude(sock: socket.socket, protocol: ServerProtocol) -> None:
        sock.sendall(data)

    async def work(channel: WebSocketChannel) -> None:
        with pytest.raises(Gone, match=words):
            await channel.receive(soon())

    with badly(rude) as there:
        with_channel(there, work)


def test_a_close_frame_is_an_end_though_the_socket_stays_open() -> None:
    def lingering(sock: socket.socket, protocol: ServerProtocol) -> None:
        sock.sendall(Frame(Opcode.CLOSE, Close(1001, "").serialize()).serialize(mask=False))
        threading.Event().wait(8)

    async def work(channel: WebSocketChannel) -> None:
        began = time.monotonic()
        with pytest.raises(Gone):
            await channel.receive(soon(30))
        assert time.monotonic() - began < 5

    with badly(lingering) as there:
        with_channel(there, work)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), "MAX_FRAME_BYTES"),
        (b"\x01\x01x" + b"\x00\x00" * 10_001, "MAX_FRAGMENTS"),
    ],
)
def test_too_much_names_its_cap(data: bytes, words: str) -> None:
    def flooding(sock: socket.socket, protocol: ServerProtocol) -> None:
        sock.sendall(data)
        nothing(sock, protocol)

    async def work(channel: WebSocketChannel) -> None:
        with pytest.raises(TooMuch, match=words):
            await channel.receive(soon())

    with badly(flooding) as there:
        with_channel(there, work)


def test_a_flood_that_nobody_asks_for_stops_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws_connection, "MAX_QUEUED", 1000)
    frame = Frame(Opcode.TEXT, b"{}").serialize(mask=False)

    def flooding(sock: socket.socket, protocol: ServerProtocol) -> None:
        while True:
            sock.sendall(frame * 1000)

    async def work(channel: WebSocketChannel) -> None:
        with trio.fail_after(10):
            while len(channel._connection.messages) <= 1000:
                await trio.sleep(0.01)
        await trio.sleep(0.3)
        held = len(channel._connection.messages)
        await trio.sleep(0.3)
        assert len(channel._connection.messages) == held < 1000 + ws_connection.CHUNK
        assert len(await channel.receive(soon())) == held
        assert await channel.receive(soon())

    with badly(flooding) as there:
        with_channel(there, work)


# ---- nothing to connect to -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>", "404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "not a WebSocket"),
        (b"HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", "elsewhere.example"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "500"),
        (b"SSH-2.0-OpenSSH_9.0\r\n", "does not open a WebSocket"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "does not open"),
    ],
)
def test_what_is_no_websocket_is_one_line(status: bytes, words: str) -> None:
    with badly(nothing, status=status) as there:
        assert words in refusal(there)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        there = Endpoint.of(f"ws://127.0.0.1:{free.getsockname()[1]}/")
        with pytest.raises(LaunchError, match="is the server running"):
            with_channel(there, exchange)


def test_a_subprotocol_that_was_not_offered_is_refused() -> None:
    with Served("ws", "--weakness", "subprotocol-unoffered") as served:
        assert "not offered" in refusal(replace(Endpoint.of(served.url), subprotocols=("",)))


def test_redirects_are_not_followed_and_no_credential_leaves() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(1)
        place = f"ws://127.0.0.1:{elsewhere.getsockname()[1]}/"
        status = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
        with badly(nothing, status=status) as there:
            assert place in refusal(there.with_headers((("Authorization", "Bearer secret"),)))
        with contextlib.suppress(TimeoutError):
            heard.append(elsewhere.accept()[0].recv(100))
    assert heard == []


# ---- in a conversation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("payload", "code"), [(b"\xff", 1007), (b"", None)])
def test_a_connection_that_ends_is_told_from_a_server_that_does(payload: bytes, code: int | None) -> None:
    async def main() -> Trace:
        async with trio.open_nursery() as nursery:
            client = await Client.connect(there, nursery, start_timeout=15)

            async def opener(step: Step, handshake: bool) -> Client:
                return await Client.connect(there, nursery, start_timeout=5, handshake=handshake)

            if code is None:
                served.process.kill()
                served.died()
            talk = Talk(main=client, filler=Filler(), patience=3, opener=opener)
            trace = await converse(talk, Conversation.of(Ws(1, payload)))
            await client.close()
            nursery.cancel_scope.cancel()
        return trace

    with Served("ws") as served:
        there = Endpoint.of(served.url)
        ending = _run(main).ending
        assert (ending.kind, ending.serves, ending.code) == ("closed", code is not None, code or 1006)


# ---- from the command line -----------------------------------------------------------------------------


def campaign(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """A short run; its exit code and its report."""
    path = folder / "report.json"
    words = ["--max-time", "15", "--profile", "quick", "--seed", "1", "--state", str(folder / "state"), "--quiet"]
    command = [sys.executable, "-m", "mcpfuzz", "run", *words, "--sandbox", "off", "--report", f"json={path}", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder)
    assert path.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(path.read_text(encoding="utf-8"))


def test_a_campaign_over_wss_leaves_the_hardened_lab_clean_and_alive(tmp_path: Path) -> None:
    with Served("wss") as served:
        code, report = campaign(
            tmp_path, "--url", served.url, "--cacert", served.authority, "--scenario", "malformed-frames"
        )
        assert (code, report["findings"], report["target"]["transport"]) == (0, [], "ws")
        assert report["run"]["requests"] > 100 and served.alive


def test_a_campaign_over_ws_proves_a_crash_and_starts_the_server_again(tmp_path: Path) -> None:
    lab = [sys.executable, "-m", "mcpfuzz.lab", "--transport", "ws", "--port", "{port}", "--weakness", "batch-crash"]
    url = "ws://127.0.0.1:{port}/ws"
    code, report = campaign(tmp_path, "--url", url, "--scenario", "malformed-messages", "--", *lab)
    assert code == 1 and report["run"]["restarts"] > 0
    assert {item["rule"] for item in report["findings"] if item["confidence"] == "proved"} == {"crash"}


def test_binary_frames_are_asked_for_with_the_transport_and_remembered_for_a_replay(tmp_path: Path) -> None:
    with Served("ws", "--weakness", "crash-number") as served:
        code, report = campaign(
            tmp_path, "--url", served.url, "--transport", "ws-binary", "--scenario", "invalid-arguments"
        )
        assert report["target"]["transport"] == "ws" and report["target"]["launch"]["transport"] == "ws-binary"
        assert code in (0, 1) and report["run"]["requests"] > 20
    with Served("ws", "--weakness", "binary-frame-crash") as served:
        code, report = campaign(tmp_path, "--url", served.url, "--transport", "ws-binary")
        assert code == 3 and "closed the connection" in report["run"]["reason"]


def test_a_transport_that_there_is_not_is_told() -> None:
    with pytest.raises(UsageError, match="ws-binary"):
        Endpoint.of("ws://127.0.0.1:1/ws", "ws-text")
    with pytest.raises(UsageError, match="does not go with"):
        Endpoint.of("http://127.0.0.1:1/mcp", "ws-binary")
    assert Endpoint.of("ws://127.0.0.1:1/ws", "ws-binary").binary
    assert not Endpoint.of("ws://127.0.0.1:1/ws", "ws").binary
