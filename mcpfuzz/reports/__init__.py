"""Events in, reports out. The engine yields events, one gate redacts and bounds them, sinks listen.

    with open_sinks(["json=report.json"], Gate(known_secrets(launch, os.environ)), version=...) as reports:
        for event in campaign:
            reports.on(event)

Knows the values and the events; knows no scenario, oracle or campaign. What a rule means is handed in.
"""

from __future__ import annotations

from mcpfuzz.reports.document import Document, build, conversation_of, proof_of
from mcpfuzz.reports.gate import Gate
from mcpfuzz.reports.launch import known_secrets
from mcpfuzz.reports.opening import FORMATS, Reports, Setting, as_test, describe, open_sinks, render, write
from mcpfuzz.reports.redact import REDACTED
from mcpfuzz.reports.schema import REPORT_SCHEMA
from mcpfuzz.reports.sinks import About, Recorder, Sink, write_atomically
from mcpfuzz.reports.terminal import Look
from mcpfuzz.reports.texts import PlainRule, RuleText, visible

__all__ = [
    # opening and closing a run's reports
    "FORMATS",
    "Gate",
    "Look",
    "Reports",
    "Setting",
    "Sink",
    "known_secrets",
    "open_sinks",
    # the document
    "About",
    "Document",
    "REPORT_SCHEMA",
    "Recorder",
    "build",
    "conversation_of",
    "proof_of",
    "render",
    "write",
    "write_atomically",
    # words
    "as_test",
    "describe",
    "PlainRule",
    "REDACTED",
    "RuleText",
    "visible",
]
