"""Each malformed message truly has the defect that its label names, and nothing else is wrong with it."""

from __future__ import annotations

import itertools
import json
import re
from ast import literal_eval
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, find, settings
from jsonschema import Draft202012Validator

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json, Open, Operation, Raw, Send, Surface, at_pointer
from mcpfuzz.oracles.table import ROWS
from mcpfuzz.revisions import METHODS
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.jsonrpc import (
    UNREADABLE,
    Context,
    Malformed,
    Offer,
    catalogue,
    draw,
    malformed_frames,
    malformed_messages,
    request,
    requests,
)

ECHO = Offer("echo", {"text": "hello"}, {
    "type": "object", "required": ["text"],
    "properties": {"text": {"type": "string", "maxLength": 40}, "tone": {"type": "string", "enum": ["soft", "loud"]}},
})  # fmt: skip
ADD = Offer("add", {"a": 1, "b": 2.5, "rows": [1, 2]}, {
    "type": "object", "additionalProperties": False, "required": ["a", "b"],
    "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 99}, "b": {"type": "number"},
                   "rows": {"type": "array"}, "deep": {"type": "object"}, "sure": {"type": "boolean"},
                   "few": {"type": "integer", "minimum": 5}, "many": {"type": "number", "maximum": -0.5},
                   "any": {"$ref": "#"}},
})  # fmt: skip
GREET = Offer("greet", {"who": "Ann"}, {"required": ["who"]})
LEGACY = Context(
    tools=(ECHO, ADD), resources=("demo:one", "demo:two"), prompts=(GREET,),
    methods=("ping", "tools/list", "resources/list", "prompts/list"), undeclared=("completion/complete",),
)  # fmt: skip
MODERN = Context(
    revision="2026-07-28", tools=(ECHO, ADD), resources=("demo:one", "demo:two"), prompts=(GREET,), needing=(ECHO,),
    methods=("server/discover", "tools/list", "resources/list", "prompts/list"), undeclared=("completion/complete",),
)  # fmt: skip
BATCHED = Context(revision="2025-03-26", tools=(ECHO,))
CASES = [(row, context) for context in (LEGACY, MODERN) for row in catalogue(context)]
by_case = pytest.mark.parametrize(("row", "context"), CASES, ids=[f"{row}-{context.letter}" for row, context in CASES])
META = "io.modelcontextprotocol/"
ENVELOPE = {META + "protocolVersion", META + "clientCapabilities"}


def drawn(row: str, context: Context, count: int = 200) -> list[Malformed]:
    choices = RandomChoices("test", row)
    return [draw(choices, row, context) for _ in range(count)]


# ---- a reader of our own, stricter than any server's ------------------------------------------------


class Duplicate(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Duplicate(pairs)
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def strict(line: bytes | str) -> Json:
    """The value of a line that is JSON beyond doubt; ValueError for all else."""
    text = line.decode("utf-8") if isinstance(line, bytes) else line
    return json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant)


def lenient(line: bytes) -> Json:
    return json.loads(line.decode("utf-8", "replace").lstrip("\ufeff"))


def is_json(line: bytes | str) -> bool:
    try:
        strict(line)
    except ValueError:
        return False
    return True


def message(case: Malformed) -> Any:
    sends = [action for action in case.actions if isinstance(action, Send)]
    return sends[-1].message


def text(case: Malformed) -> str:
    assert isinstance(case.action, Raw) and isinstance(case.action.data, str)
    return case.action.data[:-1]


def strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from itertools.chain(value, *map(strings, value.values()))
    elif isinstance(value, list | tuple):
        yield from itertools.chain(*map(strings, value))


def is_request(value: Json, context: Context) -> bool:
    """Nothing is wrong with it as a request."""
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0" or type(value.get("method")) is not str:
        return False
    params = value.get("params", {})
    return (
        type(value.get("id")) in (int, str)
        and set(value) <= {"jsonrpc", "id", "method", "params"}
        and isinstance(params, dict)
        and (not context.modern or params.get("_meta", {}).keys() >= ENVELOPE)
    )


# ---- the defects, row by row ------------------------------------------------------------------------


def f1(case: Malformed, context: Context) -> bool:
    return not is_json(text(case))


def f2(case: Malformed, context: Context) -> bool:
    return all(line.strip(b" \t\r\n") == b"" for line in case.encoded())


def f3(case: Malformed, context: Context) -> bool:
    (line,) = case.encoded()
    literal, _, where = case.why.partition(" at ")
    value = json.loads(line, parse_constant=lambda name: ["constant", name])
    return not is_json(line) and at_pointer(value, where) == ["constant", literal]


def f4(case: Malformed, context: Context) -> bool:
    (line,) = case.encoded()
    with pytest.raises(UnicodeDecodeError):
        line.decode("utf-8")
    return "\ufffd" in at_pointer(lenient(line), case.why.rpartition(" at ")[2])


def f5(case: Malformed, context: Context) -> bool:
    (line,) = case.encoded()
    value = at_pointer(strict(line), case.why.rpartition(" at ")[2])
    while isinstance(value, list | dict):
        value = next(iter(value.values() if isinstance(value, dict) else value))
    return any(0xD800 <= ord(char) <= 0xDFFF for char in value) and case.why.split()[4] in text(case)


def f6(case: Malformed, context: Context) -> bool:
    return text(case)[0] == "\ufeff" and is_request(strict(text(case)[1:]), context)


def f7(case: Malformed, context: Context) -> bool:
    found: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in items]
        found.extend(key for key in set(keys) if keys.count(key) == 2)
        return dict(items)

    json.loads(text(case), object_pairs_hook=pairs)
    return found == [case.why.split('"')[1]]


def f8(case: Malformed, context: Context) -> bool:
    (line,) = case.encoded()
    depth = deepest = 0
    for char in re.findall(rb"[][{}]", line):
        depth += 1 if char in b"[{" else -1
        deepest = max(deepest, depth)
    told = int(case.why.split()[0])
    return depth == 0 and 5_000 <= told <= 100_001 and told <= deepest <= told + 4


def f9(case: Malformed, context: Context) -> bool:
    size = int(case.why.split()[3])
    return 1 << 20 <= size <= (64 << 20) + 3 and is_request(
        {key: value for key, value in message(case).items() if key in ("jsonrpc", "id", "method", "params")}, context
    )


def f10(case: Malformed, context: Context) -> bool:
    lines = [line[:-1] for line in case.encoded()]
    whole = b"".join(lines)
    if len(lines) == 2:
        return not is_json(lines[0]) and not is_json(lines[1]) and is_request(strict(whole), context)
    first, end = json.JSONDecoder().raw_decode(whole.decode())
    return not is_json(whole) and is_request(first, context) and end < len(whole.decode())


def but_for(key: str, wrong: Callable[[Json], bool]) -> Callable[[Malformed, Context], bool]:
    """Sound, but for one member."""

    def check(case: Malformed, context: Context) -> bool:
        sound = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": dict.fromkeys(ENVELOPE)}}
        value = message(case) if isinstance(case.action, Send) else strict(text(case))
        return wrong(value.get(key, KeyError)) and is_request({**value, key: sound[key]}, context)

    return check


def r4(case: Malformed, context: Context) -> bool:
    asked = [item for item in message(case) if "id" in item]
    return len(asked) == 2 and all(is_request(item, context) for item in asked) and len(message(case)) in (2, 3)


def r14(case: Malformed, context: Context) -> bool:
    """A sound request but for its params; or a notification whose params make it none."""
    if "id" not in message(case):
        return n(case, context) and not isinstance(message(case)["params"], dict)
    return but_for("params", lambda value: not isinstance(value, dict) and value is not None and value is not KeyError)(
        case, context
    )


def r16(case: Malformed, context: Context) -> bool:
    extra = set(message(case)) - {"jsonrpc", "id", "method", "params"}
    rest = {key: value for key, value in message(case).items() if key not in extra}
    return len(extra) == 1 and is_request(rest, context) and extra.pop() in case.why


def asks(method: str, wrong: Callable[[dict[str, Any], Context], bool]) -> Callable[[Malformed, Context], bool]:
    """A sound request for `method` whose params are wrong."""

    def check(case: Malformed, context: Context) -> bool:
        value = message(case)
        named = value["method"] == method or (method == "any" and value["method"])
        return bool(named) and is_request(value, context) and wrong(value.get("params", {}), context)

    return check


def p1(case: Malformed, context: Context) -> bool:
    params = message(case).get("params", {})
    return type(params.get("name")) is not str or type(params.get("arguments", {})) is not dict


def p3(params: dict[str, Any], context: Context) -> bool:
    schema = next(tool.schema for tool in context.tools if tool.name == params["name"])
    return not Draft202012Validator(schema).is_valid(params["arguments"])


def p4(params: dict[str, Any], context: Context) -> bool:
    tool = next(tool for tool in context.tools if tool.name == params["name"])
    return Draft202012Validator(tool.schema).is_valid(params["arguments"]) and len(params["arguments"]) == 1 + len(
        tool.arguments
    )


def p6(params: dict[str, Any], context: Context) -> bool:
    rfc3986 = r"[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*(#.*)?"
    return re.fullmatch(rfc3986, params["uri"]) is None


def p7(params: dict[str, Any], context: Context) -> bool:
    return params["name"].startswith("nosuch-") or "who" not in params["arguments"]


def p10(case: Malformed, context: Context) -> bool:
    params = message(case)["params"]
    levels = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
    level = params["_meta"][META + "logLevel"] if context.modern else params["level"]
    return is_request(message(case), context) and (not isinstance(level, str) or level not in levels)


def p11(case: Malformed, context: Context) -> bool:
    meta = message(case).get("params", {}).get("_meta", {})
    return not meta.keys() >= ENVELOPE and all(key in meta or "_meta" in case.why for key in ENVELOPE)


def p12(case: Malformed, context: Context) -> bool:
    params = message(case)["params"]
    asked = params["_meta"][META + "protocolVersion"] if context.modern else params["protocolVersion"]
    return asked == case.trap and asked not in {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"}


def n(case: Malformed, context: Context) -> bool:
    if case.row == "N1" and not isinstance(message(case).get("params", {}), dict):
        return False  # it would be no notification, and might be answered
    return "id" not in message(case) and is_json(json.dumps(message(case))) and message(case)["jsonrpc"] == "2.0"


def s(case: Malformed, context: Context) -> bool:
    parts = [key for key in ("result", "error") if key in message(case)]
    return "method" not in message(case) and len(parts) == {"S1": 1, "S2": 2}[case.row] and "id" in message(case)


KNOWN = {method.name for method in METHODS}
LEGAL_ID = (2**53) - 1
DEFECTS: dict[str, Callable[[Malformed, Context], bool]] = {
    "F1": f1, "F2": f2, "F3": f3, "F4": f4, "F5": f5, "F6": f6, "F7": f7, "F8": f8, "F9": f9, "F10": f10,
    "R1": lambda case, _: not isinstance(message(case), dict | list),
    "R2": lambda case, _: "method" not in message(case) and isinstance(message(case), dict),
    "R3": lambda case, _: strict(text(case)) == [],
    "R4": r4,
    "R5": lambda case, _: message(case) != [] and not any(isinstance(item, dict) for item in message(case)),
    "R6": but_for("jsonrpc", lambda value: value != "2.0"),
    "R7": but_for("method", lambda value: not isinstance(value, str) and value is not KeyError),
    "R8": but_for("method", lambda value: value == ""),
    "R9": but_for("id", lambda value: value is None),
    "R10": but_for("id", lambda value: isinstance(value, bool | list | dict) or value % 1 == 0.5),
    "R11": lambda case, context: is_request(message(case), context) and message(case)["method"] in context.methods
    and (isinstance(case.id, str) or abs(case.id) <= LEGAL_ID),
    "R12": but_for("id", lambda value: type(value) is int and abs(value) > 1 << 53 and int(float(value)) != value),
    "R13": lambda case, context: case.together and len({action.message["id"] for action in case.actions}) == 1  # type: ignore[union-attr]
    and all(is_request(action.message, context) for action in case.actions),  # type: ignore[union-attr]
    "R14": r14,
    "R15": but_for("params", lambda value: value is None),
    "R16": r16,
    "M1": lambda case, context: is_request(message(case), context) and message(case)["method"] not in KNOWN,
    "M2": lambda case, context: is_request(message(case), context) and message(case)["method"] not in context.methods,
    "P1": p1,
    "P2": asks("tools/call", lambda params, context: params["name"] not in {tool.name for tool in context.tools}),
    "P3": asks("tools/call", p3), "P4": asks("tools/call", p4),
    "P5": asks("resources/read", lambda params, context: params["uri"] not in context.resources),
    "P6": asks("resources/read", p6), "P7": asks("prompts/get", p7),
    "P8": asks("any", lambda params, _: type(params["cursor"]) is str),
    "P9": asks("any", lambda params, _: type(params["_meta"]["progressToken"]) not in (int, str)),
    "P10": p10, "P11": p11, "P12": p12,
    "P13": asks("tools/call", lambda params, _: params["_meta"][META + "clientCapabilities"] == {}),
    "N1": n, "N2": n,
    "N3": asks("any", lambda params, _: True),
    "S1": s, "S2": s,
    "L1": lambda case, context: case.needs_new_connection and is_request(message(case), context),
    "L2": asks("initialize", lambda params, _: "protocolVersion" in params),
}  # fmt: skip


def test_every_row_that_a_message_can_carry_has_a_generator_and_a_judge() -> None:
    assert list(catalogue()) == [row for row in ROWS if row[0] not in "HW"] == list(DEFECTS)
    assert set(catalogue(LEGACY)) | set(catalogue(MODERN)) == set(catalogue())


@by_case
def test_each_message_has_the_defect_of_its_row(row: str, context: Context) -> None:
    for case in drawn(row, context, 30 if row == "F8" else 200):
        assert case.row == row
        assert DEFECTS[row](case, context), case


# ---- labels -----------------------------------------------------------------------------------------

SCAR: dict[str, Callable[..., object]] = {
    r"truncated after (\d+) of (\d+) characters": lambda body, cut, of: len(body) == int(cut) < int(of),
    r'trailing comma after ("[^"]+")': lambda body, key: re.search(re.escape(key) + r":.*,[}\]]", body),
    r"trailing comma before '(.)' at character (\d+)": lambda body, char, at: body[int(at) :][:2] == "," + char,
    r"raw control byte 0x(..) in the string .*": lambda body, code: chr(int(code, 16)) in body,
    r"U\+(\w{4}) between two tokens, at character (\d+)": lambda body, code, at: body[int(at)] == chr(int(code, 16)),
    r"(.+) missing at character (\d+)": lambda body, lost, at: is_json(body[: int(at)] + lost + body[int(at) :]),
    r"(.+) twice in a row at character (\d+)": lambda body, twin, at: is_json(
        body[: int(at)] + body[int(at) + len(twin) :]
    ),
    r'the string "(.*)" (without.*|in.*)': lambda body, inner, _: inner in body,
    r"the value of (.+) is (.+), which is no JSON literal": lambda body, key, odd: f"{key}:{odd}" in body,
    r"the escape (.+) in the string .*": lambda body, odd: is_json(body.replace(odd, "", 1)),
    r"the comment (.+) at character (\d+)": lambda body, note, at: (
        is_json(body.replace(note, "", 1)) and body[int(at) :].startswith(note)
    ),
    r"(['\"].*['\"]) before the message": lambda body, odd: (
        body.startswith(odd := literal_eval(odd)) and is_json(body[len(odd) :])
    ),
    r"(['\"].*['\"]) after the message": lambda body, odd: (
        body.endswith(odd := literal_eval(odd)) and is_json(body[: -len(odd)])
    ),
    r"no JSON at all: .*": lambda body: not body.startswith("{"),
}


def test_the_labels_of_what_is_no_json_tell_the_truth() -> None:
    seen = set()
    for case in drawn("F1", LEGACY, 3000):
        pattern, match = next((key, found) for key in SCAR if (found := re.fullmatch(key, case.why, re.DOTALL)))
        seen.add(pattern)
        assert not is_json(text(case)), case  # a comma lost from [1,2] would leave [12]
        assert SCAR[pattern](text(case), *match.groups()), case
    assert seen == set(SCAR)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("R2", ["an empty object", '"methods" instead', "no method"]),
        ("R6", ["no jsonrpc", 'jsonrpc is "1.0"', "jsonrpc is 2.0"]),
        ("R16", ["has a result", "has an error", "unknown member"]),
        ("P3", ["text is missing", "not of type integer", "not in its enum", "below its minimum 0"]),
        ("P3", ["above its maximum 99", "more than its maxLength 40", "closed schema"]),
        ("P7", ["unknown prompt", "required argument who"]),
        ("F8", ["nested arrays", "nothing else", "nested objects"]),
    ],
)  # fmt: skip
def test_the_forms_that_the_table_names_are_all_drawn(row: str, words: list[str]) -> None:
    whys = [case.why for case in drawn(row, LEGACY, 3000)]
    assert all(any(word in why for why in whys) for word in words)


def test_modern_contexts_ask_for_the_removed_methods_unless_the_server_speaks_both_eras() -> None:
    asked = {message(case)["method"] for case in drawn("M2", MODERN)}
    assert asked >= {"initialize", "ping", "logging/setLevel", "resources/subscribe", "completion/complete"}
    dual = Context(revision="2026-07-28", dual_era=True)
    assert "initialize" not in {message(case)["method"] for case in drawn("M2", dual)}
    assert "L2" not in catalogue(dual)


# ---- ids, size, safety ------------------------------------------------------------------------------


@by_case
def test_the_id_is_the_one_a_reader_finds(row: str, context: Context) -> None:
    for case in drawn(row, context, 20 if row == "F8" else 100):
        for action in case.actions:
            if isinstance(action, Send) and isinstance(action.message, dict):
                found = action.message.get("id", UNREADABLE)
                assert found == case.id or found in case.id, case
        wanted = ROWS[row].due or (row == "R4" and context.letter == "B")
        assert case.expects_answer == wanted
        if row == "F1" and case.id is not UNREADABLE:
            assert f'"id":{json.dumps(case.id)}' in text(case)
        if row in ("F3", "F6", "F7") and isinstance(case.id, int | str):
            assert lenient(case.encoded()[0])["id"] == case.id


def test_batches_of_revision_b_are_owed_their_answers() -> None:
    assert all(case.expects_answer and len(set(case.id)) == 2 for case in drawn("R4", BATCHED))


def test_thousands_of_frames_of_one_session_share_no_id() -> None:
    choices, seen = RandomChoices("ids"), set()
    rows = [row for row in catalogue(LEGACY) if row not in ("F8", "R9", "R10", "R11", "R12", "R13")]
    count = 0
    for row in itertools.islice(itertools.cycle(rows), 8000):
        ids = draw(choices, row, LEGACY).id
        for key in ids if isinstance(ids, tuple) else (ids,):
            if key is not UNREADABLE:
                seen.add(key)
                count += 1
    assert len(seen) == count > 5000
    assert {type(key) for key in seen} == {int, str}
    assert all(isinstance(key, str) or 1 << 32 < key < 1 << 53 for key in seen)


@by_case
def test_frames_end_with_one_line_feed_and_hold_no_other_and_stay_small(row: str, context: Context) -> None:
    for case in drawn(row, context, 20 if row in ("F8", "F9") else 100):
        for action in case.actions:
            if isinstance(action, Raw):
                line = action.data if isinstance(action.data, bytes) else action.data.encode("utf-8")
                assert line.endswith(b"\n") and line.count(b"\n") == 1
            assert len(repr(action)) < 60_000
        assert len(repr(case)) < 1_200
        assert case.row in repr(case)
        assert case.why and "~mcpfuzz~" not in case.why


def test_large_frames_are_slots_until_they_are_sent() -> None:
    case = next(case for case in drawn("F9", LEGACY) if int(case.why.split()[3]) < 2 << 20)
    (line,) = case.encoded()
    assert len(line) >= 1 << 20
    assert strict(line)["id"] == case.id


@by_case
def test_tools_are_called_with_their_good_arguments_only(row: str, context: Context) -> None:
    good = {tool.name: tool.arguments for tool in context.tools}
    for case in drawn(row, context, 20 if row == "F8" else 100):
        for action in case.actions:
            sent = action.message if isinstance(action, Send) else None
            for value in sent if isinstance(sent, list) else [sent]:
                params = value.get("params") if isinstance(value, dict) else None
                if row not in ("P1", "P3") and isinstance(params, dict) and params.get("name") in good:
                    known, given = good[params["name"]], params["arguments"]
                    assert {key: given.get(key) for key in known} == known, case
                    assert len(given) - len(known) <= (row in ("P4", "F9")), case


RISKY = re.compile(
    r"\.\.|://|^[/~\\]|(?<![a-z0-9])(rm|dd|sh|del|drop|kill|exec|eval|mkfs|sudo|format)(?![a-z])|\{(port|listener)",
    re.I,
)


@by_case
def test_no_string_holds_a_host_a_path_or_a_word_of_ruin(row: str, context: Context) -> None:
    for case in drawn(row, context, 20 if row == "F8" else 200):
        for action in case.actions:
            if isinstance(action, Send):
                for value in strings(action.message):
                    assert not RISKY.search(value) or value.startswith("rpc."), (value, case)


@by_case
def test_the_good_arguments_of_the_context_are_never_written_to(row: str, context: Context) -> None:
    drawn(row, context, 50)
    assert ECHO.arguments == {"text": "hello"} and ADD.arguments == {"a": 1, "b": 2.5, "rows": [1, 2]}
    assert context.envelope is None or context.envelope.keys() >= ENVELOPE


# ---- variety, repeatability, shrinking --------------------------------------------------------------


def without_ids(case: Malformed) -> str:
    shown = repr(case.action)
    if case.row not in ("R10", "R11", "R12"):
        for key in case.id if isinstance(case.id, tuple) else (case.id,):
            shown = shown.replace(str(key), "ID") if len(str(key)) > 5 else shown
    return shown


@by_case
def test_nine_of_ten_draws_are_distinct_even_without_their_ids(row: str, context: Context) -> None:
    count = 300 if row == "F8" else 1000
    assert len(set(map(without_ids, drawn(row, context, count)))) >= 0.9 * count


@by_case
def test_equal_seeds_draw_equal_messages(row: str, context: Context) -> None:
    assert drawn(row, context, 5) == drawn(row, context, 5)


QUICK = settings(database=None, deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    ("row", "words", "expected"),
    [
        ("F1", "trailing comma", '{"jsonrpc":"2.0","id":10000000000,"method":"ping",}\n'),
        ("F10", "split", '{\n"jsonrpc":"2.0","id":10000000000,"method":"ping"}\n'),
        ("F3", "NaN", '{"jsonrpc":"2.0","id":10000000000,"method":"ping","params":{"b":NaN}}\n'),
        ("R6", '"1.0"', '{"jsonrpc":"1.0","id":10000000000,"method":"ping"}\n'),
        ("R9", "null", '{"jsonrpc":"2.0","id":null,"method":"ping"}\n'),
        ("M1", "made-up", '{"jsonrpc":"2.0","id":10000000000,"method":"x-bbb"}\n'),
    ],
)
def test_hypothesis_shrinks_to_the_plainest_message(row: str, words: str, expected: str) -> None:
    strategy = (malformed_frames if row[0] == "F" else malformed_messages)(rows=[row], context=LEGACY)
    case = find(strategy, lambda case: words in case.why, settings=QUICK)
    assert b"".join(case.encoded()).decode() == expected


def test_the_public_strategies_need_nothing_and_show_what_they_are() -> None:
    assert repr(malformed_frames()) == "malformed_frame()"
    assert repr(malformed_messages()) == "malformed_message()"
    assert find(malformed_frames(), lambda case: case.row == "F6", settings=QUICK).why.startswith("a byte order mark")
    assert find(malformed_messages(), lambda case: case.row == "S2", settings=QUICK).row == "S2"


@pytest.mark.parametrize("revision", ["2024-11-05", "2026-07-28"])
def test_requests_are_well_formed(revision: str) -> None:
    context, choices = Context(revision=revision), RandomChoices(revision)
    assert all(is_request(request(choices, context), context) for _ in range(500))
    smallest = find(requests(revision=revision), lambda _: True, settings=QUICK)
    assert smallest["method"] == context.methods[0] and is_request(smallest, context)


# ---- what goes wrong, and what is handed on ---------------------------------------------------------


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: draw(RandomChoices(1), "F99"),
        lambda: draw(RandomChoices(1), "P3", Context()),
        lambda: draw(RandomChoices(1), "P13", LEGACY),
        lambda: malformed_frames(rows=["R1"]),
        lambda: malformed_messages(rows=["P11"], context=LEGACY),
        lambda: malformed_messages(rows=[]),
        lambda: requests(revision="1999-01-01"),
    ],
)
def test_misuse_is_told_at_once(misuse: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        misuse()


def test_a_context_comes_from_a_surface_and_leaves_out_what_may_not_be_called() -> None:
    def tool(name: str, skipped: str | None = None) -> Operation:
        return Operation(kind="tool", name=name, schema=ECHO.schema, skipped=skipped)

    surface = Surface(
        revision="2025-11-25",
        revisions=("2025-11-25", "2026-07-28"),
        server={},
        capabilities={"tools": {}, "resources": {}},
        operations=(
            tool("echo"), tool("wipe", "destructive"), tool("unknown"),
            Operation(kind="resource", name="demo:one", schema={}),
            Operation(kind="resource", name="demo:{id}", schema={}, template="demo:{id}"),
        ),
        good={("tool", "echo"): ({"text": "hi"},), ("tool", "wipe"): ({},), ("tool", "unknown"): ()},
    )  # fmt: skip
    context = Context.of(surface)
    assert context.tools == (Offer("echo", {"text": "hi"}, ECHO.schema),)
    assert context.resources == ("demo:one",)
    assert context.methods == ("ping", "tools/list", "resources/list", "resources/templates/list")
    assert set(context.undeclared) == {"prompts/list", "prompts/get", "completion/complete", "logging/setLevel"}
    assert context.dual_era


def test_names_of_the_server_that_look_like_slots_are_sent_as_they_stand() -> None:
    context = Context(tools=(Offer("{port}", {}),), resources=("demo:{canary:x}",))
    sent = b"".join(line for row in ("L1", "N2", "P1") for case in drawn(row, context) for line in case.encoded())
    assert b'"{port}"' in sent and b'"demo:{canary:x}"' in sent


def test_a_case_becomes_steps() -> None:
    (both,) = drawn("R13", LEGACY, 1)
    assert [step.group for step in both.steps(on="c7", as_="bob")] == ["together", "together"]
    assert {(step.on, step.as_) for step in both.steps(on="c7", as_="bob")} == {("c7", "bob")}
    (early,) = drawn("L1", LEGACY, 1)
    assert early.conversation().steps[0].action == Open(handshake=False)
    assert len(early.conversation()) == 2 and len(early.encoded()) == 1
