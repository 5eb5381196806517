"""The report as CSV, for spreadsheets: the run, its findings, and under load a row a scenario and a row a method or
tool. A server's words stay text: nothing is taken for a formula, nothing is invisible.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from mcpfuzz.reports.document import Document
from mcpfuzz.reports.texts import clip, visible, where

__all__ = ["render"]

_FIGURES = ("requests", "failures", "limited", "rps", "p50_ms", "p95_ms", "p99_ms", "recovery_s")


def render(document: Document) -> str:
    """The document as CSV text (RFC 4180, lines end in LF)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["what", "name", "verdict", *_FIGURES, "reason"])
    run, load = document["run"], document.get("load")
    writer.writerow(_row("run", "", run["outcome"], load or run, run["reason"]))
    for one in document["findings"]:
        verdict = f"{one['severity']}, {one['confidence']}"
        writer.writerow(_row("finding", where(one["operation"]), verdict, {}, f"{one['rule']}: {one['title']}"))
    if load is not None:
        for one in load["scenarios"]:
            writer.writerow(_row("scenario", one["id"], one["verdict"], one, one.get("reason")))
        for one in load.get("rows") or ():
            writer.writerow(_row("row", one["name"], "", one, None))
    return out.getvalue()


def _row(what: str, name: str, verdict: str, figures: Mapping[str, Any], reason: str | None) -> list[Any]:
    shown = [figures.get(figure) for figure in _FIGURES]
    return [what, _cell(name), verdict, *("" if f is None else f for f in shown), _cell(reason or "")]


def _cell(text: str) -> str:
    """A word that a spreadsheet would take for a formula is made text."""
    shown = visible(clip(text, 1_000))
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown
