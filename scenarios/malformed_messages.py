"""Malformed messages: the ORACLE table's rows RMNSL, generated."""

from __future__ import annotations

from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.malformed import rows_drawer

SCENARIO = Scenario(
    id="malformed-messages",
    title="Malformed messages",
    about="Sound JSON with a wrong envelope, id, method, direction or moment (rows R, M, N, S, L). Nothing may "
    "be executed, no id invented, no notification answered.",
    draw=rows_drawer("malformed-messages", "session", "RMNSL"),
    rules=("malformed-message", "wrong-id", "answer-to-notification", "poisoned", "crash"),
    cases=352,
    references=("MCP JR-18", "CWE-20"),
)
