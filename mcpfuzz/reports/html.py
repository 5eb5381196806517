"""The report as one HTML file: opens from a mail or an artifact store, loads nothing, runs nothing.

Escaping: `html_tags`, where a string is text unless a tag was made of it; the browser is told by a
Content-Security-Policy that there is nothing to load, run or submit.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from mcpfuzz.model import SEVERITIES
from mcpfuzz.reports.document import Document
from mcpfuzz.reports.html_map import coverage_map
from mcpfuzz.reports.html_plots import load_plots
from mcpfuzz.reports.html_style import STYLE
from mcpfuzz.reports.html_tags import Child, Markup, coloured_json, join, page, tag, text
from mcpfuzz.reports.html_time import timeline
from mcpfuzz.reports.roles import ABOUT as ROLES
from mcpfuzz.reports.roles import WORDS as ROLE_WORDS
from mcpfuzz.reports.roles import roles_table
from mcpfuzz.reports.texts import RuleText, clip, counted, rule_text, visible, where
from mcpfuzz.reports.words import (
    LOAD_HEAD,
    by_reason,
    load_rows,
    pasted,
    policy_words,
    settings,
    since,
    standing,
    step_words,
    target_words,
    verdict,
)

__all__ = ["render"]

_MAX_OPERATIONS = 500
_MAX_STEPS = 100
_MAX_GLANCE = 8
_MAX_NOTES = 200
_FEW = 3


def render(document: Document, rules: Mapping[str, RuleText]) -> str:
    """The document as one HTML file."""
    name = target_words(document)
    findings = document["findings"]
    return page(
        f"mcpfuzz: {clip(name, 80)}",
        STYLE,
        tag(
            "main",
            tag("p", f"mcpfuzz {document['tool']['version']}", class_="brand"),
            tag("h1", clip(name, 200)),
            tag("p", verdict(document), class_=f"verdict {document['run']['outcome']}"),
            tag("ul", *(tag("li", piece) for piece in settings(document)), class_="chips"),
            _tiles(document),
            tag("h2", "Findings") if findings else None,
            _index(findings) if len(findings) > _FEW else None,
            *(_finding(finding, number, rules) for number, finding in enumerate(findings, start=1)),
            _load(document),
            coverage_map(document),
            timeline(document),
            _left_out(document["scenarios"]),
            _since(document),
            _operations(document["operations"]),
            _roles(document),
            _notes(document.get("notes") or ()),
            _launch(document),
            tag(
                "footer", f"Seed {document['run']['seed']}, started {document['run']['started']}. {document['schema']}."
            ),
        ),
    )


def _section(title: str, *children: Child) -> Markup:
    return tag("section", tag("h2", title), *children)


def _tiles(document: Document) -> Markup:
    operations, scenarios, run = document["operations"], document["scenarios"], document["run"]
    open_ = [one for one in document["findings"] if standing(one) != "known"]
    proved = [one["severity"] for one in open_ if one["confidence"] == "proved"]
    tiles: list[tuple[str, str, str]] = [
        (str(proved.count(level)), level, level) for level in reversed(SEVERITIES) if level in proved
    ]
    suspects, known = len(open_) - len(proved), len(document["findings"]) - len(open_)
    tiles += [(str(suspects), "suspects, not proved", "")] if suspects else []
    tiles += [(str(known), "known, not counted", "")] if known else []
    reached = sum(one["reached"] for one in operations)
    ran = sum(one["status"] != "not-run" for one in scenarios)
    tiles += [
        (f"{reached}/{len(operations)}", "operations reached", ""),
        (f"{ran}/{len(scenarios)}", "scenarios ran", ""),
        (f"{run['requests']:,}", "requests", ""),
        (f"{run['duration_s']:.1f} s", "run time", ""),
        (str(run["restarts"]), "restarts", ""),
    ]
    return tag("div", *(_tile(*tile) for tile in tiles), class_="tiles")


def _tile(figure: str, label: str, severity: str) -> Markup:
    style = "color:var(--s)" if severity else None
    return tag("div", tag("b", figure, style=style), tag("span", label), class_=f"tile {severity}".strip())


# ---- findings -------------------------------------------------------------------------------------


def _finding(finding: Mapping[str, Any], number: int, rules: Mapping[str, RuleText]) -> Markup:
    rule = rule_text(rules, finding["rule"])
    doubt = None if finding["confidence"] == "proved" else tag("span", "suspect", class_="badge")
    known = tag("span", standing(finding), class_="badge plain") if standing(finding) else None
    proof = finding["proof"]
    return tag(
        "article",
        tag("h3", tag("span", finding["severity"], class_="badge"), doubt, known, clip(finding["title"], 300)),
        tag("p", tag("code", finding["rule"]), " in ", tag("code", where(finding["operation"])), class_="at"),
        tag("p", finding["note"], class_="muted") if finding.get("note") else None,
        tag("p", f"Known: {finding['baseline']['reason']}", class_="muted") if standing(finding) == "known" else None,
        _label("sent" if finding["reproducer"]["minimal"] else "sent (not minimal)"),
        _pre(_sent(finding["reproducer"]["steps"])),
        tag(
            "div",
            tag("div", _label("expected"), _pre(proof["expected"])),
            tag("div", _label("observed"), _pre(proof["observed"], class_="observed")),
            class_="pair",
        ),
        _exchange(finding["reproducer"]),
        _stderr(finding.get("stderr") or ""),
        _label("see it again"),
        _pre(finding["reproducer"]["command"]),
        _test(finding),
        join([_label("mend"), tag("p", rule.mend, class_="mend")]) if rule.mend else None,
        _references(finding, rule),
        id=f"finding-{number}",
        class_=f"finding {finding['severity']} {finding['confidence']}",
    )


def _index(findings: Sequence[Mapping[str, Any]]) -> Markup:
    """All findings at a glance, for reports in which they are many."""
    lines = [
        tag(
            "li",
            tag("span", finding["severity"], class_=f"badge {finding['severity']}"),
            tag("a", clip(finding["title"], 120), href=f"#finding-{number}"),
            tag("span", f" {where(finding['operation'])}", class_="muted"),
            tag("span", " suspect", class_="muted") if finding["confidence"] == "suspect" else None,
            tag("span", " known", class_="muted") if standing(finding) == "known" else None,
        )
        for number, finding in enumerate(findings, start=1)
    ]
    return tag("ol", *lines, class_="index")


def _label(words: str) -> Markup:
    return tag("p", words, class_="label")


def _pre(words: str, *, class_: str | None = None) -> Markup:
    return tag("pre", text(words, lines=True), class_=class_)


def _sent(steps: Sequence[Mapping[str, Any]]) -> str:
    """What was sent, at a glance: a line a step."""
    lines = [f"{number}. {visible(step_words(step, 300))}" for number, step in enumerate(steps[:_MAX_GLANCE], start=1)]
    more = [f"… and {len(steps) - _MAX_GLANCE} more"] if len(steps) > _MAX_GLANCE else []
    return visible(step_words(steps[0], 600)) if len(steps) == 1 else "\n".join([*lines, *more])


def _exchange(reproducer: Mapping[str, Any]) -> Markup:
    steps = reproducer["steps"]
    shown = [_step(step, number) for number, step in enumerate(steps[:_MAX_STEPS], start=1)]
    more = f"… and {len(steps) - _MAX_STEPS:,} more steps, in the JSON report" if len(steps) > _MAX_STEPS else None
    return tag(
        "details",
        tag("summary", f"The exchange in full, {counted(len(steps), 'step')}"),
        tag("ol", *shown, class_="steps"),
        tag("p", more, class_="muted") if more else None,
    )


def _step(step: Mapping[str, Any], number: int) -> Markup:
    received = step["receive"]
    return tag(
        "li",
        tag("p", f"{number}. {step_words(step, 200)}", class_="mono"),
        tag("pre", coloured_json(step["send"])) if "send" in step and not step.get("encoded") else None,
        _label("came back"),
        tag("p", "nothing", class_="muted") if received is None else tag("pre", coloured_json(received)),
    )


def _stderr(stderr: str) -> Markup | None:
    if not stderr:
        return None
    return tag("details", tag("summary", "The end of the server's stderr"), _pre(stderr))


def _test(finding: Mapping[str, Any]) -> Markup | None:
    text_ = pasted(finding).partition("\n")[2]
    if not text_:
        return None
    return tag("details", tag("summary", "As a test to paste"), _pre(textwrap.dedent(text_)))


def _references(finding: Mapping[str, Any], rule: RuleText) -> Markup | None:
    names = list(dict.fromkeys([*finding["references"], *rule.references]))
    parts = [tag("p", ", ".join(names), class_="muted")] if names else []
    return join([*parts, tag("p", "Fingerprint ", tag("code", finding["fingerprint"]), class_="muted")])


# ---- what was tested ------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Sequence[Sequence[Child]], *, figures: int = 0) -> Markup:
    """A table; its last `figures` columns are numbers."""
    first = len(head) - figures

    def cells(name: str, row: Sequence[Child]) -> Markup:
        return tag("tr", *(tag(name, cell, class_="n" if i >= first else None) for i, cell in enumerate(row)))

    body = tag("tbody", *(cells("td", row) for row in rows))
    named = tag("thead", cells("th", head)) if any(head) else None
    return tag("div", tag("table", named, body), class_="scroll")


def _left_out(scenarios: Sequence[Mapping[str, Any]]) -> Markup | None:
    rows = [
        (status.replace("-", " "), ", ".join(names), reason)
        for status in ("partial", "not-run")
        for reason, names in by_reason(scenarios, status)
    ]
    return _section("Not tested, or only in part", _table(("", "scenarios", "why"), rows)) if rows else None


def _since(document: Document) -> Markup | None:
    rows = [(label, line) for label, line in since(document)[:_MAX_NOTES]]
    return _section("Since earlier runs", _table(("", ""), rows)) if rows else None


def _operations(operations: Sequence[Mapping[str, Any]]) -> Markup | None:
    if not operations:
        return None
    most = max(one["calls"] for one in operations) or 1
    rows = [
        (
            tag("span", one["kind"], class_="muted"),
            tag("code", one["name"]),
            "reached" if one["reached"] else one.get("reason") or "not reached",
            _bar(one, most),
            f"{one['accepted']:,}",
            f"{one['rejected']:,}",
            f"{one['calls']:,}",
        )
        for one in operations[:_MAX_OPERATIONS]
    ]
    hidden = len(operations) - _MAX_OPERATIONS
    return _section(
        "Operations",
        _table(("", "name", "", "", "accepted", "rejected", "calls"), rows, figures=3),
        tag("p", f"… and {hidden:,} more, in the JSON report", class_="muted") if hidden > 0 else None,
    )


def _roles(document: Document) -> Markup | None:
    head, rows = roles_table(document)
    if not rows:
        return None
    body = [
        [
            tag("code", name),
            tag("span", kind, class_="muted"),
            *(tag("span", cell, class_=f"is-{cell}" if cell in ROLE_WORDS else None) for cell in cells),
        ]
        for kind, name, *cells in rows
    ]
    title = ("operation", "", *head[2:])
    return _section("Who is served what", tag("p", ROLES, class_="muted"), _table(title, body[:_MAX_OPERATIONS]))


def _bar(one: Mapping[str, Any], most: int) -> Markup:
    """Accepted and rejected calls as one bar, drawn to the most called operation's length."""
    accepted, rejected = (round(100 * one[name] / most, 1) for name in ("accepted", "rejected"))
    return tag(
        "svg",
        tag("rect", class_="all", width=100, height=10, rx=2),
        tag("rect", class_="ok", width=min(accepted, 100), height=10),
        tag("rect", class_="no", x=min(accepted, 100), width=min(rejected, 100 - min(accepted, 100)), height=10),
        **{"class": "bar", "viewBox": "0 0 100 10", "preserveAspectRatio": "none", "role": "img"},
        aria_label=f"{one['accepted']} accepted, {one['rejected']} rejected",
    )


def _load(document: Document) -> Markup | None:
    if "load" not in document:
        return None
    load = document["load"]
    missed = [(one["id"], one["reason"]) for one in load["scenarios"] if one.get("reason")]
    return _section(
        "Load",
        _table(LOAD_HEAD, load_rows(load), figures=len(LOAD_HEAD) - 2),
        _table(("scenario", "why"), missed) if missed else None,
        *(tag("p", policy_words(policy)) for policy in load["policies"]),
        *load_plots(load),
    )


def _notes(notes: Sequence[str]) -> Markup | None:
    if not notes:
        return None
    return _section("Notes", tag("ul", *(tag("li", note) for note in notes[:_MAX_NOTES]), class_="muted"))


def _launch(document: Document) -> Markup:
    return _section("How it was started", tag("pre", coloured_json(document["target"])))
