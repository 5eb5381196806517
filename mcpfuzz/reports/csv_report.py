"""The report as CSV: a row a load scenario, then a row a method or tool; without load, a row a finding."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from mcpfuzz.reports.document import Document

__all__ = ["render"]

_FIGURES = ("requests", "failures", "limited", "rps", "p50_ms", "p95_ms", "p99_ms", "recovery_s")
_FINDING = ("rule", "severity", "confidence", "title", "fingerprint")


def render(document: Document) -> str:
    """The document as CSV text, RFC 4180 but for the line end."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    load = document.get("load")
    if load is None:
        writer.writerow([*_FINDING, "kind", "name"])
        for one in document["findings"]:
            place = one["operation"]
            writer.writerow([*(_cell(one[name]) for name in _FINDING), place["kind"], _cell(place["name"])])
        return out.getvalue()
    writer.writerow(["what", "name", "verdict", *_FIGURES, "reason"])
    for one in load["scenarios"]:
        writer.writerow(["scenario", *_row(one, one["id"])])
    for one in load.get("rows") or ():
        writer.writerow(["row", *_row(one, one["name"])])
    writer.writerow(["all", *_row(load, "")])
    return out.getvalue()


def _row(one: Mapping[str, Any], name: str) -> list[Any]:
    figures = [one.get(figure) for figure in _FIGURES]
    return [
        _cell(name),
        one.get("verdict", ""),
        *("" if f is None else f for f in figures),
        _cell(one.get("reason") or ""),
    ]


def _cell(text: str) -> str:
    """A server's word that a spreadsheet would take for a formula is made text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
