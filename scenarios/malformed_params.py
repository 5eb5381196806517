"""Malformed parameters: the ORACLE table's rows P, generated."""

from __future__ import annotations

from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.malformed import rows_drawer

SCENARIO = Scenario(
    id="malformed-params",
    title="Malformed parameters",
    about="Parameters of the wrong shape, unknown names, URIs, cursors, tokens and levels (rows P). What does "
    "not exist must be an error, never a success.",
    draw=rows_drawer("malformed-params", "session", "P", without=("P3", "P4")),
    rules=("malformed-params", "fabricated-success"),
    cases=176,
    references=("MCP JR-19", "CWE-20"),
)
