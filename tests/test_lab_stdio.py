"""The lab's process: how it starts, how it ends, what it does with its pipes and its command line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mcpfuzz.lab.drive import Driven, Late

LISTING = b'{"jsonrpc":"2.0","id":77,"method":"tools/list"}'


def test_the_lab_exits_at_once_at_the_end_of_input_and_answers_what_was_asked() -> None:
    with Driven() as lab:
        slow = lab.post("tools/call", {"name": "restock_forecast", "arguments": {"sku": "MUG-0042"}})
        lab.raw(LISTING)  # without a line end
        assert lab.end() == 0
        assert lab.answer(77)["result"]["tools"] and lab.answer(slow)["result"]["structuredContent"]["needed"] > 0


def test_a_client_that_stops_reading_ends_the_lab_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    asked = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n' * 3
    command = [sys.executable, "-m", "mcpfuzz.lab"]
    done = subprocess.run(command, input=asked, stdout=writing, stderr=subprocess.PIPE, timeout=20, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [(["--weakness", "no-such"], "there is no weakness"), (["--workspace", "/no/such"], "no such folder")],
)
def test_wrong_usage_says_what_is_wrong_and_exits_with_2(options: list[str], complaint: str) -> None:
    with Driven(*options, revision=None) as lab:
        assert lab.died() == 2 and complaint in lab.stderr


def test_the_end_of_input_does_not_wait_for_a_call_that_never_answers() -> None:
    with Driven("--weakness", "hang-call") as lab:
        lab.post("tools/call", {"name": "export_notes", "arguments": {"tag": "nothing"}})
        assert lab.end() == 0


def test_bytes_that_come_one_by_one_are_one_line() -> None:
    with Driven() as lab:
        for index in range(len(LISTING)):
            lab.raw(LISTING[index : index + 1])
        lab.raw(b"\r\n")
        assert lab.answer(77)["result"]["tools"]


def test_many_lines_at_once_are_answered_in_order() -> None:
    with Driven() as lab:
        lab.raw(b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % number for number in range(2000)))
        assert [lab.next()["id"] for _ in range(2000)] == list(range(2000))


def test_an_endless_line_is_dropped_and_costs_no_memory() -> None:
    with Driven() as lab:
        lab.request("ping")
        before = lab.rss()
        lab.raw(b"x" * (40 << 20))
        with pytest.raises(Late):
            lab.next(0.05)
        assert lab.rss() - before < 16 << 20
        lab.raw(b"\n" + LISTING + b"\n")
        assert lab.next()["error"]["code"] == -32600
        assert lab.answer(77)["result"]["tools"]


def test_an_interrupt_ends_the_lab_without_a_trace() -> None:
    with Driven() as lab:
        lab.process.send_signal(2)
        assert lab.died() == 130 and lab.stderr == ""


def test_the_hardened_lab_does_not_grow() -> None:
    with Driven("--toolset", "all") as lab:
        calls = [
            ("create_note", {"title": "t", "body": "x" * 4000}),
            ("search_notes", {"query": "kiln"}),
            ("create_document", {"text": "x" * 1000}),
            ("label_sheet", {"text": "x", "copies": 200}),
            ("unpack", {"data": "eJxLy89PSiwCAAirAno="}),
        ]

        def rounds(count: int) -> int:
            for _ in range(count):
                for tool, arguments in calls:
                    lab.call(tool, **arguments)
            return lab.rss()

        assert -rounds(600) + rounds(600) < 2 << 20


def test_the_weaknesses_are_listed_on_demand() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcpfuzz.lab", "--list"], capture_output=True, text=True, timeout=20, check=True
    )
    assert "sql-injection " in done.stdout and "leak-trace " in done.stdout
