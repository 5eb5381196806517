"""`mcpfuzz merge`: shards told as one, and never better than they were."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mcpfuzz.campaign.merging import distinct, merged
from mcpfuzz.cli import main
from mcpfuzz.events import Finished
from mcpfuzz.model import OperationStats, ScenarioResult, replace
from mcpfuzz.reports import REPORT_SCHEMA
from mcpfuzz.reports.reading import finished_of, started_of, surface_of
from mcpfuzz.reports.testing import hostile_run, sample_finding, sample_run, written

Merge = Callable[..., int]


def report(path: Path, **changes: Any) -> str:
    events = [replace(event, **changes) if isinstance(event, Finished) else event for event in sample_run()]
    path.write_text(written("json", events, path.parent / "made"), encoding="utf-8")
    return str(path)


@pytest.fixture
def merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Merge:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made").mkdir()

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["merge", *words])
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run


def part(outcome: str, status: str, reason: str | None = None) -> Finished:
    """A share of which one scenario came to `status`; a reason `no call ...` means that it reached nothing."""
    reached = not (reason or "").startswith("no call")
    stats = OperationStats(kind="tool", name="t", calls=3, accepted=int(reached), reached=reached)
    told = ScenarioResult(id="s", status=status, reason=reason, cases=2)  # type: ignore[arg-type]
    return Finished(
        outcome=outcome, reason=reason, complete=outcome == "clean", duration_s=1.0, requests=5, cases=2, restarts=1,
        operations=(stats,), scenarios=(told,),
    )  # type: ignore[arg-type]  # fmt: skip


CLEAN = part("clean", "clean")


def test_a_report_read_back_is_the_run_it_tells(tmp_path: Path) -> None:
    for events in (sample_run(), hostile_run("plain")):
        document = json.loads(written("json", events, tmp_path))
        found = surface_of(document)
        assert found is not None
        again = json.loads(written("json", [started_of(document), found, finished_of(document)], tmp_path))
        assert {**again, "notes": document["notes"], "timeline": document["timeline"]} == document


def test_counts_are_summed_and_a_proved_finding_beats_a_suspect(merge: Merge, tmp_path: Path) -> None:
    proved = sample_finding()
    one = report(tmp_path / "1.json", findings=(replace(proved, confidence="suspect"),))
    two = report(tmp_path / "2.json", findings=(proved,))
    assert merge(one, two, "--report", "json=all.json") == 1
    document, part_ = (json.loads((tmp_path / name).read_text(encoding="utf-8")) for name in ("all.json", "1.json"))
    jsonschema.Draft202012Validator(REPORT_SCHEMA).validate(document)
    assert [one["confidence"] for one in document["findings"]] == ["proved"]
    assert document["findings"][0]["reproducer"]["command"].startswith("mcpfuzz replay all.json ")
    assert document["run"]["requests"] == 2 * part_["run"]["requests"]
    assert [one["calls"] for one in document["operations"]] == [2 * one["calls"] for one in part_["operations"]]


def test_of_two_that_are_proved_the_minimal_one_is_told() -> None:
    long, short = (replace(sample_finding(), minimal=minimal) for minimal in (False, True))
    assert distinct([long, short]) == distinct([short, long]) == (short,)


def test_every_format_comes_out(merge: Merge, tmp_path: Path) -> None:
    one = report(tmp_path / "1.json")
    formats = ("json", "jsonl", "sarif", "junit", "html", "markdown")
    merge(one, one, *(word for name in formats for word in ("--report", f"{name}=out.{name}")))
    assert all((tmp_path / f"out.{name}").stat().st_size > 500 for name in formats)


@pytest.mark.parametrize(
    ("one", "other", "whole"),
    [
        (CLEAN, CLEAN, ("clean", "clean", True)),
        (CLEAN, part("clean", "not-run", "its time was spent"), ("clean", "partial", False)),
        (CLEAN, part("clean", "not-run", "not applicable: x"), ("clean", "clean", True)),
        (CLEAN, part("could-not-test", "not-run", "dead"), ("could-not-test", "partial", False)),
        (CLEAN, part("could-not-test", "clean", "no call was accepted: x"), ("clean", "clean", True)),
        (CLEAN, part("interrupted", "partial"), ("interrupted", "partial", False)),
        (part("findings", "findings"), part("could-not-test", "not-run", "dead"), ("findings", "findings", False)),
    ],
)
def test_the_whole_is_never_better_than_its_shares(
    one: Finished, other: Finished, whole: tuple[str, str, bool]
) -> None:
    for order in ([one, other], [other, one]):
        told = merged(order, shares=True)
        assert (told.outcome, told.scenarios[0].status, told.complete) == whole


def test_a_baseline_of_the_merge_judges_all_shards(merge: Merge, tmp_path: Path) -> None:
    one = report(tmp_path / "1.json")
    assert merge(one, one, "--baseline", "b.toml", "--update-baseline") == 0
    assert merge(one, one, "--baseline", "b.toml", "--report", "json=all.json") == 0
    assert merge(one, one) == 1
    told = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["baseline"]
    assert told["known"] > 0 and told["new"] == 1  # the suspect


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "mcpfuzz-report/1"}'])
def test_what_is_no_report_is_wrong_usage(
    merge: Merge, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    assert merge("x.json") == 2
    assert capsys.readouterr().err.startswith("mcpfuzz: x.json: ")


def test_reports_of_two_servers_do_not_merge(merge: Merge, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = report(tmp_path / "1.json")
    document = json.loads(Path(one).read_text(encoding="utf-8"))
    document["target"]["launch"]["command"] = ["other"]
    (tmp_path / "2.json").write_text(json.dumps(document), encoding="utf-8")
    assert merge(one, "2.json") == 2
    assert "another server" in capsys.readouterr().err


@pytest.mark.runs
def test_two_shards_of_the_lab_are_one_run(tmp_path: Path) -> None:
    def mcpfuzz(*words: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "mcpfuzz", *words], cwd=tmp_path, capture_output=True, timeout=60
        ).returncode

    server = ("--", sys.executable, "-m", "mcpfuzz.lab", "--weakness", "crash-number")
    chosen = ("--seed", "1", "--profile", "quick", "--max-time", "8", "--scenario", "boundary-arguments")
    codes = [mcpfuzz("run", "--shard", f"{k}/2", *chosen, "--report", f"json={k}.json", *server) for k in (1, 2)]
    assert sorted(codes) == [0, 1]
    assert mcpfuzz("merge", "1.json", "2.json", "--report", "json=all.json") == 1
    document = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert [one["rule"] for one in document["findings"]] == ["crash"]
