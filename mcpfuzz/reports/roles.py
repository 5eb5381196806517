"""Who was served what, as a table: one row an operation, one column a caller."""

from __future__ import annotations

from mcpfuzz.reports.document import Document

__all__ = ["ABOUT", "WORDS", "roles_table"]

ABOUT = "What each caller's own good call got: served, refused, or untried where there was no call to make."
WORDS = ("served", "refused", "untried")


def roles_table(document: Document) -> tuple[list[str], list[list[str]]]:
    """Head and rows; both empty where there were no callers to tell apart."""
    roles = document.get("roles") or []
    callers = list(dict.fromkeys(name for entry in roles for name in entry["callers"]))
    rows = [
        [entry["kind"], entry["name"], *(entry["callers"].get(name, "untried") for name in callers)] for entry in roles
    ]
    return (["", "operation", *callers], rows) if rows else ([], [])
