"""The report in Markdown: for a file, a pull request's comment, a job's summary.

Escaping: whatever a server said stands in a code span or a fenced block, made visible before. There it
can be no HTML, no link, no mention, no issue reference and no CI command; the fence is always longer than
any run of backticks inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mcpfuzz.reports.document import Document
from mcpfuzz.reports.roles import ABOUT as ROLES
from mcpfuzz.reports.roles import roles_table
from mcpfuzz.reports.texts import RuleText, clip, counted, rule_text, visible, where
from mcpfuzz.reports.words import (
    LOAD_HEAD,
    by_reason,
    compact,
    load_rows,
    settings,
    since,
    standing,
    step_words,
    target_words,
    unreached,
    verdict,
)

__all__ = ["append_step_summary", "block", "code", "render", "steps_block"]

MAX_SUMMARY_BYTES = 1_000_000
"""GitHub refuses a step's summary of over 1 MiB."""
_MAX_STEPS = 20
_MAX_LISTED = 50
_MAX_ROLES = 200


def code(text: str, limit: int = 300) -> str:
    """A code span that holds `text`, on one line."""
    shown = visible(clip(text, limit)).strip() or " "
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(text: str, language: str = "text") -> str:
    """A fenced block that holds `text`."""
    shown = visible(text, lines=True)
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _cell(text: str, limit: int = 120) -> str:
    """A code span inside a table, where a bar ends the cell even within code."""
    return code(text, limit).replace("|", "\\|")


def steps_block(reproducer: Mapping[str, Any]) -> str:
    """The steps of a reproducer as a block, with what came back."""
    lines = []
    for number, step in enumerate(reproducer["steps"][:_MAX_STEPS], start=1):
        lines.append(f"{number}. {visible(step_words(step, 1000))}")
        if step["receive"] is not None:
            lines.append(f"   → {visible(compact(step['receive'], 600))}")
    if len(reproducer["steps"]) > _MAX_STEPS:
        lines.append(f"… and {len(reproducer['steps']) - _MAX_STEPS} more steps")
    return block("\n".join(lines))


def render(document: Document, rules: Mapping[str, RuleText]) -> str:
    """The document as Markdown text."""
    parts = [
        f"# mcpfuzz: {code(target_words(document))}",
        " · ".join(map(code, settings(document))),
        f"**{_verdict(document)}**",
        *(_finding(finding, rules) for finding in document["findings"] if standing(finding) != "known"),
        _known(document["findings"]),
        _since(document),
        _operations(document["operations"]),
        _roles(document),
        _scenarios(document["scenarios"]),
        _load(document),
        _notes(document.get("notes") or ()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(document: Document) -> str:
    """The verdict; only its reason can hold a server's words, and then all of it is code."""
    said = verdict(document)
    return code(said, 600) if document["run"]["reason"] else said


def _finding(finding: Mapping[str, Any], rules: Mapping[str, RuleText]) -> str:
    proof, reproducer = finding["proof"], finding["reproducer"]
    text = rule_text(rules, finding["rule"])
    doubt = "" if finding["confidence"] == "proved" else " (suspect, not proved)"
    lines = [
        f"## {finding['severity']}: {code(finding['rule'])} in {code(where(finding['operation']))}{doubt}",
        code(finding["title"], 400),
        f"- expected: {code(proof['expected'], 1000)}\n- observed: {code(proof['observed'], 1000)}"
        + (f"\n- note: {code(finding['note'], 400)}" if finding.get("note") else ""),
        "The minimal exchange:" if reproducer["minimal"] else "The exchange (not minimal):",
        steps_block(reproducer),
    ]
    if finding.get("stderr"):
        lines += ["The end of the server's stderr:", block("\n".join(finding["stderr"].splitlines()[-20:]))]
    lines += ["See it again:", block(reproducer["command"], "sh")]
    lines += [f"Mend: {text.mend}"] if text.mend else []
    references = list(dict.fromkeys([*finding["references"], *text.references]))
    lines += [f"References: {', '.join(map(code, references))}"] if references else []
    return "\n\n".join(lines)


def _known(findings: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"- {code(one['rule'])} in {code(where(one['operation']))}: {code(one['baseline']['reason'])}"
        for one in findings
        if standing(one) == "known"
    ]
    return "## Known, and not counted\n\n" + "\n".join(lines) if lines else ""


def _since(document: Document) -> str:
    lines = [f"- {label}: {code(text)}" for label, text in since(document)]
    more = [f"- … and {len(lines) - _MAX_LISTED} more"] if len(lines) > _MAX_LISTED else []
    return "## Since earlier runs\n\n" + "\n".join([*lines[:_MAX_LISTED], *more]) if lines else ""


# ---- what was tested ------------------------------------------------------------------------------


def _operations(operations: Sequence[Mapping[str, Any]]) -> str:
    missed = unreached(operations)
    said = f"## Operations\n\nReached {len(operations) - len(missed)} of {counted(len(operations), 'operation')}."
    if not missed:
        return said
    rows = [f"| {_cell(kind)} | {_cell(name)} | {_cell(why, 200)} |" for kind, name, why in missed[:_MAX_LISTED]]
    more = f"\n\n… and {len(missed) - _MAX_LISTED:,} more" if len(missed) > _MAX_LISTED else ""
    return f"{said}\n\n| not reached | name | why |\n|-|-|-|\n" + "\n".join(rows) + more


def _roles(document: Document) -> str:
    head, rows = roles_table(document)
    if not rows:
        return ""
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows[:_MAX_ROLES]]
    more = f"\n\n… and {len(rows) - _MAX_ROLES:,} more" if len(rows) > _MAX_ROLES else ""
    titles = f"| {' | '.join(_cell(name) if name else ' ' for name in head)} |\n|{'-|' * len(head)}\n"
    return f"## Who is served what\n\n{ROLES}\n\n{titles}" + "\n".join(lines) + more


def _scenarios(scenarios: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for status in ("findings", "clean"):
        names = [one["id"] for one in scenarios if one["status"] == status]
        lines += [f"- {status}: {', '.join(map(code, names))}"] if names else []
    for status in ("partial", "not-run"):
        for reason, names in by_reason(scenarios, status):
            lines.append(f"- {status.replace('-', ' ')}: {', '.join(map(code, names))}, {code(reason)}")
    return "## Scenarios\n\n" + "\n".join(lines) if lines else ""


def _load(document: Document) -> str:
    if "load" not in document:
        return ""
    head = f"## Load\n\n| {' | '.join(LOAD_HEAD)} |\n|{'-|' * len(LOAD_HEAD)}\n"
    return head + "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in load_rows(document["load"]))


def _notes(notes: Iterable[str]) -> str:
    lines = [f"- {code(note)}" for note in notes]
    more = [f"- … and {len(lines) - _MAX_LISTED} more"] if len(lines) > _MAX_LISTED else []
    return "## Notes\n\n" + "\n".join([*lines[:_MAX_LISTED], *more]) if lines else ""


# ---- a job's summary ------------------------------------------------------------------------------


def append_step_summary(document: Document, rules: Mapping[str, RuleText], environ: Mapping[str, str]) -> bool:
    """Append the report to `$GITHUB_STEP_SUMMARY` where that is set; says whether it was.

    Raises:
        OSError: the file cannot be written.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    text = render(document, rules).encode("utf-8")
    if len(text) > MAX_SUMMARY_BYTES:
        shorter = {**document, "findings": document["findings"][:20], "notes": ["the report file has all of it"]}
        text = render(shorter, rules).encode("utf-8")
    if len(text) > MAX_SUMMARY_BYTES:
        text = f"# mcpfuzz\n\n**{_verdict(document)}**\n".encode()
    with Path(path).open("ab") as file:
        file.write(text)
    return True
