"""The document: it satisfies its schema whatever the server said, and a replay reads back what was sent."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpfuzz.errors import Fault, UsageError
from mcpfuzz.events import Discovered, Event, Finished, Started
from mcpfuzz.model import Call, Close, Conversation, Http, Json, Open, Proof, Raw, Send, Step, Wait, Ws, replace
from mcpfuzz.reports import REPORT_SCHEMA, Document, Gate, build, conversation_of, proof_of
from mcpfuzz.reports.document import finding_json
from mcpfuzz.reports.json_report import render
from mcpfuzz.reports.steps import steps_json
from mcpfuzz.reports.testing import EVIL_TEXTS, hostile_run, sample_finding, sample_run
from mcpfuzz.slots import Filler, quote

VALIDATOR = jsonschema.Draft202012Validator(REPORT_SCHEMA)


def document_of(events: list[Event], **changes: Any) -> Document:
    made = [Gate().pass_(event) for event in events]
    (started,) = (event for event in made if isinstance(event, Started))
    (finished,) = (event for event in made if isinstance(event, Finished))
    discovered = next((event for event in made if isinstance(event, Discovered)), None)
    return build(started, discovered, finished, version="0.1.0", **changes)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(dict(REPORT_SCHEMA))


def test_a_report_satisfies_its_schema() -> None:
    VALIDATOR.validate(json.loads(render(document_of(sample_run()))))


@pytest.mark.parametrize("text", EVIL_TEXTS)
def test_a_report_of_a_hostile_server_does_too(text: str) -> None:
    shown = render(document_of(hostile_run(text)))
    VALIDATOR.validate(json.loads(shown))
    assert shown.isascii()


def test_the_contract_s_members_are_all_there() -> None:
    document = document_of(sample_run())
    assert list(document) == ["schema", "tool", "run", "target", "operations", "scenarios", "findings"]
    assert document["target"]["server"] == {"name": "files-server", "version": "1.4.0"}
    assert document["target"]["launch"]["env"]["API_TOKEN"] == "${API_TOKEN}"
    finding = document["findings"][1]
    assert finding["operation"] == {"kind": "tool", "name": "read_file", "argument": "/path"}
    assert finding["reproducer"]["command"] == "mcpfuzz replay report.json --finding 5f1c0a77e2b94d10"
    (step,) = finding["reproducer"]["steps"]
    assert {name: step[name] for name in ("as", "on", "group", "call")} == {
        "as": None,
        "on": "c1",
        "group": None,
        "call": True,
    }
    arguments = {"path": "{workspace}/../{canary:a}.txt"}
    assert step["send"] == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "read_file", "arguments": arguments},
    }
    assert step["receive"]["result"]["content"][0]["text"] == "c0ffee in decoy"


def test_the_replay_command_quotes_the_path() -> None:
    document = document_of(sample_run(), report="my reports/it's.json")
    command = document["findings"][0]["reproducer"]["command"]
    assert command == """mcpfuzz replay 'my reports/it'"'"'s.json' --finding a0b1c2d3e4f50617"""


def test_a_run_without_discovery_has_a_report() -> None:
    document = document_of([event for event in sample_run() if not isinstance(event, Discovered)])
    VALIDATOR.validate(document)
    assert document["target"]["revision"] is None


def test_extra_members_are_added_and_replace_nothing() -> None:
    assert document_of(sample_run(), extra={"load": {"rps": 1.0}})["load"] == {"rps": 1.0}
    with pytest.raises(Fault, match="would replace run"):
        document_of(sample_run(), extra={"run": {}})


# ---- there and back -------------------------------------------------------------------------------

TEXTS = st.text() | st.sampled_from(["{workspace}/x", "{canary:a}", "{step:1#/result/id}", "{brace}", "\ud800", "{"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PLAIN = st.text(st.characters(codec="utf-8"))
ACTIONS = st.one_of(
    st.builds(Call, TEXTS, JSON),
    st.builds(Send, JSON),
    st.builds(Raw, PLAIN | st.binary()),
    st.builds(Http, PLAIN, PLAIN, st.lists(st.tuples(PLAIN, PLAIN)).map(tuple), st.none() | PLAIN | st.binary()),
    st.builds(
        Ws, st.integers(0, 127), PLAIN | st.binary(), st.booleans(), st.booleans(), st.none() | st.integers(0, 1 << 63)
    ),
    st.builds(Open, st.booleans()),
    st.just(Close()),
    st.floats(0, 86400).map(Wait),
)
NAMES = st.none() | PLAIN
STEPS = st.builds(Step, action=ACTIONS, as_=NAMES, on=PLAIN, group=NAMES, times=st.just(1) | st.integers(2, 1_000_000))
CONVERSATIONS = st.lists(STEPS, min_size=1, max_size=5).map(lambda steps: Conversation(tuple(steps)))


def told(step: Step) -> Any:
    """What a step comes to, so that equal ones compare equal: NaN too, and text and the bytes it is sent as."""

    def data(value: bytes | str | None) -> Any:
        if isinstance(value, bytes):
            try:
                return quote(value.decode())
            except UnicodeDecodeError:
                return value
        return value

    action = step.action
    match action:
        case Raw(value):
            shown: Any = data(value)
        case Http(method, path, headers, body):
            shown = (method, path, headers, data(body))
        case Ws(opcode, payload, fin, masked, length):
            shown = (opcode, data(payload), fin, masked, length)
        case _:
            shown = repr(action)
    return (type(action), shown, step.as_, step.on, step.group, step.times)


@given(CONVERSATIONS)
@example(Conversation.of(Call("\ud800"), Call("x", 1 << 64), Send({"a": -(1 << 63), "b": (1 << 64) - 1, "c": -0.0})))
@example(Conversation((Step(action=Call("ping"), times=1000),)))
def test_what_was_sent_is_read_back_from_the_report(conversation: Conversation) -> None:
    finding = replace(sample_finding(), conversation=conversation, receive=())
    document = document_of(run_with(finding))
    VALIDATOR.validate(document)
    steps = orjson.loads(render(document))["findings"][0]["reproducer"]["steps"]
    assert [told(step) for step in conversation_of(steps).steps] == [told(step) for step in conversation.steps]


def run_with(finding: Any) -> list[Event]:
    return [replace(one, findings=(finding,)) if isinstance(one, Finished) else one for one in sample_run()]


@given(st.binary() | PLAIN.map(str.encode) | st.sampled_from([b"{workspace}", b'{"a": "{canary:x}"}', b"{brace}"]))
def test_bytes_are_sent_as_they_were_whatever_slots_they_seem_to_hold(data: bytes) -> None:
    (step,) = conversation_of(steps_json(Conversation.of(Raw(data)))).steps
    assert isinstance(step.action, Raw)
    back = step.action.data
    filled = Filler().fill(back) if isinstance(back, str) else back
    assert (filled.encode() if isinstance(filled, str) else filled) == data


@given(st.dictionaries(TEXTS, JSON, max_size=3))
def test_a_proof_is_read_back_from_the_report(params: dict[str, Json]) -> None:
    proof = Proof(kind="file-read", expected="nothing", params=params)
    shown = orjson.loads(render(document_of(run_with(replace(sample_finding(), proof=proof)))))["findings"][0]
    assert shown["proof"]["observed"]
    assert repr(proof_of(shown)) == repr(proof)


def test_what_other_readers_would_change_is_told_as_json_text() -> None:
    odd = {"half": "\ud800", "nan": math.nan}
    (step,) = steps_json(Conversation.of(Send(odd)))
    assert step["encoded"] is True
    assert step["send"] == '{"half":"\\ud800","nan":NaN}'


def test_a_message_that_no_report_can_hold_is_refused_at_replay() -> None:
    deep: Json = []
    for _ in range(100_000):
        deep = [deep]
    document = document_of(run_with(replace(sample_finding(), conversation=Conversation.of(Send(deep)))))
    with pytest.raises(UsageError, match="step 1 .* was cut"):
        conversation_of(json.loads(render(document))["findings"][0]["reproducer"]["steps"])


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([], "without steps"),
        (None, "without steps"),
        (["x"], "a step is an object"),
        ([{}], "it holds none of"),
        ([{"send": 1, "close": True}], "send and close"),
        ([{"send": 1, "on": 7}], "on is not a string"),
        ([{"send": 1, "call": True}], "a call is a JSON object"),
        ([{"send": {"id": 1}, "call": True}], "method is missing"),
        ([{"send": "{", "encoded": True}], "Expecting"),
        ([{"send": "[" * 100_000, "encoded": True}], "nested too deep"),
        ([{"bytes": {"base64": "***"}}], "not valid base64"),
        ([{"bytes": {"utf8": "a", "base64": ""}}], "is not {"),
        ([{"http": []}], "http is not an object"),
        ([{"http": {"method": "GET"}}], "path is missing"),
        ([{"http": {"method": "GET", "path": "/", "headers": [["a"]]}}], "unpack"),
        ([{"ws": {"opcode": "x", "payload": "y"}}], "opcode is not a number"),
        ([{"wait_s": -1}], "wait_s is not"),
        ([{"close": True, "times": 0}], "times is not"),
        ([{"close": True, "times": 10**9}], "times is not"),
        ([{"close": True}, {"wait_s": "x"}], "step 2"),
    ],
)
def test_a_report_that_is_not_one_is_the_user_s_mistake(steps: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        conversation_of(steps)


def test_steps_written_by_hand_may_be_short() -> None:
    back = conversation_of(
        [{"http": {"method": "GET", "path": "/", "headers": {"a": "b"}, "body": "x"}}, {"open": True}]
    )
    assert back == Conversation.of(Http("GET", "/", (("a", "b"),), "x"), Open())


@pytest.mark.parametrize(
    "finding", [{}, {"proof": 1}, {"proof": {"kind": "x", "params": [1]}}, {"proof": {"kind": "x", "params_json": "{"}}]
)
def test_a_finding_without_a_proof_is_the_user_s_mistake(finding: Any) -> None:
    with pytest.raises(UsageError):
        proof_of(finding)


def test_answers_stand_beside_their_steps() -> None:
    steps = steps_json(Conversation.of(Call("ping"), Close(), Wait(1)), (1, None))
    assert [step["receive"] for step in steps] == [1, None, None]
    assert finding_json(sample_finding())["reproducer"]["steps"][2]["receive"] == {"bytes": {"utf8": "oops\n"}}


def test_the_report_s_json_needs_no_recursion_to_read() -> None:
    deep: Json = []
    for _ in range(900):
        deep = [deep]
    text = render(document_of(run_with(replace(sample_finding(), receive=(deep,)))))
    assert json.loads(text)["findings"]
