"""The baseline: what is known does not count until its last day; new, known, gone and not seen are told apart."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mcpfuzz.baseline import NOT_JUDGED, Baseline, Entry
from mcpfuzz.campaign.ending import counts
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.errors import UsageError
from mcpfuzz.events import Event, Finished
from mcpfuzz.model import Finding, replace
from mcpfuzz.reports import REPORT_SCHEMA
from mcpfuzz.reports.testing import sample_run, written

FILE = """\
# ours

# the vendor mends it in May
[[known]]
fingerprint = "5f1c0a77e2b94d10"
reason = "vendor ticket 7"

[[known]]   # said by Ada
fingerprint = "gone000000000000"
rule = "crash"
scenario = "path-traversal"
operation = { kind = "tool", name = "old" }
reason = "because"
expires = 2026-06-30
"""


def findings() -> list[Finding]:
    return [finding for event in sample_run() if isinstance(event, Finished) for finding in event.findings]


def compared(baseline: Baseline, **changes: Any) -> Finished:
    told: list[Event] = []
    on = baseline.listen(told.append)
    for event in sample_run():
        on(replace(event, **changes) if isinstance(event, Finished) else event)
    last = told[-1]
    assert isinstance(last, Finished)
    return last


def written_to(path: Path, text: str = FILE) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_what_is_known_does_not_count_and_what_has_expired_does(tmp_path: Path) -> None:
    finding = next(one for one in findings() if one.fingerprint == "5f1c0a77e2b94d10")
    entry = Entry(fingerprint=finding.fingerprint, reason="x", expires=date(2026, 6, 30))
    for today, standing, counted in ((date(2026, 6, 30), "known", False), (date(2026, 7, 1), "expired", True)):
        baseline = Baseline(tmp_path / "b.toml", [entry], today=today)
        settings = Settings(scenarios=(), seed=1, known=baseline.known)
        assert (baseline.marked(finding).standing, counts(finding, settings)) == (standing, counted)


def test_new_known_gone_and_not_seen_are_told_apart(tmp_path: Path) -> None:
    baseline = Baseline.load(written_to(tmp_path / "b.toml"))
    finished = compared(baseline)
    standings = {one.fingerprint: one.standing for one in finished.findings}
    assert standings.pop("5f1c0a77e2b94d10") == "known" and set(standings.values()) == {"new"}
    told = finished.extra["baseline"]
    assert [one["fingerprint"] for one in told["gone"]] == ["gone000000000000"]
    cut = replace(next(r for r in finished.scenarios if r.id == "path-traversal"), status="partial")
    told = compared(baseline, scenarios=(cut,)).extra["baseline"]
    assert (told["gone"], [one["fingerprint"] for one in told["not_seen"]]) == ([], ["gone000000000000"])
    told = compared(Baseline.load(str(tmp_path / "b.toml"), whole=False)).extra["baseline"]
    assert told["gone"] == []


@pytest.mark.parametrize("kind", ["json", "sarif", "junit", "html", "markdown"])
def test_every_report_tells_what_is_known_and_why(tmp_path: Path, kind: str) -> None:
    events: list[Event] = []
    on = Baseline.load(written_to(tmp_path / "b.toml")).listen(events.append)
    for event in sample_run():
        on(event)
    text = written(kind, events, tmp_path)
    assert "vendor ticket 7" in text
    if kind == "json":
        document = json.loads(text)
        jsonschema.Draft202012Validator(REPORT_SCHEMA).validate(document)
        assert {"status": "known", "reason": "vendor ticket 7"} in [one["baseline"] for one in document["findings"]]
    if kind == "sarif":
        results = json.loads(text)["runs"][0]["results"]
        assert [one["baselineState"] for one in results if "suppressions" in one] == ["unchanged"]


def test_an_update_adds_what_is_new_takes_out_what_is_gone_and_leaves_people_s_words(tmp_path: Path) -> None:
    path = tmp_path / "b.toml"
    baseline = Baseline.load(written_to(path), update=True)
    compared(baseline)
    baseline.save()
    text = path.read_text(encoding="utf-8")
    assert text.startswith('# ours\n\n# the vendor mends it in May\n[[known]]\nfingerprint = "5f1c0a77e2b94d10"\n')
    again = Baseline.load(str(path))
    proved = {one.fingerprint for one in findings() if one.confidence == "proved"}
    assert set(again.entries) == proved | {"5f1c0a77e2b94d10"}
    assert {entry.reason for mark, entry in again.entries.items() if mark != "5f1c0a77e2b94d10"} == {NOT_JUDGED}


@pytest.mark.parametrize("name", ["new.toml", "new.json"])
def test_an_update_makes_the_file_and_reads_it_again(tmp_path: Path, name: str) -> None:
    hostile = [
        replace(one, title='a "b" \n [[known]] \\ \x1b[31m é', place=replace(one.place, name="x\ny"))
        for one in findings()
    ]
    baseline = Baseline.load(str(tmp_path / name), update=True)
    compared(baseline, findings=tuple(hostile))
    baseline.save()
    first = (tmp_path / name).read_bytes()
    again = Baseline.load(str(tmp_path / name), update=True)
    assert set(again.entries) == {one.fingerprint for one in hostile if one.confidence == "proved"}
    compared(again, findings=tuple(hostile))
    again.save()
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[known]]\nfingerprint = 'a'\n", "entry 1: needs a reason; say why it may stay"),
        ("[[known]]\nfingerprint = 'a'\nreason = 'b'\nexpire = 2026-01-01\n", "no key 'expire'; did you mean expires?"),
        ("[[known]]\nfingerprint = 'a'\nreason = 'b'\nexpires = 'May'\n", "must be a day such as 2027-01-31"),
        ("[[known]]\nfingerprint = 'a'\nreason = 'b'\n" * 2, "entry 2: a is there twice"),
        ("known = 1", "must hold an array `known`"),
        ("[[known]", "not TOML"),
    ],
)
def test_a_wrong_entry_is_one_line_that_names_it(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as told:
        Baseline.load(written_to(tmp_path / "b.toml", text))
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_missing_file_is_wrong_usage_that_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make it with --update-baseline"):
        Baseline.load(str(tmp_path / "none.toml"))


@pytest.mark.runs
def test_a_run_accepts_what_it_finds_and_the_next_one_is_clean(tmp_path: Path) -> None:
    def run(*more: str) -> subprocess.CompletedProcess[str]:
        words = ["run", "--max-time", "8", "--profile", "quick", "--seed", "1", "--scenario", "boundary-arguments"]
        server = ["--", sys.executable, "-m", "mcpfuzz.lab", "--weakness", "crash-number"]
        return subprocess.run(
            [sys.executable, "-m", "mcpfuzz", *words, "--baseline", "b.toml", *more, *server],
            cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    assert run().returncode == 2
    first = run("--update-baseline")
    assert first.returncode == 0 and "1 finding (1 high) accepted" in first.stdout
    text = (tmp_path / "b.toml").read_text(encoding="utf-8")
    (tmp_path / "b.toml").write_text(text.replace(NOT_JUDGED, "SHOP-1") + "expires = 2999-01-01\n", encoding="utf-8")
    done = run()
    assert done.returncode == 0 and "known  crash  tool order_article /quantity: SHOP-1" in done.stdout
    (tmp_path / "b.toml").write_text(text + "expires = 2020-01-01\n", encoding="utf-8")
    done = run()
    assert done.returncode == 1 and "HIGH (known until its expiry)  crash" in done.stdout
