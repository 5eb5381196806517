"""The blocking WebSocket client, frame by frame, against a server of bytes."""

from __future__ import annotations

import hashlib
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest

from mcpfuzz.blocking.http1 import place_of
from mcpfuzz.blocking.websocket import WebSocket
from mcpfuzz.errors import Gone, HandshakeError, Late, TooMuch
from mcpfuzz.transports.frames import frame_bytes

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
Served = Callable[..., WebSocket]


def plain(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    return frame_bytes(opcode, payload, fin=fin, masked=False)


class Server:
    """Takes one connection after the other; says what it is told to."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        self.heads: list[bytes] = []
        self.heard = b""
        self.ended = threading.Event()

    def answer(self, replies: list[Callable[[bytes], bytes]], *, end: bool = False) -> None:
        """One connection for each reply: head in, bytes out; then listen until the client goes, or end."""
        for reply in replies:
            there, _ = self.listener.accept()
            with there:
                there.settimeout(10)
                data = b""
                while b"\r\n\r\n" not in data:
                    data += there.recv(4096)
                self.heads.append(data)
                out = reply(data)
                there.sendall(out)
                while not end and out.startswith(b"HTTP/1.1 101") and (more := there.recv(4096)):
                    self.heard += more
        self.ended.set()


def upgraded(head: bytes, *, protocol: bytes = b"mcp", accept: bytes | None = None) -> bytes:
    key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    right = b64encode(hashlib.sha1(key.split(b":")[1].strip() + GUID).digest())
    named = b"Sec-WebSocket-Protocol: " + protocol + b"\r\n" if protocol else b""
    lines = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + named
    return lines + b"Sec-WebSocket-Accept: " + (accept or right) + b"\r\n\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.listener.close()


def opened(server: Server, *replies: Callable[[bytes], bytes], end: bool = False, timeout: float = 5.0) -> WebSocket:
    threading.Thread(target=server.answer, args=(list(replies),), kwargs={"end": end}, daemon=True).start()
    return WebSocket(place_of(f"ws://127.0.0.1:{server.listener.getsockname()[1]}/x"), timeout=timeout)


def after(data: bytes) -> Callable[[bytes], bytes]:
    return lambda head: upgraded(head) + data


def read(client: WebSocket) -> bytes:
    import time

    return client.read(time.monotonic() + 5)


def test_messages_come_whole_in_pieces_and_in_one_go(server: Server) -> None:
    large = b"x" * 70_000
    data = plain(1, b"one") + plain(1, b"t", fin=False) + plain(9, b"?") + plain(0, b"wo") + plain(1, large)
    client = opened(server, after(data + plain(2, b"y" * 200)))
    assert [read(client) for _ in range(4)] == [b"one", b"two", large, b"y" * 200]
    client.close()
    assert server.ended.wait(10)
    # masked: a pong, then the goodbye
    assert server.heard[:2] == bytes([0x8A, 0x81]) and server.heard[7:9] == bytes([0x88, 0x82])


BROKEN = [
    plain(0, b"continues nothing"),
    plain(1, b"a", fin=False) + plain(1, b"b"),
    plain(0x41, b"reserved bit"),
    plain(3, b"unknown opcode"),
    frame_bytes(1, b"masked"),
    plain(9, b"ping in pieces", fin=False),
    frame_bytes(9, b"p" * 126, masked=False),
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_broken_framing_ends_the_connection(server: Server, data: bytes) -> None:
    client = opened(server, after(data))
    with pytest.raises(Gone, match="framing"):
        read(client)
    client.close()


def test_a_frame_that_claims_gigabytes_is_not_waited_for(server: Server) -> None:
    client = opened(server, after(frame_bytes(1, b"", masked=False, length=1 << 40)))
    with pytest.raises(TooMuch):
        read(client)
    client.close()


def test_a_goodbye_is_told_with_its_code(server: Server) -> None:
    client = opened(server, after(plain(8, b"\x03\xf0policy")))
    with pytest.raises(Gone, match="1008"):
        read(client)
    client.close()


def test_a_connection_that_ends_is_gone(server: Server) -> None:
    client = opened(server, after(b"\x81"), end=True)
    with pytest.raises(Gone):
        read(client)
    client.close()


def test_silence_is_late_and_a_send_leaves_no_deadline_behind(server: Server) -> None:
    import time

    client = opened(server, after(b""), timeout=0.5)
    client.write(b"{}")
    assert not client._wire.overdue
    with pytest.raises(Late):
        client.read(time.monotonic() + 0.3)
    client.close()


def test_a_refused_subprotocol_is_left_out(server: Server) -> None:
    client = opened(
        server, lambda _: b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", lambda h: upgraded(h, protocol=b"")
    )
    assert [b"Sec-WebSocket-Protocol: mcp" in head for head in server.heads] == [True, False]
    client.close()


REFUSALS = [
    (lambda _: b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "HTTP 401"),
    (lambda head: upgraded(head, accept=b"AAAA"), "Accept"),
    (lambda head: upgraded(head, protocol=b"soap"), "subprotocol"),
]


@pytest.mark.parametrize(("reply", "why"), REFUSALS, ids=[row[1] for row in REFUSALS])
def test_what_is_no_upgrade_is_told(server: Server, reply: Callable[[bytes], bytes], why: str) -> None:
    with pytest.raises(HandshakeError, match=why):
        opened(server, reply)
