"""Good calls are learned: what a refusal asks for, where the workspace comes in, who is asked first and how often."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from mcpfuzz.campaign.demands import amended
from mcpfuzz.campaign.harvest import Harvest, hints
from mcpfuzz.campaign.proposals import proposals, sample_files, strangers
from mcpfuzz.campaign.reach import Reach, rejection
from mcpfuzz.client import Client
from mcpfuzz.effects.workspace.gitconfig import config_line, read_config
from mcpfuzz.effects.workspace.scratch import ScratchTree
from mcpfuzz.model import Json, Operation, Surface
from mcpfuzz.slots import Filler
from tests.playing import play, proved

TEXT: dict[str, Json] = {"type": "string"}
GOOD = {"result": {"content": [{"type": "text", "text": "done"}]}}


def refusal(text: str) -> Json:
    return {"result": {"isError": True, "content": [{"type": "text", "text": text}]}}


def tool(name: str, *required: str, description: str = "", **properties: Json) -> Operation:
    schema: dict[str, Json] = {"type": "object", "properties": properties, "required": list(required)}
    return Operation(kind="tool", name=name, schema=schema, description=description)


# ---- examples


def test_examples_of_what_a_server_does_not_offer_are_named() -> None:
    note = Operation(kind="resource", name="note://{id}", schema={}, template="note://{id}")
    given: list[Mapping[str, Json]] = [
        {"tool": "read"}, {"tool": "raed", "arguments": {"a": 1}}, {"tool": "raed"},
        {"resource": "note://1"}, {"resource": "card://1"}, {"prompt": "read"},
    ]  # fmt: skip
    assert strangers([tool("read"), note], given) == ("tool 'raed'", "resource 'card://1'", "prompt 'read'")


# ---- what a refusal asks for

ZOD_3 = (
    'Error: Invalid arguments: [\n {"code": "invalid_type", "expected": "string", "received": "undefined", '
    '"path": ["identifier"], "message": "Required"}\n]'
)
ZOD_4 = 'MCP error -32602: [{"expected": "number", "code": "invalid_type", "path": ["limit"], "message": "no"}]'
ZOD_WORDS = '[{"code": "invalid_enum_value", "options": ["low", "high"], "path": ["level"], "received": "alpha"}]'
ZOD_ABSENT = """[{"code": "invalid_type", "expected": "'low' | 'high'", "received": "undefined", "path": ["level"]}]"""
ZOD_DEEP = '[{"code": "invalid_type", "expected": "string", "path": ["items", 0, "title"]}]'
ZOD_MORE = '[{"code": "unrecognized_keys", "keys": ["alpha"], "path": [], "message": "no"}]'
ZOD_ADDRESS = '[{"code": "invalid_string", "validation": "url", "path": ["page"], "message": "Invalid url"}]'
AJV = '[{"instancePath": "", "keyword": "required", "params": {"missingProperty": "count"}}]'
PYDANTIC = (
    "2 validation errors for add\nlimit\n  Input should be a valid integer [type=int_parsing, input_value='a']\n"
    "mode\n  Input should be 'fast' or 'slow' [type=literal_error, input_value='x']\n"
)
PYDANTIC_MORE = (
    "1 validation error\nalpha\n  Unexpected keyword argument [type=unexpected_keyword_argument, input_value=1]"
)


@pytest.mark.parametrize(
    ("given", "said", "asked"),
    [
        ({}, ZOD_3, {"identifier": "1"}), ({}, ZOD_4, {"limit": 1}), ({"level": "alpha"}, ZOD_WORDS, {"level": "low"}),
        ({}, ZOD_ABSENT, {"level": "low"}), ({}, ZOD_DEEP, {"items": [{"title": "alpha"}]}),
        ({"alpha": 1, "b": 2}, ZOD_MORE, {"b": 2}), ({"page": "x"}, ZOD_ADDRESS, {"page": "{listener}/page"}),
        ({}, AJV, {"count": 3}), ({"limit": "a"}, PYDANTIC, {"limit": 1, "mode": "fast"}),
        ({"alpha": 1}, PYDANTIC_MORE, {}), ({}, "Missing required parameter: title", {"title": "alpha"}),
        ({}, "'repo_path' is a required property", {"repo_path": "{workspace}"}),
        ({"mode": "x", "a": "y"}, "Invalid mode 'x'. Must be one of: append, prepend", {"mode": "append", "a": "y"}),
        ({"kind": "x", "id": "1"}, "Invalid kind: x. Must be Text or Blob.", {"kind": "Text", "id": "1"}),
        ({"level": 5}, "level must be greater than or equal to 7", None),
        ({"a": 1}, "It is raining.", None), ({"a": 1}, "Not found: 7", None),
    ],
)  # fmt: skip
def test_a_call_becomes_what_its_refusal_asks_for(
    given: dict[str, Json], said: str, asked: dict[str, Json] | None
) -> None:
    assert amended(given, refusal(said), {"count": 3}, "{workspace}") == asked


def test_a_refusal_in_an_error_is_read_too_and_names_no_harm() -> None:
    error = {"error": {"code": -32602, "message": "x", "data": json.loads(ZOD_4.partition(": ")[2])}}
    assert amended({}, error, {}, None) == {"limit": 1}
    words = ZOD_WORDS.replace('"low"', '"rm -rf /"')
    assert amended({}, refusal(words), {}, None) == {"level": "high"}


@pytest.mark.parametrize(
    "said",
    [
        "[{", "[{}]", '[{"path": [[]]}]', '[{"path": [7, "x"], "expected": "string"}]', "[{" * 9000,
        '[{"path": [-1], "expected": "string"}]',
    ],
)  # fmt: skip
def test_a_refusal_that_is_no_list_of_issues_asks_for_nothing(said: str) -> None:
    assert amended({"a": 1}, refusal(said), {}, None) is None


@pytest.mark.parametrize(
    "answer",
    [
        refusal("a.\N{SUPERSCRIPT TWO}\n  Field required [type=missing, input_value={}]"),
        refusal('[{"path": ["list", -1], "expected": "string"}]'),
        {"error": {"code": 1, "message": "no", "data": reduce(lambda deep, _: [deep], range(1_000), 0)}},
        {"error": {"code": 1, "message": reduce(lambda deep, _: {"a": deep}, range(1_000), 0)}},
    ],
)
def test_no_refusal_is_too_odd_to_be_read(answer: Json) -> None:
    asked = amended({"list": []}, answer, {}, None)
    assert asked is None or asked.keys() <= {"list", "a"}
    assert (list(hints(answer)), len(rejection(answer)) <= 120) == ([], True)


def test_a_page_of_empty_lines_is_read_in_no_time() -> None:
    harvest, began = Harvest(), time.process_time()
    text = "first-1\n" + "\n" * 19_000 + "!"
    harvest.take("list_things", {"result": {"content": [{"type": "text", "text": text}]}})
    assert harvest.values("thing_id") == ["first-1"]
    assert time.process_time() - began < 2  # it was twelve seconds


# ---- what is proposed


def proposed(operation: Operation, *names: str) -> list[Mapping[str, Json]]:
    files = ("{workspace}", *("{workspace}/" + name for name in names), "{workspace}/new.txt") if names else ()
    made, reason = proposals(operation, (), 1, files)
    assert reason is None
    return made


def test_what_is_made_is_new_and_what_holds_the_rest_is_the_workspace() -> None:
    copy = tool("copy", "source_path", "destination", source_path=TEXT, destination=TEXT)
    assert {"source_path": "{workspace}/a.txt", "destination": "{workspace}/made.txt"} in proposed(copy, "a.txt")
    log = tool("log", "repo_path", "file", repo_path=TEXT, file=TEXT)
    assert {"repo_path": "{workspace}", "file": "{workspace}/a.txt"} in proposed(log, "a.txt")


def test_an_address_is_ours_while_a_place_is_in_the_workspace() -> None:
    fetch = tool("download", "url", "path", url=TEXT, path=TEXT)
    assert {"url": "{listener}/page", "path": "{workspace}/new.txt"} in proposed(fetch, "a.txt")[:4]


def test_a_tool_that_speaks_of_sql_is_given_a_statement_and_others_a_word() -> None:
    sql = tool("read_query", "query", description="Execute a SELECT query on the SQLite database", query=TEXT)
    assert proposed(sql)[0] == {"query": "SELECT 1 AS one"}
    web = tool("search", "query", description="Search the web", query=TEXT)
    assert proposed(web)[0] != {"query": "SELECT 1 AS one"}


def test_a_word_that_a_description_quotes_is_tried_and_another_argument_is_none() -> None:
    branches = tool(
        "list_branches", "repo_path", "kind", repo_path=TEXT, order={"type": "integer"},
        kind={**TEXT, "description": "Which ones, unless 'order' is given: 'local', 'remote' or 'all'"},
    )  # fmt: skip
    assert {"repo_path": "{workspace}", "kind": "local"} in proposed(branches, "a.txt")[:3]
    assert not any(call.get("kind") == "local" for call in proposed(tool("list", "kind", kind=TEXT)))


@pytest.mark.parametrize(("told", "given"), [("Differences between branches or commits", True), ("Differences", False)])
def test_a_tool_that_speaks_of_commits_is_given_one_where_a_name_says_nothing(told: str, given: bool) -> None:
    diff = tool("diff", "repo_path", "target", description=told, repo_path=TEXT, target=TEXT)
    assert ({"repo_path": "{workspace}", "target": "HEAD"} in proposed(diff, "a.txt")[:3]) is given


@pytest.mark.parametrize(
    ("name", "schema", "asked"),
    [
        ("duration", {"type": "number", "default": 10}, 0.1), ("delay_ms", {"type": "integer", "default": 5000}, 100),
        ("duration", {"type": "integer", "default": 10, "minimum": 3}, 3),
        ("timeout", {"type": "number", "default": 30}, None),
        ("duration", {"type": "number", "default": 0.5}, None),
    ],
)  # fmt: skip
def test_a_call_that_would_wait_long_is_asked_to_be_brief(name: str, schema: Json, asked: float | None) -> None:
    assert proposed(tool("work", **{name: schema}))[0].get(name) == asked


def test_what_takes_away_is_given_what_nothing_needs_before_the_workspace() -> None:
    gone = [call["path"] for call in proposed(tool("delete_file", "path", path=TEXT), "a.txt")]
    assert gone[:2] == ["{workspace}/made.txt", "{workspace}/new.txt"]
    assert gone.index("{workspace}") > 1 and gone.index("{workspace}/a.txt") > 1


# ---- who is asked, in which order


class Told(Reach):
    """Learning without a server: what it is asked is answered by a function."""

    def __init__(self, answer: Callable[[str, Mapping[str, Json]], Json]) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[tuple[str, Mapping[str, Json]]] = []

    async def _try(
        self, client: Client, operation: Operation, candidate: Mapping[str, Json], filler: Filler, timeout: float
    ) -> tuple[Json, float]:
        self.asked.append((operation.name, candidate))
        return self.answer(operation.name, candidate), 0.001

    def learned(self, *operations: Operation, places: Mapping[str, str] | None = None) -> Surface:
        surface = Surface(
            revision="2025-11-25", revisions=(), server={}, capabilities={}, operations=operations, good={},
        )  # fmt: skip
        learn = lambda: self.learn(  # noqa: E731
            cast(Client, None), surface, (), seed=1, places=places or {}, timeout=1, until=time.monotonic() + 30
        )
        return trio.run(learn)


def test_every_operation_is_asked_before_a_stubborn_one_is_asked_for_long() -> None:
    said = iter(range(10_000))
    told = Told(lambda name, given: refusal(f"no {next(said)}"))
    told.learned(tool("one", "x", x=TEXT), tool("two", "x", x=TEXT))
    names = [name for name, _ in told.asked]
    assert names.index("two") <= 8 < names.count("one")


def test_why_nothing_was_accepted_is_told_of_the_likeliest_call_and_what_became_of_it() -> None:
    def answer(name: str, given: Mapping[str, Json]) -> Json:
        if "title" not in given:
            return refusal(ZOD_3.replace("identifier", "title"))
        return refusal(f"no account {sum('title' in call for _, call in told.asked)}")

    told = Told(answer)
    told.learned(tool("add"))
    assert told.tally("tool", "add").calls > 4
    assert "no account 1" in str(told.tally("tool", "add").reason)


def test_what_takes_away_is_asked_last() -> None:
    told = Told(lambda name, given: GOOD)
    told.learned(tool("delete_file"), tool("list_files"), tool("moveFile"), tool("read_file"))
    assert list(dict.fromkeys(name for name, _ in told.asked)) == ["list_files", "read_file", "delete_file", "moveFile"]


def test_one_refusal_in_the_same_words_each_time_costs_little(tmp_path: Path) -> None:
    told = Told(lambda name, given: refusal("no credentials"))
    other = Told(lambda name, given: refusal(f"no {given}"))
    for each in (told, other):
        each.learned(tool("list", "path", path=TEXT, how=TEXT), places={"workspace": str(tmp_path)})
    assert len(told.asked) < len(other.asked) / 1.5


def test_arguments_that_no_schema_names_are_learned_from_refusals() -> None:
    def answer(name: str, given: Mapping[str, Json]) -> Json:
        if not isinstance(given.get("title"), str):
            return refusal(ZOD_3.replace("identifier", "title"))
        return GOOD if isinstance(given.get("limit"), int) else refusal(ZOD_4)

    add = tool("add")
    surface = Told(answer).learned(add)
    assert {"title": "alpha", "limit": 1}.items() <= surface.good[add.key][0].items()


def test_a_workspace_that_lost_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")

    def answer(name: str, given: Mapping[str, Json]) -> Json:
        (tmp_path / "a.txt").unlink(missing_ok=True)
        return GOOD

    still = Told(lambda name, given: GOOD)
    still.learned(tool("look"), places={"workspace": str(tmp_path)})
    assert not still.harmed
    told = Told(answer)
    told.learned(tool("look"), places={"workspace": str(tmp_path)})
    assert told.harmed


def test_samples_begin_with_one_of_each_kind(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    assert sample_files(str(tmp_path))[:4] == ("{workspace}", "{workspace}/a.txt", "a.txt", "{workspace}/new.txt")


# ---- what a server finds around it


def test_who_commits_has_a_name_and_a_plain_value_needs_no_quotes(tmp_path: Path) -> None:
    with ScratchTree(tmp_path / "state") as tree:
        told = Path(tree.environment["GIT_CONFIG_GLOBAL"]).read_text(encoding="utf-8")
        assert any(key == "email" for _, _, key, _ in read_config(told))
    line = config_line("remote", "origin", "url", "https://example.com/acme/demo.git")
    assert line.endswith("\turl = https://example.com/acme/demo.git\n")
    for value in (" led", "a;b", 'a"b', "a\\b", "a  b", "", "a#b", "a\nb"):
        assert list(read_config(config_line("a", None, "b", value))) == [("a", None, "b", value)]


# ---- a control that shows it by itself

SHOWING = """
import json, os, sys
root, taken = sys.argv[1], []
def tools(*named):
    place = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    return [{"name": name, "inputSchema": place if name == "take" else {"type": "object"}} for name in named]
def walk():
    return "\\n".join(name for _, folders, names in os.walk(root, followlinks=True) for name in folders + names)
def take(path):
    try:
        taken.append(open(path).read())
    except (OSError, ValueError):
        return "no such file"
    return "taken"
for line in sys.stdin:
    said = json.loads(line)
    if "id" not in said:
        continue
    method, params = said["method"], said.get("params") or {}
    if method == "initialize":
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "x", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": tools("take", "taken", "tree")}
    elif method == "tools/call":
        name, given = params["name"], params.get("arguments") or {}
        text = walk() if name == "tree" else "\\n".join(taken) if name == "taken" else take(str(given.get("path")))
        result = {"content": [{"type": "text", "text": text}], "isError": text == "no such file"}
    else:
        result = {}
    print(json.dumps({"jsonrpc": "2.0", "id": said["id"], "result": result}), flush=True)
"""


def test_a_tool_that_shows_the_outside_by_itself_does_not_hide_what_another_took_in(tmp_path: Path) -> None:
    server, workspace = tmp_path / "server.py", tmp_path / "space"
    server.write_text(SHOWING)
    workspace.mkdir()
    (workspace / "a.txt").write_text("a")
    report, _ = play(
        tmp_path, ("read-back",), 1, "--workspace", str(workspace), "--allow-destructive",
        "--", sys.executable, str(server), str(workspace), max_time=30,
    )  # fmt: skip
    assert "path-traversal" in proved(report)
    shown: Any = [item for item in report["findings"] if item["confidence"] == "proved"]
    assert {item["operation"]["name"] for item in shown} == {"take"}
    assert all("tree" not in json.dumps(item["reproducer"]["steps"][:1]) for item in shown)
