"""The test that a finding is printed as: Python that says exactly what the report says, as a formatter leaves it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest

from mcpfuzz.reports.words import pasted

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read", "arguments": {"path": "../x"}}}


def finding(send: Any = CALL, kind: str = "file-read", **proof: Any) -> dict[str, Any]:
    steps = [{"as": None, "on": "c1", "group": None, "send": send, "call": True, "receive": {"x": 1}}]
    return {
        "rule": "path-traversal", "fingerprint": "e354", "confidence": "proved",
        "proof": {"kind": kind, "expected": "nothing", "params": {}, **proof}, "reproducer": {"steps": steps},
    }  # fmt: skip


def said(text: str) -> dict[str, Any]:
    """What the pasted test hands to mcp_replay."""
    got: dict[str, Any] = {}
    space: dict[str, Any] = {}
    exec(textwrap.dedent(text.partition("\n")[2]), space)
    space["test_path_traversal_e354"](lambda **given: got.update(given))
    return got


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "it's",
        'a "word"',
        "both ' and \"",
        "tab\t",
        "back\\slash",
        "é",
        [],
        {},
        [1, 2.5, None, True],
        {"a": {}},
        "y" * 200,
    ],
)
def test_it_says_exactly_what_was_sent(value: Any) -> None:
    send = {**CALL, "params": {"name": "read", "arguments": {"path": value}}}
    assert said(pasted(finding(send)))["steps"] == [{"send": send, "call": True}]


def test_it_leaves_out_what_says_nothing() -> None:
    assert said(pasted(finding()))["proof"] == {"kind": "file-read", "expected": "nothing"}
    assert said(pasted(finding(params={"canary": "1"})))["proof"]["params"] == {"canary": "1"}


def test_a_formatter_leaves_it_alone() -> None:
    text = textwrap.dedent(pasted(finding(params={"canary": "1"})).partition("\n")[2]) + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "100", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == text


def test_load_is_measured_and_not_pasted() -> None:
    assert pasted(finding(kind="load")) == ""
