"""The lab's parts on their own: decoding, schemas, arithmetic, draws, the table, and what it may import."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mcpfuzz.lab
from mcpfuzz.lab import MASKS, build, selected, served_names, weaknesses
from mcpfuzz.lab.arithmetic import NotArithmetic, evaluate
from mcpfuzz.lab.codec import MAX_LINE, Refused, dumps, loads
from mcpfuzz.lab.core import Connection
from mcpfuzz.lab.drive import CLIENT
from mcpfuzz.lab.schema import Invalid, conform
from mcpfuzz.lab.serve import TOOLSETS
from mcpfuzz.lab.weakness import EVERYWHERE
from mcpfuzz.oracles.rules import RULES

FOLDER = Path(mcpfuzz.lab.__file__).parent
SOURCES = sorted(FOLDER.rglob("*.py"))
BEYOND = {
    "websocket": {"websockets"},
    "unchecked": {"websockets"},
    "certificates": {"trustme"},
    "guide": {"fastapi", "pydantic", "uvicorn", "starlette"},
}
"""Fronts that need a package of the extra `lab`."""
FORESEEN: frozenset[str] = frozenset()
"""Rules of networked servers that are not built yet."""

# ---- decoding ----------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, database=None)
@given(value=values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert loads(dumps(value).encode()).value == value
    assert loads(json.dumps(value, indent=1).encode()).value == value


@pytest.mark.parametrize(
    "line", [b'{"a":1,"a":2}', b"[NaN]", b'"\\udc00"', b'"\\ud800\\ud800"', b"[" * 501 + b"]" * 501]
)
def test_what_python_would_let_in_is_refused(line: bytes) -> None:
    with pytest.raises(Refused):
        loads(line)


@pytest.mark.parametrize("depth", [64, 65, 500])
def test_depth_is_told_up_to_the_limit_and_brackets_in_strings_do_not_count(depth: int) -> None:
    assert loads(b"[" * depth + b"]" * depth).deep is (depth > 64)
    assert loads(b'["' + b"[" * depth + b'"]').deep is False
    assert loads(b"[" + b",".join([b"[]"] * depth) + b"]").deep is False


def test_a_paired_surrogate_is_text_and_a_huge_integer_is_infinite() -> None:
    assert loads(b'"\\ud83d\\ude00"').value == "\U0001f600"
    assert loads(b"1" * 900).value == int("1" * 900)
    assert loads(b"1" * 5000).value == float("inf")
    with pytest.raises(Refused):
        loads(b" " * (MAX_LINE + 1))


# ---- whole lines, in process -------------------------------------------------------------------------


@settings(deadline=None, database=None, max_examples=120)
@given(data=st.data())
def test_no_line_makes_the_hardened_server_raise_or_answer_twice(data: st.DataObject) -> None:
    server, connection = build(), Connection()
    first = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}
    server.handle(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": first}).encode(), connection)
    methods = st.sampled_from(
        ["tools/call", "tools/list", "resources/read", "prompts/get", "completion/complete", "ping"]
    )
    params = st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("arguments", "uri", "ref", "argument", "cursor", "_meta"), values),
            "name": st.sampled_from(["add", "echo", "summarise_note"]) | values,
        },
    )
    message = st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0")},
        optional={"id": st.just(1) | values, "method": methods | values, "params": params | values},
    )
    line = data.draw(
        message.map(lambda value: json.dumps(value).encode()) | values.map(lambda value: dumps(value).encode())
    )
    answers = server.handle(line, connection)
    assert len(answers) <= 1
    for answer in answers:
        assert ("result" in answer) is not ("error" in answer)
        assert answer.get("error", {}).get("code") != -32603
        loads(dumps(answer).encode())


# ---- schemas and sums --------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", sorted(build(toolsets=["all"]).calls._schemas))
def test_our_validator_agrees_with_jsonschema_on_our_schemas(tool: str) -> None:
    schema = build(toolsets=["all"]).calls._schemas[tool]
    theirs = jsonschema.Draft202012Validator(schema)
    theirs.check_schema(schema)
    examples = {name: (one.get("examples") or ["x"])[0] for name, one in schema["properties"].items()}
    odd: list[Any] = [
        None,
        True,
        0,
        1,
        -1,
        1.0,
        1.5,
        10**9,
        -(10**13),
        "",
        "a",
        "x" * 50,
        "kiln",
        [],
        ["a", "a"],
        {},
        [1],
    ]
    candidates = [
        examples,
        {},
        {**examples, "more": 1},
        *({**examples, name: value} for name in examples for value in odd),
    ]
    for candidate in candidates:
        try:
            conform(schema, candidate)
            ours = True
        except Invalid as error:
            ours = False
            assert str(error).isprintable() and len(str(error)) < 400
        assert ours is theirs.is_valid(candidate), candidate


def test_a_pattern_ends_where_the_text_ends() -> None:
    with pytest.raises(Invalid):
        conform({"type": "string", "pattern": "^[a-z]+$"}, "users\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7*7", 49),
        ("2 * (3 + 4)", 14),
        ("2*-3", -6),
        ("--3", 3),
        ("-2*-(1+1)", 4),
        ("1/4", 0.25),
        ("10-4-3", 3),
        (" 5 ", 5),
    ],
)
def test_arithmetic_is_arithmetic(text: str, value: float) -> None:
    assert evaluate(text) == value == eval(text)


@pytest.mark.parametrize(
    "text", ["", "()", "1 2", "1+", "*1", "(1", "1)", "1/0", "a", "1e3", "9" * 20, "999999999*9999999", "1..2"]
)
def test_all_else_is_not(text: str) -> None:
    with pytest.raises(NotArithmetic):
        evaluate(text)


# ---- draws and names ---------------------------------------------------------------------------------


def test_the_same_seed_names_the_same_and_another_does_not() -> None:
    assert served_names("1") == served_names("1") != served_names("2")
    assert all(name == served for name, (served, _) in served_names(None).items())


@pytest.mark.parametrize("seed", [None, *map(str, range(20))])
def test_no_two_tools_and_no_two_arguments_share_a_name(seed: str | None) -> None:
    names = served_names(seed)
    assert len({served for served, _ in names.values()}) == len(names)
    assert all(len(set(arguments.values())) == len(arguments) for _, arguments in names.values())


# ---- the table ---------------------------------------------------------------------------------------


def test_every_row_names_known_rules_tools_and_arguments() -> None:
    names = served_names()
    rows = weaknesses()
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.expected and set(row.expected) | set(row.implied) <= RULES.keys() | FORESEEN, row.name
        assert not set(row.expected) & set(row.implied)
        assert row.toolset == "core" or row.toolset in TOOLSETS
        assert row.transports and set(row.transports) <= set(EVERYWHERE)
        if row.kind == "tool" and row.where != "tools/call":
            assert row.argument is None or row.argument in (*names[row.where][1], "role"), row.name


def test_every_mistake_is_marked_where_it_is_made() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in SOURCES
        if path.stem not in ("attacks", "robustness", "network", "people")
    )
    for row in weaknesses():
        assert f'on("{row.name}")' in code, row.name
        assert re.search(rf"(# |\"\"\"|, ){row.name}[:,]", code), row.name


def test_groups_and_exceptions_select() -> None:
    everything = {row.name for row in weaknesses()}
    assert selected(["all"]) == everything == selected(["robustness", "attacks", "network", "identity"])
    assert selected(["all"], ["race", "attacks", "network", "identity"]) == selected(["robustness"])
    assert set(MASKS) <= everything and len(MASKS) <= 4
    with pytest.raises(ValueError, match="no weakness 'nope'"):
        selected(["nope"])


# ---- the house rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_file_is_short_says_what_it_is_and_needs_only_the_standard_library(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 400
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            allowed = sys.stdlib_module_names | BEYOND.get(path.stem, set())
            assert module.startswith("mcpfuzz.lab") or module.split(".")[0] in allowed, module
