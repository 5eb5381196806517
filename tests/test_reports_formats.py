"""What each format is read for: code scanning, dashboards, browsers, pull requests."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from mcpfuzz.baseline import Baseline, Entry
from mcpfuzz.events import Event, Finished, Found, Progress
from mcpfuzz.model import replace
from mcpfuzz.reports import Gate, describe
from mcpfuzz.reports.markdown import append_step_summary
from mcpfuzz.reports.sarif import artifact_of
from mcpfuzz.reports.testing import EVIL_TEXTS, SAMPLE_RULES, hostile_run, opened, sample_finding, sample_run, written
from mcpfuzz.reports.texts import visible

LOAD = {
    "requests": 9,
    "failures": 0,
    "rps": 3.5,
    "p50_ms": 1.0,
    "p95_ms": 2.0,
    "p99_ms": None,
    "policies": [],
    "scenarios": [{"id": "storm", "verdict": "pass", "requests": 9, "failures": 0, "rps": 3.5, "errors": {}}],
}


def document(folder: Path, events: list[Event] | None = None) -> Any:
    return json.loads(written("json", events or sample_run(), folder))


# ---- sarif ----------------------------------------------------------------------------------------


def test_sarif_has_what_code_scanning_reads(tmp_path: Path) -> None:
    shown = json.loads(written("sarif", sample_run(), tmp_path))
    assert shown["version"] == "2.1.0"
    (run,) = shown["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["crash", "error-disclosure", "path-traversal"]
    traversal = rules[2]
    assert traversal["properties"]["security-severity"] == "8.0"
    assert "external/cwe/cwe-022" in traversal["properties"]["tags"]
    assert traversal["help"]["text"] and traversal["help"]["markdown"]
    levels = [result["level"] for result in run["results"]]
    assert levels == ["error", "error", "note"]
    result = run["results"][1]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "path-traversal"
    assert result["partialFingerprints"] == {
        "mcpfuzz/v1": "5f1c0a77e2b94d10",
        "primaryLocationLineHash": "5f1c0a77e2b94d10:1",
    }
    (location,) = result["locations"]
    uri = location["physicalLocation"]["artifactLocation"]["uri"]
    assert not uri.startswith("/") and ":" not in uri
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "files-server/tool/read_file#/path"
    assert run["invocations"][0]["executionSuccessful"] is True


def test_sarif_messages_hold_no_links_and_no_placeholders(tmp_path: Path) -> None:
    shown = json.loads(written("sarif", hostile_run("[a](http://evil.test) {0}"), tmp_path))
    text = shown["runs"][0]["results"][0]["message"]["text"]
    assert "[a](" not in text.replace("\\[a\\](", "")
    assert "{0}" not in text.replace("{{0}}", "")


def test_the_artifact_is_the_program_inside_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "pkg" / "src").mkdir(parents=True)
    (tmp_path / "README.md").touch()
    shown = document(tmp_path)
    shown["target"]["launch"]["command"] = ["node", "--flag", "../../etc/passwd", "src/my server.js", "x" * 5000, "\0"]
    assert artifact_of(shown, tmp_path / "pkg") == "README.md"
    (tmp_path / "pkg" / "src" / "my server.js").touch()
    assert artifact_of(shown, tmp_path / "pkg") == "pkg/src/my server.js"


# ---- junit, html, markdown, github ----------------------------------------------------------------


def test_junit_has_a_case_for_each_finding_and_each_scenario(tmp_path: Path) -> None:
    suite = ET.fromstring(written("junit", sample_run(), tmp_path))[0]
    cases = {(case.get("classname"), case.get("name")): case for case in suite.iter("testcase")}
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("10", "2", "5")
    failure = cases["path-traversal", "tool[read_file]"].find("failure")
    assert failure is not None and "mcpfuzz replay" in (failure.text or "")
    assert cases["sql-injection", "sql-injection"].find("skipped") is not None
    assert len(cases["command-injection", "command-injection"]) == 0


@pytest.mark.parametrize("text", EVIL_TEXTS)
def test_a_finding_can_be_told_in_a_test_s_failure(text: str) -> None:
    shown = describe(Gate().pass_(Found(finding=sample_finding(text=text))).finding, SAMPLE_RULES, report="r.json")
    assert visible(shown, lines=True) == shown
    lines = [line.split(":")[0] for line in shown.splitlines() if not line.startswith((" ", "1", "2"))]
    assert lines[1:4] == ["where", "expected", "observed"]
    assert "replay: mcpfuzz replay r.json --finding 5f1c0a77e2b94d10" in shown.splitlines()
    assert shown.splitlines()[-1].startswith("mend: ")


def test_junit_tells_a_run_that_tested_nothing_as_an_error(tmp_path: Path) -> None:
    events = [
        replace(event, outcome="could-not-test", reason="no tools", findings=())
        if isinstance(event, Finished)
        else event
        for event in sample_run()
    ]
    suite = ET.fromstring(written("junit", events, tmp_path))[0]
    assert suite.get("errors") == "1"


def test_two_findings_of_one_tool_are_two_cases(tmp_path: Path) -> None:
    twice = (sample_finding(), sample_finding())
    events = [replace(event, findings=twice) if isinstance(event, Finished) else event for event in sample_run()]
    names = [case.get("name") for case in ET.fromstring(written("junit", events, tmp_path)).iter("testcase")]
    assert names[:2] == ["tool[read_file]", "tool[read_file] 2"]


def test_html_forbids_the_browser_to_load_or_run_anything(tmp_path: Path) -> None:
    shown = written("html", sample_run(), tmp_path, extra={"load": LOAD})
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;" in shown
    assert not re.search(r"<script|javascript:|@import|url\(|src=", shown)
    for words in (
        "Operations and scenarios",
        "Resolve the path",
        "storm",
        "needs two identities",
        "prefers-color-scheme",
    ):
        assert words in shown


def test_html_shows_json_in_colours(tmp_path: Path) -> None:
    shown = written("html", sample_run(), tmp_path)
    assert '<span class="key">&quot;jsonrpc&quot;</span>: <span class="str">&quot;2.0&quot;</span>' in shown


def test_html_of_a_huge_run_stays_small(tmp_path: Path) -> None:
    events = sample_run()
    last = events[-1]
    assert isinstance(last, Finished)
    many = replace(last, operations=last.operations * 2000, scenarios=last.scenarios * 100)
    assert len(written("html", [*events[:-1], many], tmp_path)) < 1_500_000


def test_markdown_says_what_matters(tmp_path: Path) -> None:
    shown = written("markdown", sample_run(), tmp_path, extra={"load": LOAD})
    for words in ("## critical: `crash` in `tool search`", "Mend: Resolve the path", "mcpfuzz replay", "## Load"):
        assert words in shown
    assert "- not run: `authorization-bola`, `authorization-bfla`, `needs two identities`" in shown


def test_the_step_summary_is_appended_where_one_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n", encoding="utf-8")
    assert not append_step_summary(document(tmp_path), SAMPLE_RULES, {})
    assert append_step_summary(document(tmp_path), SAMPLE_RULES, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text(encoding="utf-8").startswith("before\n# mcpfuzz")


def test_a_summary_stays_below_the_limit(tmp_path: Path) -> None:
    shown = document(tmp_path)
    shown["findings"] *= 2000
    path = tmp_path / "summary.md"
    append_step_summary(shown, SAMPLE_RULES, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size < 1_000_001


@pytest.mark.parametrize("on", ["true", ""])
def test_annotations_appear_on_github_only(on: str, tmp_path: Path) -> None:
    out = io.StringIO()
    with opened([], out=out, environ={"GITHUB_ACTIONS": on}) as reports:
        for event in sample_run():
            reports.on(event)
    assert ("::error file=" in out.getvalue()) is bool(on)


def test_the_page_draws_the_run_over_its_time(tmp_path: Path) -> None:
    started, *rest = sample_run()
    steps = [
        Progress(phase="attacking", elapsed_s=t, requests=100 * t, cases=t, restarts=int(t > 2), findings=int(t > 1))
        for t in range(1, 5)
    ]
    page = written("html", [started, *steps, *rest], tmp_path)
    assert (page.count('class="found"'), page.count('class="start"')) == (1, 1)
    assert 'class="said"' not in written("html", [started, *steps[:1], rest[-1]], tmp_path)


def test_the_timeline_of_a_long_run_stays_small_and_covers_all_of_it(tmp_path: Path) -> None:
    started, *_, finished = sample_run()
    steps = [
        Progress(phase="attacking", elapsed_s=t, requests=t, cases=t, restarts=0, findings=0) for t in range(10_000)
    ]
    points = json.loads(written("json", [started, *steps, finished], tmp_path))["timeline"]
    assert len(points) <= 240 and points[0]["elapsed_s"] == 0 and points[-1]["elapsed_s"] > 9_900


SARIF_SCHEMA = os.environ.get("MCPFUZZ_SARIF_SCHEMA")
"""Path of OASIS's sarif-schema-2.1.0.json; it is not ours to store here."""


@pytest.mark.skipif(not SARIF_SCHEMA, reason="MCPFUZZ_SARIF_SCHEMA names no schema of OASIS")
@pytest.mark.parametrize("text", [None, *EVIL_TEXTS])
def test_sarif_obeys_the_schema_of_oasis(tmp_path: Path, text: str | None) -> None:
    schema = json.loads(Path(SARIF_SCHEMA or "").read_text(encoding="utf-8"))
    events: list[Event] = []
    on = Baseline(tmp_path / "b.toml", [Entry(fingerprint="5f1c0a77e2b94d10", reason="[x](y) {0}")]).listen(
        events.append
    )
    for event in sample_run() if text is None else hostile_run(text):
        on(event)
    jsonschema.validators.validator_for(schema)(schema).validate(json.loads(written("sarif", events, tmp_path)))
