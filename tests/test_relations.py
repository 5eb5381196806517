"""What tools are guessed to be: by their annotations, and where a server has none, by their names."""

from __future__ import annotations

from typing import Any

import pytest

from mcpfuzz.model import Operation
from mcpfuzz.strategies.relations import changes, free_texts, id_arguments, looks, makes, removes


def tool(name: str, description: str = "", hint: bool | None = None, **properties: Any) -> Operation:
    hints = {} if hint is None else {"readOnlyHint": hint}
    schema = {"type": "object", "properties": properties}
    return Operation(kind="tool", name=name, description=description, schema=schema, annotations=hints)


@pytest.mark.parametrize(
    "name",
    ["get_note", "listNotes", "notes_search", "show-note", "my_expenses", "list_open_orders", "get_new_messages",
     "expense_details", "order_status"],
)  # fmt: skip
def test_a_name_that_says_so_looks_and_does_nothing_else(name: str) -> None:
    assert looks(tool(name))
    assert not makes(tool(name)) and not removes(tool(name)) and not changes(tool(name))


@pytest.mark.parametrize(
    "name",
    ["create_note", "add_comment", "approve_expense", "get_or_create_user", "find_and_replace", "update_status",
     "delete_list", "send_report"],
)  # fmt: skip
def test_what_does_something_does_not_look(name: str) -> None:
    assert not looks(tool(name))


def test_an_annotation_is_believed_before_a_name() -> None:
    assert looks(tool("audit", hint=True))
    assert not looks(tool("get_job", hint=False))


def test_a_description_says_what_a_name_does_not() -> None:
    assert looks(tool("ticket", "Show one ticket."))
    assert not looks(tool("ticket", "Open a ticket."))


TEXT = {"type": "string"}


@pytest.mark.parametrize("schema", [TEXT, {"anyOf": [TEXT, {"type": "null"}]}, {"type": ["string", "null"]}])
def test_a_text_that_may_be_left_out_takes_a_text(schema: dict[str, Any]) -> None:
    operation = tool("update_note", note_id=schema, body=schema)
    assert "body" in list(free_texts(operation))
    assert id_arguments(operation) == ("note_id",)
