"""Discovery takes the server's word with care: listings end, odd entries are told, nothing destructive is called."""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trio

from mcpfuzz.caution import looks_destructive
from mcpfuzz.client import Client
from mcpfuzz.model import Call, Frame, Operation, Surface
from mcpfuzz.revisions import LATEST_LEGACY
from mcpfuzz.session import Session
from mcpfuzz.surface import MAX_OPERATIONS, Leave, bind, discover
from mcpfuzz.transports.launch import Launch, clean_environment

SERVER = Path(__file__).parent / "hostile" / "stdio_server.py"


# ---- what destroys


@pytest.mark.parametrize(
    "name",
    [
        "delete_file",
        "deleteFile",
        "DELETE_ALL",
        "drop-table",
        "removeUser",
        "overwrite",
        "send_mail",
        "pay",
        "pay_invoice",
        "publish",
        "deploy",
        "execute_sql",
        "purge_cache",
        "terminate",
        "user.delete",
        "s3delete",
        "wipe_disk",
        "revoke_token",
        "transfer_funds",
    ],
)
def test_a_name_that_says_it_destroys_is_destructive(name: str) -> None:
    assert looks_destructive({"name": name})


@pytest.mark.parametrize(
    "name",
    [
        "read_file",
        "list",
        "payload_size",
        "display",
        "resend_status",
        "undelete",
        "format_text",
        "get_user",
        "search",
        "backdrop",
    ],
)
def test_a_name_that_says_nothing_of_the_kind_is_not(name: str) -> None:
    assert not looks_destructive({"name": name})


@pytest.mark.parametrize("name", ["HTMLDelete", "DBDrop", "SQLExecute", "bulkdelete"])
def test_a_verb_behind_an_acronym_is_destructive(name: str) -> None:
    assert looks_destructive({"name": name})


@pytest.mark.parametrize("member", ["title", "description"])
def test_title_and_description_count_as_the_name_does(member: str) -> None:
    assert looks_destructive({"name": "x", member: "Deletes a file"})


@pytest.mark.parametrize(
    ("annotations", "destructive"),
    [
        ({"readOnlyHint": True}, False),
        ({"readOnlyHint": True, "destructiveHint": True}, False),
        ({"destructiveHint": False}, False),
        ({"destructiveHint": True}, True),
        ({"readOnlyHint": "true"}, True),
        ({"destructiveHint": "false"}, True),
        ({"readOnlyHint": False}, True),
        ({}, True),
        (None, True),
        ([], True),
    ],
    ids=repr,
)
def test_an_annotation_decides_where_it_is_a_boolean(annotations: Any, destructive: bool) -> None:
    assert looks_destructive({"name": "delete", "annotations": annotations}) is destructive


def test_a_destructive_hint_outweighs_a_harmless_name() -> None:
    assert looks_destructive({"name": "read", "annotations": {"destructiveHint": True}})


@pytest.mark.parametrize("name", [None, 7, [], {}, "x" * 1_000_000])
def test_words_of_any_type_and_length_are_read(name: Any) -> None:
    assert not looks_destructive({"name": name, "description": name})


# ---- binding


def operation(kind: Any, name: str, **more: Any) -> Operation:
    return Operation(kind=kind, name=name, schema={}, **more)


@pytest.mark.parametrize(
    ("bound", "arguments", "call"),
    [
        (operation("tool", "t"), {"a": 1}, Call("tools/call", {"name": "t", "arguments": {"a": 1}})),
        (operation("prompt", "p"), {"a": "1"}, Call("prompts/get", {"name": "p", "arguments": {"a": "1"}})),
        (operation("resource", "file:///a"), {}, Call("resources/read", {"uri": "file:///a"})),
        (operation("resource", "file:///a"), {"uri": "file:///b"}, Call("resources/read", {"uri": "file:///b"})),
        (
            operation("completion", "prompt:p#lang"),
            {"value": "py"},
            Call(
                "completion/complete",
                {"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "lang", "value": "py"}},
            ),
        ),
        (
            operation("completion", "resource:file:///{path}#path"),
            {"value": ""},
            Call(
                "completion/complete",
                {"ref": {"type": "ref/resource", "uri": "file:///{path}"}, "argument": {"name": "path", "value": ""}},
            ),
        ),
    ],
)
def test_arguments_are_bound_to_the_request_of_the_operations_kind(
    bound: Operation, arguments: Any, call: Call
) -> None:
    assert bind(bound, arguments) == call


@pytest.mark.parametrize(
    ("template", "arguments", "uri"),
    [
        ("note://{id}", {"id": "7"}, "note://7"),
        ("note://{+path}", {"path": "../../etc"}, "note://../../etc"),
        ("note://{a,b}/x", {"a": "1", "b": "2"}, "note://1,2/x"),
        ("note://{list*}", {"list": "x"}, "note://x"),
        ("note://{id:3}", {"id": "long"}, "note://long"),
        ("note://{id}", {}, "note://"),
        ("note://{id}", {"id": "{id}"}, "note://{id}"),
        ("note://plain", {"id": "7"}, "note://plain"),
    ],
)
def test_a_template_is_filled_as_it_stands(template: str, arguments: Any, uri: str) -> None:
    assert bind(operation("resource", template, template=template), arguments) == Call("resources/read", {"uri": uri})


@pytest.mark.parametrize(("prompt", "argument"), [("p", "a#b"), ("p#a", "b"), ("p#", "#"), ("p", "%23"), ("p%23", "%")])
def test_a_completion_with_a_hash_is_bound_to_its_prompt_and_argument(prompt: str, argument: str) -> None:
    client = Scripted(
        {"prompts": {}, "completions": {}},
        prompts_list={"prompts": [{"name": prompt, "arguments": [{"name": argument}]}]},
    )
    params = bind(surface_of(client).operations[-1], {"value": ""}).params
    assert (params["ref"]["name"], params["argument"]["name"]) == (prompt, argument)


# ---- listings, from a scripted client


class Scripted:
    """A client whose listings are given; stands in for a server where only discovery is looked at."""

    endpoint = None

    def __init__(self, capabilities: dict[str, Any], **listings: Any) -> None:
        self.session = Session(LATEST_LEGACY, server={}, capabilities=capabilities, offered=())
        self._listings = listings

    async def ask(self, method: str, params: Any = None, *, timeout: float) -> Frame:
        return Frame(b"", {"result": self._listings.get(method.replace("/", "_"), {})})


def surface_of(client: Any, leave: Leave | None = None) -> Surface:
    return trio.run(lambda: discover(client, timeout=1, leave=leave or Leave()))


def test_what_is_offered_becomes_operations_of_each_kind() -> None:
    client = Scripted(
        {"tools": {}, "resources": {}, "prompts": {}, "completions": {}},
        tools_list={"tools": [{"name": "t", "inputSchema": {"type": "object"}, "outputSchema": {"type": "object"}}]},
        resources_list={"resources": [{"name": "r", "uri": "file:///r"}]},
        resources_templates_list={"resourceTemplates": [{"name": "n", "uriTemplate": "note://{id}{?q*}"}]},
        prompts_list={"prompts": [{"name": "p", "arguments": [{"name": "a", "required": True}, {"name": "b"}]}]},
    )
    surface = surface_of(client)
    assert [item.key for item in surface.operations] == [
        ("tool", "t"),
        ("resource", "file:///r"),
        ("resource", "note://{id}{?q*}"),
        ("prompt", "p"),
        ("completion", "resource:note://{id}{?q*}#id"),
        ("completion", "resource:note://{id}{?q*}#q"),
        ("completion", "prompt:p#a"),
        ("completion", "prompt:p#b"),
    ]
    assert surface.operations[3].schema["required"] == ["a"]
    assert surface.notes == ()


def test_a_capability_that_is_not_declared_is_not_asked_for() -> None:
    client = Scripted(
        {"prompts": {}}, tools_list={"tools": [{"name": "t", "inputSchema": {}}]}, prompts_list={"prompts": []}
    )
    assert surface_of(client).operations == ()


@pytest.mark.parametrize(
    ("unknown", "notes"), [("resources/templates/list", 0), ("resources/list", 1), ("prompts/list", 1)]
)
def test_no_templates_beside_resources_are_no_note_and_a_declared_listing_that_is_unknown_is(
    unknown: str, notes: int
) -> None:
    class Refusing(Scripted):
        async def ask(self, method: str, params: Any = None, *, timeout: float) -> Frame:
            if method == unknown:
                return Frame(b"", {"error": {"code": -32601, "message": "Method not found"}})
            return await super().ask(method, params, timeout=timeout)

    empty = {"resources_list": {"resources": []}, "prompts_list": {"prompts": []}}
    client = Refusing({"resources": {}, "prompts": {}}, **empty, resources_templates_list={"resourceTemplates": []})
    assert len(surface_of(client).notes) == notes


@pytest.mark.parametrize(
    ("leave", "skipped"), [(Leave(), True), (Leave(destructive=True), False), (Leave(contained=True), False)]
)
def test_a_destructive_tool_is_skipped_without_leave_and_the_option_is_named(leave: Leave, skipped: bool) -> None:
    (tool,) = surface_of(Scripted({"tools": {}}, tools_list={"tools": [{"name": "delete"}]}), leave).operations
    assert (tool.skipped is not None) is skipped
    assert not skipped or "--allow-destructive" in str(tool.skipped)


@pytest.mark.parametrize("entry", [None, 7, "x", [], {}, {"name": None}, {"name": ""}, {"name": ["a"]}], ids=repr)
def test_an_entry_that_cannot_be_used_is_a_note_and_the_others_stay(entry: Any) -> None:
    surface = surface_of(Scripted({"tools": {}}, tools_list={"tools": [entry, {"name": "good", "inputSchema": None}]}))
    assert [item.name for item in surface.operations] == ["good"]
    assert len(surface.notes) == 1


@pytest.mark.parametrize("cursor", [7, {}, [], True])
def test_a_cursor_of_another_type_ends_the_listing_with_a_note(cursor: Any) -> None:
    surface = surface_of(Scripted({"tools": {}}, tools_list={"tools": [{"name": "t"}], "nextCursor": cursor}))
    assert len(surface.operations) == 1
    assert "nextCursor" in surface.notes[0]


def test_a_very_long_listing_is_cut_with_a_note_in_linear_time() -> None:
    client = Scripted({"tools": {}}, tools_list={"tools": [{"name": f"t{number}"} for number in range(20_000)]})
    began = time.process_time()
    surface = surface_of(client)
    assert time.process_time() - began < 3
    assert len(surface.operations) == MAX_OPERATIONS
    assert "20000" in surface.notes[0]


# ---- listings, from a real server


async def discovered(mode: str, folder: Path) -> Surface:
    launch = Launch(
        argv=(sys.executable, str(SERVER), mode),
        env=clean_environment(str(folder), str(folder), {"HOSTILE_MARK": secrets.token_hex(8)}),
        cwd=os.getcwd(),
        token=secrets.token_hex(8),
    )
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            client = await Client.connect(launch, nursery, start_timeout=15)
            try:
                return await discover(client, timeout=5, leave=Leave())
            finally:
                await client.close()
                nursery.cancel_scope.cancel()
    raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("mode", "count", "note"),
    [
        ("ok", 3, None),
        ("cursor_same_forever", 3, "came back"),
        ("cursor_new_forever", 40, "over 40 pages"),
        ("tools_null", 0, "no list of tools"),
        ("tools_not_objects", 0, "cannot be used"),
        ("tools_duplicate_names", 1, "listed twice"),
    ],
)
def test_a_hostile_listing_ends_and_is_told(mode: str, count: int, note: str | None, tmp_path: Path) -> None:
    surface = trio.run(discovered, mode, tmp_path)
    assert len({item.name for item in surface.operations if item.kind == "tool"}) == count
    assert note is None or any(note in told for told in surface.notes)
    assert len(surface.notes) <= 40
