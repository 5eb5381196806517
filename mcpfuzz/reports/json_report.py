"""The report for programs: the document itself, in ASCII JSON."""

from __future__ import annotations

from mcpfuzz.reports.document import Document
from mcpfuzz.reports.safe import json_text

__all__ = ["render"]


def render(document: Document) -> str:
    """The document as JSON text, indented, with a line end."""
    return json_text(document, indent=1) + "\n"
