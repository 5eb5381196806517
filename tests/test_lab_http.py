"""The lab over HTTP, spoken to by a plain client over real sockets: Streamable HTTP in both eras, and HTTP+SSE."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from mcpfuzz import host
from mcpfuzz.lab import build
from mcpfuzz.lab.core import Connection
from mcpfuzz.lab.drive import CLIENT, ENVELOPE
from mcpfuzz.lab.fronts.delivery import Delivery
from mcpfuzz.lab.fronts.exchange import Exchange
from mcpfuzz.lab.fronts.modern import Modern
from mcpfuzz.lab.fronts.reading import Gone, Limits, Request, Stream
from mcpfuzz.lab.served import Served

LEGACY = ("2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
ALICE, BOB = {"Authorization": "Bearer alice-token"}, {"Authorization": "Bearer bob-token"}
TOKENS = ("--token", "alice=alice-token", "--token", "bob=bob-token", "--token", "admin=admin-token")
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
EXPORT = {"name": "export_notes", "arguments": {"tag": "kiln"}}


OPEN: list[http.client.HTTPConnection | http.client.HTTPResponse] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Connections of a test end with it."""
    yield
    while OPEN:
        OPEN.pop().close()


def connection(lab: Served) -> http.client.HTTPConnection:
    opened = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=15)
    OPEN.append(opened)
    return opened


class Told(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def messages(self) -> list[Any]:
        """The messages of a JSON body or of an event stream."""
        if self.headers.get_content_type() != "text/event-stream":
            return [json.loads(self.body)] if self.body else []
        return [json.loads(data) for _, data in events(self.body) if data]


def events(stream: bytes) -> list[tuple[str, str]]:
    """(id, data) of each event."""
    found = []
    for block in stream.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields or "data: " in block:
            found.append((fields.get("id", ""), fields.get("data", "")))
    return found


class Caller:
    """One keep-alive connection."""

    def __init__(self, lab: Served, path: str = "/mcp", **headers: str) -> None:
        self.http = connection(lab)
        self.path = path
        self.headers = dict(headers)
        self.next = 0

    def tell(self, method: str, body: bytes | None = None, path: str = "", **headers: str | None) -> Told:
        sent = {**self.headers, **headers}
        self.http.request(
            method, path or self.path, body, {name.replace("_", "-"): value for name, value in sent.items() if value}
        )
        response = self.http.getresponse()
        return Told(response.status, response.headers, response.read())

    def post(self, message: Any, **headers: str | None) -> Told:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.tell("POST", body, **{**JSON, **headers})

    def ask(self, method: str, params: dict[str, Any] | None = None, **headers: str | None) -> Told:
        self.next += 1
        return self.post({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params or {}}, **headers)

    def initialize(self, revision: str = "2025-11-25", **headers: str | None) -> Told:
        params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": CLIENT}
        told = self.ask("initialize", params, **headers)
        if key := told.headers["Mcp-Session-Id"]:
            self.headers["Mcp-Session-Id"] = key
        return told

    def modern(self, method: str, params: dict[str, Any] | None = None, **headers: str | None) -> Told:
        given = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **headers}
        return self.ask(method, {**(params or {}), "_meta": ENVELOPE}, **given)

    @property
    def session(self) -> dict[str, str]:
        return {"Mcp-Session-Id": self.headers["Mcp-Session-Id"]}


def code(told: Told) -> tuple[int, int]:
    """HTTP status and JSON-RPC code."""
    return told.status, json.loads(told.body)["error"]["code"]


def raw(lab: Served, data: bytes, *, seconds: float = 10.0) -> bytes:
    """What one connection answers to these bytes until it is closed."""
    with socket.create_connection(("127.0.0.1", lab.port), seconds) as sock:
        sock.sendall(data)
        said = b""
        while chunk := sock.recv(1 << 16):
            said += chunk
        return said


@pytest.fixture(scope="module")
def lab() -> Iterator[Served]:
    with Served("http") as served:
        yield served
        assert served.alive and served.stderr == ""


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    with Served("http", *TOKENS) as served:
        yield served
        assert served.alive and served.stderr == ""


# ---- sessions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", LEGACY)
def test_a_session_begins_serves_and_ends(lab: Served, revision: str) -> None:
    caller = Caller(lab)
    begun = caller.initialize(revision)
    assert begun.messages[0]["result"]["protocolVersion"] == revision
    assert caller.post({"jsonrpc": "2.0", "method": "notifications/initialized"})[::2] == (202, b"")
    assert caller.ask("ping").messages[0]["result"] == {}
    assert caller.ask("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}}).status == 200
    assert caller.tell("DELETE").status == 204
    assert caller.ask("ping").status == 404


def test_a_session_id_is_long_visible_and_never_the_same(lab: Served) -> None:
    keys = {Caller(lab).initialize().headers["Mcp-Session-Id"] for _ in range(20)}
    assert len(keys) == 20 and all(len(key) >= 32 and key.isascii() and key.isprintable() for key in keys)


def test_without_a_session_nothing_is_served(lab: Served) -> None:
    caller = Caller(lab)
    assert [caller.ask(method).status for method in ("ping", "tools/list")] == [400, 400]
    assert caller.ask("tools/list", Mcp_Session_Id="never-issued").status == 404
    assert caller.tell("GET", Accept="text/event-stream").status == 400
    assert caller.tell("DELETE").status == 400


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", -32700),
        (b"", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}{}', -32700),
        (b"\xff", -32700),
        (b"42", -32600),
        (b"{}", -32600),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b"[" * 100_000, -32600),
    ],
)
@pytest.mark.parametrize("begun", [True, False])
def test_a_malformed_body_is_400_with_the_reason(lab: Served, body: bytes, expected: int, begun: bool) -> None:
    caller = Caller(lab)
    if begun:
        caller.initialize()
    assert code(caller.post(body)) == (400, expected)


def test_a_batch_is_answered_in_2025_03_26(lab: Served) -> None:
    caller = Caller(lab)
    caller.initialize("2025-03-26")
    batch = [{"jsonrpc": "2.0", "id": key, "method": "ping"} for key in ("a", "b")]
    assert [one["id"] for one in caller.post(batch).messages[0]] == ["a", "b"]
    assert [caller.post(body).status for body in ([1, 2, 3], [*batch, 4])] == [400, 200]


@pytest.mark.parametrize("version", ["1999-01-01", "zzz", ""])
def test_a_version_that_is_not_spoken_is_400(lab: Served, version: str) -> None:
    caller = Caller(lab)
    caller.initialize("2025-06-18")
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{lab.port}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nAccept: */*\r\nMcp-Session-Id: {caller.session['Mcp-Session-Id']}\r\n"
    head += f"MCP-Protocol-Version: {version}\r\nContent-Length: {len(body)}\r\n\r\n"
    assert raw(lab, head.encode() + body).startswith(b"HTTP/1.1 400 ")
    assert caller.ask("ping", MCP_Protocol_Version="2025-06-18").status == 200


def test_a_slow_call_streams_its_progress_and_then_its_answer(lab: Served) -> None:
    caller = Caller(lab)
    caller.initialize()
    told = caller.ask("tools/call", {**EXPORT, "_meta": {"progressToken": "p"}})
    assert told.headers.get_content_type() == "text/event-stream"
    *progress, answer = told.messages
    assert [one["params"]["progress"] for one in progress] == sorted(one["params"]["progress"] for one in progress)
    assert progress and answer["id"] == caller.next
    assert caller.ask("ping").status == 200  # on the same connection


def test_answers_come_as_they_are_wished() -> None:
    for answers, kind in (("json", "application/json"), ("sse", "text/event-stream")):
        with Served("http", "--answers", answers) as lab:
            caller = Caller(lab)
            caller.initialize()
            for method, params in (("ping", {}), ("tools/call", EXPORT)):
                told = caller.ask(method, params)
                assert (told.headers.get_content_type(), told.messages[-1]["id"]) == (kind, caller.next)


def test_an_answer_that_was_lost_can_be_fetched_with_its_last_event_id(lab: Served) -> None:
    caller = Caller(lab)
    caller.initialize()
    stream = caller.ask("tools/call", {**EXPORT, "_meta": {"progressToken": "p"}})
    keys = [key for key, _ in events(stream.body)]
    assert len(set(keys)) == len(keys) > 2 and keys[0].endswith("_0")
    again = caller.tell("GET", Accept="text/event-stream", Last_Event_ID=keys[1])
    assert again.messages == stream.messages[1:]


def test_a_client_that_leaves_has_not_cancelled_in_a_session(lab: Served) -> None:
    caller = Caller(lab)
    caller.initialize()
    body = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": EXPORT}).encode()
    caller.http.request("POST", "/mcp", body, {**JSON, **caller.session})
    leaving = caller.http.getresponse()
    OPEN.append(leaving)
    first = leaving.readline().decode()
    assert first.startswith("id: ")
    leaving.close()
    caller.http.close()
    again = caller.tell("GET", Accept="text/event-stream", Last_Event_ID=first.removeprefix("id: ").strip())
    assert again.messages[-1]["id"] == 9


def test_the_sessions_own_stream_is_one_and_ends_with_the_session(lab: Served) -> None:
    caller, listener = Caller(lab), Caller(lab)
    caller.initialize()
    listener.http.request("GET", "/mcp", headers={"Accept": "text/event-stream", **caller.session})
    listening = listener.http.getresponse()
    OPEN.append(listening)
    assert listening.status == 200 and listening.readline().startswith(b"id: ")
    assert caller.tell("GET", Accept="text/event-stream").status == 409
    assert caller.tell("GET", Accept="application/json").status == 406
    assert caller.tell("DELETE").status == 204
    assert b"result" not in listening.read()


# ---- without sessions --------------------------------------------------------------------------------


def test_the_modern_form_is_served_without_a_session(lab: Served) -> None:
    caller = Caller(lab)
    told = caller.modern("server/discover")
    assert told.messages[0]["result"]["supportedVersions"] == [MODERN] and "Mcp-Session-Id" not in told.headers
    echo = {"name": "echo", "arguments": {"text": "hello"}}
    for name in ("echo", "=?base64?ZWNobw==?="):
        told = caller.modern("tools/call", echo, **{"Mcp-Name": name, "Mcp-Session-Id": "whatever"})
        assert told.messages[0]["result"]["content"][0]["text"] == "hello"
    notification = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert caller.post(notification, MCP_Protocol_Version=MODERN)[::2] == (202, b"")
    assert [caller.tell(method, MCP_Protocol_Version=MODERN).status for method in ("GET", "DELETE")] == [405, 405]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Mcp-Method": None}, (400, -32020)),
        ({"Mcp-Method": "tools/list"}, (400, -32020)),
        ({"Mcp-Method": "TOOLS/CALL"}, (400, -32020)),
        ({"Mcp-Name": None}, (400, -32020)),
        ({"Mcp-Name": "add"}, (400, -32020)),
        ({"Mcp-Name": "=?base64?!?="}, (400, -32020)),
        ({"MCP-Protocol-Version": None}, (400, -32020)),
        ({"MCP-Protocol-Version": "2025-11-25"}, (400, -32020)),
    ],
)
def test_headers_that_do_not_say_what_the_body_says_are_refused(
    lab: Served, headers: dict[str, str | None], expected: tuple[int, int]
) -> None:
    echo = {"name": "echo", "arguments": {"text": "hello"}}
    assert code(Caller(lab).modern("tools/call", echo, **{"Mcp-Name": "echo", **headers})) == expected


@pytest.mark.parametrize("method", ["no/such", "ping", "initialize", "logging/setLevel"])
def test_an_unknown_or_removed_method_is_404(lab: Served, method: str) -> None:
    assert code(Caller(lab).modern(method)) == (404, -32601)


def test_a_request_without_its_envelope_is_400(lab: Served) -> None:
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"}
    assert code(Caller(lab).ask("tools/list", **headers)) == (400, -32602)
    version = {**ENVELOPE, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    told = Caller(lab).ask("tools/list", {"_meta": version}, **{**headers, "MCP-Protocol-Version": "2099-01-01"})
    assert code(told) == (400, -32022)


def test_a_client_that_leaves_has_cancelled_in_the_modern_form(monkeypatch: pytest.MonkeyPatch) -> None:
    server, cancelled = build(), threading.Event()

    def never_answered(line: bytes, connection: Connection) -> list[Any]:
        connection.running["int", 1] = cancelled
        return []

    monkeypatch.setattr(server, "handle", never_answered)
    exchange = Exchange(server)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": ENVELOPE}}
    fields = (("mcp-protocol-version", MODERN), ("mcp-method", "tools/list"))
    request = Request(
        method="POST", path="/mcp", query="", fields=fields, body=b"", version=1, raw_head=b"", peer="127.0.0.1"
    )
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        with pytest.raises(Gone):
            Modern(exchange, Delivery(exchange, "auto")).post(request, Stream(ours, "", Limits()), message, "x", ())
    assert cancelled.is_set()


def test_a_call_that_is_never_answered_holds_up_nobody() -> None:
    with Served("http", "--weakness", "hang-call") as lab:
        params = {"name": "export_notes", "arguments": {"tag": "nothing"}, "_meta": ENVELOPE}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "export_notes"}
        caller = Caller(lab)
        caller.http.request("POST", "/mcp", body, {**JSON, **headers})
        assert Caller(lab).modern("server/discover").status == 200


def test_an_era_can_be_left_out() -> None:
    with Served("http", "--era", "modern") as lab:
        assert code(Caller(lab).initialize()) == (404, -32601)
        assert Caller(lab).tell("GET", Accept="text/event-stream").status == 405
    with Served("http", "--era", "legacy") as lab:
        assert Caller(lab).modern("server/discover").status == 400
        assert Caller(lab).initialize().status == 200


# ---- who may come in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS", "PUT"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.attacker.example"},
        {"Host": "attacker.example"},
        {"Host": "localhost.attacker.example", "Origin": "http://localhost.attacker.example"},
    ],
)
def test_a_foreign_origin_or_host_is_403(lab: Served, method: str, headers: dict[str, str]) -> None:
    assert Caller(lab).tell(method, b"{}", **{**JSON, **headers}).status == 403


def test_our_own_origin_is_served(lab: Served) -> None:
    origin = f"http://localhost:{lab.port}"
    told = Caller(lab).initialize(Origin=origin, Host=f"localhost:{lab.port}")
    assert told.status == 200 and told.headers["Access-Control-Allow-Origin"] == origin
    assert "Access-Control-Allow-Credentials" not in told.headers
    assert Caller(lab).tell("OPTIONS", Origin=origin).status == 204


@pytest.mark.parametrize(
    "authorization", [None, "Bearer nonsense", "Bearer alice-tokenx", "Basic YWxpY2U6", "Bearer", "alice-token"]
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "PUT"])
def test_without_a_valid_token_every_method_is_401(guarded: Served, method: str, authorization: str | None) -> None:
    told = Caller(guarded).tell(method, b"{}", **{**JSON, "Authorization": authorization})
    assert told.status == 401 and "resource_metadata=" in told.headers["WWW-Authenticate"]


def test_the_challenge_leads_to_metadata_of_this_resource(guarded: Served) -> None:
    challenge = Caller(guarded).tell("POST", b"{}").headers["WWW-Authenticate"]
    place = challenge.split('resource_metadata="')[1].split('"')[0]
    told = Caller(guarded).tell("GET", path=place.removeprefix(f"http://127.0.0.1:{guarded.port}"))
    document = json.loads(told.body)
    assert document["resource"] == guarded.url and document["authorization_servers"]


def test_a_session_serves_only_the_one_who_made_it(guarded: Served) -> None:
    alice = Caller(guarded, **ALICE)
    assert alice.initialize().status == 200 and alice.ask("ping").status == 200
    for others in (BOB, {"Authorization": "Bearer admin-token"}):
        bob = Caller(guarded, **others, **alice.session)
        assert [bob.ask("ping").status, bob.tell("DELETE").status] == [404, 404]
        assert bob.tell("GET", Accept="text/event-stream").status == 404
    assert Caller(guarded, **alice.session).ask("ping").status == 401
    assert alice.ask("ping").status == 200


def test_a_token_in_the_url_is_none(guarded: Served) -> None:
    assert Caller(guarded, "/mcp?access_token=alice-token").initialize().status == 401


def test_who_asks_too_much_is_told_when_to_come_back() -> None:
    with Served("http", *TOKENS, "--rate", "2", "--burst", "5") as lab:
        alice, bob = Caller(lab, **ALICE), Caller(lab, **BOB)
        alice.initialize()
        told = [alice.ask("ping") for _ in range(8)]
        assert [one.status for one in told] == [200] * 4 + [429] * 4
        assert bob.initialize().status == 200
        time.sleep(int(told[-1].headers["Retry-After"]))
        assert alice.ask("ping").status == 200


# ---- the bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /mcp HTTP/1.1\r\n\r\n", 400),
        (b"GET /mcp HTTP/1.1\nHost: x\n\r\n\r\n", 400),
        (b"GET /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /mcp HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        (b"GET /mcp HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET mcp HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /mcp HTTP/9.9\r\nHost: a\r\n\r\n", 400),
        (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", 400),
        (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\n", 400),
        (b"POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n", 413),
        (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET /mcp HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        (b"GET /mcp HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 30_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(lab: Served, data: bytes, status: int) -> None:
    said = raw(lab, data)
    assert said.startswith(b"HTTP/1.1 %d " % status) and b"Connection: close" in said


def test_a_large_body_is_refused_before_it_is_read_and_the_refusal_arrives(lab: Served) -> None:
    told = Caller(lab).post(b" " * (9 << 20))
    assert told.status == 413


def test_chunks_and_pipelined_requests_are_read(lab: Served) -> None:
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT},
        }
    ).encode()
    head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{lab.port}\r\nContent-Type: application/json\r\nAccept: */*\r\n"
    chunked = b"%x\r\n%s\r\n%x;ext=1\r\n%s\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
    first = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunked
    second = head.encode() + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert raw(lab, first + second).count(b'"protocolVersion":"2025-11-25"') == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": None}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Accept": None}, 406),
        ({"Accept": "application/json"}, 406),
        ({"Accept": "text/html"}, 406),
    ],
)
def test_media_types_are_looked_at(lab: Served, headers: dict[str, str | None], status: int) -> None:
    assert Caller(lab).initialize(**headers).status == status


@pytest.mark.parametrize("path", ["/", "/sse", "/messages", "/.well-known/oauth-protected-resource", "/mcp2"])
def test_other_paths_are_404(lab: Served, path: str) -> None:
    assert Caller(lab).tell("GET", path=path).status == 404


def test_the_path_with_a_slash_leads_back_to_where_it_was(lab: Served) -> None:
    told = Caller(lab).tell("POST", b"{}", path="/mcp/", X_Forwarded_Host="attacker.example")
    assert (told.status, told.headers["Location"]) == (308, "/mcp")


def test_a_slow_client_is_sent_away_and_holds_up_nobody(lab: Served) -> None:
    with socket.create_connection(("127.0.0.1", lab.port), 15) as slow:
        slow.sendall(b"POST /mcp HTTP/1.1\r\n")
        assert Caller(lab).initialize().status == 200
        assert slow.recv(1 << 16).startswith(b"HTTP/1.1 408 ")


def test_too_many_connections_are_turned_away_and_leave_room_again(lab: Served) -> None:
    held = [socket.create_connection(("127.0.0.1", lab.port), 15) for _ in range(256)]
    try:
        assert raw(lab, b"").startswith(b"HTTP/1.1 503 ")
    finally:
        for one in held:
            one.close()
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if Caller(lab).initialize().status == 200:
            return
    pytest.fail("no room after they had gone")


# ---- HTTP+SSE ----------------------------------------------------------------------------------------


class Streamed:
    """A client of HTTP+SSE: its stream, and the place to post to."""

    def __init__(self, lab: Served, **headers: str) -> None:
        self.stream = connection(lab)
        self.stream.request("GET", "/sse", headers={"Accept": "text/event-stream", **headers})
        self.response = self.stream.getresponse()
        OPEN.append(self.response)
        assert self.response.status == 200, self.response.read()
        name, self.endpoint = self.event()
        assert name == "endpoint"
        self.caller = Caller(lab, self.endpoint, **headers)

    def event(self) -> tuple[str, str]:
        fields: dict[str, str] = {}
        while line := self.response.readline().decode().strip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        return fields["event"], fields["data"]

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        assert self.caller.ask(method, params)[::2] == (202, b"")
        name, data = self.event()
        assert name == "message"
        return json.loads(data)


@pytest.fixture(scope="module")
def sse() -> Iterator[Served]:
    with Served("sse", *TOKENS) as served:
        yield served
        assert served.alive and served.stderr == ""


def test_answers_come_on_the_stream(sse: Served) -> None:
    client = Streamed(sse, **ALICE)
    params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": CLIENT}
    assert client.ask("initialize", params)["result"]["protocolVersion"] == "2024-11-05"
    assert client.ask("tools/call", EXPORT)["result"]["isError"] is False
    assert code(client.caller.post(b"{")) == (400, -32700)
    assert client.ask("ping")["id"] == client.caller.next


def test_only_its_owner_may_post_to_a_stream(sse: Served) -> None:
    client = Streamed(sse, **ALICE)
    assert Caller(sse, client.endpoint, **BOB).ask("ping").status == 404
    assert Caller(sse, client.endpoint).ask("ping").status == 401
    assert Caller(sse, "/sse").tell("GET", Accept="text/event-stream").status == 401
    assert Caller(sse, client.endpoint, **ALICE).ask("ping", Origin="http://attacker.example").status == 403
    assert Caller(sse, "/sse", **ALICE).tell("GET", Origin="http://attacker.example").status == 403
    assert Caller(sse, "/messages?sessionId=nope", **ALICE).ask("ping").status == 404
    assert Caller(sse, "/messages", **ALICE).ask("ping").status == 400


# ---- the mistakes ------------------------------------------------------------------------------------


@contextmanager
def both(name: str, *options: str, transport: str = "http") -> Iterator[tuple[Served, Served]]:
    """A lab with this weakness, and one without."""
    with Served(transport, "--weakness", name, *options) as weak, Served(transport, *options) as sound:
        yield weak, sound


def begun(lab: Served, **headers: str) -> Caller:
    caller = Caller(lab, **headers)
    assert caller.initialize().status == 200
    return caller


def test_origin_unchecked_serves_any_page() -> None:
    with both("origin-unchecked") as labs:
        assert [Caller(lab).initialize(Origin="http://attacker.example").status for lab in labs] == [200, 403]


def test_origin_prefix_serves_what_begins_well() -> None:
    with both("origin-prefix") as labs:
        origins = ("http://127.0.0.1.attacker.example", "http://attacker.example")
        told = [[Caller(lab).initialize(Origin=origin).status for origin in origins] for lab in labs]
        assert told == [[200, 403], [403, 403]]


def test_host_unchecked_serves_any_name_with_its_origin() -> None:
    with both("host-unchecked") as labs:
        names = {"Host": "attacker.example:80", "Origin": "http://attacker.example:80"}
        assert [Caller(lab).initialize(**names).status for lab in labs] == [200, 403]
        assert Caller(labs[0]).initialize(Origin="http://attacker.example").status == 403


def test_cors_any_with_credentials_lets_any_page_read() -> None:
    with both("cors-any-with-credentials") as labs:
        told = [Caller(lab).tell("OPTIONS", Origin="http://attacker.example").headers for lab in labs]
        assert [one["Access-Control-Allow-Origin"] for one in told] == ["http://attacker.example", None]
        assert [one["Access-Control-Allow-Credentials"] for one in told] == ["true", None]


def test_redirect_leak_leads_where_a_header_says() -> None:
    with both("redirect-leak") as labs:
        told = [Caller(lab).tell("POST", b"", path="/mcp/", X_Forwarded_Host="attacker.example") for lab in labs]
        assert [one.headers["Location"] for one in told] == ["http://attacker.example/mcp", "/mcp"]


def test_redirect_next_leads_where_the_link_says() -> None:
    with both("redirect-next") as labs:
        for following, told in [
            ("https://attacker.example/", ["https://attacker.example/", "/"]),
            ("//attacker.example/", ["//attacker.example/", "/"]),
            ("/%5Cattacker.example/", ["/\\attacker.example/", "/"]),
            ("/notes?id=1", ["/notes?id=1"] * 2),
            ("/%0d%0aX-Made: up", ["/"] * 2),
        ]:
            answers = [Caller(lab).tell("GET", path=f"/logout?next={following.replace(' ', '%20')}") for lab in labs]
            assert [one.headers["Location"] for one in answers] == told


def test_debug_endpoint_shows_requests_and_stacks() -> None:
    with both("debug-endpoint", *TOKENS) as labs:
        begun(labs[0], **ALICE).ask("ping", {"_meta": {"example/note": "said before"}})
        told = [Caller(lab).tell("GET", path="/debug") for lab in labs]
        assert [one.status for one in told] == [200, 404]
        assert b"said before" in told[0].body and b'File "' in told[0].body


def test_bound_everywhere_listens_on_all_addresses() -> None:
    with both("bound-everywhere") as labs:
        assert [host.listening(lab.process.pid, lab.port) for lab in labs] == [("0.0.0.0",), ("127.0.0.1",)]
        assert [Caller(lab).initialize().status for lab in labs] == [200, 200]


def test_session_hijack_takes_the_id_for_the_owner() -> None:
    with both("session-hijack", *TOKENS) as labs:
        told = [Caller(lab, **BOB, **begun(lab, **ALICE).session).ask("ping").status for lab in labs]
        assert told == [200, 404]
    with both("session-hijack", *TOKENS, transport="sse") as labs:
        told = [Caller(lab, Streamed(lab, **ALICE).endpoint, **BOB).ask("ping").status for lab in labs]
        assert told == [202, 404]


def test_stream_replay_gives_one_callers_stream_to_another() -> None:
    with both("stream-replay", "--answers", "sse", *TOKENS) as labs:
        said = []
        for lab in labs:
            alice, bob = begun(lab, **ALICE), begun(lab, **BOB)
            asked = alice.post({"jsonrpc": "2.0", "id": "alice's own", "method": "ping"})
            key = events(asked.body)[0][0]
            own = alice.tell("GET", Accept="text/event-stream", Last_Event_ID=key)
            assert own.messages[-1]["id"] == "alice's own"
            bob.http.request(
                "GET", "/mcp", headers={**bob.headers, "Accept": "text/event-stream", "Last-Event-ID": key}
            )
            taken = bob.http.getresponse()
            OPEN.append(taken)
            said.append(taken.readline() + taken.readline() + taken.readline())
    assert b"alice's own" in said[0] and b"alice's own" not in said[1]


@pytest.mark.parametrize("shuffle", [(), ("--shuffle", "1"), ("--shuffle", "4")])
def test_guessable_session_counts(shuffle: tuple[str, ...]) -> None:
    with Served("http", "--weakness", "guessable-session", *shuffle) as lab:
        keys = [begun(lab).session["Mcp-Session-Id"] for _ in range(3)]
        base = 16 if keys[0].startswith("session-") else 10
        numbers = [int(key.rpartition("-")[2], base) for key in keys]
        assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_session_kept_serves_after_the_end() -> None:
    with both("session-kept") as labs:
        callers = [begun(lab) for lab in labs]
        assert [caller.tell("DELETE").status for caller in callers] == [204, 204]
        assert [caller.ask("ping").status for caller in callers] == [200, 404]


def test_malformed_init_poison_breaks_all_that_follow() -> None:
    with both("malformed-init-poison") as labs:
        before = [begun(lab) for lab in labs]
        half = {"protocolVersion": "2025-11-25", "capabilities": {}}
        assert [Caller(lab).ask("initialize", half).status for lab in labs] == [400, 400]
        assert [caller.ask("ping").status for caller in before] == [500, 200]
        assert [Caller(lab).initialize().status for lab in labs] == [500, 200]


def test_query_token_reads_the_url() -> None:
    with both("query-token", *TOKENS) as labs:
        assert [Caller(lab, "/mcp?access_token=bob-token").initialize().status for lab in labs] == [200, 401]


def test_auth_missing_on_get_asks_only_who_posts() -> None:
    with both("auth-missing-on-get", *TOKENS) as labs:
        keys = [begun(lab, **ALICE).session for lab in labs]
        assert [Caller(lab, **key).tell("DELETE").status for lab, key in zip(labs, keys, strict=True)] == [204, 401]
        assert [Caller(lab).initialize().status for lab in labs] == [401, 401]


def test_auth_missing_on_legacy_asks_only_who_speaks_the_latest_revision() -> None:
    with both("auth-missing-on-legacy", *TOKENS) as labs:
        assert [Caller(lab).initialize().status for lab in labs] == [200, 401]
        assert [Caller(lab).modern("tools/list").status for lab in labs] == [401, 401]


def test_old_endpoint_is_the_other_transport_without_a_token() -> None:
    with both("old-endpoint", *TOKENS) as labs:
        params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": CLIENT}
        assert "result" in Streamed(labs[0]).ask("initialize", params)
        assert Caller(labs[1], "/sse").tell("GET", Accept="text/event-stream").status == 404
    with both("old-endpoint", *TOKENS, transport="sse") as labs:
        assert [Caller(lab).initialize().status for lab in labs] == [200, 404]


def test_rate_limit_off_counts_nothing() -> None:
    with both("rate-limit-off", "--rate", "1", "--burst", "3") as labs:
        told = [{Caller(lab).ask("ping").status for _ in range(8)} for lab in labs]
        assert told == [{400}, {400, 429}]


def test_rate_limit_per_session_begins_anew() -> None:
    with both("rate-limit-per-session", "--rate", "0.1", "--burst", "3", *TOKENS) as labs:
        told = []
        for lab in labs:
            callers = [Caller(lab, **ALICE, Mcp_Session_Id=f"never-issued-{number}") for number in range(3)]
            told.append({caller.ask("ping").status for caller in callers for _ in range(2)})
        assert told == [{404}, {404, 429}]


def test_rate_limit_spoofed_counts_whom_the_client_names() -> None:
    with both("rate-limit-spoofed", "--rate", "0.1", "--burst", "3") as labs:
        told = [{Caller(lab, X_Forwarded_For=f"192.0.2.{i}").ask("ping").status for i in range(8)} for lab in labs]
        assert told == [{400}, {400, 429}]


def test_slow_client_block_keeps_all_others_waiting() -> None:
    with both("slow-client-block") as labs:
        served = []
        for lab in labs:
            with socket.create_connection(("127.0.0.1", lab.port), 15):
                caller = Caller(lab)
                caller.http.timeout = 1.5
                try:
                    served.append(caller.initialize().status)
                except TimeoutError:
                    served.append(0)
        assert served == [0, 200]


def test_slowloris_waits_for_the_rest_of_a_request() -> None:
    with both("slowloris") as labs:
        slow = [socket.create_connection(("127.0.0.1", lab.port), 15) for lab in labs]
        for one in slow:
            one.sendall(b"POST /mcp HTTP/1.1\r\n")
        assert slow[1].recv(100).startswith(b"HTTP/1.1 408 ")
        slow[0].settimeout(1)
        with pytest.raises(TimeoutError):
            slow[0].recv(100)
        for one in slow:
            one.close()


def test_connections_unbounded_takes_them_all() -> None:
    with Served("http", "--weakness", "connections-unbounded") as lab:
        held = [socket.create_connection(("127.0.0.1", lab.port), 15) for _ in range(300)]
        assert Caller(lab).initialize().status == 200
        for one in held:
            one.close()


def test_session_leak_forgets_none() -> None:
    with both("session-leak") as labs:
        first = [begun(lab) for lab in labs]
        for lab in labs:
            caller = Caller(lab)
            for _ in range(1001):
                caller.headers.clear()
                caller.initialize()
        assert [caller.ask("ping").status for caller in first] == [200, 404]


def test_headers_unchecked_executes_what_the_body_says() -> None:
    with both("headers-unchecked") as labs:
        echo = {"name": "echo", "arguments": {"text": "hello"}}
        other = {"Mcp-Method": "tools/list", "Mcp-Name": "add"}
        assert [Caller(lab).modern("tools/call", echo, **other).status for lab in labs] == [200, 400]


def test_leak_http_trace_shows_the_developers_page() -> None:
    with both("leak-http-trace") as labs:
        told = [begun(lab).ask("ping", Content_Type="application/json; charset=nonsense") for lab in labs]
        assert [one.status for one in told] == [500, 415]
        assert b"Traceback" in told[0].body and b"Traceback" not in told[1].body


@pytest.mark.parametrize("transport", ["http", "sse"])
def test_a_mistake_of_the_core_shows_over_the_network_too(transport: str) -> None:
    with Served(transport, "--weakness", "crash-exit") as lab:
        params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": CLIENT}
        client = begun(lab) if transport == "http" else Streamed(lab).caller
        if transport == "sse":
            client.ask("initialize", params)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            client.ask("tools/call", {"name": "list_articles", "arguments": {"options": "--no-such"}})
        assert lab.died() == 2


def test_everything_over_tls_is_served_to_who_trusts_the_authority() -> None:
    import ssl

    with Served("http", "--tls") as lab:
        assert lab.url.startswith("https://")
        caller = Caller(lab)
        context = ssl.create_default_context(cafile=lab.authority)
        caller.http = http.client.HTTPSConnection("127.0.0.1", lab.port, timeout=15, context=context)
        OPEN.append(caller.http)
        assert caller.initialize().status == 200
        assert caller.ask("tools/call", EXPORT).messages[-1]["id"] == caller.next


def test_two_answers_to_one_request_both_reach_the_client() -> None:
    with Served("http", "--weakness", "duplicate-answer") as lab:
        caller = begun(lab)
        counts = [len(caller.ask("resources/read", {"uri": "shop://hours"}).messages) for _ in range(2)]
        assert counts == [1, 2]


def test_an_answer_to_a_notification_reaches_the_client() -> None:
    with both("answers-notification") as labs:
        callers = [begun(lab) for lab in labs]
        told = [caller.post({"jsonrpc": "2.0", "method": "no/such"}) for caller in callers]
        assert [(one.status, bool(one.body)) for one in told] == [(200, True), (202, False)]


def test_what_is_no_number_reaches_the_client() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":NaN,"b":1}}}'
    with both("nan-out") as labs:
        told = [begun(lab).post(body) for lab in labs]
        assert [(one.status, b'"result"' in one.body) for one in told] == [(200, True), (400, False)]


def test_a_subscription_tells_its_own_listener_of_what_it_asked_for_until_they_leave(lab: Served) -> None:
    caller, others = Caller(lab), [Caller(lab), Caller(lab)]
    made = caller.modern(
        "tools/call", {"name": "create_note", "arguments": {"title": "Kiln", "body": "Hot."}}, Mcp_Name="create_note"
    )
    key = made.messages[-1]["result"]["structuredContent"]["id"]
    streams = []
    for number, (other, uri) in enumerate(zip(others, (f"note://{key}", "note://n-1001"), strict=True)):
        wanted = {"toolsListChanged": True, "resourceSubscriptions": [uri]}
        params = {"notifications": wanted, "_meta": ENVELOPE}
        body = json.dumps({"jsonrpc": "2.0", "id": f"s{number}", "method": "subscriptions/listen", "params": params})
        headers = {**JSON, "MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"}
        other.http.request("POST", "/mcp", body.encode(), headers)
        streams.append(other.http.getresponse())
        OPEN.append(streams[-1])
        told = said(streams[-1])
        assert told["method"] == "notifications/subscriptions/acknowledged"
        tag = {"io.modelcontextprotocol/subscriptionId": f"s{number}"}
        assert told["params"] == {"_meta": tag, "notifications": wanted}
    caller.modern("tools/call", {"name": "delete_note", "arguments": {"id": key}}, Mcp_Name="delete_note")
    told = said(streams[0])
    assert told["method"] == "notifications/resources/updated" and told["params"]["uri"] == f"note://{key}"
    assert told["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": "s0"}


def said(stream: http.client.HTTPResponse) -> Any:
    """The next message of an event stream."""
    while not (line := stream.readline()).startswith(b"data: "):
        assert line
    return json.loads(line.removeprefix(b"data: "))


@pytest.mark.parametrize("wanted", [None, [], {"toolsListChanged": "yes"}, {"resourceSubscriptions": "note://1"}])
def test_a_subscription_to_what_there_is_not_is_refused(lab: Served, wanted: Any) -> None:
    assert code(Caller(lab).modern("subscriptions/listen", {"notifications": wanted})) == (400, -32602)


# ---- the authorization server beside it --------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Iterator[Served]:
    with Served("http", "--authority") as served:
        yield served
        assert served.alive and served.stderr == ""


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        (b'{"redirect_uris": ["https://app.example/cb"]}', 201),
        (b'{"redirect_uris": ["http://[::1]:7777/cb"]}', 201),
        (b'{"redirect_uris": ["http://app.example/cb"]}', 400),
        (b'{"redirect_uris": ["https://[app.example/cb"]}', 400),
        (b'{"redirect_uris": ["https://app.example/cb"], "client_name": "\\ud800"}', 400),
        (b'{"redirect_uris": []}', 400),
        (b"[", 400),
    ],
)
def test_a_client_is_registered_at_https_or_on_its_own_machine(authority: Served, metadata: bytes, status: int) -> None:
    assert Caller(authority, "/register").tell("POST", metadata, Content_Type="application/json").status == status
