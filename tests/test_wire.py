"""The wire reads whatever comes: every fault is named, nothing raises, and only a line feed ends a line."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcpfuzz.errors import TooMuch
from mcpfuzz.wire import FAULTS, LineFramer, decode, encode, id_key, is_answer, is_request

ADDED_BY_THE_CLIENT = {"wrong-id"}
GOOD = b'{"jsonrpc":"2.0","id":1,"result":{}}'
SAMPLES: dict[str, bytes] = {
    "blank": b"  \t",
    "not-utf8": b'{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}',
    "bom": b"\xef\xbb\xbf" + GOOD,
    "not-json": b"Listening on port 80",
    "nan": b'{"jsonrpc":"2.0","id":1,"result":{"a":NaN}}',
    "duplicate-key": b'{"jsonrpc":"2.0","id":1,"id":1,"result":{}}',
    "lone-surrogate": b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\ud800"}}',
    "huge-int": b'{"jsonrpc":"2.0","id":1,"result":{"a":18446744073709551616}}',
    "too-deep": b"[" * 100_000 + b"]" * 100_000,
    "batch": b"[" + GOOD + b"]",
    "not-object": b"7",
    "no-jsonrpc": b'{"id":1,"result":{}}',
    "result-and-error": b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}',
    "no-result-no-error": b'{"jsonrpc":"2.0","id":1}',
    "error-shape": b'{"jsonrpc":"2.0","id":1,"error":"boom"}',
    "id-type": b'{"jsonrpc":"2.0","id":1.5,"result":{}}',
    "notification-with-id": b'{"jsonrpc":"2.0","id":1,"method":"notifications/message"}',
    "carriage-return": GOOD + b"\r",
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


def nested(depth: int) -> bytes:
    return b'{"jsonrpc":"2.0","id":1,"result":{"a":' + b"[" * depth + b"]" * depth + b"}}"


def test_the_samples_cover_every_fault_that_decode_names() -> None:
    assert SAMPLES.keys() | ADDED_BY_THE_CLIENT == FAULTS.keys()


@pytest.mark.parametrize("fault", SAMPLES)
def test_a_fault_is_named(fault: str) -> None:
    assert fault in decode(SAMPLES[fault]).faults


def test_a_good_answer_has_no_fault() -> None:
    frame = decode(GOOD)
    assert frame.faults == ()
    assert frame.value == {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"jsonrpc":"2.0","id":"a","result":{}}',
        b'{ "jsonrpc": "2.0", "id": 1, "result": {"a": 1.50} }',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}',
        b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":18446744073709551615,"b":-9223372036854775808}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\ud83d\\ude00"}}',
    ],
)
def test_a_sound_message_written_another_way_has_no_fault(raw: bytes) -> None:
    assert decode(raw).faults == ()


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x00")
@example(b'"\\ud800"')
@example(b'{"\\ud800":1,"?":2}')
@example(b"-")
@settings(deadline=None, max_examples=300)
def test_arbitrary_bytes_become_a_frame_with_known_faults(raw: bytes) -> None:
    frame = decode(raw)
    assert frame.raw == raw
    assert set(frame.faults) <= FAULTS.keys()
    assert len(set(frame.faults)) == len(frame.faults)
    if frame.value is None and raw.strip() != b"null":
        assert frame.faults


@given(
    st.lists(
        st.sampled_from(
            [
                b"{",
                b"}",
                b"[",
                b"]",
                b":",
                b",",
                b'"id"',
                b'"jsonrpc"',
                b'"2.0"',
                b'"result"',
                b'"error"',
                b'"method"',
                b"NaN",
                b"-Infinity",
                b"1e999",
                b"9" * 25,
                b"-0",
                b"null",
                b"true",
                b"\xef\xbb\xbf",
                b"\xff",
                b'"\\ud800"',
                b"\r",
                b" ",
            ]
        ),
        max_size=25,
    ).map(b"".join)
)
@settings(deadline=None, max_examples=300)
def test_bytes_that_are_nearly_json_become_a_frame_with_known_faults(raw: bytes) -> None:
    assert set(decode(raw).faults) <= FAULTS.keys()


@pytest.mark.parametrize("digits", [5_000, 200_000])
@pytest.mark.parametrize(
    "template", [b'{"jsonrpc":"2.0","id":1,"result":{"a":%s}}', b'{"jsonrpc":"2.0","id":%s,"result":{}}']
)
def test_a_huge_integer_is_named_in_bounded_time(digits: int, template: bytes) -> None:
    began = time.process_time()
    faults = decode(template % (b"9" * digits)).faults
    assert "huge-int" in faults
    assert time.process_time() - began < 1


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**20, -(10**20), 10**400])
def test_an_integer_beyond_64_bits_is_named(number: int) -> None:
    assert "huge-int" in decode(b'{"jsonrpc":"2.0","id":1,"result":{"a":%d}}' % number).faults


@pytest.mark.parametrize("depth", [250, 300, 900])
def test_nesting_that_a_reader_survives_is_decoded(depth: int) -> None:
    frame = decode(nested(depth))
    assert isinstance(frame.value, dict)
    assert frame.value["id"] == 1


@pytest.mark.parametrize("depth", [1_500, 100_000])
def test_nesting_beyond_a_readers_stack_is_named(depth: int) -> None:
    frame = decode(nested(depth))
    assert frame.value is None
    assert frame.faults == ("too-deep",)


def test_a_duplicate_key_deep_inside_is_named() -> None:
    assert "duplicate-key" in decode(b'{"jsonrpc":"2.0","id":1,"result":{"x":[{"a":1,"a":2}]}}').faults


def test_lone_surrogates_are_replaced_so_that_the_value_can_be_written() -> None:
    frame = decode(b'{"jsonrpc":"2.0","id":1,"result":{"\\udfff":["\\ud800"]}}')
    json.dumps(frame.value, ensure_ascii=False).encode("utf-8")
    assert "lone-surrogate" in frame.faults


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_a_carriage_return_is_named_beside_other_faults(head: bytes) -> None:
    assert "carriage-return" in decode(head + GOOD.replace(b"{}", b"[NaN]") + b"\r").faults


def test_an_array_of_messages_keeps_the_messages() -> None:
    assert decode(b"[" + GOOD + b"]").value == [{"jsonrpc": "2.0", "id": 1, "result": {}}]


# ---- framing


@given(
    st.lists(
        st.binary(max_size=12) | st.just(b"\n") | st.sampled_from([b"\r", "\u2028".encode(), b"\n\n"]), max_size=20
    )
)
@settings(deadline=None)
def test_framing_is_splitting_at_line_feeds_however_the_stream_is_cut(chunks: list[bytes]) -> None:
    framer = LineFramer()
    lines = [line for chunk in chunks for line in framer.feed(chunk)]
    assert [*lines, framer.rest()] == b"".join(chunks).split(b"\n")


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\r"])
def test_other_line_separators_do_not_end_a_line(separator: str) -> None:
    line = f'{{"a":"x{separator}y"}}'.encode()
    assert LineFramer().feed(line + b"\n") == [line]


def test_a_raw_line_separator_inside_a_string_is_no_fault() -> None:
    assert decode('{"jsonrpc":"2.0","id":1,"result":{"a":"x\u2028y\u2029z\u0085"}}'.encode()).faults == ()


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_line_beyond_the_cap_is_too_much(size: int) -> None:
    framer = LineFramer(cap=50)
    with pytest.raises(TooMuch, match="MAX_FRAME_BYTES"):
        for _ in range(100):
            framer.feed(b"x" * size)


def test_a_line_of_exactly_the_cap_passes() -> None:
    assert LineFramer(cap=50).feed(b"x" * 50 + b"\n") == [b"x" * 50]


def test_nothing_of_a_line_beyond_the_cap_is_kept() -> None:
    framer = LineFramer(cap=50)
    with pytest.raises(TooMuch):
        framer.feed(b"x" * 51)
    assert framer.rest() == b""


def test_many_small_chunks_of_one_line_cost_linear_time() -> None:
    framer, began = LineFramer(), time.process_time()
    for _ in range(100_000):
        framer.feed(b"xxxx")
    assert framer.feed(b"\n") == [b"xxxx" * 100_000]
    assert time.process_time() - began < 2


def test_a_complete_line_beyond_the_cap_is_too_much() -> None:
    with pytest.raises(TooMuch):
        LineFramer(cap=50).feed(b"x" * 51 + b"\n")


def test_a_line_that_a_second_chunk_completes_beyond_the_cap_is_too_much() -> None:
    framer = LineFramer(cap=50)
    framer.feed(b"x" * 30)
    with pytest.raises(TooMuch):
        framer.feed(b"x" * 30 + b"\n")
    assert framer.rest() == b""
    assert framer.feed(b"y\n" * 40) == [b"y"] * 40


# ---- writing


@given(values)
@settings(deadline=None)
def test_what_is_encoded_decodes_to_itself(value: Any) -> None:
    assert decode(encode(value)).value == value


@given(values)
@settings(deadline=None)
def test_what_is_encoded_is_one_line(value: Any) -> None:
    assert b"\n" not in encode(value)


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**300])
def test_a_huge_integer_is_written_as_it_stands(number: int) -> None:
    assert encode({"a": number}) == b'{"a":%d}' % number


def test_a_lone_surrogate_is_written_as_the_bytes_that_utf8_forbids() -> None:
    assert encode("\ud800") == b'"\xed\xa0\x80"'
    assert "not-utf8" in decode(encode("\ud800")).faults


def test_a_message_too_deep_for_python_is_written_all_the_same() -> None:
    value: Any = 1
    for _ in range(3_000):
        value = [value]
    assert encode(value) == b"[" * 3_000 + b"1" + b"]" * 3_000


def test_what_is_written_without_recursion_is_what_json_writes() -> None:
    value: Any = {"a": [], "b": {}, 'c"': [1, (2.5, None)], "d": {"e": True, "f": "\u00e9\n"}, "g": 2**70}
    inner = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    for _ in range(3_000):
        value = {"x": [value]}
    assert encode(value) == b'{"x":[' * 3_000 + inner + b"]}" * 3_000


# ---- ids


def test_ids_that_python_holds_equal_have_keys_apart() -> None:
    assert len({id_key(value) for value in (1, 1.0, True, "1")}) == 4


def test_equal_ids_of_one_type_have_equal_keys() -> None:
    assert id_key(7) == id_key(7)
    assert id_key("a") == id_key("a")


@pytest.mark.parametrize("value", [None, [], {}, [1], {"id": 1}])
def test_a_value_that_is_no_id_has_no_key(value: Any) -> None:
    assert id_key(value) is None


@pytest.mark.parametrize(
    ("value", "answer", "request_"),
    [
        ({"id": 1, "result": {}}, True, False),
        ({"id": 1, "error": {}}, True, False),
        ({"id": 1}, True, False),
        ({"id": 1, "method": "ping"}, False, True),
        ({"id": None, "method": "ping"}, False, False),
        ({"method": "notifications/x"}, False, False),
        ([], False, False),
        (None, False, False),
        ("method", False, False),
    ],
)
def test_answers_and_requests_are_told_apart(value: Any, answer: bool, request_: bool) -> None:
    assert (is_answer(value), is_request(value)) == (answer, request_)
