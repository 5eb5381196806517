"""The picture of a run: operations down, scenarios across, findings where they meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from mcpfuzz.model import SEVERITIES
from mcpfuzz.reports.document import Document
from mcpfuzz.reports.html_tags import Markup, tag
from mcpfuzz.reports.texts import clip, counted

__all__ = ["coverage_map"]

_MAX_ROWS = 60
_MAX_QUIET = 24
"""Operations without a finding: more of them say nothing that the table of operations does not."""
_MAX_COLUMNS = 60

_Key: TypeAlias = tuple[str, str]
_Hits: TypeAlias = dict[tuple[_Key, str], list[tuple[int, Mapping[str, Any]]]]


def coverage_map(document: Document) -> Markup | None:
    """The table of operations and scenarios that ran; None where nothing did. Those of load are left out: load is put
    on a whole server."""
    whole = {one["id"] for one in (document.get("load") or {}).get("scenarios", ())}
    hits = _hits(document["findings"])
    ran = [one for one in document["scenarios"] if one["status"] != "not-run" and one["id"] not in whole]
    if not ran:
        return None
    every = _rows(document, hits)
    places = {place for place, _ in hits}
    rows = every[: min(_MAX_ROWS, len(places) + _MAX_QUIET)]
    hot = {scenario for _, scenario in hits}
    columns = sorted(ran, key=lambda one: one["id"] not in hot)[:_MAX_COLUMNS]
    head = tag(
        "tr", tag("th"), *(tag("th", tag("span", one["id"]), scope="col", title=_status(one)) for one in columns)
    )
    body = [
        tag(
            "tr",
            tag("th", tag("span", kind, class_="muted"), f" {clip(name, 80)}", scope="row", title=f"{kind} {name}"),
            *_cells((kind, name), called, columns, hits),
        )
        for (kind, name), called in rows
    ]
    return tag(
        "section",
        tag("h2", "Operations and scenarios"),
        tag("div", tag("table", tag("thead", head), tag("tbody", *body), class_="map"), class_="scroll"),
        tag("p", _legend(len(every) - len(rows), len(ran)), class_="muted"),
    )


def _hits(findings: Sequence[Mapping[str, Any]]) -> _Hits:
    hits: _Hits = {}
    for number, finding in enumerate(findings, start=1):
        operation = finding["operation"]
        key = (operation["kind"], operation["name"])
        hits.setdefault((key, finding.get("scenario") or finding["rule"]), []).append((number, finding))
    return hits


def _rows(document: Document, hits: _Hits) -> list[tuple[_Key, bool]]:
    """Places with findings first (an operation, a session, the transport), then operations that were called."""
    called = {(one["kind"], one["name"]) for one in document["operations"] if one["calls"]}
    hot = dict.fromkeys(key for key, _ in hits)
    listed = [(one["kind"], one["name"]) for one in document["operations"]]
    return [(key, key in called) for key in dict.fromkeys([*hot, *(key for key in listed if key in called)])]


def _cells(key: _Key, called: bool, columns: Sequence[Mapping[str, Any]], hits: _Hits) -> list[Markup]:
    return [_cell(hits.get((key, one["id"]), []), one, called) for one in columns]


def _cell(found: Sequence[tuple[int, Mapping[str, Any]]], scenario: Mapping[str, Any], called: bool) -> Markup:
    if not found:
        mark = ("◦" if scenario["status"] == "partial" else "·") if called else ""
        return tag("td", mark)
    number, worst = max(found, key=lambda hit: (hit[1]["confidence"] == "proved", SEVERITIES.index(hit[1]["severity"])))
    suspect = " suspect" if worst["confidence"] != "proved" else ""
    link = tag(
        "a",
        str(len(found)),
        href=f"#finding-{number}",
        class_=f"{worst['severity']}{suspect}",
        title=f"{worst['severity']}{suspect}: {clip(worst['title'], 120)}",
    )
    return tag("td", link)


def _status(scenario: Mapping[str, Any]) -> str:
    reason = f": {scenario['reason']}" if scenario["reason"] else ""
    return f"{scenario['id']}, {counted(scenario['cases'], 'case')}, {scenario['status']}{reason}"


def _legend(unseen: int, columns: int) -> str:
    said = (
        "A number: findings (outlined: suspect). · the scenario ran and found nothing here. ◦ it ran only in part. "
        "Operations that were never called are not shown."
    )
    hidden = [counted(unseen, "operation")] if unseen else []
    hidden += [f"{columns - _MAX_COLUMNS:,} scenarios"] if columns > _MAX_COLUMNS else []
    return f"{said} Not shown, without findings: {' and '.join(hidden)}." if hidden else said
