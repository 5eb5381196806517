"""The hardened lab, as a real process: its answers to every row of the ORACLE table that stdio has, per revision.

Allowed are the OK answers only, never the WEAK ones. Row names are those of docs/oracle (F1 .. P13).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mcpfuzz.lab.drive import CLIENT, ENVELOPE, Driven

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
REVISIONS = (*LEGACY, MODERN)


@pytest.fixture(scope="module", params=REVISIONS)
def lab(request: pytest.FixtureRequest) -> Iterator[Driven]:
    with Driven(revision=request.param) as driven:
        yield driven
        assert driven.end() == 0, driven.stderr
        assert driven.stderr == ""


def message(lab: Driven, **members: Any) -> dict[str, Any]:
    """A good request for the tool list with id 77, with members changed; `...` takes one away."""
    good = {"jsonrpc": "2.0", "id": 77, "method": "tools/list", "params": lab.params({}), **members}
    return {name: value for name, value in good.items() if value is not ...}


def errors(answers: list[Any]) -> list[tuple[int, Any]]:
    """(code, id) of each answer; the id is None where it is null or absent."""
    for answer in answers:
        assert answer["jsonrpc"] == "2.0" and "result" not in answer
        assert type(answer["error"]["code"]) is int and answer["error"]["message"].isprintable()
    return [(answer["error"]["code"], answer.get("id")) for answer in answers]


@pytest.mark.parametrize(
    ("row", "line", "codes"),
    [
        ("F1", b"{", {-32700}),
        ("F1", b'{"jsonrpc":"2.0","id":77,"method":"ping",}', {-32700}),
        ("F1", b'"a\x00b"', {-32700}),
        ("F1", b'{"jsonrpc":"2.0","id":77,"method":"tools/li', {-32700}),
        ("F3", b'{"jsonrpc":"2.0","id":77,"method":"tools/list","params":{"x":NaN}}', {-32700}),
        ("F3", b'{"jsonrpc":"2.0","id":77,"method":"tools/list","params":{"x":-Infinity}}', {-32700}),
        ("F4", b'{"jsonrpc":"2.0","id":77,"method":"tools/list","params":{"x":"\xff"}}', {-32700}),
        ("F4", b'{"x":"\xed\xa0\x80"}', {-32700}),
        ("F5", b'{"jsonrpc":"2.0","id":77,"method":"tools/list","params":{"x":"\\ud800"}}', {-32700}),
        ("F6", b"\xef\xbb\xbf{}", {-32700}),
        ("F7", b'{"jsonrpc":"2.0","id":77,"id":78,"method":"tools/list"}', {-32700, -32600}),
        ("F8", b"[" * 5_000, {-32700, -32600, -32602}),
        ("F8", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {-32700, -32600, -32602}),
        ("F9", b'{"jsonrpc":"2.0","id":77,"method":"' + b"x" * (9 << 20) + b'"}', {-32600, -32602}),
        ("R1", b"42", {-32600}),
        ("R1", b'"x"', {-32600}),
        ("R1", b"null", {-32600}),
        ("R2", b"{}", {-32600}),
    ],
)
def test_an_unreadable_line_earns_one_error_without_an_id(lab: Driven, row: str, line: bytes, codes: set[int]) -> None:
    [(code, request_id)] = errors(lab.meanwhile(line + b"\n"))
    assert code in codes and request_id is None, row


@pytest.mark.parametrize("line", [b"\n", b" \t \r\n"])
def test_a_blank_line_is_ignored(lab: Driven, line: bytes) -> None:
    assert lab.meanwhile(line) == []


def test_a_message_split_over_two_lines_is_two_bad_lines(lab: Driven) -> None:
    text = json.dumps(message(lab), separators=(",", ":")).encode()
    assert errors(lab.meanwhile(text[:30] + b"\n" + text[30:] + b"\n")) == [(-32700, None)] * 2


def test_two_messages_in_one_line_are_one_bad_line(lab: Driven) -> None:
    text = json.dumps(message(lab)).encode()
    assert errors(lab.meanwhile(text + b" " + text + b"\n")) == [(-32700, None)]


def test_a_long_argument_is_refused_by_its_schema_and_not_by_its_size(lab: Driven) -> None:
    result = lab.call("echo", text="x" * (1 << 20))
    assert result["isError"] and len(result["content"][0]["text"]) < 200


@pytest.mark.parametrize(
    ("row", "changes", "expected"),
    [
        ("R2", {"method": ...}, (-32600, 77)),
        ("R6", {"jsonrpc": ...}, (-32600, 77)),
        ("R6", {"jsonrpc": "1.0"}, (-32600, 77)),
        ("R6", {"jsonrpc": 2.0}, (-32600, 77)),
        ("R7", {"method": 5}, (-32600, 77)),
        ("R7", {"method": None}, (-32600, 77)),
        ("R7", {"method": ["tools/list"]}, (-32600, 77)),
        ("R8", {"method": ""}, (-32601, 77)),
        ("R9", {"id": None}, (-32600, None)),
        ("R10", {"id": 1.5}, (-32600, None)),
        ("R10", {"id": True}, (-32600, None)),
        ("R10", {"id": {}}, (-32600, None)),
        ("R10", {"id": []}, (-32600, None)),
        ("R14", {"params": [1]}, (-32602, 77)),
        ("R14", {"params": "x"}, (-32602, 77)),
        ("R15", {"params": None}, (-32602, 77)),
        ("R16", {"result": {}}, (-32600, 77)),
        ("M1", {"method": "no/such"}, (-32601, 77)),
        ("M1", {"method": "rpc.discover"}, (-32601, 77)),
        ("M1", {"method": "Tools/List"}, (-32601, 77)),
        ("M2", {"method": "tasks/get", "params": {"taskId": "1"}}, (-32601, 77)),
        ("M2", {"method": "tasks/list"}, (-32601, 77)),
        ("M2", {"method": "roots/list"}, (-32601, 77)),
        ("N3", {"method": "notifications/initialized"}, (-32601, 77)),
    ],
)
def test_a_bad_request_earns_one_error_with_the_id_that_could_be_read(
    lab: Driven, row: str, changes: dict[str, Any], expected: tuple[int, Any]
) -> None:
    assert errors(lab.meanwhile(message(lab, **changes))) == [expected], row


@pytest.mark.parametrize("request_id", ["", -1, 0, "x" * 10_000, 2**53 - 1, 1 - 2**53, 2**53 + 1, 2**63, "7", "\u2028"])
def test_an_odd_but_legal_id_comes_back_as_it_was(lab: Driven, request_id: Any) -> None:
    lab.send(message(lab, id=request_id))
    assert "tools" in lab.answer(request_id)["result"]


def test_a_call_nested_too_deep_is_refused_with_its_id(lab: Driven) -> None:
    outline: Any = {"title": "leaf"}
    for _ in range(60):
        outline = {"title": "twig", "children": [outline]}
    params = lab.params({"name": "render_outline", "arguments": {"outline": outline}})
    assert errors(lab.meanwhile(message(lab, method="tools/call", params=params))) == [(-32600, 77)]


def test_unknown_top_level_members_are_ignored(lab: Driven) -> None:
    lab.send(message(lab, extra={"a": 1}))
    assert "tools" in lab.answer(77)["result"]


def test_the_same_id_twice_in_flight_is_served_twice(lab: Driven) -> None:
    call = message(lab, method="tools/call", params=lab.params({"name": "export_notes", "arguments": {"tag": "kiln"}}))
    lab.send(call)
    lab.send(call)
    assert lab.answer(77) == lab.answer(77)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ..., "method": "notifications/unknown"},
        {"id": ..., "method": "notifications/cancelled", "params": {"requestId": "never"}},
        {"id": ..., "method": "notifications/cancelled", "params": [1]},
        {"id": ...},
        {"id": ..., "method": "no/such"},
        {"method": ..., "params": ..., "result": {}},
        {"method": ..., "params": ..., "result": {}, "error": {"code": 1, "message": "x"}},
        {"method": ..., "params": ..., "id": None, "error": {"code": 1, "message": "x"}},
    ],
)
def test_notifications_and_responses_are_never_answered(lab: Driven, changes: dict[str, Any]) -> None:
    assert lab.meanwhile(message(lab, **changes)) == []


def test_a_call_without_an_id_is_not_carried_out(lab: Driven) -> None:
    before = lab.text("list_notes")
    params = lab.params({"name": "create_note", "arguments": {"title": "ghost"}})
    assert lab.meanwhile(message(lab, id=..., method="tools/call", params=params)) == []
    assert lab.meanwhile(message(lab, id=None, method="tools/call", params=params))[0]["error"]["code"] == -32600
    assert lab.text("list_notes") == before


@pytest.mark.parametrize(
    ("row", "method", "params", "code"),
    [
        ("P1", "tools/call", {}, -32602),
        ("P1", "tools/call", {"name": 5}, -32602),
        ("P1", "tools/call", {"name": "echo", "arguments": ["x"]}, -32602),
        ("P1", "tools/call", {"name": "echo", "arguments": None}, -32602),
        ("P2", "tools/call", {"name": "no_such", "arguments": {}}, -32602),
        ("P2", "tools/call", {"name": "../echo", "arguments": {}}, -32602),
        ("P5", "resources/read", {"uri": "note://n-9999"}, None),
        ("P5", "resources/read", {"uri": "file:///etc/hostname"}, None),
        ("P6", "resources/read", {"uri": "no uri"}, -32602),
        ("P6", "resources/read", {"uri": 5}, -32602),
        ("P6", "resources/read", {}, -32602),
        ("P6", "resources/read", {"uri": "note://n-1001\n"}, -32602),
        ("P7", "prompts/get", {"name": "no_such"}, -32602),
        ("P7", "prompts/get", {"name": ["x"]}, -32602),
        ("P7", "prompts/get", {"name": "summarise_note"}, -32602),
        ("P7", "prompts/get", {"name": "summarise_note", "arguments": {"note_id": 5}}, -32602),
        ("P8", "tools/list", {"cursor": "bogus"}, -32602),
        ("P8", "tools/list", {"cursor": 5}, -32602),
        ("P8", "resources/list", {"cursor": None}, -32602),
        ("P9", "tools/list", {"_meta": {"progressToken": 1.5}}, -32602),
        ("P9", "tools/list", {"_meta": {"progressToken": True}}, -32602),
        ("CP-03", "completion/complete", {}, -32602),
        ("CP-03", "completion/complete", {"ref": {"type": "ref/no"}, "argument": {"name": "a", "value": "b"}}, -32602),
    ],
)
def test_bad_params_earn_the_code_of_their_row(
    lab: Driven, row: str, method: str, params: dict[str, Any], code: int | None
) -> None:
    wanted = code if code is not None else (-32602 if lab.revision == MODERN else -32002)
    answers = lab.meanwhile(message(lab, method=method, params=lab.params(params)))
    assert errors(answers) == [(wanted, 77)], row


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("add", {"a": 1}),
        ("add", {"a": 1, "b": "2"}),
        ("add", {"a": 1, "b": True}),
        ("add", {"a": 1, "b": 2, "c": 3}),
        ("label_sheet", {"text": "x", "copies": 201}),
        ("label_sheet", {"text": "x", "copies": 1.5}),
        ("create_note", {"title": ""}),
        ("create_note", {"title": "x", "tags": ["a", "a"]}),
        ("create_note", {"title": "x", "tags": ["kiln\n"]}),
        ("convert_units", {"value": 1, "from": "kg", "to": "stone"}),
        ("stock_lookup", {"sku": "mug-0042"}),
        ("render_outline", {"outline": {"title": "a", "children": [{"children": []}]}}),
        ("get_note", {"id": "n-9999"}),
        ("delete_note", {"id": "n-1001"}),
        ("convert_units", {"value": 1, "from": "kg", "to": "m"}),
        ("calculate", {"expression": "__import__('os').getpid()"}),
        ("calculate", {"expression": "1/0"}),
        ("check_tags", {"tags": "a" * 190 + "!"}),
    ],
)
def test_bad_arguments_are_an_error_result_in_plain_words(lab: Driven, tool: str, arguments: dict[str, Any]) -> None:
    result = lab.call(tool, **arguments)
    text = result["content"][0]["text"]
    assert result["isError"] is True and "structuredContent" not in result
    assert len(text) < 300 and "Traceback" not in text and "/" not in text.replace("1/0", "").replace("+ - * /", "")


def test_a_number_too_large_for_a_double_is_refused_by_the_schema(lab: Driven) -> None:
    params = json.dumps(lab.params({"name": "add", "arguments": {"a": 1, "b": 0}})).replace('"b": 0', '"b": 1e999')
    lab.raw(b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":' + params.encode() + b"}\n")
    assert lab.answer(77)["result"]["isError"]


def test_pages_lead_to_every_entry_once(lab: Driven) -> None:
    seen: list[str] = []
    params: dict[str, Any] = {}
    while True:
        result = lab.request("resources/list", params)["result"]
        seen += [entry["uri"] for entry in result["resources"]]
        if "nextCursor" not in result:
            break
        assert lab.request("resources/list", params)["result"] == result
        params = {"cursor": result["nextCursor"]}
    assert len(seen) == len(set(seen)) == 26
    assert lab.request("prompts/list", params)["error"]["code"] == -32602


def test_only_what_the_revision_knows_is_listed(lab: Driven) -> None:
    tools = {tool["name"]: tool for tool in lab.request("tools/list")["result"]["tools"]}
    assert ("annotations" in tools["get_note"]) is (lab.revision != "2024-11-05")
    assert ("outputSchema" in tools["get_note"]) is (lab.revision not in ("2024-11-05", "2025-03-26"))
    result = lab.call("add", a=2, b=0.5)
    assert json.loads(result["content"][0]["text"]) == {"sum": 2.5}
    assert ("structuredContent" in result) is ("outputSchema" in tools["get_note"])


def test_progress_grows_and_ends_before_the_answer(lab: Driven) -> None:
    lab.others = []
    params = {"name": "export_notes", "arguments": {"tag": "kiln"}, "_meta": {"progressToken": "p"}}
    result = lab.request("tools/call", params)["result"]
    told = [other["params"] for other in lab.others]
    assert [(one["progressToken"], one["progress"]) for one in told] == [("p", 1), ("p", 2)]
    assert "n-1001" in result["content"][0]["text"]


def test_a_cancelled_call_stays_silent_and_others_are_served(lab: Driven) -> None:
    first = lab.post("tools/call", {"name": "export_notes", "arguments": {"tag": "kiln"}})
    lab.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": first}})
    lab.others = []
    lab.request("tools/call", {"name": "export_notes", "arguments": {"tag": "clay"}})
    assert lab.others == []


# ---- one era each ------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", LEGACY)
def test_initialize_settles_the_revision_once(revision: str) -> None:
    with Driven(revision=None) as lab:
        params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": CLIENT}
        assert lab.request("tools/list")["error"]["code"] == -32602  # L1
        assert lab.request("initialize", {**params, "clientInfo": {}})["error"]["code"] == -32602
        result = lab.request("initialize", params)["result"]
        assert result["protocolVersion"] == revision and result["serverInfo"]["name"]
        assert ("completions" in result["capabilities"]) is (revision != "2024-11-05")
        assert lab.request("initialize", params)["error"]["code"] == -32600  # L2
        assert lab.request("ping")["result"] == {}
        assert lab.request("server/discover")["error"]["code"] == -32601
        assert lab.request("logging/setLevel", {"level": "loud"})["error"]["code"] == -32602  # P10
        assert lab.request("logging/setLevel", {"level": "info"})["result"] == {}
        assert lab.end() == 0


@pytest.mark.parametrize("revision", ["1999-01-01", "2099-01-01", "", "2026-07-28"])
def test_an_unknown_revision_is_answered_with_the_latest_one(revision: str) -> None:
    with Driven(revision=None) as lab:
        params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": CLIENT}
        assert lab.request("initialize", params)["result"]["protocolVersion"] == "2025-11-25"  # P12


@pytest.mark.parametrize("revision", REVISIONS)
def test_batches_are_served_in_the_one_revision_that_has_them(revision: str) -> None:
    with Driven(revision=revision) as lab:
        two = [
            message(lab, id=1),
            message(lab, id=..., method="notifications/x"),
            message(lab, id="2", method="no/such"),
        ]
        answers = lab.meanwhile(two)
        if revision != "2025-03-26":
            assert errors(answers) == [(-32600, None)]  # R4
            return
        [[first, second]] = answers
        assert (
            first["id"] == 1 and first["result"]["tools"] and second["id"] == "2" and second["error"]["code"] == -32601
        )
        assert errors(lab.meanwhile([])) == [(-32600, None)]  # R3
        [three] = lab.meanwhile([1, 2, 3])  # R5
        assert errors(three) == [(-32600, None)] * 3
        assert lab.meanwhile([message(lab, id=..., method="notifications/x")]) == []


def test_the_modern_form_holds_every_request_against_its_envelope() -> None:
    prefix = "io.modelcontextprotocol/"
    with Driven(revision=MODERN) as lab:
        found = lab.request("server/discover")["result"]
        assert found["supportedVersions"] == [MODERN] and found["resultType"] == "complete"
        assert (found["ttlMs"], found["cacheScope"]) == (60_000, "public")
        assert found["_meta"][prefix + "serverInfo"]["name"] and found["capabilities"]["tools"] == {"listChanged": True}
        for missing in ("protocolVersion", "clientCapabilities"):  # P11
            meta = {key: value for key, value in ENVELOPE.items() if key != prefix + missing}
            answers = lab.meanwhile(message(lab, params={"_meta": meta}))
            assert errors(answers) == [(-32602, 77)]
        assert errors(lab.meanwhile(message(lab, params={}))) == [(-32602, 77)]
        answers = lab.meanwhile(message(lab, params={"_meta": {**ENVELOPE, prefix + "protocolVersion": "2099-01-01"}}))
        assert errors(answers) == [(-32022, 77)]  # P12
        assert answers[0]["error"]["data"] == {"supported": [MODERN], "requested": "2099-01-01"}
        answers = lab.meanwhile(message(lab, params={"_meta": {**ENVELOPE, prefix + "logLevel": "loud"}}))
        assert errors(answers) == [(-32602, 77)]  # P10
        lab.send(message(lab, params={"_meta": {key: ENVELOPE[key] for key in ENVELOPE if "Info" not in key}}))
        assert lab.answer(77)["result"]["resultType"] == "complete"  # LM-04
        for removed in ("initialize", "ping", "logging/setLevel", "resources/subscribe"):  # M2
            assert lab.request(removed)["error"]["code"] == -32601


def test_log_lines_are_sent_only_where_they_were_asked_for() -> None:
    with Driven(revision=MODERN) as lab:
        call = {"name": "export_notes", "arguments": {"tag": "kiln"}}
        lab.request("tools/call", {**call, "_meta": {"io.modelcontextprotocol/logLevel": "warning"}})
        lab.request("tools/call", call)
        assert lab.others == []
        lab.request("tools/call", {**call, "_meta": {"io.modelcontextprotocol/logLevel": "debug"}})
        assert [other["method"] for other in lab.others] == ["notifications/message"]


def test_one_era_alone_refuses_the_other() -> None:
    with Driven("--era", "modern", revision=MODERN) as lab:
        lab.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
        assert lab.answer(1)["error"]["data"] == {"supported": [MODERN]}
        assert lab.request("tools/list")["result"]["tools"]
    with Driven("--era", "legacy", revision="2025-06-18") as lab:
        assert lab.request("server/discover")["error"]["code"] == -32601
