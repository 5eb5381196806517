"""Every sink against every hostile text, and what must hold when a run, a disk or a sink fails."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from mcpfuzz.errors import UsageError
from mcpfuzz.events import Event, Finished, Found, Started
from mcpfuzz.model import replace
from mcpfuzz.reports import Gate, PlainRule, Reports, RuleText, Setting, open_sinks, write, write_atomically
from mcpfuzz.reports.github import annotation_lines
from mcpfuzz.reports.markdown import append_step_summary
from mcpfuzz.reports.opening import FORMATS
from mcpfuzz.reports.sarif import artifact_of
from mcpfuzz.reports.testing import EVIL_TEXTS, hostile_run, sample_finding, sample_run
from mcpfuzz.reports.texts import visible

RULES: Mapping[str, RuleText] = {
    "path-traversal": PlainRule(
        title="A path leads out of the folder", mend="Resolve it first.", references=("CWE-22",)
    ),
    "crash": PlainRule(title="A message ends the server", mend="Answer with an error."),
}
LOAD = {
    **{"requests": 9, "failures": 0, "rps": 3.5, "p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": None, "policies": []},
    "scenarios": [{"id": "storm", "verdict": "pass", "requests": 9, "failures": 0, "rps": 3.5, "errors": {}}],
}


def opened(specs: list[str], *secrets: str, **setting: Any) -> Reports:
    setting = {"rules": RULES, "out": io.StringIO(), "err": io.StringIO(), "environ": {}, **setting}
    return open_sinks(specs, Gate(secrets), version="0.1.0", setting=Setting(**setting))


def written(kind: str, events: list[Event], folder: Path, *secrets: str, **setting: Any) -> str:
    path = folder / f"report.{kind}"
    with opened([f"{kind}={path}"], *secrets, **setting) as reports:
        for event in events:
            reports.on(event)
    return path.read_text(encoding="utf-8")


def document(folder: Path, events: list[Event] | None = None) -> Any:
    return json.loads(written("json", events or sample_run(), folder))


# ---- hostile text ---------------------------------------------------------------------------------


def unsafe_json(text: str) -> str | None:
    for line in text.splitlines():
        assert line.isascii()
        assert line.isprintable()
    return None


class Page(HTMLParser):
    """Notes what a browser would act on."""

    TAGS = frozenset(
        "html head meta title style body main section article header footer h1 h2 h3 p span div ul ol li pre code a b "
        "table thead tbody tr th td svg rect details summary".split()
    )
    ATTRIBUTES = frozenset(
        "lang charset http-equiv content name class style href id title scope width height x rx viewbox "
        "preserveaspectratio role aria-label open".split()
    )

    def __init__(self) -> None:
        super().__init__()
        self.odd: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.odd += [tag] if tag not in self.TAGS else []
        for name, value in attrs:
            self.odd += [name] if name not in self.ATTRIBUTES else []
            self.odd += [f"{value}"] if name == "href" and not re.fullmatch(r"#finding-\d+", value or "") else []
            self.odd += [f"{value}"] if name == "style" and value != "color:var(--s)" else []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def unsafe_html(text: str) -> str | None:
    page = Page()
    page.feed(text)
    page.close()
    return str(page.odd) if page.odd else None


def unsafe_markdown(text: str) -> str | None:
    active = {"link_open", "image", "html_inline", "html_block", "hardbreak", "entity"}
    parser = MarkdownIt("commonmark").enable("table")
    todo, plain = list(parser.parse(text)), ""
    for token in todo:
        for part in [token, *(token.children or [])]:
            if part.type in active:
                return f"{part.type}: {part.content or part.attrs}"
            plain += part.content + "\n" if part.type == "text" else ""
    return "plain" if re.search(r"evil|pwned|owned|@everyone|markup", plain) else None


def unsafe_junit(text: str) -> str | None:
    return None if ET.fromstring(text).tag == "testsuites" else "no test suites"


UNSAFE: Mapping[str, Callable[[str], str | None]] = {
    "json": unsafe_json,
    "jsonl": unsafe_json,
    "sarif": unsafe_json,
    "html": unsafe_html,
    "markdown": unsafe_markdown,
    "junit": unsafe_junit,
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("text", EVIL_TEXTS)
def test_nothing_of_a_hostile_server_acts_in_any_report(kind: str, text: str, tmp_path: Path) -> None:
    shown = written(kind, hostile_run(text), tmp_path, extra={"load": LOAD})
    assert visible(shown, lines=True) == shown, "control characters or CI commands"
    assert UNSAFE[kind](shown) is None
    assert len(shown) < 2_000_000


@pytest.mark.parametrize("kind", FORMATS)
def test_no_secret_is_in_any_report(kind: str, tmp_path: Path) -> None:
    shown = written(kind, hostile_run("Authorization: Bearer topsecret/value+1"), tmp_path, "topsecret/value+1")
    assert "topsecret" not in shown
    assert "redacted" in shown


@pytest.mark.parametrize("text", EVIL_TEXTS)
def test_annotations_are_one_command_a_line(text: str, tmp_path: Path) -> None:
    lines = annotation_lines(document(tmp_path, hostile_run(text)), "server.py")
    assert all(re.fullmatch(r"::(error|warning) file=server\.py,line=1,title=[^:,]+::.*", line) for line in lines)


# ---- json and jsonl -------------------------------------------------------------------------------


def interrupted(after: type) -> list[Event]:
    events = sample_run()
    return events[: max(i for i, event in enumerate(events) if isinstance(event, after)) + 1]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_run_that_was_cut_off_still_has_its_report(kind: str, tmp_path: Path) -> None:
    assert "interrupted" in written(kind, interrupted(Found), tmp_path)


def test_a_killed_run_leaves_a_readable_report_with_what_it_found(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("last night's", encoding="utf-8")
    reports = opened([f"json={path}"])
    for event in interrupted(Found):
        reports.on(event)  # and never closed
    shown = json.loads(path.read_text(encoding="utf-8"))
    assert (shown["run"]["outcome"], shown["run"]["complete"], len(shown["findings"])) == ("interrupted", False, 3)
    assert os.listdir(tmp_path) == ["r.json"]


def test_jsonl_is_streamed_and_ends_with_the_run(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    reports = opened([f"jsonl={path}"])
    seen = 0
    for event in sample_run():
        reports.on(event)
        lines = path.read_text(encoding="utf-8").splitlines()
        seen += 1
        assert len(lines) == seen
    reports.close()
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    names = ["started", "discovered", "progress", "restarted", "noted", "found", "found", "found", "finished"]
    assert [line["event"] for line in told] == names
    assert told[-1]["run"]["outcome"] == "findings"
    assert told[0]["launch"]["command"] == ["node", "server.js", "{workspace}"]


def test_a_report_on_standard_output_leaves_standard_error_to_people() -> None:
    out, err = io.StringIO(), io.StringIO()
    with opened(["json=-"], out=out, err=err) as reports:
        for event in sample_run():
            reports.on(event)
    assert json.loads(out.getvalue())["run"]["outcome"] == "findings"
    assert "exit 1" in err.getvalue()


def test_replay_commands_name_the_json_report_that_is_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    with opened([f"json={path}", f"html={tmp_path / 'r.html'}"]) as reports:
        for event in sample_run():
            reports.on(event)
    assert f"mcpfuzz replay {path} --finding" in (tmp_path / "r.html").read_text(encoding="utf-8")


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
        "Resolve it first.",
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
    for words in ("## critical: `crash` in `tool search`", "Mend: Resolve it first.", "mcpfuzz replay", "## Load"):
        assert words in shown
    assert "- not run: `authorization-bola`, `authorization-bfla`, `needs two identities`" in shown


def test_the_step_summary_is_appended_where_one_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n", encoding="utf-8")
    assert not append_step_summary(document(tmp_path), RULES, {})
    assert append_step_summary(document(tmp_path), RULES, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text(encoding="utf-8").startswith("before\n# mcpfuzz")


def test_a_summary_stays_below_the_limit(tmp_path: Path) -> None:
    shown = document(tmp_path)
    shown["findings"] *= 2000
    path = tmp_path / "summary.md"
    append_step_summary(shown, RULES, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size < 1_000_001


@pytest.mark.parametrize("on", ["true", ""])
def test_annotations_appear_on_github_only(on: str, tmp_path: Path) -> None:
    out = io.StringIO()
    with opened([], out=out, environ={"GITHUB_ACTIONS": on}) as reports:
        for event in sample_run():
            reports.on(event)
    assert ("::error file=" in out.getvalue()) is bool(on)


# ---- opening, failing, closing --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("jsn=x", "did you mean json"),
        ("pdf=x", "there is json, jsonl, sarif, junit, html and markdown"),
        ("json", "say where to"),
        ("json=", "say where to"),
        ("json=.", "is a folder"),
        ("json=nowhere/x.json", "make it first"),
    ],
)
def test_a_wrong_option_is_one_line_before_the_run(spec: str, why: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=why) as caught:
        opened([spec])
    assert "\n" not in str(caught.value)


def test_two_reports_do_not_share_a_place(tmp_path: Path) -> None:
    for pair in (["json=-", "html=-"], [f"json={tmp_path}/a", f"html={tmp_path}/../{tmp_path.name}/a"]):
        with pytest.raises(UsageError, match="one place"):
            opened(pair)


def test_a_folder_that_is_not_writable_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match="is not writable"):
        opened([f"json={tmp_path}/r.json"])


def test_a_device_is_written_to_and_not_replaced() -> None:
    with opened(["json=/dev/null", "jsonl=/dev/null"][:1]) as reports:
        for event in sample_run():
            reports.on(event)
    assert Path("/dev/null").is_char_device()


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "r.json"
    write_atomically(path, "old")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert [(one.name, one.read_text(encoding="utf-8")) for one in tmp_path.iterdir()] == [("r.json", "old")]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text(encoding="utf-8") == "new"


class Broken:
    """A sink that fails in one way."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on(self, event: Event) -> None:
        raise self.error

    def close(self) -> None:
        pass


class Listening:
    def __init__(self) -> None:
        self.heard: list[Event | str] = []

    def on(self, event: Event) -> None:
        self.heard.append(event)

    def close(self) -> None:
        self.heard.append("closed")


def test_a_full_disk_for_one_sink_is_told_at_the_end_and_harms_no_other() -> None:
    good = Listening()
    reports = Reports(Gate(), [("json=r", Broken(OSError(28, "No space left on device"))), ("good", good)])
    events = sample_run()
    for event in events:
        reports.on(event)
    with pytest.raises(UsageError, match="json=r: No space left on device"):
        reports.close()
    assert len(good.heard) == len(events) + 1


def test_a_reader_that_left_is_no_failure() -> None:
    with Reports(Gate(), [("json=-", Broken(BrokenPipeError()))]) as reports:
        reports.on(sample_run()[0])


def test_a_defect_in_one_sink_keeps_no_other_from_its_work() -> None:
    good = Listening()
    reports = Reports(Gate(), [("bad", Broken(ZeroDivisionError())), ("good", good)])
    with pytest.raises(ZeroDivisionError):
        reports.on(sample_run()[0])
    reports.close()
    assert [type(one) for one in good.heard] == [Started, str]


def test_an_error_of_the_run_is_not_hidden_by_one_of_a_report() -> None:
    with pytest.raises(KeyboardInterrupt), Reports(Gate(), [("x", Broken(OSError(28, "full")))]) as reports:
        reports.on(sample_run()[0])
        raise KeyboardInterrupt


def test_a_merged_document_can_be_written_in_any_format_but_the_stream(tmp_path: Path) -> None:
    shown = document(tmp_path)
    for kind in FORMATS:
        if kind != "jsonl":
            write(f"{kind}={tmp_path}/merged.{kind}", shown, RULES)
            assert (tmp_path / f"merged.{kind}").stat().st_size
    with pytest.raises(UsageError, match="stream of events"):
        write(f"jsonl={tmp_path}/x", shown, RULES)
