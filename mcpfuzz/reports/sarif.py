"""SARIF 2.1.0, for code scanning. A black-box finding has no source line: it points at a file of the
repository that stands for the server, at its first line, and says where it truly lives as a logical
location. `partialFingerprints` are ours (never of payload bytes), so that alerts do not churn with the seed.

Escaping: JSON's own, below the square brackets and braces that a SARIF message gives a meaning to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mcpfuzz.model import SEVERITIES, Json
from mcpfuzz.reports.document import Document
from mcpfuzz.reports.markdown import block, code, steps_block
from mcpfuzz.reports.safe import json_text
from mcpfuzz.reports.texts import RuleText, clip, rule_text, visible, where
from mcpfuzz.reports.words import standing

__all__ = ["artifact_of", "render"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_SCORES = {"critical": "9.4", "high": "8.0", "medium": "5.0", "low": "2.0", "info": "0.0"}
"""`security-severity`, as nuclei and GitHub's bands have it."""
_STAND_INS = ("pyproject.toml", "package.json", "go.mod", "Cargo.toml", "pom.xml", ".mcp.json", "README.md")


def render(document: Document, rules: Mapping[str, RuleText], *, artifact: str = "README.md") -> str:
    """The document as SARIF text.

    Args:
        artifact: repo-relative path of the file that findings point at.
    """
    ids = sorted({finding["rule"] for finding in document["findings"]})
    run = {
        "tool": {
            "driver": {
                "name": "mcpfuzz",
                "semanticVersion": document["tool"]["version"],
                "rules": [_rule(rule, rules, document["findings"]) for rule in ids],
            }
        },
        "invocations": [_invocation(document)],
        "results": [_result(finding, ids, document, artifact) for finding in document["findings"]],
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
    }
    return json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def artifact_of(document: Document, folder: Path) -> str:
    """The file of the repository that stands for the server: a program file that the launch command
    names, else the project's own file; relative to the repository's root, with forward slashes."""
    folder = folder.resolve()
    root = next((up for up in (folder, *folder.parents) if (up / ".git").exists()), folder)
    launch = document["target"]["launch"]
    named = [
        base / word for base in (folder, folder / launch["cwd"]) for word in launch["command"] if _may_be_path(word)
    ]
    stand_ins = [base / name for base in (folder, root) for name in _STAND_INS]
    return next((found for path in (*named, *stand_ins) if (found := _inside(path, root))), "README.md")


def _may_be_path(word: str) -> bool:
    return not word.startswith("-") and "\0" not in word


def _inside(path: Path, root: Path) -> str | None:
    """`path` relative to `root`, where it is a file there."""
    try:
        path = path.resolve()
        return path.relative_to(root).as_posix() if path.is_file() and path.is_relative_to(root) else None
    except OSError:
        return None  # too long a name, a folder that may not be read: then it is not the server's file


# ---- rules ----------------------------------------------------------------------------------------


def _rule(rule: str, rules: Mapping[str, RuleText], findings: Iterable[Mapping[str, Any]]) -> dict[str, Json]:
    text = rule_text(rules, rule)
    mine = [finding for finding in findings if finding["rule"] == rule]
    worst = max((finding["severity"] for finding in mine), key=SEVERITIES.index)
    references = list(dict.fromkeys([*text.references, *(name for one in mine for name in one["references"])]))
    mend = text.mend or f"See `mcpfuzz explain {rule}`."
    return {
        "id": rule,
        "name": "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", rule)),
        "shortDescription": {"text": text.title},
        "fullDescription": {"text": text.title},
        "help": {
            "text": f"{text.title}. {mend} References: {', '.join(references) or 'none'}.",
            "markdown": f"**{text.title}**\n\n{mend}\n\nReferences: {', '.join(references) or 'none'}",
        },
        "defaultConfiguration": {"level": _LEVELS[worst]},
        "properties": {
            "security-severity": _SCORES[worst],
            "precision": "very-high" if any(one["confidence"] == "proved" for one in mine) else "low",
            "tags": _tags(mine, references),
        },
    }


def _tags(findings: Iterable[Mapping[str, Any]], references: Iterable[str]) -> list[str]:
    weaknesses = sorted({finding["cwe"] for finding in findings if finding["cwe"]})
    tags = ["security", "mcp", *(f"external/cwe/cwe-{cwe:03d}" for cwe in weaknesses), *references]
    return list(dict.fromkeys(tags))[:20]


# ---- results --------------------------------------------------------------------------------------


def _result(finding: Mapping[str, Any], ids: list[str], document: Document, artifact: str) -> dict[str, Json]:
    proved = finding["confidence"] == "proved"
    mark = finding["fingerprint"]
    return {
        "ruleId": finding["rule"],
        "ruleIndex": ids.index(finding["rule"]),
        "level": _LEVELS[finding["severity"]] if proved else "note",
        "message": {"text": _message(finding), "markdown": _markdown(finding)},
        "locations": [_location(finding["operation"], document, artifact)],
        "partialFingerprints": {"mcpfuzz/v1": mark, "primaryLocationLineHash": f"{mark}:1"},
        "properties": {
            "confidence": finding["confidence"],
            "severity": finding["severity"],
            "security-severity": _SCORES[finding["severity"]],
            "scenario": finding.get("scenario", ""),
            "replay": finding["reproducer"]["command"],
        },
        **_judged(finding),
    }


def _judged(finding: Mapping[str, Any]) -> dict[str, Json]:
    """What a baseline says: the state (3.27.24), and where it is accepted a suppression (3.35) with its reason."""
    state = standing(finding)
    if not state:
        return {}
    if state != "known":
        return {"baselineState": "new" if state == "new" else "unchanged"}
    reason = visible(str(finding["baseline"]["reason"]))
    return {
        "baselineState": "unchanged",
        "suppressions": [{"kind": "external", "status": "accepted", "justification": reason}],
    }


def _plain(text: str, limit: int = 1000) -> str:
    """Text for a SARIF message: no embedded links (3.11.6), no placeholders (3.11.5)."""
    text = re.sub(r"([\\\[\]])", r"\\\1", visible(clip(text, limit)))
    return re.sub(r"\{(\d+)\}", r"{{\1}}", text)


def _message(finding: Mapping[str, Any]) -> str:
    doubt = "" if finding["confidence"] == "proved" else "Suspect, not proved: "
    proof = finding["proof"]
    return (
        f"{doubt}{_plain(finding['title'], 300)} ({_plain(where(finding['operation']), 300)}). "
        f"Expected: {_plain(proof['expected'])} Observed: {_plain(proof['observed'])} "
        f"See it again: {_plain(finding['reproducer']['command'])}"
    )


def _markdown(finding: Mapping[str, Any]) -> str:
    proof = finding["proof"]
    return "\n\n".join(
        [
            f"{code(finding['title'])} in {code(where(finding['operation']))}",
            f"Expected {code(proof['expected'])}, observed {code(proof['observed'])}.",
            steps_block(finding["reproducer"]),
            block(finding["reproducer"]["command"]),
        ]
    )


def _location(operation: Mapping[str, Any], document: Document, artifact: str) -> dict[str, Json]:
    server = document["target"]["server"]["name"] or "server"
    path = f"{server}/{operation['kind']}/{operation['name']}"
    argument = f"#{operation['argument']}" if operation["argument"] else ""
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(artifact), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 1},
        },
        "logicalLocations": [
            {
                "name": visible(operation["name"]),
                "fullyQualifiedName": visible(path + argument),
                "kind": "function" if operation["kind"] in ("tool", "prompt") else "resource",
            }
        ],
    }


def _invocation(document: Document) -> dict[str, Json]:
    run = document["run"]
    reasons = [f"{run['outcome']}: {run['reason']}"] if run["reason"] else []
    reasons += [
        f"{one['id']} {one['status']}: {one['reason']}"
        for one in document["scenarios"]
        if one["status"] in ("partial", "not-run")
    ]
    return {
        "executionSuccessful": run["outcome"] in ("clean", "findings"),
        "startTimeUtc": run["started"],
        "properties": {"seed": run["seed"], "profile": run["profile"], "outcome": run["outcome"]},
        "toolExecutionNotifications": [
            {"level": "warning", "message": {"text": _plain(reason, 500)}} for reason in reasons
        ],
    }
