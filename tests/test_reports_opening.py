"""From options to sinks, and what must hold when a run, a disk or a sink fails."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.errors import UsageError
from mcpfuzz.events import Event, Found, Started
from mcpfuzz.reports import Gate, Reports, write, write_atomically
from mcpfuzz.reports.opening import FORMATS
from mcpfuzz.reports.testing import SAMPLE_RULES, opened, sample_run, written

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
    for number, event in enumerate(sample_run(), start=1):
        reports.on(event)
        assert len(path.read_text(encoding="utf-8").splitlines()) == number
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


# ---- opening, failing, closing --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("jsn=x", "did you mean json"),
        ("pdf=x", "there is json, jsonl, sarif, junit, html, markdown and csv"),
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
    with opened(["json=/dev/null"]) as reports:
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


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    reports = opened([f"jsonl={tmp_path}/r.jsonl", f"json={tmp_path}/r.json"])
    reports.on(sample_run()[0])
    reports.close()
    reports.close()


def test_many_findings_are_not_all_written_again_each_time(tmp_path: Path, monkeypatch: Any) -> None:
    synced: list[object] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    events = sample_run()
    found = next(event for event in events if isinstance(event, Found))
    with opened([f"json={tmp_path}/r.json"]) as reports:
        for event in [events[0], *[found] * 320, events[-1]]:
            reports.on(event)
    assert len(synced) == 1 + 32 + 9 + 1


def test_a_merged_document_can_be_written_in_any_format_but_the_stream(tmp_path: Path) -> None:
    shown = json.loads(written("json", sample_run(), tmp_path))
    for kind in FORMATS:
        if kind != "jsonl":
            write(f"{kind}={tmp_path}/merged.{kind}", shown, SAMPLE_RULES)
            assert (tmp_path / f"merged.{kind}").stat().st_size
    with pytest.raises(UsageError, match="stream of events"):
        write(f"jsonl={tmp_path}/x", shown, SAMPLE_RULES)
