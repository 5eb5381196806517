"""The ORACLE table says what the specification's facts say (section 4; row ids are its own)."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from mcpfuzz.errors import Fault
from mcpfuzz.model import Frame
from mcpfuzz.oracles.outcomes import KINDS, Outcome, Outcomes, outcome_of, parse_cell
from mcpfuzz.oracles.table import DROPPED, INVARIANTS, ROWS
from mcpfuzz.oracles.verdicts import Verdict, asked_of, column_of, judge, letter_of

LETTERS = "ABCDE"
SILENCE = Outcome("silence")
NOTICE = Outcome("notification")
RESULT = Outcome("result", id="echo", readable=True)
IS_ERROR = Outcome("is-error", id="echo", readable=True)


def error(code: int, fate: str = "null", status: int | None = None, *, readable: bool = False) -> Outcome:
    return Outcome("error", code, fate, status, readable)  # type: ignore[arg-type]


def answered(code: int, status: int | None = None) -> Outcome:
    return error(code, "echo", status, readable=True)


def quiet(status: int) -> Outcome:
    return Outcome("silence", status=status)


def served(status: int = 200) -> Outcome:
    return dataclasses.replace(RESULT, status=status)


def closed(code: int | None = None) -> Outcome:
    return Outcome("closed", code)


def test_every_row_of_the_facts_is_there_with_its_three_columns() -> None:
    counts = {"F": 10, "R": 16, "M": 2, "P": 13, "N": 3, "S": 2, "L": 2, "H": 14, "W": 5}
    wanted = [f"{letter}{number}" for letter, count in counts.items() for number in range(1, count + 1)]
    assert [row for row in ROWS if row not in ("H8a", "H8b", "H8c", "W2a", "W2b", "W2c", "W2d")] == wanted
    for row in ROWS.values():
        assert set(row.cells) == {"stdio", "http-legacy", "http-modern"}
        assert row.title
        assert all(reference.startswith("MCP ") for reference in row.references)


def test_every_invariant_is_there_with_rule_and_references() -> None:
    assert list(INVARIANTS) == [f"U{number}" for number in range(1, 13)]
    assert len({item.rule for item in INVARIANTS.values()}) == 12
    assert all(item.sentence and item.references for item in INVARIANTS.values())


# What was measured on deployed SDKs (column "measured"), and what the table calls it.
MEASURED: list[tuple[str, Outcomes, str, str, str]] = [
    ("F1", SILENCE, "D", "stdio", "WEAK"),
    ("F1", error(-32700, status=400), "D", "http", "OK"),
    ("F1", error(-32700, status=400), "E", "http", "OK"),
    ("F1", quiet(400), "A", "sse", "OK"),
    ("F1", quiet(400), "E", "http", "WEAK"),
    ("F1", quiet(202), "D", "http", "FAIL"),
    ("F1", error(-32603, status=400), "D", "http", "FAIL"),
    ("F1", error(-32600, status=400), "D", "http", "WEAK"),
    ("F2", SILENCE, "D", "stdio", "OK"),
    ("F2", error(-32700, status=400), "D", "http", "OK"),
    ("F3", served(), "D", "http", "WEAK"),
    ("F3", error(-32700, status=400), "D", "http", "OK"),
    ("F3", SILENCE, "D", "stdio", "WEAK"),
    ("F4", error(-32700, status=400), "D", "http", "OK"),
    ("F4", error(-32603, status=500), "D", "http", "FAIL"),
    ("F4", served(), "D", "http", "WEAK"),
    ("F4", RESULT, "D", "stdio", "WEAK"),
    ("F5", quiet(200), "D", "http", "FAIL"),
    ("F5", served(), "E", "http", "OK"),
    ("F5", error(-32700, status=400), "D", "http", "OK"),
    ("F5", SILENCE, "D", "stdio", "WEAK"),
    ("F5", NOTICE, "D", "stdio", "WEAK"),
    ("F6", error(-32700, status=400), "D", "http", "OK"),
    ("F6", served(), "E", "http", "OK"),
    ("F6", SILENCE, "D", "stdio", "WEAK"),
    ("F7", RESULT, "D", "stdio", "OK"),
    ("F7", (RESULT, RESULT), "D", "stdio", "FAIL"),
    ("F8", error(-32603, status=500), "D", "http", "FAIL"),
    ("F8", quiet(400), "D", "http", "OK"),
    ("F8", dataclasses.replace(IS_ERROR, status=200), "D", "http", "OK"),
    ("F8", closed(), "D", "stdio", "FAIL"),
    ("F9", RESULT, "D", "stdio", "OK"),
    ("F9", closed(1009), "D", "ws", "OK"),
    ("F10", NOTICE, "D", "ws", "WEAK"),
    ("F10", (error(-32700), error(-32700)), "D", "stdio", "OK"),
    ("F10", RESULT, "D", "stdio", "FAIL"),
    ("R1", SILENCE, "D", "stdio", "WEAK"),
    ("R1", error(-32602, status=400), "D", "http", "WEAK"),
    ("R1", error(-32700, status=400), "D", "http", "WEAK"),
    ("R1", error(-32600, status=400), "E", "http", "OK"),
    ("R1", quiet(202), "D", "http", "FAIL"),
    ("R2", SILENCE, "D", "stdio", "WEAK"),
    ("R2", error(-32600), "D", "stdio", "OK"),
    ("R2", error(-32600, readable=True), "D", "stdio", "WEAK"),
    ("R2", answered(-32600), "D", "stdio", "OK"),
    ("R2", error(-32602, status=400), "D", "http", "WEAK"),
    ("R2", error(-32600, status=400, readable=True), "E", "http", "OK"),
    ("R3", quiet(202), "D", "http", "WEAK"),
    ("R4", error(-32602, status=400), "B", "http", "FAIL"),
    ("R4", (served(), served()), "B", "http", "OK"),
    ("R4", (served(), served()), "D", "http", "WEAK"),
    ("R4", (served(), served()), "E", "http", "FAIL"),
    ("R4", (RESULT, RESULT), "B", "stdio", "OK"),
    ("R4", RESULT, "B", "stdio", "FAIL"),
    ("R4", error(-32600), "D", "stdio", "OK"),
    ("R5", quiet(400), "D", "http", "OK"),
    ("R5", (error(-32600),) * 3, "B", "stdio", "OK"),
    ("R5", quiet(202), "D", "http", "FAIL"),
    ("R6", SILENCE, "D", "stdio", "WEAK"),
    ("R6", error(-32602, status=400), "D", "http", "WEAK"),
    ("R6", RESULT, "D", "stdio", "WEAK"),
    ("R7", error(-32600, status=400), "D", "http", "OK"),
    ("R8", answered(-32602), "D", "stdio", "WEAK"),
    ("R8", RESULT, "D", "stdio", "FAIL"),
    ("R9", quiet(202), "D", "http", "WEAK"),
    ("R9", error(-32600, status=400), "D", "http", "OK"),
    ("R9", Outcome("result", id="null"), "D", "stdio", "FAIL"),
    ("R10", quiet(202), "D", "http", "WEAK"),
    ("R10", error(-32600, "echo"), "D", "stdio", "FAIL"),
    ("R11", RESULT, "D", "stdio", "OK"),
    ("R11", answered(-32600), "D", "stdio", "FAIL"),
    ("R12", RESULT, "D", "stdio", "OK"),
    ("R12", error(-32600, status=400), "D", "http", "WEAK"),
    ("R12", SILENCE, "D", "stdio", "WEAK"),
    ("R13", (RESULT, RESULT), "D", "stdio", "OK"),
    ("R13", (answered(-32600), RESULT), "D", "stdio", "OK"),
    ("R13", (RESULT, RESULT, RESULT), "D", "stdio", "FAIL"),
    ("R14", SILENCE, "D", "stdio", "WEAK"),
    ("R14", answered(-32602, 400), "D", "http", "OK"),
    ("R15", served(), "D", "http", "OK"),
    ("R15", served(), "E", "http", "FAIL"),
    ("R16", RESULT, "D", "stdio", "OK"),
    ("R16", quiet(202), "D", "http", "FAIL"),
    ("M1", answered(-32601), "D", "stdio", "OK"),
    ("M1", answered(-32602), "D", "stdio", "WEAK"),
    ("M1", answered(-32601, 404), "E", "http", "OK"),
    ("M1", answered(-32601, 200), "E", "http", "FAIL"),
    ("M1", SILENCE, "D", "stdio", "FAIL"),
    ("M2", answered(-32601, 404), "E", "http", "OK"),
    ("M2", RESULT, "D", "stdio", "FAIL"),
    ("P1", answered(-32602), "D", "stdio", "OK"),
    ("P1", answered(-32603), "D", "stdio", "WEAK"),
    ("P1", answered(-32020, 400), "E", "http", "OK"),
    ("P2", IS_ERROR, "D", "stdio", "WEAK"),
    ("P3", IS_ERROR, "D", "stdio", "OK"),
    ("P3", answered(-32602), "A", "stdio", "OK"),
    ("P3", answered(-32602), "D", "stdio", "WEAK"),
    ("P3", RESULT, "D", "stdio", "FAIL"),
    ("P4", RESULT, "D", "stdio", "OK"),
    ("P5", answered(-32002), "D", "stdio", "OK"),
    ("P5", answered(-32602), "D", "stdio", "WEAK"),
    ("P5", answered(0), "D", "stdio", "WEAK"),
    ("P5", answered(-32002), "E", "stdio", "FAIL"),
    ("P6", answered(-32603), "D", "stdio", "WEAK"),
    ("P7", answered(0), "D", "stdio", "WEAK"),
    ("P7", answered(-32603, 200), "E", "http", "WEAK"),
    ("P8", RESULT, "D", "stdio", "WEAK"),
    ("P9", answered(-32602), "D", "stdio", "OK"),
    ("P9", SILENCE, "D", "stdio", "WEAK"),
    ("P10", answered(-32603), "D", "stdio", "WEAK"),
    ("P11", answered(-32602, 400), "E", "http", "OK"),
    ("P11", answered(-32600, 400), "E", "http", "WEAK"),
    ("P12", RESULT, "D", "stdio", "OK"),
    ("P12", Outcome("obeyed", id="echo"), "D", "stdio", "FAIL"),
    ("P12", answered(-32022, 400), "E", "http", "OK"),
    ("P13", answered(-32021), "E", "stdio", "OK"),
    ("P13", Outcome("input-required", id="echo"), "E", "stdio", "FAIL"),
    ("N1", SILENCE, "D", "stdio", "OK"),
    ("N1", quiet(202), "D", "http", "OK"),
    ("N1", Outcome("noise", status=202), "D", "http", "FAIL"),
    ("N2", SILENCE, "D", "stdio", "OK"),
    ("N2", RESULT, "D", "stdio", "FAIL"),
    ("N3", answered(-32602), "D", "stdio", "OK"),
    ("N3", SILENCE, "D", "stdio", "FAIL"),
    ("S1", quiet(202), "D", "http", "OK"),
    ("S1", quiet(202), "E", "http", "WEAK"),
    ("S1", error(-32600, status=400), "E", "http", "OK"),
    ("S2", quiet(202), "D", "http", "WEAK"),
    ("S2", quiet(400), "D", "http", "OK"),
    ("L1", error(-32600, status=400), "D", "http", "OK"),
    ("L2", served(), "D", "http", "WEAK"),
    ("H1", quiet(415), "D", "http", "OK"),
    ("H2", quiet(406), "D", "http", "OK"),
    ("H3", quiet(403), "D", "http", "OK"),
    ("H3", served(), "D", "http", "FAIL"),
    ("H3", quiet(400), "C", "http", "OK"),
    ("H3", Outcome("silence", status=101), "D", "ws", "FAIL"),
    ("H4", served(), "D", "http", "WEAK"),
    ("H5", quiet(404), "D", "http", "WEAK"),
    ("H6", quiet(405), "E", "http", "OK"),
    ("H7", quiet(200), "D", "http", "OK"),
    ("H8a", quiet(400), "D", "http", "OK"),
    ("H8b", quiet(400), "D", "http", "WEAK"),
    ("H8c", quiet(400), "D", "http", "FAIL"),
    ("H8c", quiet(404), "D", "http", "OK"),
    ("H9", quiet(400), "D", "http", "OK"),
    ("H9", served(), "A", "http", "OK"),
    ("H10", served(), "D", "http", "OK"),
    ("H10", error(-32600, status=400), "E", "http", "WEAK"),
    ("H11", error(-32020, status=400), "E", "http", "OK"),
    ("W1", closed(1006), "D", "ws", "FAIL"),
    ("W1", closed(1003), "D", "ws", "OK"),
    ("W2", closed(1002), "D", "ws", "OK"),
    ("W3", Outcome("selected", status=101), "D", "ws", "FAIL"),
    ("W4", quiet(401), "D", "ws", "OK"),
    ("W4", (error(-32000), closed(1008)), "D", "ws", "OK"),
    ("W4", (RESULT, closed(1008)), "D", "ws", "FAIL"),
]


@pytest.mark.parametrize(("row", "outcome", "letter", "transport", "level"), MEASURED, ids=str)
def test_what_was_measured_is_called_what_the_table_calls_it(
    row: str, outcome: Outcomes, letter: str, transport: str, level: str
) -> None:
    verdict = judge(row, outcome, letter, transport)
    assert verdict.level == level, verdict


def test_a_log_message_without_the_logging_capability_fails_by_lg_01() -> None:
    assert judge("F1", NOTICE, "D", "stdio", logging=False).rule == "LG-01"
    assert judge("F1", NOTICE, "D", "stdio", logging=True).level == "WEAK"
    assert judge("F1", NOTICE, "D", "stdio").level == "WEAK"


@pytest.mark.parametrize("row", [row for row in ROWS if row[0] in "FR"])
def test_silence_over_stdio_after_frames_and_envelopes_is_never_a_violation_by_default(row: str) -> None:
    quiet_ones: list[Outcomes] = [SILENCE, NOTICE, (SILENCE, SILENCE)]
    for letter, outcome in itertools.product(LETTERS, quiet_ones):
        assert judge(row, outcome, letter, "stdio").level != "FAIL"
        assert judge(row, outcome, letter, "ws").level != "FAIL"


def _outcomes() -> list[Outcome]:
    made = []
    for kind, status in itertools.product(KINDS, (None, 200, 202, 400, 404, 500)):
        codes = (-32700, -32601, -32002) if kind == "error" else (None, 1006, 1009) if kind == "closed" else (None,)
        fates = ("echo", "null", "invented") if kind in ("error", "result", "is-error") else ("none",)
        made += [Outcome(kind, code, fate, status) for code, fate in itertools.product(codes, fates)]  # type: ignore[arg-type]
    return made


ALL = _outcomes()


@pytest.mark.parametrize("row", ROWS)
def test_any_outcome_has_a_verdict_and_a_sound_server_can_pass(row: str) -> None:
    for letter, transport in itertools.product(LETTERS, ("stdio", "http")):
        levels = {judge(row, outcome, letter, transport).level for outcome in ALL}
        codes = (-32600, -32602, -32020, -32021, -32022)
        sound = [error(code, status=status) for code in codes for status in (None, 400)]
        sound += [answered(code, status) for code in codes for status in (None, 400)]
        sound += [quiet(status) for status in (101, 401, 403, 405, 406, 415)]
        many: list[Outcomes] = [*ALL, *sound, (RESULT, RESULT), (served(), served())]
        assert any(judge(row, outcome, letter, transport).level == "OK" for outcome in many), (letter, transport)
        assert "FAIL" in levels


@pytest.mark.parametrize("row", ROWS)
def test_invariants_fail_whatever_the_row(row: str) -> None:
    for letter, transport in itertools.product(LETTERS, ("stdio", "http")):
        status = 400 if transport == "http" else None
        assert judge(row, error(-32700, "invented", status), letter, transport).rule == "U3"
        assert judge(row, Outcome("malformed", status=status), letter, transport).rule == "U4"
        assert judge(row, Outcome("silence", status=503), letter, transport).rule == "U5"
        assert judge(row, error(-32050, status=status), letter, transport).rule == ("U12" if letter == "E" else row)
        crowd = (answered(-32600, status),) * (ROWS[row].answers + 1)
        assert judge(row, crowd, letter, transport).rule == "U7"
    assert judge(row, closed(), "D", "stdio").rule == "U1"
    assert judge(row, closed(1006), "D", "ws").rule == (row if row in DROPPED or row == "F4" else "U2")
    assert judge(row, closed(1011), "D", "ws").rule == (row if row in DROPPED else "U2")
    assert judge(row, closed(), "D", "http").rule == (row if row in DROPPED else "U2")
    assert judge(row, SILENCE, "D", "http").rule == (row if row in DROPPED else "U9")


def test_strict_makes_every_warning_a_violation() -> None:
    for row, outcome, letter, transport, level in MEASURED:
        strict = judge(row, outcome, letter, transport, strict=True).level
        assert strict == ("OK" if level == "OK" else "FAIL")


def test_what_the_table_does_not_ask_is_sound_and_what_it_does_not_list_is_a_warning() -> None:
    assert judge("H1", RESULT, "D", "stdio").level == "OK"
    assert judge("P11", RESULT, "C", "stdio").level == "OK"
    assert judge("R1", error(-32000), "D", "stdio").level == "WEAK"


def test_a_request_that_is_owed_an_answer_fails_without_one() -> None:
    for row in ("M2", "P1", "P5", "P8"):
        assert judge(row, SILENCE, "D", "stdio").level == "FAIL"
        assert judge(row, quiet(202), "D", "http").level == "FAIL"
        assert judge(row, quiet(400), "D", "http").level == "WEAK"


def test_over_http_and_sse_an_accepted_post_is_judged_by_what_the_stream_brings() -> None:
    assert judge("M1", answered(-32601, 202), "A", "sse").level == "OK"
    assert judge("F1", error(-32700, status=202), "A", "sse").level == "OK"
    assert judge("F1", quiet(202), "A", "sse").level == "FAIL"


def test_a_verdict_says_what_came_and_what_was_listed() -> None:
    verdict = judge("R4", error(-32602, status=400), "2025-03-26", "http")
    assert verdict == Verdict("FAIL", verdict.because, "R4")
    assert "error, -32602, id null, HTTP 400" in verdict.because
    assert "batch of two" in verdict.because


def test_revisions_and_transports_are_taken_by_either_name() -> None:
    assert [letter_of("2024-11-05"), letter_of("2026-07-28"), letter_of("C")] == ["A", "E", "C"]
    assert column_of("wss", "E") == "stdio"
    assert column_of("sse", "A") == column_of("http-legacy", "D") == "http-legacy"
    assert column_of("http", "E") == "http-modern"


@pytest.mark.parametrize(
    ("row", "outcome", "letter", "transport"),
    [
        ("F99", SILENCE, "D", "stdio"),
        ("F1", (), "D", "stdio"),
        ("F1", SILENCE, "Z", "stdio"),
        ("F1", SILENCE, "D", "fax"),
    ],
)
def test_what_the_table_does_not_know_is_our_fault(row: str, outcome: Outcomes, letter: str, transport: str) -> None:
    with pytest.raises(Fault):
        judge(row, outcome, letter, transport)


@pytest.mark.parametrize("cell", ["FINE silence", "OK", "OK shrug", "OK 400", "OK error -1", "F: OK silence"])
def test_a_cell_that_cannot_be_read_is_refused(cell: str) -> None:
    with pytest.raises(Fault):
        parse_cell(cell)


# ---- outcome_of --------------------------------------------------------------------------------------


def reply(key: object, **rest: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": key, **rest}


LOG = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "error", "data": "x"}}


def test_nothing_is_silence_and_unrelated_notifications_do_not_count() -> None:
    assert outcome_of(None) == SILENCE
    assert outcome_of(7, None, [{"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}]).kind == "silence"  # type: ignore[union-attr]
    assert outcome_of(None, None, [LOG]) == NOTICE
    assert outcome_of(7, reply(7, result={}), [LOG]) == RESULT
    assert outcome_of(None, None, [{**LOG, "method": "ping", "id": 1}]) == Outcome("request")


@pytest.mark.parametrize(
    ("sent", "got", "fate"),
    [(7, 7, "echo"), ("7", "7", "echo"), (7, "7", "invented"), (7, 7.0, "invented"), (1, True, "invented"),
     (7, None, "null"), (None, None, "null"), (None, "server-error", "invented"), (2**53 + 1, 2**53, "invented"),
     ([], [], "echo"), ((7, 8), 8, "echo")],
)  # fmt: skip
def test_ids_are_compared_in_value_and_type(sent: object, got: object, fate: str) -> None:
    outcome = outcome_of(sent, None, [reply(got, error={"code": -32600, "message": "no"})])
    assert outcome == Outcome("error", -32600, fate, None, sent is not None)  # type: ignore[arg-type]


def test_an_answer_without_an_id_has_none() -> None:
    assert outcome_of(7, None, [{"jsonrpc": "2.0", "error": {"code": -32700, "message": "no"}}]) == error(
        -32700, "absent", readable=True
    )


@pytest.mark.parametrize(
    "value",
    [reply(7), reply(7, result={}, error={"code": 1, "message": ""}), reply(7, error={"code": "1", "message": ""}),
     reply(7, error={"code": True, "message": ""}), reply(7, error="no"), {"id": 7, "result": {}}],
)  # fmt: skip
def test_an_answer_that_is_not_json_rpc_is_malformed(value: dict[str, object]) -> None:
    outcome = outcome_of(7, value)
    assert isinstance(outcome, Outcome) and outcome.kind == "malformed"


def test_frames_that_did_not_decode_are_noise_and_unclean_answers_malformed() -> None:
    assert outcome_of(7, None, [Frame(b"oops", None, ("not-json",))]).kind == "noise"  # type: ignore[union-attr]
    assert outcome_of(7, None, [Frame(b"", None, ("blank",))]).kind == "silence"  # type: ignore[union-attr]
    assert outcome_of(7, Frame(b"", reply(7, result={"x": None}), ("nan",))).kind == "malformed"  # type: ignore[union-attr]
    assert outcome_of(7, Frame(b"", reply(7, result={}), ("carriage-return",))) == RESULT
    assert outcome_of(7, Frame(b"", reply(7, result={}), ("lone-surrogate",))) == RESULT


def test_several_answers_are_a_tuple_and_a_batch_is_several() -> None:
    two = [reply(1, result={}), reply(2, result={"isError": True})]
    assert outcome_of((1, 2), None, two) == outcome_of((1, 2), two) == (RESULT, IS_ERROR)
    assert outcome_of(1, two[0], closed=True) == (RESULT, Outcome("closed", readable=True))
    assert outcome_of(1, two[0], closed=True, status=200) == served()


def test_late_answers_to_other_requests_are_not_invented() -> None:
    assert outcome_of(7, None, [reply(6, result={})], elsewhere=(6,)) == Outcome("silence", readable=True)


def test_a_bad_value_that_was_taken_at_its_word_is_obeyed() -> None:
    version = reply(7, result={"protocolVersion": "1999-01-01"})
    assert outcome_of(7, version, trap="1999-01-01").kind == "obeyed"  # type: ignore[union-attr]
    assert outcome_of(7, version, trap="2099-01-01").kind == "result"  # type: ignore[union-attr]
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 0.5, "progress": 1}}
    both = outcome_of(7, reply(7, result={}), [progress], trap=0.5)
    assert judge("P9", both, "D", "stdio").level == "FAIL"
    assert outcome_of(7, reply(7, result={}), [progress], trap=1.5) == RESULT


def test_a_modern_result_that_asks_back_is_told_apart() -> None:
    assert outcome_of(7, reply(7, result={"resultType": "input_required"})).kind == "input-required"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("row", "revision", "transport", "words"),
    [
        ("P2", "2025-11-25", "stdio", "an error -32602"),
        ("F1", "2025-11-25", "stdio", "an error -32700 without an id"),
        ("H4", "2025-11-25", "http", "any answer with HTTP 421 or 403 or 400"),
        ("F9", "2026-07-28", "stdio", "a normal answer, or an error -32600/-32602, or a close 1009"),
    ],
)
def test_what_a_row_asks_for_is_told_in_words(row: str, revision: str, transport: str, words: str) -> None:
    assert asked_of(row, revision, transport) == words


def test_every_row_is_told_in_words_and_none_of_the_tables_own_is_left() -> None:
    for row, revision, transport in itertools.product(ROWS, LETTERS, ("stdio", "http", "sse", "ws")):
        told = asked_of(row, revision, transport).split()
        assert not {"void", "echo", "served", "silence", "x2", "2xx/405"} & set(told), (row, told)
