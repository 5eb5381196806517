"""Event streams over real sockets that end too early: taken up again with Last-Event-ID, not too soon, not for ever."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trio

from mcpfuzz.client import Client
from mcpfuzz.errors import Late
from mcpfuzz.lab.served import Served
from mcpfuzz.revisions import revision
from mcpfuzz.transports import resumption
from mcpfuzz.transports.endpoint import Endpoint

_spec = importlib.util.spec_from_file_location("http_server", Path(__file__).parent / "http_server.py")
assert _spec is not None and _spec.loader is not None
http_server = sys.modules.get("http_server") or importlib.util.module_from_spec(_spec)
sys.modules["http_server"] = http_server
_spec.loader.exec_module(http_server)
serving, response, stream, event, result, legacy = (
    http_server.serving, http_server.response, http_server.stream, http_server.event, http_server.result,
    http_server.legacy,
)  # fmt: skip
CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


def talking(url: str | Endpoint, body: Callable[[Client], Coroutine[Any, Any, None]], date: str = "2025-11-25") -> None:
    """A client connected to `url`, and what is done with it; twenty seconds for all of it."""

    async def main() -> None:
        with trio.fail_after(20):
            where = url if isinstance(url, Endpoint) else Endpoint.of(url)
            async with connected(where, date) as client:
                await body(client)

    trio.run(main)


@contextlib.asynccontextmanager
async def connected(where: Endpoint, date: str) -> AsyncIterator[Client]:
    async with trio.open_nursery() as nursery:
        client = await Client.connect(where, nursery, wanted=revision(date), start_timeout=10)
        try:
            yield client
        finally:
            await client.close()
        nursery.cancel_scope.cancel()


def calling(*, first: bytes, again: Callable[[Any, Any, int], Any]) -> Any:
    """A server whose stream for a call ends after `first`; `again(get, call, number)` answers the GETs with an id."""
    calls: list[Any] = []
    numbers = itertools.count(1)

    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            calls.append(asked)
            return _closing(stream(first))
        if asked.method == "GET" and "last-event-id" in asked.headers:
            return again(asked, calls[0], next(numbers))
        return legacy(asked)

    return answer


def _closing(data: bytes) -> Any:
    """All of it, and then the end of the connection."""
    yield data
    raise OSError("closed by the test's server")


def gets(server: Any) -> list[Any]:
    return [asked for asked in server.asked if asked.method == "GET" and "last-event-id" in asked.headers]


# ---- the stream of one message


@pytest.mark.parametrize("date", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_stream_that_breaks_before_its_answer_is_taken_up_where_it_broke(date: str) -> None:
    def again(asked: Any, call: Any, number: int) -> Any:
        return _closing(stream(event(result(call, {"content": []}), id="3")))

    with serving(_in(date, calling(first=event("", id="1") + event(CHANGED, id="2"), again=again))) as server:

        async def body(client: Client) -> None:
            frame = await client.ask("tools/call", {"name": "x"}, timeout=8)
            assert frame.value["result"] == {"content": []}

        talking(server.url, body, date)
    assert [asked.headers["last-event-id"] for asked in gets(server)] == ["2"]
    assert gets(server)[0].headers["mcp-session-id"] == "s-1"
    assert gets(server)[0].headers["accept"] == "text/event-stream"
    assert [asked.json["method"] for asked in server.asked if asked.method == "POST"].count("tools/call") == 1


def _in(date: str, answer: Any) -> Any:
    """The same server in another revision."""

    def dated(asked: Any) -> Any:
        said = answer(asked)
        return said.replace(b"2025-11-25", date.encode()) if isinstance(said, bytes) else said

    return dated


def test_a_stream_that_the_server_closes_in_good_order_is_taken_up_too() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    def again(asked: Any, call: Any, number: int) -> Any:
        return _closing(stream(event(result(call), id="2")))

    def answer(asked: Any) -> Any:
        said = served(asked)
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            primed = event("", id="1")
            return chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(primed), primed)
        return said

    served = calling(first=b"", again=again)
    with serving(answer) as server:

        async def body(client: Client) -> None:
            volley = await client.volley((client.request("tools/call", {"name": "x"})[1],), patience=8)
            assert volley.whole and volley.extra == []  # the empty event at the beginning is no message

        talking(server.url, body)
    assert len(gets(server)) == 1


def test_what_the_server_asks_for_with_retry_is_waited_for() -> None:
    times: list[float] = []

    def again(asked: Any, call: Any, number: int) -> Any:
        times.append(time.monotonic())
        if number < 3:
            return _closing(stream(b"retry: 400\n", event("", id=str(number + 1))))
        return _closing(stream(event(result(call), id="9")))

    with serving(calling(first=b"retry: 400\n" + event("", id="1"), again=again)) as server:

        async def body(client: Client) -> None:
            times.append(time.monotonic())
            await client.ask("tools/call", {"name": "x"}, timeout=10)

        talking(server.url, body)
    assert [asked.headers["last-event-id"] for asked in gets(server)] == ["1", "2", "3"]
    assert all(later - sooner >= 0.39 for sooner, later in itertools.pairwise(times))


def test_a_stream_without_ids_is_not_taken_up() -> None:
    with serving(calling(first=event(CHANGED), again=lambda *_: response(500))) as server:

        async def body(client: Client) -> None:
            with pytest.raises(Late):
                await client.ask("tools/call", {"name": "x"}, timeout=8)

        began = time.monotonic()
        talking(server.url, body)
        assert time.monotonic() - began < 7  # nothing can come: that is known before the patience ends
    assert gets(server) == []


def test_an_answered_stream_is_not_taken_up() -> None:
    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            return _closing(stream(event(result(asked), id="1")))
        return legacy(asked)

    with serving(answer) as server:

        async def body(client: Client) -> None:
            await client.ask("tools/call", {"name": "x"}, timeout=8)
            with trio.move_on_after(0.5):
                await client.ask("tools/list", timeout=5)
                await client.ask("tools/list", timeout=5)

        talking(server.url, body)
    assert gets(server) == []


def test_a_server_that_cannot_take_it_up_is_asked_once() -> None:
    refusal = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no such stream"}}'
    with serving(calling(first=event("", id="1"), again=lambda *_: response(404, refusal))) as server:

        async def body(client: Client) -> None:
            volley = await client.volley((client.request("tools/call", {"name": "x"})[1],), patience=8)
            assert volley.late and volley.extra == [] and volley.replies[0].status == 200
            assert "taking it up again was answered with HTTP 404" in volley.replies[0].problem

        talking(server.url, body)
    assert len(gets(server)) == 1


def test_taking_up_ends_after_so_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumption, "MAX_RESUMED", 4)

    def again(asked: Any, call: Any, number: int) -> Any:
        return _closing(stream(b"retry: 1\n", event("", id=f"again-{number}")))

    with serving(calling(first=b"retry: 1\n" + event("", id="1"), again=again)) as server:

        async def body(client: Client) -> None:
            with pytest.raises(Late):
                await client.ask("tools/call", {"name": "x"}, timeout=8)

        talking(server.url, body)
    assert len(gets(server)) == 4


def test_a_wait_beyond_the_patience_is_not_cut_short() -> None:
    with serving(calling(first=b"retry: 60000\n" + event("", id="1"), again=lambda *_: response(500))) as server:

        async def body(client: Client) -> None:
            with pytest.raises(Late):
                await client.ask("tools/call", {"name": "x"}, timeout=1)
            await client.ask("tools/list", timeout=5)

        talking(server.url, body)
    assert gets(server) == []


@pytest.mark.parametrize("wish", ["retry: 0", "retry: 31536000000", "retry: -5", "retry: soon"])
def test_a_stream_that_ends_at_once_for_ever_is_taken_up_a_few_times_within_the_patience(wish: str) -> None:
    again = f"{wish}\nid: 1\ndata: \n\n".encode()
    with serving(calling(first=again, again=lambda *_: _closing(stream(again)))) as server:

        async def body(client: Client) -> None:
            began = time.monotonic()
            with pytest.raises(Late):
                await client.ask("tools/call", {"name": "x"}, timeout=1)
            assert time.monotonic() - began < 5

        talking(server.url, body)
    assert 2 <= len(gets(server)) <= 20


@pytest.mark.parametrize("evil", ["1\x00", "1" * 1_001, "1\x1b[2J", "1\x7f", "\u200f1"])
def test_an_id_that_may_not_stand_in_a_header_is_not_sent_back(evil: str) -> None:
    with serving(calling(first=event("", id=evil), again=lambda *_: response(500))) as server:

        async def body(client: Client) -> None:
            with pytest.raises(Late):
                await client.ask("tools/call", {"name": "x"}, timeout=2)

        talking(server.url, body)
    assert gets(server) == []


def test_the_lab_gives_back_the_answer_of_a_stream_that_broke() -> None:
    """The relay between cuts the stream after its first event; the lab's own memory has the rest."""
    with Served("http", "--answers", "sse") as lab, _Cutting(lab.port) as relay:

        async def body(client: Client) -> None:
            export = {"name": "export_notes", "arguments": {"tag": "kiln"}}
            frame = await client.ask("tools/call", export, timeout=15)
            assert frame.value["result"]["content"]

        where = Endpoint.of(f"http://127.0.0.1:{relay.port}/mcp").with_headers((("Host", f"127.0.0.1:{lab.port}"),))
        talking(where, body)
    assert relay.cut.is_set()


def test_the_lab_sends_away_and_answers_those_who_come_back() -> None:
    with Served("http", "--answers", "poll") as lab:

        async def body(client: Client) -> None:
            things = [client.request("tools/list")[1] for _ in range(8)]
            began = time.monotonic()
            volley = await client.volley(things, patience=10)
            assert volley.whole and volley.extra == [] and time.monotonic() - began > 0.19

        talking(lab.url, body)


# ---- the server's own stream


def test_the_servers_own_stream_is_opened_again_where_it_ended() -> None:
    ponged = threading.Event()
    opened: list[str] = []

    def answer(asked: Any) -> Any:
        if asked.method == "GET":
            opened.append(asked.headers.get("last-event-id", ""))
            if len(opened) == 1:
                return _closing(stream(event("", id="g-1")))
            return itertools.chain(
                [stream(event({"jsonrpc": "2.0", "id": 7, "method": "ping"}, id="g-2"))], _until(server.closing)
            )
        if asked.method == "POST" and asked.json.get("result") == {} and asked.json.get("id") == 7:
            ponged.set()
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            assert ponged.wait(5)
        return legacy(asked)

    with serving(answer) as server:
        talking(server.url, lambda client: _asked(client))
    assert opened == ["", "g-1"] and ponged.is_set()


async def _asked(client: Client) -> None:
    await client.ask("tools/call", {"name": "x"}, timeout=8)


def _until(closing: threading.Event) -> Any:
    """Keeps a stream open."""
    closing.wait(10)
    yield b""


def test_a_stream_that_is_closed_at_once_is_opened_less_and_less_often() -> None:
    times: list[float] = []

    def answer(asked: Any) -> Any:
        if asked.method == "GET":
            times.append(time.monotonic())
            return _closing(stream(event("", id="g")))
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            server.closing.wait(3)
        return legacy(asked)

    with serving(answer) as server:
        talking(server.url, lambda client: _asked(client))
    waits = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert len(times) in (2, 3, 4) and waits == sorted(waits) and waits[0] >= 0.49


def test_a_stream_that_is_refused_is_not_opened_again() -> None:
    def answer(asked: Any) -> Any:
        if asked.method == "POST" and asked.json.get("method") == "tools/call":
            server.closing.wait(1.2)
        return legacy(asked)

    with serving(answer) as server:
        talking(server.url, lambda client: _asked(client))
    assert [asked.method for asked in server.asked].count("GET") == 1


# ---- a relay that cuts


class _Cutting:
    """A relay to a port of loopback; it ends the first event stream of a call after the first event of it."""

    def __init__(self, port: int) -> None:
        self.cut = threading.Event()
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def _begin(self, target: Callable[..., None], *words: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=words, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [client, server]
                asked: list[bytes] = []
                self._begin(self._relay, client, server, asked, False)
                self._begin(self._relay, server, client, asked, True)

    def _relay(self, source: socket.socket, sink: socket.socket, asked: list[bytes], answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                asked += [] if answers else [data]
                sent = self._passed(data, asked) if answers else data
                sink.sendall(sent)
                if sent != data:
                    break
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _passed(self, data: bytes, asked: list[bytes]) -> bytes:
        """What of a piece of an answer goes on: up to the end of the first event of a call's stream."""
        end = data.find(b"\n\n")
        if self.cut.is_set() or b"tools/call" not in b"".join(asked) or end < 0 or b"id: " not in data:
            return data
        self.cut.set()
        return data[: end + 2]

    def __enter__(self) -> _Cutting:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for one in self._sockets:
            one.close()
