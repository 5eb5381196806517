"""The blocking clients: each transport, each kind of answer, against a server of our own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.blocking import Client, Endpoint, Stdio, StreamableHttp, classify, dial, reach
from mcpfuzz.errors import Gone, HandshakeError

SERVER = str(Path(__file__).parent / "load_server.py")
Serve = Callable[..., str]


ADD = {"name": "add", "arguments": {"a": 2, "b": 3}}


def text_of(value: Any) -> str:
    return str(value["result"]["content"][0]["text"])


def opened(client: Client) -> Client:
    client.open()
    return client


@pytest.mark.parametrize("config", [{}, {"sse_answers": True}, {"modern": True}, {"sessions": False}])
def test_streamable_http_calls_a_tool_in_both_eras_and_both_forms_of_answer(
    serve: Serve, config: dict[str, Any]
) -> None:
    client = reach(Endpoint(url=serve(**config) + "/mcp"))
    outcome = client.call("tools/call", ADD)
    assert (outcome.kind, text_of(outcome.value)) == ("ok", "5")
    assert client.session is not None
    assert client.session.revision.era == ("modern" if config.get("modern") else "legacy")
    assert (client.session_id is not None) == (config.get("sessions", True) and not config.get("modern"))
    client.close()


def test_the_first_event_of_an_sse_answer_is_timed_apart_from_its_end(serve: Serve) -> None:
    client = reach(Endpoint(url=serve(sse_answers=True) + "/mcp"))
    outcome = client.call("tools/call", ADD)
    assert outcome.first_s is not None
    assert outcome.took_s - outcome.first_s >= 0.008, "the server waits 10 ms between its two events"
    client.close()


def test_a_server_of_the_old_kind_is_found_behind_an_http_url(serve: Serve) -> None:
    client = reach(Endpoint(url=serve() + "/sse"))
    assert client.transport == "sse"
    assert text_of(client.call("tools/call", ADD).value) == "5"
    client.close()


def test_a_websocket_carries_calls_of_several_threads_at_once(serve: Serve) -> None:
    client = reach(Endpoint(url=serve("ws")))
    told: list[str] = []

    def run(number: int) -> None:
        outcome = client.call("tools/call", {"name": "add", "arguments": {"a": number, "b": 0}})
        told.append(text_of(outcome.value))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(told) == [str(number) for number in range(8)]
    client.close()


def test_a_process_answers_over_its_pipes_and_is_gone_afterwards() -> None:
    client = reach(Endpoint(argv=(sys.executable, SERVER, "--stdio")))
    assert isinstance(client, Stdio)
    assert text_of(client.call("tools/call", ADD).value) == "5"
    client.close()
    assert client.process.returncode is not None


@pytest.mark.parametrize(
    ("answer", "form", "retry"), [("429", "429", "true"), ("rpc", "rpc", "true"), ("tool", "tool", "none")]
)
def test_a_refusal_for_too_much_is_told_apart_from_an_error(serve: Serve, answer: str, form: str, retry: str) -> None:
    policy = {"scope": "global", "rate": 0.5, "burst": 1, "answer": answer, "retry_after": retry}
    client = reach(Endpoint(url=serve(policy=policy) + "/mcp"))
    assert client.call("tools/call", ADD).kind == "ok"
    outcome = client.call("tools/call", ADD)
    assert (outcome.kind, outcome.form, outcome.failed) == ("limited", form, False)
    assert outcome.retry_after_s == (2 if retry == "true" else None)
    client.close()


def test_errors_of_tool_and_protocol_are_told_apart(serve: Serve) -> None:
    client = reach(Endpoint(url=serve() + "/mcp"))
    assert client.call("tools/call", {"name": "add", "arguments": {"a": "x"}}).detail == "isError"
    assert client.call("no/such").detail == "JSON-RPC -32601"
    client.close()


def test_an_open_model_opens_connections_as_it_needs_them(serve: Serve) -> None:
    client = reach(Endpoint(url=serve(expensive_ms=150) + "/mcp"))
    assert isinstance(client, StreamableHttp)
    took: list[float] = []

    def run() -> None:
        took.append(client.call("tools/call", {"name": "report", "arguments": {}}).took_s)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(took) == 6
    assert max(took) < 0.6, "six calls of 150 ms one after the other take 0.9 s"
    client.close()


def test_a_dead_server_is_an_outcome_once_open_and_an_error_before(serve: Serve) -> None:
    with pytest.raises(Gone, match="no connection"):
        reach(Endpoint(url="http://127.0.0.1:9/mcp"))
    with pytest.raises(HandshakeError, match="no MCP session"):
        dial(Endpoint(url=serve() + "/messages?session=0", transport="http")).open()


@pytest.mark.parametrize(
    ("value", "status", "kind"),
    [
        ({"result": {}}, 200, "ok"),
        ({"result": {}}, None, "ok"),
        ({"error": {"code": -32603, "message": "x"}}, 200, "rpc-error"),
        (None, 500, "http-error"),
        (None, 503, "http-error"),
        (None, 202, "ok"),
        (None, 200, "rpc-error"),
        ({"error": {"code": 1, "message": "Too many requests"}}, None, "limited"),
    ],
)
def test_what_an_answer_stands_for(value: Any, status: int | None, kind: str) -> None:
    assert classify(value, status).kind == kind


def test_a_busy_server_that_says_when_to_come_again_limits() -> None:
    outcome = classify(None, 503, "7")
    assert (outcome.kind, outcome.retry_after_s, outcome.detail) == ("limited", 7.0, "HTTP 503 Retry-After 7")
