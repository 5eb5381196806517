"""Each proof shows on a trace that has its effect and not on the twin that lacks it; the quick screen never
waves through what the full judgement would object to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpfuzz.errors import Fault
from mcpfuzz.model import (
    Action,
    Call,
    Case,
    Conversation,
    Ending,
    Exchange,
    Frame,
    Http,
    Operation,
    Place,
    Proof,
    Raw,
    Send,
    Step,
    Surface,
    Trace,
    replace,
)
from mcpfuzz.oracles.authorization_proofs import AUTHORIZATION
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.challenges import CHALLENGES
from mcpfuzz.oracles.crossings import CROSSINGS
from mcpfuzz.oracles.http_proofs import HTTP
from mcpfuzz.oracles.judging import judge_trace, normalised
from mcpfuzz.oracles.leaks import leaks_in
from mcpfuzz.oracles.login_proofs import LOGINS
from mcpfuzz.oracles.ownership import OWNERSHIP
from mcpfuzz.oracles.page_proofs import PAGES
from mcpfuzz.oracles.proofs import PROOFS, observe
from mcpfuzz.oracles.rules import RULES
from mcpfuzz.oracles.screen import expected_extra, unremarkable
from mcpfuzz.oracles.session_proofs import SESSIONS
from mcpfuzz.oracles.shapes import shape_faults
from mcpfuzz.oracles.sightings import SIGHTINGS
from mcpfuzz.oracles.socket_proofs import SOCKETS
from mcpfuzz.oracles.stateful import STATEFUL
from mcpfuzz.oracles.surfaces import SURFACES
from mcpfuzz.oracles.task_proofs import TASKS
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.wire import decode

D, E = "2025-11-25", "2026-07-28"
BENCH = Bench(
    revision=D, roots=("home", "usr", "opt"), known=("/opt/ws", "/home/me/project"), secrets=("s3cr3t-value",)
)
ECHO = Call("tools/call", {"name": "echo", "arguments": {"text": "hi"}})
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
ID = 1001


def frame(message: Any) -> Frame:
    return decode(message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode())


def result(value: Any) -> Frame:
    return frame({"jsonrpc": "2.0", "id": ID, "result": value})


def error(message: str, code: int = -32603) -> Frame:
    return frame({"jsonrpc": "2.0", "id": ID, "error": {"code": code, "message": message}})


def said(text: str, **more: Any) -> Frame:
    return result({"content": [{"type": "text", "text": text}], **more})


def exchange(
    answer: Frame | None = None, *others: Frame, step: int = 0, sent: bytes = b'{"id":1001}\n', **more: Any
) -> Exchange:
    return Exchange(step=step, sent=sent, id=ID, answer=answer, others=others, **more)


def trace(*exchanges: Exchange, actions: tuple[Action, ...] = (ECHO,), ending: Ending | None = None) -> Trace:
    return Trace(conversation=Conversation.of(*actions), exchanges=exchanges, ending=ending or Ending())


def shows(kind: str, seen: Trace, bench: Bench = BENCH, **params: Any) -> bool:
    told = observe(Proof(kind=kind, expected="", params=params), seen, bench)
    assert told is None or ("\n" not in told and told)
    return told is not None


GOOD = trace(exchange(said("hi")))


def repeated(*sizes: int, times: int = 100) -> Trace:
    steps = tuple(Step(action=ECHO, times=times) for _ in sizes)
    return Trace(
        conversation=Conversation(steps),
        exchanges=tuple(exchange(said("hi"), step=index, rss=size) for index, size in enumerate(sizes)),
    )


def silent_call(before: str, after: str) -> Trace:
    note = Send({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "add", "arguments": {}}})
    return trace(
        exchange(said(before)),
        exchange(None, step=1, due=False),
        exchange(said(after), step=2),
        actions=(ECHO, note, ECHO),
    )


MIB = 1 << 20
POISON = {"method": "tools/call", "params": ECHO.params}
TOOL = {"tool": "echo", "schema": SCHEMA}
BROKEN = Call("tools/call", {"name": "echo", "arguments": {"text": 7}})
TWICE = frame({"jsonrpc": "2.0", "id": ID, "result": {"content": []}})
NOTICE = frame({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
PAIRS: dict[str, tuple[dict[str, Any], Trace, Trace]] = {
    "process-exit": ({}, trace(exchange(), ending=Ending(kind="exited", detail="SIGSEGV")), GOOD),
    "process-exit closed": (
        {},
        trace(exchange(), ending=Ending(kind="closed", detail="it closed its output but lives")),
        trace(exchange(), ending=Ending(kind="silent")),
    ),
    "server-hang": ({}, trace(exchange(), ending=Ending(kind="silent")), GOOD),
    "no-answer": ({}, trace(exchange()), trace(exchange(due=False))),
    "no-answer but an end": (
        {},
        trace(exchange(None), ending=Ending(kind="closed", serves=True, code=1011, detail="it closed with 1011")),
        trace(exchange(None), ending=Ending(kind="closed", serves=True, code=1008, detail="it closed with 1008")),
    ),
    "no-answer while dead": ({}, trace(exchange()), trace(exchange(), ending=Ending(kind="exited"))),
    "poisoned": (POISON, trace(exchange(error("broken"))), GOOD),
    "poisoned by isError": (
        POISON,
        trace(exchange(said("broken", isError=True))),
        trace(exchange(error("x")), actions=(BROKEN,)),
    ),
    "server-error": (
        {},
        trace(exchange(error("x"), status=500)),
        trace(exchange(error("x"), status=400)),
    ),
    "memory-growth": (
        {},
        repeated(50 * MIB, 60 * MIB, 70 * MIB, 80 * MIB),
        repeated(50 * MIB, 60 * MIB, 60 * MIB, 80 * MIB),
    ),
    "effect": ({}, silent_call("1", "2"), silent_call("1", "1")),
    "no-shutdown": ({}, trace(ending=Ending(detail="still running after 3 s")), trace(ending=Ending(detail="left"))),
    "oversized-answer": (
        {},
        trace(exchange(said("x" * (5 * MIB)))),
        trace(exchange(said("x" * (5 * MIB)), sent=b"x" * 10_000)),
    ),
    "leak": (
        {"rule": "path-leak"},
        trace(exchange(error("no /home/ann/app.py"))),
        trace(exchange(error("no /properties/age/minimum"))),
    ),
    "leak of a trace": (
        {"rule": "stack-trace-leak"},
        trace(exchange(error("Traceback (most recent call last):\n"))),
        trace(exchange(error("call failed"))),
    ),
    "leak of a secret": (
        {"rule": "secret-leak"},
        trace(exchange(said("it is s3cr3t-value"))),
        trace(exchange(said("it is s3cr3t"))),
    ),
    "stdout-noise": ({}, trace(exchange(said("hi"), frame(b"Listening"))), trace(exchange(said("hi"), NOTICE))),
    "wrong-id": ({}, trace(exchange(Frame(b"", {"id": "1001", "result": {}}, ("wrong-id",)))), GOOD),
    "duplicate-answer": (
        {},
        trace(exchange(said("hi"), TWICE)),
        trace(exchange(said("hi"), frame({"jsonrpc": "2.0", "id": "1001", "result": {}}))),
    ),
    "ill-formed": ({}, trace(exchange(frame(b'{"id":1001,"result":{"content":[]}}'))), GOOD),
    "ill-formed shape": ({}, trace(exchange(result({"content": None}))), trace(exchange(result({"content": []})))),
    "output-schema": (
        {"tool": "echo", "schema": SCHEMA},
        trace(exchange(said("hi", structuredContent={"text": 1}))),
        trace(exchange(said("hi", structuredContent={"text": "1"}))),
    ),
    "output-schema missing": (TOOL, GOOD, trace(exchange(said("no", isError=True)))),
    "accepted": (TOOL, trace(exchange(said("ok")), actions=(BROKEN,)), GOOD),
    "accepted refused": (
        TOOL,
        trace(exchange(said("ok")), actions=(BROKEN,)),
        trace(exchange(error("no")), actions=(BROKEN,)),
    ),
    "verdict": (
        {"row": "N1", "ids": None},
        trace(exchange(None, frame({"jsonrpc": "2.0", "id": None, "result": {}})), actions=(Send({}),)),
        trace(exchange(None, due=False), actions=(Send({}),)),
    ),
}


FAMILIES = (
    SIGHTINGS, STATEFUL, SURFACES, OWNERSHIP, TASKS, LOGINS, CROSSINGS, SESSIONS, PAGES, HTTP, CHALLENGES, SOCKETS,
    AUTHORIZATION,
)  # fmt: skip
ELSEWHERE = {kind for family in FAMILIES for kind in family}
"""Kinds whose pairs stand in test files of their own."""


def test_no_kind_of_proof_hides_another() -> None:
    assert len(ELSEWHERE) == sum(len(family) for family in FAMILIES)


def test_every_kind_of_proof_has_a_pair() -> None:
    assert {name.split()[0] for name in PAIRS} == PROOFS.keys() - ELSEWHERE


@pytest.mark.parametrize("name", PAIRS)
def test_a_proof_shows_on_the_trace_with_its_effect(name: str) -> None:
    params, seen, _ = PAIRS[name]
    assert shows(name.split()[0], seen, **params)


@pytest.mark.parametrize("name", PAIRS)
def test_a_proof_does_not_show_on_the_twin(name: str) -> None:
    params, _, twin = PAIRS[name]
    assert not shows(name.split()[0], twin, **params)


def test_an_unknown_proof_is_a_fault_of_ours() -> None:
    with pytest.raises(Fault, match="no-such"):
        observe(Proof(kind="no-such", expected=""), GOOD, BENCH)


@pytest.mark.parametrize("kind", sorted(PROOFS.keys() - {"poisoned", "output-schema", "accepted", "verdict", "leak"}))
def test_a_proof_without_params_does_not_show_on_a_good_trace(kind: str) -> None:
    assert not shows(kind, GOOD)


DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"properties": {"a": DEEP}}


@pytest.mark.parametrize("kind", ["accepted", "output-schema"])
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/x"},
        {"type": "strnig"},
        {"pattern": "\\p{L}("},
        {"$ref": "#/nope"},
        {"$ref": "#"},
        {"type": 7},
    ],
    ids=repr,
)
def test_a_schema_that_is_none_proves_nothing(kind: str, schema: Any) -> None:
    assert not shows(kind, trace(exchange(said("x", structuredContent={"a": "b"}))), tool="echo", schema=schema)


@pytest.mark.parametrize("kind", ["accepted", "output-schema"])
@pytest.mark.parametrize("schema", [{"properties": {"a": {"maximum": 10**30}}}, DEEP], ids=["huge-int", "300-levels"])
def test_a_schema_that_orjson_cannot_write_raises_nothing(kind: str, schema: Any) -> None:
    shows(kind, trace(exchange(said("x", structuredContent={"a": "b"}))), tool="echo", schema=schema)


# ---- leaks


@pytest.mark.parametrize(
    "text",
    [
        'File "/app/x.py", line 3, in f',
        "TypeError: x\n    at f (/srv/app/index.js:3:9)\n    at g",
        "goroutine 12 [running]:",
        "java.lang.Error\n\tat com.foo.Bar(Bar.java:3)",
    ],
)
def test_a_stack_trace_is_a_leak_in_a_result_and_in_an_error(text: str) -> None:
    for is_error in (True, False):
        assert "stack-trace-leak" in {leak.rule for leak, _ in leaks_in(text, error=is_error, sent="")}


@pytest.mark.parametrize(
    "text",
    [
        "postgres://ann:hunter2@db/x",
        "-----BEGIN RSA PRIVATE KEY-----",
        "sk-" + "a1B2" * 6,
        "ghp_" + "a1B2" * 9,
        "AKIA" + "ABCD" * 4,
    ],
)
def test_a_credential_is_a_leak_anywhere(text: str) -> None:
    assert "secret-leak" in {leak.rule for leak, _ in leaks_in(f"see {text} for more", error=False, sent="")}


@pytest.mark.parametrize(
    "text",
    [
        "/properties/age/minimum",
        "#/properties/age",
        "/a/b",
        "text/html/x",
        "http://example.org/home/x",
        "see https://usr/local",
        "/home",
        "and/or/not",
        "2024/05/01",
        "./home/ann",
        "../usr/lib",
    ],
)
def test_pointers_urls_and_relative_paths_are_no_path_leak(text: str) -> None:
    for told in (text, f"wrong: {text}", f"'{text}'", f"({text})"):
        assert not list(leaks_in(told, error=True, sent="", roots=BENCH.roots))


@pytest.mark.parametrize(
    "text", ["/home/ann/x.py", "open('/usr/lib/x')", "at (/opt/app/main)", "x=/home/ann", "a\n/home/ann"]
)
def test_a_path_of_this_machine_is_a_leak_in_an_error_only(text: str) -> None:
    assert [leak.rule for leak, _ in leaks_in(text, error=True, sent="", roots=BENCH.roots)] == ["path-leak"]
    assert not list(leaks_in(text, error=False, sent="", roots=BENCH.roots))


def test_a_usual_place_that_this_machine_does_not_have_is_no_leak() -> None:
    roots = ("home", "opt/acme")
    assert not list(leaks_in("no browser at /opt/google/chrome/chrome", error=True, sent="", roots=roots))
    assert list(leaks_in("no file /opt/acme/db.py", error=True, sent="", roots=roots))


@pytest.mark.parametrize("shown", ["/home/mel/no...", "/home/mel/no....", "/home/mel/no.....", "/home/mel/no...x.txt"])
def test_what_was_sent_and_comes_back_shortened_is_no_leak(shown: str) -> None:
    told = f"There is no {shown!r}"
    roots = ("home",)
    assert not list(leaks_in(told, error=True, sent="say /home/mel/notes/x.txt", roots=roots))
    assert list(leaks_in(told, error=True, sent="say /srv/mel/notes/x.txt", roots=roots))


@pytest.mark.parametrize("asked", [",,,,,,,,,,,,", "a-a-a-a-a-a-a", "zone/a-a-a-a-a-a-a", "zone.txt"])
def test_a_path_that_ends_in_what_was_sent_gives_its_folder_away_and_is_one_cause(asked: str) -> None:
    call = Call("tools/call", {"name": "greet", "arguments": {"name": asked}})
    sent = json.dumps({"id": ID, "params": call.params}).encode()
    seen = trace(exchange(error(f"File name too long: '/usr/lib/zoneinfo/{asked}'"), sent=sent), actions=(call,))
    place = Place(kind="tool", name="greet")
    case = Case(scenario="x", place=place, conversation=seen.conversation, label="")
    found = next(item for item in judge_trace(case, seen, BENCH, SURFACE) if item.rule == "path-leak")
    assert found.cause.endswith("/usr/lib/zoneinfo")


@pytest.mark.parametrize("path", ["/opt/ws", "/opt/ws/a/b.txt", "/home/me/project/x", "/home/me"])
def test_a_folder_that_the_user_configured_is_no_leak(path: str) -> None:
    assert not list(leaks_in(f"no such file: {path}", error=True, sent="", roots=BENCH.roots, known=BENCH.known))


@pytest.mark.parametrize("path", ["/opt/ws2/a", "/opt/wsx", "/home/mea/x"])
def test_a_neighbour_of_a_configured_folder_is_a_leak(path: str) -> None:
    assert list(leaks_in(f"no such file: {path}", error=True, sent="", roots=BENCH.roots, known=BENCH.known))


def test_a_leak_behind_a_known_path_is_seen() -> None:
    assert list(leaks_in("not /opt/ws/a but /home/ann/b", error=True, sent="", roots=BENCH.roots, known=BENCH.known))


def test_the_root_folder_as_working_folder_does_not_hide_all_paths() -> None:
    assert list(leaks_in("no /home/ann/b", error=True, sent="", roots=BENCH.roots, known=("/",)))


LEAKY = [
    "/home/ann/.ssh/id",
    'File "/app/x.py", line 3',
    "postgres://ann:hunter2@db/x",
    "s3cr3t-value",
    "Traceback (most recent call last)",
    'x\n/usr/lib/é/\t"quoted"',
    "AKIA" + "ABCD" * 4,
]


def test_an_address_that_a_shell_took_a_backslash_from_is_still_an_echo() -> None:
    sent = r'{"file": "http://127.0.0.1:40123\\@example.com/x"}'
    told = "wc: 'http://127.0.0.1:40123@example.com/x': No such file or directory"
    assert not list(leaks_in(told, error=True, sent=sent))
    assert list(leaks_in(told, error=True, sent="{}"))


@pytest.mark.parametrize("text", LEAKY)
@pytest.mark.parametrize("ascii_", [True, False])
@pytest.mark.parametrize("rule", ["path-leak", "stack-trace-leak", "secret-leak"])
def test_an_echo_of_what_was_sent_is_no_leak(text: str, ascii_: bool, rule: str) -> None:
    call = Call("tools/call", {"name": "echo", "arguments": {"text": text}})
    sent = json.dumps(
        {"jsonrpc": "2.0", "id": ID, "method": call.method, "params": call.params}, ensure_ascii=ascii_
    ).encode()
    for answer in (error(f"unknown: {text}"), said(text, isError=True), said(text)):
        assert not shows("leak", trace(exchange(answer, sent=sent + b"\n"), actions=(call,)), rule=rule)


def test_a_leak_in_the_middle_of_a_long_answer_is_bounded_in_time_and_at_the_ends_seen() -> None:
    filler = "lorem " * 400_000
    assert list(leaks_in(filler + "/home/ann/b", error=True, sent="", roots=BENCH.roots))


# ---- the ORACLE's universal rules through judge_trace


TOOL_OPERATION = Operation(kind="tool", name="echo", schema=SCHEMA)
SURFACE = Surface(revision=D, revisions=(D,), server={}, capabilities={}, operations=(TOOL_OPERATION,), good={})


def case_of(**more: Any) -> Case:
    given_ = {"conversation": Conversation.of(ECHO), "label": "x", "valid": True, **more}
    return Case(scenario="s", place=Place(kind="tool", name="echo"), **given_)


def rules_of(seen: Trace, case: Case | None = None, bench: Bench = BENCH, surface: Surface = SURFACE) -> set[str]:
    return {suspicion.rule for suspicion in judge_trace(case or case_of(), seen, bench, surface)}


def test_a_good_trace_is_not_suspicious() -> None:
    assert rules_of(GOOD) == set()


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        (trace(exchange(), ending=Ending(kind="exited", returncode=-11, detail="SIGSEGV")), "crash"),
        (trace(exchange(), ending=Ending(kind="silent")), "hang"),
        (trace(exchange()), "no-answer"),
        (trace(exchange(said("hi"), frame(b"hello"))), "stdout-pollution"),
        (trace(exchange(said("hi"), TWICE)), "duplicate-answer"),
        (trace(exchange(result({"content": 7}))), "result-shape"),
        (trace(exchange(error("in /usr/lib/x"))), "path-leak"),
        (trace(exchange(error("Traceback (most recent call last)"))), "stack-trace-leak"),
    ],
)
def test_one_effect_is_one_suspicion_under_its_rule(seen: Trace, rule: str) -> None:
    assert rules_of(seen) == {rule}
    assert rule in RULES


@pytest.mark.parametrize(
    ("strict", "coercible", "seen"), [(False, False, True), (False, True, False), (True, True, True)]
)
def test_invalid_arguments_taken_are_suspicious_unless_a_conversion_explains_them(
    strict: bool, coercible: bool, seen: bool
) -> None:
    bench = Bench(revision=D, strict=strict)
    case = case_of(valid=False, coercible=coercible)
    assert ("unvalidated-arguments" in rules_of(trace(exchange(said("ok")), actions=(BROKEN,)), case, bench)) is seen


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("no user 17", "no user 4711"),
        ("id deadbeef01 gone", "id cafebabe77 gone"),
        ("at 0x7f00aa", "at 0x1234"),
        ("no 'a b'", 'no "xyz"'),
        ("open /tmp/a/b failed", "open /var/c/d/e failed"),
    ],
)
def test_messages_that_differ_in_variable_parts_have_one_cause(one: str, two: str) -> None:
    assert normalised(one) == normalised(two)


def test_messages_that_differ_in_words_have_two_causes() -> None:
    assert normalised("no such user") != normalised("no such file")


# ---- the screen

texts = st.text(max_size=12) | st.sampled_from(
    [
        *LEAKY,
        "boom\n/home/ann/x",
        "a\t/usr/x",
        "http://a/b",
        "/properties/age",
        "java\n\tat a.B(C.java:3)",
        "    at f (/a/b.js:1:2)",
        "/",
    ]
)
plain_texts = st.text(st.characters(codec="ascii", exclude_characters="/\\"), max_size=12) | st.sampled_from(
    [text for text in LEAKY if text.isprintable()]
)


def answers(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    scalar = st.none() | st.booleans() | st.integers(-3, 3) | text
    block = st.fixed_dictionaries(
        {"type": st.just("text") | scalar}, optional={"text": scalar, "data": scalar, "uri": scalar}
    )
    value = st.fixed_dictionaries(
        {},
        optional={
            "content": st.lists(block | scalar, max_size=3) | scalar,
            "isError": st.booleans() | scalar,
            "structuredContent": st.dictionaries(st.sampled_from(["text", "x"]), scalar, max_size=2) | scalar,
            "resultType": st.sampled_from(["complete", "input_required", 7]),
            "contents": st.lists(block, max_size=2),
        },
    )
    return st.fixed_dictionaries(
        {"jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "1.0"]), "id": st.just(ID)},
        optional={
            "result": value | scalar,
            "error": st.fixed_dictionaries({"code": st.just(-32603) | scalar, "message": text | scalar}) | scalar,
        },
    )


cases = st.builds(
    case_of,
    valid=st.sampled_from([True, False, None]),
    coercible=st.booleans(),
    label=st.sampled_from(["x", "unknown argument"]),
    conversation=st.sampled_from([Conversation.of(ECHO), Conversation.of(BROKEN)]),
)
benches = st.builds(
    Bench,
    revision=st.sampled_from([D, E]),
    strict=st.booleans(),
    roots=st.just(BENCH.roots),
    secrets=st.just(BENCH.secrets),
)
operations = st.sampled_from([TOOL_OPERATION, Operation(kind="tool", name="echo", schema=SCHEMA, output_schema=SCHEMA)])


def agree(case: Case, bench: Bench, operation: Operation, raw: bytes) -> None:
    """What the screen calls unremarkable is not suspicious."""
    answer = decode(raw)
    action = case.conversation.steps[0].action
    assert isinstance(action, Call)
    if unremarkable(case, action.method, answer, operation, bench):
        surface = Surface(revision=D, revisions=(D,), server={}, capabilities={}, operations=(operation,), good={})
        assert rules_of(trace(exchange(answer), actions=(action,)), case, bench, surface) == set()


@given(cases, benches, operations, answers(plain_texts))
@settings(deadline=None, max_examples=300)
def test_what_the_screen_passes_is_not_suspicious(case: Case, bench: Bench, operation: Operation, answer: Any) -> None:
    agree(case, bench, operation, json.dumps(answer, separators=(",", ":")).encode())


ESCAPED = [
    rb"boom\n/home/ann/x",
    rb"a\t/usr/lib/x",
    rb"no \/home\/ann\/x",
    rb"no \u002fhome\u002fann",
    rb"java.lang.Error\n\tat com.foo.Bar(Bar.java:3)",
    rb"\u0054raceback (most recent call last)",
    rb"s3cr3t\u002dvalue",
]


@pytest.mark.parametrize("text", ESCAPED)
def test_what_json_escapes_hide_is_not_waved_through(text: bytes) -> None:
    raw = b'{"jsonrpc":"2.0","id":1001,"result":{"content":[{"type":"text","text":"%s"}],"isError":true}}' % text
    assert rules_of(trace(exchange(decode(raw)))) != set()
    agree(case_of(), BENCH, TOOL_OPERATION, raw)


@pytest.mark.parametrize("answer", [None, frame(b"x"), frame(b"[]"), frame(b"7"), frame(b'{"id":1001}')])
def test_the_screen_doubts_what_is_no_answer(answer: Frame | None) -> None:
    assert not unremarkable(case_of(), "tools/call", answer, TOOL_OPERATION, BENCH)


def test_the_screen_passes_a_good_answer() -> None:
    assert unremarkable(case_of(), "tools/call", said("hi"), TOOL_OPERATION, BENCH)


def test_the_screen_passes_a_sound_refusal_of_invalid_arguments() -> None:
    assert unremarkable(case_of(valid=False), "tools/call", error("text: not a string", -32602), TOOL_OPERATION, BENCH)


def test_the_screen_leaves_rows_of_the_table_to_the_table() -> None:
    assert not unremarkable(case_of(row="P1"), "tools/call", error("no"), TOOL_OPERATION, BENCH)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (NOTICE, True),
        (frame({"jsonrpc": "2.0", "id": 5, "method": "ping"}), False),
        (frame({"jsonrpc": "2.0", "id": None, "result": {}}), False),
        (frame(b"noise"), False),
        (frame({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "/home/ann/x"}}), False),
    ],
)
def test_what_a_volley_may_draw_besides_answers(extra: Frame, expected: bool) -> None:
    assert expected_extra(("F1",), extra, Bench(revision=D)) is expected


LOG = frame(
    {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "error", "data": "Internal Server Error"}}
)


@pytest.mark.parametrize("row", ["F1", "R1", "R4", "S1"])
def test_a_log_message_that_the_table_lets_pass_needs_no_second_look(row: str) -> None:
    assert rules_of(trace(exchange(None, LOG, due=False)), case_of(row=row)) == set()
    assert expected_extra((row,), LOG, BENCH)


def test_a_log_message_that_nobody_declared_is_looked_at_where_no_row_speaks() -> None:
    assert not expected_extra((), LOG, Bench(revision=D))
    assert expected_extra((), LOG, Bench(revision=D, logging=True))


# ---- shapes

TEXT = {"type": "text", "text": "x"}
SHAPES: list[tuple[str, Any, Any]] = [
    ("tools/call", {"content": [TEXT]}, {"content": [{"type": "text"}]}),
    ("tools/call", {"content": []}, {"content": {}}),
    ("tools/call", {"structuredContent": {}}, {"structuredContent": []}),
    ("tools/call", {"content": [], "isError": False}, {"content": [], "isError": "false"}),
    (
        "tools/call",
        {"content": [{"type": "image", "data": "AAAA", "mimeType": "a/b"}]},
        {"content": [{"type": "image", "data": "?", "mimeType": "a/b"}]},
    ),
    ("tools/call", {"content": [{"type": "resource_link", "uri": "u"}]}, {"content": [{"type": "resource_link"}]}),
    ("tools/call", {"content": [{"type": "x-own"}]}, {"content": [{"type": 7}]}),
    ("tools/call", {"content": [TEXT]}, None),
    ("tools/call", {"content": [TEXT]}, []),
    ("resources/read", {"contents": [{"uri": "u", "text": ""}]}, {"contents": [{"uri": "u"}]}),
    ("resources/read", {"contents": [{"uri": "u", "blob": "AAAA"}]}, {"contents": [{"uri": "u", "blob": "A"}]}),
    (
        "prompts/get",
        {"messages": [{"role": "user", "content": TEXT}]},
        {"messages": [{"role": "system", "content": TEXT}]},
    ),
    ("completion/complete", {"completion": {"values": ["a"] * 100}}, {"completion": {"values": ["a"] * 101}}),
    ("completion/complete", {"completion": {"values": []}}, {"completion": {"values": [1]}}),
    ("tools/list", {"tools": [{"name": "a", "inputSchema": {}}]}, {"tools": [{"name": "a", "inputSchema": None}]}),
    ("tools/list", {"tools": [], "nextCursor": "c"}, {"tools": [], "nextCursor": None}),
    ("resources/list", {"resources": [{"name": "a", "uri": "u"}]}, {"resources": [{"name": "a"}]}),
    ("prompts/list", {"prompts": [{"name": "a"}]}, {"prompts": [{"title": "a"}]}),
    ("no/such", {}, 7),
]


@pytest.mark.parametrize(("method", "good", "bad"), SHAPES)
def test_a_result_of_the_wrong_shape_is_told_and_its_sound_twin_is_not(method: str, good: Any, bad: Any) -> None:
    assert shape_faults(method, good, BY_DATE[D]) == []
    assert shape_faults(method, bad, BY_DATE[D])


@pytest.mark.parametrize("role", [[], {}])
def test_a_role_of_any_type_is_told(role: Any) -> None:
    assert shape_faults("prompts/get", {"messages": [{"role": role, "content": TEXT}]}, BY_DATE[D])


@pytest.mark.parametrize(
    ("value", "sound"), [({"resultType": "complete"}, True), ({}, False), ({"resultType": 7}, False)]
)
def test_a_modern_result_needs_a_result_type(value: Any, sound: bool) -> None:
    assert (shape_faults("no/such", value, BY_DATE[E]) == []) is sound
    assert shape_faults("no/such", value, BY_DATE[D]) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "content",
                    "contents",
                    "messages",
                    "role",
                    "type",
                    "data",
                    "text",
                    "blob",
                    "uri",
                    "resource",
                    "tools",
                    "name",
                    "inputSchema",
                    "nextCursor",
                    "completion",
                    "values",
                    "structuredContent",
                    "isError",
                ]
            ),
            inner | st.sampled_from(["text", "image", "resource", "user"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from([method for method, _, _ in SHAPES if method != "prompts/get"]),
    json_values,
    st.sampled_from([D, E]),
)
@settings(deadline=None, max_examples=200)
def test_whatever_a_result_is_its_faults_are_words(method: str, value: Any, date: str) -> None:
    assert all(isinstance(fault, str) and fault for fault in shape_faults(method, value, BY_DATE[date]))


@pytest.mark.parametrize(("code", "rules"), [(1006, {"malformed-frame"}), (1011, {"malformed-frame"}), (1007, set())])
def test_a_websocket_that_ends_of_a_malformed_frame_is_judged_by_its_close_code(code: int, rules: set[str]) -> None:
    ending = Ending(kind="closed", serves=True, code=code, detail=f"closed with {code}")
    seen = trace(exchange(due=False), actions=(Raw(b"{"),), ending=ending)
    case = case_of(row="F1", valid=False, ids=(), conversation=seen.conversation)
    assert rules_of(seen, case, bench=replace(BENCH, transport="ws")) == rules


def http_step(body: bytes, status: int) -> Trace:
    page = replace(exchange(frame(body), due=False), status=status)
    return trace(page, actions=(Http("POST", "{address}", ()),))


@pytest.mark.parametrize(
    ("body", "status", "found"),
    [
        (b'{"detail":"Not Found"}', 404, set()),
        (b'{"error":"invalid_token"}', 401, set()),
        (b'{"resource":"http://127.0.0.1:1/mcp"}', 200, set()),
        (b'{"jsonrpc":"2.0","id":7}', 200, {"result-shape"}),
    ],
)
def test_a_page_of_the_web_server_is_no_ill_formed_message_but_a_broken_message_is(
    body: bytes, status: int, found: set[str]
) -> None:
    assert rules_of(http_step(body, status)) == found


@pytest.mark.parametrize("stop", ["", ".", "...", ". Must be Text or Blob."])
def test_a_path_that_was_sent_and_ends_a_sentence_is_an_echo(stop: str) -> None:
    told = f"Invalid kind: --output=/home/x/run/c17{stop}"
    sent = '{"kind": "--output=/home/x/run/c17"}'
    assert not list(leaks_in(told, error=True, sent=sent, roots=("home",)))
    assert list(leaks_in(told.replace("c17", "c18"), error=True, sent=sent, roots=("home",)))


def refused(row: str, *answers: Frame, status: int, kind: Any = "tool") -> set[tuple[str, str]]:
    """Rule and cause of what a malformed message came to over HTTP."""
    message = Send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}})
    seen = trace(exchange(None, *answers, status=status, due=False), actions=(message,))
    case = replace(case_of(row=row, conversation=seen.conversation), place=Place(kind=kind, name="x"))
    bench = Bench(revision=D, transport="http")
    return {(item.rule, item.cause) for item in judge_trace(case, seen, bench, SURFACE)}


def test_an_invented_id_in_a_refusal_is_one_cause_whatever_was_refused() -> None:
    invented = frame({"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": "no"}})
    found = refused("N1", invented, status=400) | refused("R1", invented, status=400)
    assert len(found) == 1
    assert {rule for rule, _ in found} == {"wrong-id"}
    assert {rule for rule, _ in refused("N1", invented, status=200)} == {"answer-to-notification"}


def test_an_invented_id_is_the_readers_whether_a_frame_a_message_or_a_request_was_wrong() -> None:
    invented = frame({"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": "no"}})
    kinds = ("transport", "session", "endpoint")
    assert len({told for kind in kinds for told in refused("R1", invented, status=400, kind=kind)}) == 1


@pytest.mark.parametrize(("label", "causes"), [("an unknown property: objects nested deep", 1), ("too long", 2)])
def test_what_breaks_on_a_property_that_no_operation_knows_is_one_cause_for_all(label: str, causes: int) -> None:
    seen = trace(exchange(error("x"), status=500))
    cases = [replace(case_of(label=label), place=Place(kind=kind, name="a")) for kind in ("tool", "prompt")]
    found = {item.cause for case in cases for item in judge_trace(case, seen, BENCH, SURFACE)}
    assert len(found) == causes


@pytest.mark.parametrize(("kind", "causes"), [("transport", 1), ("session", 2)])
def test_a_frame_that_ends_the_server_is_one_cause_whatever_is_asked_in_it(kind: Any, causes: int) -> None:
    seen = trace(exchange(), ending=Ending(kind="exited", returncode=0))
    cases = [replace(case_of(), place=Place(kind=kind, name=name)) for name in ("tools/call", "resources/read")]
    found = [item.cause for case in cases for item in judge_trace(case, seen, BENCH, SURFACE) if item.rule == "crash"]
    assert len(found) == 2 and len(set(found)) == causes


@pytest.mark.parametrize(("silent", "at", "argument"), [(0, "echo", "/text"), (1, "list", None)])
def test_of_several_steps_the_tool_that_did_not_answer_is_at_fault(silent: int, at: str, argument: str | None) -> None:
    steps = (ECHO, Call("tools/call", {"name": "list", "arguments": {}}))
    answers = [None if step == silent else said("hi") for step in (0, 1)]
    seen = trace(*(exchange(answer, step=step) for step, answer in enumerate(answers)), actions=steps)
    surface = replace(SURFACE, operations=(TOOL_OPERATION, replace(TOOL_OPERATION, name="list")))
    case = replace(case_of(conversation=seen.conversation), place=Place(kind="tool", name="echo", argument="/text"))
    (told,) = judge_trace(case, seen, BENCH, surface)
    assert (told.rule, told.place) == ("no-answer", Place(kind="tool", name=at, argument=argument))
    assert told.cause == f"tool:{at}"


def test_a_log_message_beside_it_makes_no_second_cause() -> None:
    log = frame({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "error", "data": "x"}})
    assert refused("R16", status=202) == refused("R16", log, status=202) != set()


SECOND = Send({"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": {}})
READY = Send({"jsonrpc": "2.0", "method": "notifications/initialized"})


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ((SECOND,), False),
        ((Raw('{"jsonrpc":"2.0","id":7,"method":"initialize"}'),), False),
        ((Send([SECOND.message]),), False),
        ((READY, SECOND), False),
        ((SECOND, READY), True),
        ((Raw('{"method":"notifications/initialized"}'),), True),
        ((BROKEN,), True),
    ],
)
def test_a_server_that_waits_for_the_end_of_a_second_handshake_is_not_poisoned(
    before: tuple[Action, ...], found: bool
) -> None:
    seen = trace(exchange(error("not initialised"), step=len(before)), actions=(*before, ECHO))
    assert shows("poisoned", seen, **POISON) is found


KEPT = {"resultType": "complete", "tools": [], "ttlMs": 0, "cacheScope": "private"}


@pytest.mark.parametrize(
    "changed",
    [{"ttlMs": -1}, {"ttlMs": "60"}, {"ttlMs": True}, {"ttlMs": None}, {"cacheScope": "shared"}, {"cacheScope": []}],
)
def test_a_modern_listing_says_rightly_how_it_may_be_kept(changed: Any) -> None:
    assert shape_faults("tools/list", KEPT, BY_DATE[E]) == []
    assert shape_faults("tools/list", {**KEPT, **changed}, BY_DATE[E])
    assert shape_faults("tools/list", {**KEPT, **changed}, BY_DATE[D]) == []


@pytest.mark.parametrize("name", ["ttlMs", "cacheScope"])
def test_a_modern_listing_says_how_it_may_be_kept(name: str) -> None:
    value = {key: kept for key, kept in KEPT.items() if key != name}
    assert [fault for fault in shape_faults("tools/list", value, BY_DATE[E]) if name in fault]
    assert shape_faults("tools/call", {"resultType": "complete", "content": []}, BY_DATE[E]) == []


FORM = {"method": "elicitation/create", "params": {"mode": "form"}}
ASKS = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}


@pytest.mark.parametrize(
    ("method", "members", "sound"),
    [
        ("tools/call", {"inputRequests": {"q": FORM}, "requestState": "s"}, True),
        ("prompts/get", {"requestState": "s"}, True),
        ("tools/call", {}, False),
        ("tools/call", {"requestState": 7}, False),
        ("tools/call", {"inputRequests": [FORM]}, False),
        ("tools/call", {"inputRequests": {"q": {"method": "roots/list"}}}, False),
        ("tools/call", {"inputRequests": {"q": {"method": "tools/call"}}}, False),
        ("resources/list", {"requestState": "s", "ttlMs": 0, "cacheScope": "public"}, False),
    ],
)
def test_a_result_that_asks_for_input_asks_for_what_was_declared(method: str, members: Any, sound: bool) -> None:
    result = {"resultType": "input_required", **members}
    assert (shape_faults(method, result, BY_DATE[E], {"_meta": ASKS}) == []) is sound
    if "inputRequests" in members:
        assert shape_faults(method, result, BY_DATE[E], {})
