"""The report at a terminal: short, whole, and deaf to whatever a server writes into it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.events import Discovered, Event, Finished
from mcpfuzz.model import OperationStats, ScenarioResult, replace
from mcpfuzz.reports import Look
from mcpfuzz.reports.testing import EVIL_TEXTS, hostile_run, opened, sample_finding, sample_run
from mcpfuzz.reports.texts import visible

STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(events: Iterable[Event], out: io.StringIO | None = None, **setting: Any) -> tuple[str, str]:
    """What standard output and standard error hold after the run."""
    out, err = out or io.StringIO(), setting.pop("err", None) or io.StringIO()
    with opened(setting.pop("specs", ()), out=out, err=err, **setting) as reports:
        for event in events:
            reports.on(event)
    return out.getvalue(), err.getvalue()


def finished(**changes: Any) -> list[Event]:
    return [replace(one, **changes) if isinstance(one, Finished) else one for one in sample_run()]


def test_the_first_line_says_what_is_tested_and_how() -> None:
    first = shown(sample_run())[0].splitlines()[0]
    assert first == (
        "mcpfuzz tests files-server 1.4.0 · MCP 2025-11-25 · stdio · seed 42 · standard, 60 s · sandbox on"
        " · may write to /tmp/mcpfuzz-1/workspace"
    )


def test_a_finding_says_what_where_how_sure_and_what_to_do() -> None:
    text = shown(sample_run())[0]
    at = text.index("HIGH")
    assert text[at : text.index("LOW")].splitlines() == [
        "HIGH  path-traversal  tool read_file /path",
        "  read_file reads files outside the folder it is meant to stay inside",
        '  input     tools/call read_file {"path": "{workspace}/../{canary:a}.txt"}',
        "  expected  an error, or nothing of the decoy beside the workspace",
        '  observed  the decoy\'s canary "c0ffee" in the answer',
        "  stderr    Traceback (most recent call last):",
        "  stderr    OSError: [Errno 2]",
        "  replay:   mcpfuzz replay report.json --finding 5f1c0a77e2b94d10",
        "  mend:     Resolve the path, links too, and compare it with the folder before it is opened.",
        "",
    ]
    assert "LOW suspect (not proved)  error-disclosure" in text


def test_what_was_not_tested_is_said_with_its_reason() -> None:
    text = shown(sample_run())[0]
    for line in (
        "reached 5 of 7 operations",
        "  not reached  tool deploy: destructive; --allow-destructive calls it",
        "  not reached  resource file:///notes.txt: 0 of 30 calls accepted",
        "  partial      sql-injection: its time was spent",
        "  not run      authorization-bola, authorization-bfla: needs two identities",
    ):
        assert line in text.splitlines()


def test_what_no_option_would_bring_about_is_a_number_unless_it_is_asked_for() -> None:
    whys = ("not applicable: it is about WebSocket", "not applicable: it is about networked servers: --url",
            "not applicable: give the folder with --workspace",
            "not applicable: it is not installed: pip install 'it'")  # fmt: skip
    events = finished(scenarios=tuple(ScenarioResult(id=f"s{nth}", status="not-run", reason=why)
                                      for nth, why in enumerate(whys)))  # fmt: skip
    short = [line for line in shown(events)[0].splitlines() if line.startswith("  not run")]
    assert short == [
        "  not run      s2: not applicable: give the folder with --workspace",
        "  not run      s3: not applicable: it is not installed: pip install 'it'",
        "  not run      2 that do not apply to this target: --verbose lists them",
    ]
    assert "  not run      s0: not applicable: it is about WebSocket" in shown(events, look=Look(verbose=True))[0]


@pytest.mark.parametrize(
    ("outcome", "reason", "begins", "ends"),
    [
        ("clean", None, "clean, 0 findings", "exit 0"),
        ("findings", None, "2 findings (1 critical, 1 high), 1 suspect", "exit 1: findings that count"),
        ("could-not-test", "it lists no tools", "could not test: it lists no tools", "exit 3: could not test"),
        ("interrupted", None, "interrupted", "exit 130: interrupted"),
        ("interrupted", "interrupted by a signal", "interrupted by a signal, ", "exit 130: interrupted"),
        ("fault", "a promise was broken", "mcpfuzz failed: a promise was broken", "exit 4: a fault of mcpfuzz itself"),
    ],
)
def test_the_last_line_is_the_verdict(outcome: str, reason: str | None, begins: str, ends: str) -> None:
    changes = {} if outcome == "findings" else {"findings": ()}
    last = shown(finished(outcome=outcome, reason=reason, **changes))[0].splitlines()[-1]
    assert last.startswith(begins)
    assert last.endswith(ends)
    assert "4 of 7 scenarios ran, 1 only in part" in last


def test_findings_below_the_bar_are_no_clean_run_in_words() -> None:
    last = shown(finished(outcome="clean", reason=None))[0].splitlines()[-1]
    assert last.startswith("2 findings (1 critical, 1 high), 1 suspect, none that counts, 4 of 7 scenarios ran")
    assert last.endswith("exit 0")


@pytest.mark.parametrize(("specs", "told"), [((), True), (("json=r.json",), False), (("html=r.html",), True)])
def test_who_has_no_report_to_replay_is_told_how_to_get_one(
    specs: tuple[str, ...], told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = shown(sample_run(), specs=specs)[0]
    assert ("to replay them, have a report written: --report json=report.json, with --seed 42" in text) is told


def test_a_run_that_never_got_to_know_the_server_is_introduced_too() -> None:
    events = [one for one in finished(outcome="could-not-test") if not isinstance(one, Discovered)]
    assert shown(events)[0].startswith("mcpfuzz tests node server.js {workspace} · stdio · seed 42")


def test_a_run_without_an_end_is_reported_as_interrupted() -> None:
    assert shown(sample_run()[:-1])[0].splitlines()[-1].startswith("interrupted: the run did not come to its end")


def test_notes_go_to_standard_error() -> None:
    out, err = shown(sample_run())
    assert err.splitlines()[0] == "note: tool deploy is not called: its name says that it changes things"
    assert "found: critical crash · tool search" in err
    assert "note:" not in out


def test_quiet_is_findings_and_the_verdict() -> None:
    out, err = shown(sample_run(), look=Look(quiet=True), err=Tty())
    assert err == ""
    assert out.splitlines()[1].startswith("CRITICAL")
    assert "reached" not in out
    assert out.splitlines()[-1].endswith(" · seed 42 · exit 1: findings that count")


def test_verbose_tells_restarts_and_every_operation() -> None:
    many = tuple(OperationStats(kind="tool", name=f"t{i}") for i in range(50))
    out, err = shown(finished(operations=many), look=Look(verbose=True))
    assert "restarted: it ended with SIGSEGV" in err
    assert out.count("not reached") == 50
    assert "… and 44 more" in shown(finished(operations=many))[0]


def test_many_findings_are_not_all_shown() -> None:
    found = tuple(sample_finding(f"t{i}") for i in range(80))
    text = shown(finished(findings=found))[0]
    assert text.count("replay:") == 50
    assert "… and 30 more proved, in the report file" in text
    assert "… and 3 more steps" in text


# ---- the terminal itself --------------------------------------------------------------------------


@pytest.mark.parametrize("text", EVIL_TEXTS)
@pytest.mark.parametrize("tty", [False, True])
def test_nothing_a_server_says_reaches_the_terminal_raw(text: str, tty: bool) -> None:
    make = Tty if tty else io.StringIO
    for written in shown(hostile_run(text), make(), err=make(), environ={"TERM": "xterm-256color"}):
        left = STYLE.sub("", written).replace("\r\x1b[2K", "")
        assert visible(left, lines=True) == left
        assert tty or left == written, "styles where there is no terminal"


def test_markup_of_rich_is_text() -> None:
    assert (
        "[bold red]markup[/bold red] [link=http://evil.test]x[/link] [/]"
        in shown(hostile_run("[bold red]markup[/bold red] [link=http://evil.test]x[/link] [/] :smile:"))[0]
    )


@pytest.mark.parametrize(("environ", "look"), [({"NO_COLOR": "1"}, Look()), ({}, Look(color=False))])
def test_no_style_where_no_colour_is_wanted(environ: dict[str, str], look: Look) -> None:
    environ = {"TERM": "xterm-256color", **environ}
    assert "\x1b" not in shown(sample_run(), Tty(), environ=environ, look=look)[0]


def test_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert STYLE.search(shown(sample_run(), Tty(), environ={"TERM": "xterm-256color"})[0])


@pytest.mark.parametrize(
    ("err", "term", "drawn"), [(Tty, "xterm", True), (io.StringIO, "xterm", False), (Tty, "dumb", False)]
)
def test_progress_is_drawn_only_where_a_person_sees_it(err: type[io.StringIO], term: str, drawn: bool) -> None:
    written = shown(sample_run(), err=err(), environ={"TERM": term, "NO_COLOR": "1"})[1]
    assert ("attacking · 3 s · 410 requests · 1 finding · 1 restart · tool read_file" in written) is drawn
    assert ("\r\x1b[2K" in written) is drawn
    assert written.count("\n") == 4, "the progress line is no line of its own"


def test_long_lines_are_not_broken_so_that_commands_can_be_copied() -> None:
    long = replace(sample_finding(), observed="word " * 50, fingerprint="f" * 120)
    text = shown(finished(findings=(long,)))[0]
    assert f"--finding {'f' * 120}\n" in text
    assert "word " * 49 in text


def test_a_stream_that_knows_only_ascii_is_no_crash() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with opened([], out=out) as reports:
        for event in hostile_run("naïve Ω 漢"):
            reports.on(event)
    out.flush()
    assert b"na\\xefve \\u03a9 \\u6f22" in out.buffer.getvalue()


def test_a_load_run_has_its_table() -> None:
    load = {"requests": 900, "failures": 3, "rps": 30.25, "p50_ms": 1.5, "p95_ms": 20.0, "p99_ms": 31.0}
    storm = {"id": "storm", "verdict": "fail", **load, "recovery_s": 0.5}
    text = shown(sample_run(), extra={"load": {**load, "scenarios": [storm], "policies": []}})[0]
    assert re.search(r"^storm +fail +900 +3 +30\.\d +1\.5 +20\.0 +31\.0 +0\.5$", text, re.MULTILINE)
