"""Broken frames: the ORACLE table's rows F, generated."""

from __future__ import annotations

from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.malformed import rows_drawer

SCENARIO = Scenario(
    id="malformed-frames",
    title="Broken frames",
    about="Lines that are no JSON, no UTF-8, too deep, too long, doubled or split (rows F1 to F10). The process "
    "must live, read on, leak nothing, and answer at most -32700.",
    draw=rows_drawer("malformed-frames", "transport", "F"),
    rules=("malformed-frame", "crash", "hang"),
    cases=160,
    references=("MCP FR-01", "CWE-20"),
)
