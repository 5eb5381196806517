"""Rows R4 and R5 of the ORACLE table over Streamable HTTP, real sockets: a batch of requests, a batch of no messages.

In 2025-03-26 a server must receive batches (JR-09); no other revision has them.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from mcpfuzz.client import Client
from mcpfuzz.lab.served import Served
from mcpfuzz.model import Case, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.row_proofs import row_verdict
from mcpfuzz.revisions import revision
from mcpfuzz.runner import Talk, converse
from mcpfuzz.scenarios.malformed import case_of
from mcpfuzz.slots import Filler
from mcpfuzz.strategies import jsonrpc
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.messages import Context
from mcpfuzz.transports.endpoint import Endpoint

_spec = importlib.util.spec_from_file_location("http_server", Path(__file__).parent / "http_server.py")
assert _spec is not None and _spec.loader is not None
http_server = sys.modules.get("http_server") or importlib.util.module_from_spec(_spec)
sys.modules["http_server"] = http_server
_spec.loader.exec_module(http_server)
serving, response, stream, event, legacy = (
    http_server.serving, http_server.response, http_server.stream, http_server.event, http_server.legacy,
)  # fmt: skip

B, D = "2025-03-26", "2025-11-25"
Answer = Callable[[list[Any]], bytes]


def case(row: str, date: str, index: int = 0) -> Case:
    """The index-th case of a row."""
    return case_of("malformed-messages", "session", jsonrpc.draw(RandomChoices(index), row, Context(revision=date)))


def played(url: str, date: str, one: Case) -> Trace:
    async def main() -> Trace:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                client = await Client.connect(Endpoint.of(url), nursery, wanted=revision(date), start_timeout=10)
                try:
                    return await converse(Talk(client, Filler(), 8.0), one.conversation)
                finally:
                    await client.close()
                    nursery.cancel_scope.cancel()
        raise AssertionError

    return trio.run(main)


def level(row: str, date: str, answer: Answer) -> str:
    """The table's verdict on a server that answers a batch so."""

    def answering(asked: Any) -> Any:
        if asked.method == "POST" and asked.body.lstrip()[:1] == b"[":
            return answer(asked.json)
        said = legacy(asked)
        return said.replace(D.encode(), date.encode()) if isinstance(said, bytes) else said

    one = case(row, date)
    with serving(answering) as server:
        trace = played(server.url, date, one)
    assert trace.ending.kind == "alive"
    params = {"row": row, "ids": one.ids, "trap": one.trap}
    return row_verdict(params, trace, Bench(revision=date, transport="http")).level


def results(batch: list[Any]) -> list[Any]:
    return [{"jsonrpc": "2.0", "id": one["id"], "result": {}} for one in batch if isinstance(one, dict) and "id" in one]


def errors(code: int, count: int) -> Any:
    made = [{"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": "Invalid Request"}}] * count
    return made[0] if count == 1 else made


def body(status: int, value: Any = None) -> bytes:
    made: bytes = response(status, b"" if value is None else json.dumps(value).encode())
    return made


def streamed(*messages: Any) -> bytes:
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(data), data) for data in map(event, messages))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + pieces + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(lambda batch: body(200, results(batch)), "OK", id="an array of both"),
        pytest.param(lambda batch: body(200, results(batch)[::-1]), "OK", id="an array in another order"),
        pytest.param(lambda batch: streamed(*results(batch)), "OK", id="an event for each"),
        pytest.param(lambda batch: streamed(results(batch)), "OK", id="an event with both"),
        pytest.param(lambda batch: body(200, results(batch)[:1]), "FAIL", id="an array of one"),
        pytest.param(lambda batch: body(200, results(batch)[0]), "FAIL", id="one answer"),
        pytest.param(lambda batch: body(400, errors(-32600, 1)), "FAIL", id="refused"),
        pytest.param(lambda batch: body(202), "FAIL", id="accepted and forgotten"),
    ],
)
def test_a_batch_of_requests_must_be_answered_in_2025_03_26(answer: Answer, expected: str) -> None:
    assert level("R4", B, answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(lambda batch: body(400, errors(-32600, 1)), "OK", id="refused"),
        pytest.param(lambda batch: body(200, results(batch)), "WEAK", id="served"),
    ],
)
def test_a_batch_of_requests_is_refused_where_there_are_none(answer: Answer, expected: str) -> None:
    assert level("R4", D, answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(lambda batch: body(400, errors(-32600, 1)), "OK", id="one error"),
        pytest.param(lambda batch: body(400, errors(-32600, 3)), "OK", id="an error for each"),
        pytest.param(lambda batch: body(400), "OK", id="a status alone"),
        pytest.param(lambda batch: body(200, errors(-32600, 3)), "WEAK", id="errors under a good status"),
        pytest.param(lambda batch: body(202), "FAIL", id="accepted"),
    ],
)
def test_a_batch_of_no_messages_is_refused(answer: Answer, expected: str) -> None:
    assert level("R5", B, answer) == expected


@pytest.mark.parametrize("row", ["R4", "R5"])
@pytest.mark.parametrize("date", [B, D])
@pytest.mark.parametrize("answers", ["json", "sse"])
def test_the_hardened_lab_does_what_the_table_says(row: str, date: str, answers: str) -> None:
    with Served("http", "--answers", answers) as lab:
        for index in range(6):
            one = case(row, date, index)
            trace = played(lab.url, date, one)
            params = {"row": row, "ids": one.ids, "trap": one.trap}
            verdict = row_verdict(params, trace, Bench(revision=date, transport="http"))
            assert verdict.level == "OK", (one.label, verdict.because)
