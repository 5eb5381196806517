"""The lab over WebSocket, ws and wss, spoken to by a plain client over real sockets."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from mcpfuzz.lab.drive import CLIENT, ENVELOPE
from mcpfuzz.lab.served import Served
from tests.turns import trusting

TOKENS = ("--token", "alice=alice-token", "--token", "bob=bob-token")
HEAD = 14
"""Bytes of a masked frame's longest head. Where the head decides, nothing follows: the server closes at once, and what
we were still sending would fail instead of being answered."""
MCP = [Subprotocol("mcp")]
PING = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
PONG = '{"jsonrpc":"2.0","id":7,"result":{}}'
EXPORT = {"name": "export_notes", "arguments": {"tag": "kiln"}}


@contextmanager
def opened(lab: Served, more: str = "", **options: Any) -> Iterator[ClientConnection]:
    if lab.url.startswith("wss:"):
        options["ssl"] = trusting(lab.authority)
    with connect(lab.url + more, compression=None, open_timeout=15, close_timeout=5, **options) as connection:
        yield connection


def refused(lab: Served, more: str = "", **options: Any) -> int:
    """The status that refuses the upgrade; 101 where it is not refused."""
    try:
        with opened(lab, more, **options):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def tell(connection: ClientConnection, method: str, params: dict[str, Any] | None = None, key: Any = 1) -> Any:
    connection.send(json.dumps({"jsonrpc": "2.0", "id": key, "method": method, "params": params or {}}))
    return json.loads(connection.recv(timeout=15))


def close_code(connection: ClientConnection) -> int:
    """How the server ends it; what it says before is passed over."""
    try:
        while True:
            connection.recv(timeout=15)
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else 1006


def begin(connection: ClientConnection, revision: str = "2025-11-25") -> Any:
    return tell(connection, "initialize", {"protocolVersion": revision, "capabilities": {}, "clientInfo": CLIENT})


def raw(connection: ClientConnection, data: bytes) -> None:
    connection.socket.sendall(data)


def frame(opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


@pytest.fixture(scope="module", params=["ws", "wss"])
def lab(request: pytest.FixtureRequest) -> Iterator[Served]:
    with Served(request.param) as served:
        yield served
        assert served.alive and served.stderr == ""


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-11-25"])
def test_a_session_is_a_connection(lab: Served, revision: str) -> None:
    with opened(lab, subprotocols=MCP) as one, opened(lab) as other:
        assert (one.subprotocol, other.subprotocol) == ("mcp", None)
        assert begin(one, revision)["result"]["protocolVersion"] == revision
        assert tell(one, "tools/list", key="x")["id"] == "x"
        assert "error" in tell(other, "tools/list")


def test_the_modern_form_needs_no_beginning(lab: Served) -> None:
    with opened(lab) as one:
        assert tell(one, "server/discover", {"_meta": ENVELOPE})["result"]["supportedVersions"] == ["2026-07-28"]


def test_slow_calls_tell_their_progress_and_others_are_served(lab: Served) -> None:
    with opened(lab) as one:
        begin(one)
        params = {**EXPORT, "_meta": {"progressToken": "p"}}
        one.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
        one.send(PING)
        said = [json.loads(one.recv(timeout=15)) for _ in range(4)]
        assert said[0] == json.loads(PONG) and said[-1]["id"] == 1
        assert [each["method"] for each in said[1:-1]] == ["notifications/progress"] * 2


def test_many_slow_calls_at_once_are_all_answered(lab: Served) -> None:
    with opened(lab) as one:
        begin(one)
        for key in range(24):
            one.send(json.dumps({"jsonrpc": "2.0", "id": key, "method": "tools/call", "params": EXPORT}))
        assert {json.loads(one.recv(timeout=15))["id"] for _ in range(24)} == set(range(24))


def test_a_binary_frame_is_answered_in_kind(lab: Served) -> None:
    with opened(lab) as one:
        one.send(PING.encode())
        assert one.recv(timeout=15) == PONG.encode()
        one.send(PING)
        assert one.recv(timeout=15) == PONG


def test_fragments_are_one_message_also_around_a_ping(lab: Served) -> None:
    with opened(lab) as one:
        first, second = PING[:10].encode(), PING[10:].encode()
        raw(one, frame(Opcode.TEXT, first, fin=False) + frame(Opcode.PING, b"?") + frame(Opcode.CONT, second))
        assert one.recv(timeout=15) == PONG


@pytest.mark.parametrize("text", ["{", PING + PING, PING + "\n" + PING, "\ufeff" + PING])
def test_what_is_no_message_is_a_parse_error(lab: Served, text: str) -> None:
    with opened(lab) as one:
        one.send(text)
        assert json.loads(one.recv(timeout=15))["error"]["code"] == -32700
        one.send(PING)
        assert one.recv(timeout=15) == PONG


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(Opcode.TEXT, b"hi", mask=False), 1002),
        (b"\xc1\x80\x00\x00\x00\x00", 1002),  # a reserved bit
        (frame(Opcode.CONT, b"hi"), 1002),
        (b"\x09\x80\x00\x00\x00\x00", 1002),  # a ping in fragments
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (frame(Opcode.TEXT, b"\xff\xfe"), 1007),
        (b"\x81\xff\x00\x00\x00\x00\xff\xff\xff\xff" + bytes(4), 1009),
        (frame(Opcode.TEXT, b" " * (3 << 20), fin=False) + frame(Opcode.CONT, b" " * (3 << 20))[:HEAD], 1009),
        (frame(Opcode.CLOSE, b"\x03\xe8"), 1000),
        (b"\x88\x82\x00\x00\x00\x00\x00\x01", 1002),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "frame",  # masks are random
)
def test_broken_frames_end_the_connection_with_their_code(lab: Served, data: bytes, code: int) -> None:
    with opened(lab) as one, opened(lab) as other:
        raw(one, data)
        assert close_code(one) == code
        other.send(PING)
        assert other.recv(timeout=15) == PONG


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"origin": "http://attacker.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1.attacker.example"}, 403),
        ({"subprotocols": [Subprotocol("graphql-ws")]}, 400),
        ({"more": "/other"}, 404),
    ],
)
def test_who_does_not_belong_here_is_refused_before_the_upgrade(
    lab: Served, options: dict[str, Any], status: int
) -> None:
    assert refused(lab, **options) == status


def test_our_own_origin_may_come(lab: Served) -> None:
    scheme = "https" if lab.url.startswith("wss") else "http"
    assert refused(lab, origin=f"{scheme}://127.0.0.1:{lab.port}") == 101


def upgrade(host: str, *fields: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET /ws HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *fields]
    return "\r\n".join((*lines, "", "")).encode()


def answer(lab: Served, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", lab.port), 15) as sock:
        sock.sendall(data)
        return sock.recv(1 << 16).split(b"\r\n")[0]


@pytest.fixture(scope="module")
def plain() -> Iterator[Served]:
    with Served("ws") as served:
        yield served


def test_a_foreign_host_is_refused_even_with_its_own_origin(plain: Served) -> None:
    for port in ("", f":{plain.port}"):
        host = f"attacker.example{port}"
        assert b" 403 " in answer(plain, upgrade(host, f"Origin: http://{host}"))


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", b"426"),
        (b"POST /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 2\r\n\r\n{}", b"405"),
        (b"GET /ws HTTP/1.1\nHost: 127.0.0.1:%d\n\n\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_upgrade_is_told_so(plain: Served, request_head: bytes, status: bytes) -> None:
    assert answer(plain, request_head % plain.port).split()[1] == status


# ---- who ---------------------------------------------------------------------------------------------


@contextmanager
def guarded(pattern: str, *options: str) -> Iterator[Served]:
    with Served("ws", *TOKENS, "--auth", pattern, *options) as served:
        yield served


def test_a_token_in_the_header() -> None:
    with guarded("header") as lab:
        told = [refused(lab, additional_headers={"Authorization": f"Bearer {who}-token"}) for who in ("bob", "eve")]
        assert (*told, refused(lab), refused(lab, "?token=bob-token")) == (101, 401, 401, 401)


def test_a_token_in_the_query() -> None:
    with guarded("query") as lab:
        told = [refused(lab, query) for query in ("?token=bob-token", "?token=eve-token", "")]
        assert told == [101, 401, 401]


def test_a_token_among_the_subprotocols() -> None:
    with guarded("subprotocol") as lab:
        with opened(lab, subprotocols=[*MCP, Subprotocol("mcp.auth.bob-token")]) as one:
            assert one.subprotocol == "mcp"
        with opened(lab, subprotocols=[Subprotocol("mcp.auth.bob-token")]) as one:
            assert one.subprotocol is None
        assert [refused(lab, subprotocols=offered) for offered in (MCP, [*MCP, Subprotocol("mcp.auth.x")])] == [401] * 2


def test_a_token_in_the_first_message() -> None:
    with guarded("first-message") as lab:
        with opened(lab) as one:
            one.send('{"type":"auth","token":"bob-token"}')
            assert json.loads(one.recv(timeout=15)) == {"type": "auth", "ok": True}
            assert begin(one)["result"]
        for first in (PING, '{"type":"auth","token":"eve-token"}', '{"type":"auth"}', "{"):
            with opened(lab) as one:
                one.send(first)
                with pytest.raises(ConnectionClosed) as closed:
                    one.recv(timeout=15)
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


def test_who_never_says_who_he_is_is_sent_away() -> None:
    with guarded("first-message") as lab, opened(lab) as one:
        assert close_code(one) == 1008


def test_who_says_too_much_is_told_when_to_come_back() -> None:
    with Served("ws", "--rate", "2", "--burst", "4") as lab, opened(lab) as one:
        for _ in range(8):
            one.send(PING)
        said = [json.loads(one.recv(timeout=15)) for _ in range(8)]
        assert [("result" in each) for each in said] == [True] * 4 + [False] * 4
        assert 0 < said[-1]["error"]["data"]["retryAfter"] <= 1


# ---- the mistakes ------------------------------------------------------------------------------------


@contextmanager
def both(name: str, *options: str) -> Iterator[tuple[Served, Served]]:
    with Served("ws", "--weakness", name, *options) as weak, Served("ws", *options) as sound:
        yield weak, sound


@pytest.mark.parametrize(
    ("name", "origin"),
    [("origin-unchecked", "http://attacker.example"), ("origin-prefix", "http://localhost.attacker.example")],
)
def test_a_page_of_another_origin_gets_in(name: str, origin: str) -> None:
    with both(name) as labs:
        assert [refused(lab, origin=origin) for lab in labs] == [101, 403]


def test_host_unchecked_upgrades_any_name() -> None:
    with both("host-unchecked") as labs:
        told = [answer(lab, upgrade("attacker.example", "Origin: http://attacker.example")) for lab in labs]
        assert [line.split()[1] for line in told] == [b"101", b"403"]


def test_binary_frame_crash_drops_the_connection() -> None:
    with both("binary-frame-crash") as labs:
        codes = []
        for lab in labs:
            with opened(lab) as one:
                one.send(PING.encode())
                one.close_timeout = 1
                try:
                    codes.append(one.recv(timeout=15))
                except ConnectionClosed as error:
                    codes.append(error.rcvd)
        assert codes == [None, PONG.encode()]


def test_subprotocol_unoffered_is_selected() -> None:
    with both("subprotocol-unoffered") as labs:
        for lab, selected in zip(labs, (True, False), strict=True):
            with socket.create_connection(("127.0.0.1", lab.port), 15) as sock:
                sock.sendall(upgrade(f"127.0.0.1:{lab.port}"))
                assert (b"Sec-WebSocket-Protocol: mcp" in sock.recv(1 << 16)) is selected


def test_served_before_auth_answers_strangers() -> None:
    with both("served-before-auth", *TOKENS, "--auth", "first-message") as labs:
        with opened(labs[0]) as one:
            assert begin(one)["result"]
        with opened(labs[1]) as one, pytest.raises(ConnectionClosed):
            begin(one)


def test_slow_client_block_keeps_all_others_waiting() -> None:
    with both("slow-client-block") as labs:
        served = []
        for lab in labs:
            with socket.create_connection(("127.0.0.1", lab.port), 15):
                try:
                    with connect(lab.url, compression=None, open_timeout=1.5):
                        served.append(True)
                except TimeoutError:
                    served.append(False)
        assert served == [False, True]


def test_rate_limit_off_counts_nothing() -> None:
    with both("rate-limit-off", "--rate", "1", "--burst", "3") as labs:
        told = []
        for lab in labs:
            with opened(lab) as one:
                for _ in range(6):
                    one.send(PING)
                told.append({"error" in json.loads(one.recv(timeout=15)) for _ in range(6)})
        assert told == [{False}, {False, True}]


# ---- usage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--transport", "ws", "--token", "alice"], "NAME=VALUE"),
        (["--transport", "http", "--rate", "0"], "--rate"),
        (["--transport", "http", "--port", "70000"], "--port"),
        (["--transport", "gopher"], "--transport"),
    ],
)
def test_wrong_usage_of_the_network_exits_with_2(options: list[str], complaint: str) -> None:
    command = [sys.executable, "-m", "mcpfuzz.lab", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and complaint in done.stderr


def test_a_port_that_is_taken_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "mcpfuzz.lab", "--transport", "http", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and "in use" in done.stderr


def test_http_needs_no_package_beyond_the_standard_library() -> None:
    code = (
        "import sys, mcpfuzz.lab.fronts.serving as s; print(sorted({'websockets','trustme','trio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_is_named_with_what_brings_it() -> None:
    code = "import sys; sys.modules['trustme'] = None; from mcpfuzz.lab import main; main(['--transport', 'wss'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and "trustme" in done.stderr and "[lab]" in done.stderr
