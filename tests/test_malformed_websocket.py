"""Traffic below the WebSocket library: what is generated, how it is said, and what is made of what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from hypothesis import find, given, settings

from mcpfuzz import strategies as mcp_st
from mcpfuzz.client import Client
from mcpfuzz.errors import UsageError
from mcpfuzz.lab.served import Served
from mcpfuzz.model import Case, Conversation, Ending, Exchange, Frame, Open, Proof, Step, Surface, Trace, Ws, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.row_proofs import row_verdict
from mcpfuzz.oracles.socket_proofs import socket_outcome
from mcpfuzz.oracles.table import ROWS
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.runner import Talk, converse
from mcpfuzz.scenarios import endless_message, malformed_websocket, websocket_upgrade
from mcpfuzz.scenarios.catalogue import catalogue
from mcpfuzz.slots import Filler
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.messages import Malformed
from mcpfuzz.strategies.websocket import KINDS, draw, websocket_frames
from mcpfuzz.transports.endpoint import Endpoint

SURFACE = Surface(
    revision="2025-11-25", revisions=("2025-11-25",), server={}, capabilities={}, operations=(), good={},
)  # fmt: skip
BENCH = Bench(revision="2025-11-25", transport="ws")


# ---- what is generated -------------------------------------------------------------------------------


@settings(deadline=None, database=None, max_examples=200)
@given(malformed=websocket_frames())
def test_every_frame_can_be_written_and_its_row_is_in_the_table(malformed: Malformed) -> None:
    assert malformed.row in ROWS and malformed.why
    for action in malformed.actions:
        assert isinstance(action, Ws) and 0 <= action.opcode < 128
        assert action.length is None or 0 <= action.length < 1 << 64


def test_the_strategy_is_public_and_shrinks_to_one_frame() -> None:
    plainest = find(mcp_st.websocket_frames(), lambda malformed: malformed.row == "W2a")
    assert len(plainest.actions) == 1


def test_a_kind_that_there_is_not_is_told() -> None:
    with pytest.raises(UsageError, match="unmasked"):
        websocket_frames(kinds=["nope"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_of_what_is_forbidden_or_allowed_is_whole_in_its_frames(kind: str) -> None:
    malformed = draw(RandomChoices("whole", kind), kind)
    said = b"".join(
        action.payload.encode() if isinstance(action.payload, str) else action.payload
        for action in malformed.actions
        if isinstance(action, Ws) and action.opcode & 15 in (0, 1, 2, 3, 4, 5, 6, 7)
    )
    whole = b'"method"' in said and b'"id"' in said
    assert whole is (malformed.id is not None and kind != "compressed")


# ---- how it is said ----------------------------------------------------------------------------------


def with_lab(work: Callable[[Client, Endpoint, trio.Nursery], Awaitable[Any]], transport: str = "ws") -> Any:
    async def main(served: Served) -> Any:
        endpoint = replace(Endpoint.of(served.url), insecure=True)
        async with trio.open_nursery() as nursery:
            client = await Client.connect(endpoint, nursery, start_timeout=15, wanted=BY_DATE[SURFACE.revision])
            try:
                return await work(client, endpoint, nursery)
            finally:
                await client.close()
                nursery.cancel_scope.cancel()

    with Served(transport) as served:
        return trio.run(main, served)


async def said(case: Case, client: Client, endpoint: Endpoint, nursery: trio.Nursery) -> Trace:
    async def opener(step: Step, how: Open) -> Client:
        wanted = client.session.revision
        return await Client.connect(endpoint, nursery, start_timeout=15, wanted=wanted, handshake=how.handshake)

    filler = Filler({"address": endpoint.target, "authority": endpoint.authority})
    owed = ROWS[case.row].due if case.row is not None else None
    return await converse(Talk(client, filler, 10.0, opener=opener, owed=owed), case.conversation)


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_each_kind_comes_to_what_its_row_allows_and_the_main_connection_lives(transport: str) -> None:
    async def work(client: Client, endpoint: Endpoint, nursery: trio.Nursery) -> dict[str, str]:
        told = {}
        for index, kind in enumerate(KINDS):
            case = malformed_websocket.draw(RandomChoices("lab", index), SURFACE, None, index)
            assert case is not None
            trace = await said(case, client, endpoint, nursery)
            assert trace.ending.kind == "alive", kind
            verdict = row_verdict({"row": case.row, "ids": case.ids}, trace, BENCH)
            assert verdict.level == "OK", (kind, verdict.because)
            told[kind] = str(socket_outcome(trace, case.ids, None))
        return told

    told = with_lab(work, transport)
    assert told["unmasked"] == told["large-control"] == "closed, 1002"
    assert told["not-utf8"] == "closed, 1007" and told["huge-length"] == "closed, 1009"
    assert told["half-frame"] == "silence" and told["fragments"] == "result, id echo"


def test_each_upgrade_comes_to_what_its_row_allows() -> None:
    async def work(client: Client, endpoint: Endpoint, nursery: trio.Nursery) -> list[int | None]:
        statuses = []
        for index in range(len(websocket_upgrade.VARIANTS)):
            case = websocket_upgrade.draw(RandomChoices("lab", index), SURFACE, None, index)
            assert case is not None
            trace = await said(case, client, endpoint, nursery)
            assert row_verdict({"row": case.row}, trace, BENCH).level != "FAIL", case.label
            statuses.append(trace.exchanges[0].status)
        return statuses

    statuses = with_lab(work)
    assert statuses[0] == 101 and None not in statuses and 101 not in statuses[2:]


def test_a_message_without_end_is_refused_long_before_its_end() -> None:
    async def work(client: Client, endpoint: Endpoint, nursery: trio.Nursery) -> Trace:
        case = endless_message.draw(RandomChoices("lab", 0), SURFACE, None, 0)
        assert case is not None
        return await said(case, client, endpoint, nursery)

    assert with_lab(work).exchanges[-1].closed == 1009


# ---- what is made of it ------------------------------------------------------------------------------


def upgraded(status: int, *chosen: str, offered: str = "") -> Trace:
    sent = b"GET /ws HTTP/1.1\r\n" + (f"Sec-WebSocket-Protocol: {offered}\r\n".encode() if offered else b"")
    headers = tuple(("sec-websocket-protocol", name) for name in chosen)
    exchange = Exchange(step=0, sent=sent, status=status, headers=headers, due=False)
    return Trace(conversation=Conversation(()), exchanges=(exchange,))


@pytest.mark.parametrize(
    ("trace", "level"),
    [
        (upgraded(101), "OK"),
        (upgraded(400), "OK"),
        (upgraded(101, "mcp"), "FAIL"),
        (upgraded(101, "mcp", offered="x, mcp"), "OK"),
        (upgraded(101, "mcp", offered="x"), "FAIL"),
    ],
)
def test_only_a_subprotocol_that_was_not_offered_is_a_violation(trace: Trace, level: str) -> None:
    assert row_verdict({"row": "W3"}, trace, BENCH).level == level


def beside(closed: int | None = None, answer: bytes = b"") -> Trace:
    value = {"jsonrpc": "2.0", "id": 7, "result": {}}
    others = (Frame(answer, value),) if answer else ()
    step = Step(action=Ws(1, "x"), on="c2")
    return Trace(
        conversation=Conversation((step,)),
        exchanges=(Exchange(step=0, sent=b'"id":7', others=others, closed=closed, due=False),),
    )


@pytest.mark.parametrize(
    ("row", "trace", "level"),
    [
        ("W1", beside(1003), "OK"),
        ("W1", beside(1006), "FAIL"),
        ("W1", beside(1011), "FAIL"),
        ("W2a", beside(1002), "OK"),
        ("W2a", beside(1006), "WEAK"),
        ("W2a", beside(answer=b"{}"), "FAIL"),
        ("W2b", beside(answer=b"{}"), "OK"),
        ("W2b", beside(), "FAIL"),
        ("W2b", beside(1002), "FAIL"),
        ("W2c", beside(), "OK"),
        ("W2d", beside(1006), "OK"),
    ],
)
def test_what_frames_came_to_is_judged_by_their_row(row: str, trace: Trace, level: str) -> None:
    assert row_verdict({"row": row, "ids": 7}, trace, BENCH).level == level


def test_a_connection_that_ends_is_cut_off_only_where_nothing_was_said_on_it() -> None:
    proof = malformed_websocket.CUT
    ended = Ending(kind="closed", serves=True, code=1012)
    on_other = Trace(conversation=Conversation((Step(action=Ws(1, ""), on="c2"),)), exchanges=(), ending=ended)
    on_main = Trace(conversation=Conversation((Step(action=Ws(1, "")),)), exchanges=(), ending=ended)
    assert observe(proof, on_other, BENCH) is not None
    assert observe(proof, on_main, BENCH) is None
    assert observe(proof, Trace(conversation=on_other.conversation, exchanges=()), BENCH) is None


def endless(grown: int, closed: int | None = None) -> Trace:
    steps = tuple(Step(action=Ws(number, "x" * 65536, fin=False), on="c2", times=64) for number in (1, 0))
    before = Exchange(step=0, sent=b"x" * 65536, rss=50 << 20)
    after = Exchange(step=1, sent=b"x" * 65536, rss=(50 << 20) + grown, closed=closed)
    return Trace(conversation=Conversation(steps), exchanges=(before, after))


def test_a_message_is_held_where_memory_grows_by_what_was_sent_and_nobody_hangs_up() -> None:
    proof = Proof(kind="swallowed", expected="", params={"steps": 2})
    assert observe(proof, endless(4 << 20), BENCH) is not None
    assert observe(proof, endless(2 << 20), BENCH) is None
    assert observe(proof, endless(4 << 20, closed=1009), BENCH) is None


def test_fewer_fragments_are_another_message_and_prove_nothing() -> None:
    proof = Proof(kind="verdict", expected="", params={"row": "W2b", "ids": 7, "trap": None, "steps": 1})
    assert observe(proof, beside(), BENCH) is not None
    assert observe(replace(proof, params={**proof.params, "steps": 2}), beside(), BENCH) is None


def test_the_scenarios_ask_for_a_websocket() -> None:
    for name in ("malformed-websocket", "websocket-upgrade", "endless-message"):
        assert "websocket" in catalogue()[name].needs
