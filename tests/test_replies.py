"""Over HTTP each message has an exchange of its own: whose frame is whose, and what the table makes of a status."""

from __future__ import annotations

from typing import Any

import pytest

from mcpfuzz.model import Call, Conversation, Exchange, Frame, Http, Proof, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.outcomes import Outcome
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.row_proofs import http_outcome, row_verdict
from mcpfuzz.replies import answer_of, take_answer, take_own, with_reply
from mcpfuzz.transports.channel import Reply
from mcpfuzz.wire import decode, encode

ERROR = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}}


def frame(message: Any) -> Frame:
    return decode(encode(message))


def result(number: int, **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": members}


def said(*exchanges: Exchange) -> Trace:
    return Trace(conversation=Conversation.of(*[Call("ping")] * len(exchanges)), exchanges=exchanges)


def exchange(*others: Frame, step: int = 0, sent: bytes = b"{\n", **more: Any) -> Exchange:
    return Exchange(step=step, sent=sent, others=others, due=False, **more)


def bench(transport: str = "http", revision: str = "2025-11-25") -> Bench:
    return Bench(revision=revision, transport=transport)


def level(row: str, trace: Trace, on: Bench, **params: Any) -> str:
    return row_verdict({"row": row, "ids": None, "trap": None, **params}, trace, on).level


# ---- whose frame is whose -------------------------------------------------------------------------


def test_a_frame_belongs_to_the_message_whose_body_brought_it() -> None:
    one, two = frame(ERROR), frame({**ERROR, "id": "server"})
    extra = [one, two]
    assert take_own(extra, Reply(status=400, messages=[two.raw])) == [two]
    assert extra == [one]


def test_equal_bodies_are_shared_out_one_each() -> None:
    extra = [frame(ERROR), frame(ERROR)]
    reply = Reply(status=400, messages=[encode(ERROR)])
    assert len(take_own(extra, reply)) == 1
    assert len(take_own(extra, reply)) == 1
    assert take_own(extra, reply) == []


def test_the_messages_of_a_batch_belong_to_the_message_that_drew_it() -> None:
    pieces = [frame(result(1)), frame(result(2))]
    batch = encode([piece.value for piece in pieces])
    assert take_own(list(pieces), Reply(status=200, messages=[batch])) == pieces


def test_an_answer_under_the_same_id_in_another_body_is_not_taken() -> None:
    mine, other = frame(result(7, a=1)), frame(result(7, a=2))
    reply = Reply(status=200, messages=[mine.raw])
    assert answer_of(other, [mine], ("int", 7), reply) is mine
    assert answer_of(mine, [], ("int", 7), reply) is mine


def test_where_nobody_says_whose_it_is_the_id_decides() -> None:
    extra = [frame(result(1)), frame(result(2))]
    assert take_answer(extra, ("int", 2)) is not None
    assert [item.value["id"] for item in extra] == [1]


def test_a_message_without_a_status_is_lost_once_its_connection_ended() -> None:
    assert with_reply(exchange(), Reply(done=True, problem="closed")).lost
    assert not with_reply(exchange(), Reply()).lost
    assert with_reply(exchange(), Reply(done=True, status=202)).status == 202


# ---- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "wanted"), [(400, "OK"), (200, "FAIL"), (202, "FAIL"), (500, "FAIL")], ids=lambda item: str(item)
)
def test_what_is_not_json_owes_a_status_of_the_4xx_class(status: int, wanted: str) -> None:
    assert level("F1", said(exchange(frame(ERROR), status=status)), bench()) == wanted


def test_a_status_without_a_body_is_silence_with_that_status() -> None:
    assert http_outcome(said(exchange(status=202)), None, None) == Outcome("silence", status=202)


def test_a_connection_that_ends_without_a_status_is_the_loss_of_an_answer() -> None:
    verdict = row_verdict({"row": "F1"}, said(exchange(lost=True)), bench())
    assert (verdict.level, verdict.rule) == ("FAIL", "U2")


def test_each_message_is_judged_by_its_own_status() -> None:
    told = http_outcome(said(exchange(status=202), exchange(frame(ERROR), step=1, status=400)), None, None)
    assert isinstance(told, tuple)
    assert [item.status for item in told] == [202, 400]


def test_of_an_http_row_only_the_last_request_is_judged() -> None:
    leading_up = exchange(frame(result(1)), status=200)
    assert level("H5", said(leading_up, exchange(step=1, status=405)), bench()) == "OK"
    assert level("H5", said(leading_up, exchange(frame(result(1)), step=1, status=200)), bench()) == "FAIL"


def test_over_http_sse_a_202_says_only_that_it_was_received() -> None:
    trace = said(exchange(frame(ERROR), status=202))
    assert level("F1", trace, bench("sse")) == "OK"
    assert level("F1", trace, bench("http")) == "FAIL"


def test_a_modern_server_may_serve_the_older_era_beside_its_own() -> None:
    older = frame(result(1, protocolVersion="2025-11-25", capabilities={}, serverInfo={"name": "s", "version": "1"}))
    modern = bench(revision="2026-07-28")
    assert level("M2", said(exchange(older, status=200)), modern, ids=1) == "OK"
    assert level("M2", said(exchange(frame(result(1)), status=200)), modern, ids=1) == "FAIL"


def test_a_call_that_an_http_error_answers_was_not_left_without_answer() -> None:
    proof = Proof(kind="no-answer", expected="")
    assert observe(proof, said(Exchange(step=0, sent=b"{}", due=True, status=404)), bench()) is None
    assert observe(proof, said(Exchange(step=0, sent=b"{}", due=True, status=200)), bench()) is not None


def test_http_steps_are_judged_by_their_status_on_any_transport() -> None:
    trace = Trace(
        conversation=Conversation.of(Http("PUT", "/mcp")), exchanges=(exchange(sent=b"PUT /mcp", status=405),)
    )
    assert level("H5", trace, bench()) == "OK"
