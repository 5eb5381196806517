"""What one run leaves for the next: entries survive whole, are replayed first, and no stranger's entry does harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz import __version__, nights
from mcpfuzz.campaign.corpus import Corpus, may_recall
from mcpfuzz.campaign.journal import Journal
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.events import Event, Finished
from mcpfuzz.model import (
    Call,
    Case,
    Conversation,
    Operation,
    OperationStats,
    Place,
    Proof,
    Raw,
    Send,
    Step,
    Surface,
    Suspicion,
    replace,
)
from mcpfuzz.reports.testing import sample_finding
from mcpfuzz.scenarios.catalogue import chosen

LAB = (sys.executable, "-m", "mcpfuzz.lab", "--weakness", "crash-number")


def entry(conversation: Conversation | None = None) -> tuple[Case, Suspicion]:
    finding = sample_finding()
    case = Case(
        scenario="path-traversal", place=finding.place, conversation=conversation or finding.conversation, label="x",
        row="R4", ids=[1, "a"], trap={"$": 1}, valid=False, control=Conversation.of(Call("ping")),
    )  # fmt: skip
    suspicion = Suspicion(
        rule=finding.rule, place=finding.place, title="t", proof=finding.proof, observed="o", cause="c"
    )
    return case, suspicion


def surface(*operations: Operation) -> Surface:
    return Surface(revision="2025-11-25", revisions=(), server={}, capabilities={}, operations=operations, good={})


def test_a_case_comes_back_as_it_was_with_every_kind_of_step(tmp_path: Path) -> None:
    steps = Conversation(
        (Step(action=Send([None, True, 1.5, float("inf"), {"$": "Call", "a": ("x", b"\xff")}, "\ud800"]), times=3),)
    )
    for conversation in (sample_finding().conversation, steps, Conversation.of(Raw(b"\xff\x00"), Raw("{workspace}"))):
        case, suspicion = entry(conversation)
        corpus = Corpus(tmp_path, {})
        corpus.keep(case, suspicion, replace(sample_finding(), conversation=conversation, title=suspicion.title))
        assert corpus.cases() == [(case, suspicion)]


def test_of_another_edition_only_the_stimulus_is_taken(tmp_path: Path) -> None:
    case, suspicion = entry()
    corpus = Corpus(tmp_path, {})
    corpus.keep(case, suspicion, sample_finding())
    (path,) = tmp_path.glob("case-*.json")
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["edition"].startswith(__version__)
    path.write_text(json.dumps({**told, "edition": "0.0.9 0123456789abcdef"}), encoding="utf-8")
    ((old, _),) = corpus.cases()
    assert (old.claims, old.valid) == ((), None) and old.conversation == case.conversation


def test_paths_of_this_run_become_slots_of_the_next(tmp_path: Path) -> None:
    corpus = Corpus(
        tmp_path, {"outside": "/tmp/scratch-1", "workspace": "/tmp/scratch-1/ws", "folder": "ws", "port": "8"}
    )
    corpus.keep_good({("tool", "read"): ({"path": "/tmp/scratch-1/ws/a.txt", "n": 8, "s": "8"},)})
    assert corpus.good() == ({"tool": "read", "arguments": {"path": "{workspace}/a.txt", "n": 8, "s": "8"}},)


def test_with_a_seed_it_is_written_but_not_read(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, {}, read=False)
    corpus.keep(*entry(), sample_finding())
    corpus.keep_good({("tool", "read"): ({},)})
    assert (corpus.cases(), corpus.good()) == ([], ())
    assert len(Corpus(tmp_path, {}).cases()) == len(Corpus(tmp_path, {}).good()) == 1


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1]", '{"case": {"$": "Path"}}', '{"case": {"$": "Case"}, "suspicion": 1}', "[" * 100_000],
)
def test_what_is_no_entry_is_left_out(tmp_path: Path, content: str) -> None:
    for name in ("case-x.json", "good-x.json"):
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert (Corpus(tmp_path, {}).cases(), Corpus(tmp_path, {}).good()) == ([], ())


def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Corpus(tmp_path / "file" / "corpus", {}).keep(*entry(), sample_finding())


def test_what_must_not_be_called_now_is_not_recalled() -> None:
    offered = Operation(kind="tool", name="read_file", schema={})
    forbidden = Operation(kind="tool", name="delete_all", schema={}, skipped="may destroy something")
    case, _ = entry()
    assert may_recall(case, surface(offered), ())
    assert not may_recall(case, surface(), ())
    assert not may_recall(case, surface(offered), (("tool", "other"),))
    for action in (Call("tools/call", {"name": "delete_all"}), Raw('{"name": "delete_all"}')):
        bad = replace(case, conversation=Conversation.of(action))
        assert not may_recall(bad, surface(offered, forbidden), ())


def test_growth_tells_what_was_never_reached_before_and_what_is_not_any_more(tmp_path: Path) -> None:
    def night(**reached: bool) -> Any:
        told: list[Event] = []
        stats = tuple(OperationStats(kind="tool", name=name, calls=1, reached=yes) for name, yes in reached.items())
        counts = {"duration_s": 1, "requests": 1, "cases": 1, "restarts": 0}
        finished = Finished(outcome="clean", reason=None, complete=True, operations=stats, **counts)
        nights.listen(tmp_path, told.append)(finished)
        (event,) = told
        assert isinstance(event, Finished)
        return event.extra["growth"]

    assert night(a=True, b=False)["first_reached"] == []
    growth = night(a=False, b=True)
    assert growth["first_reached"] == [{"kind": "tool", "name": "b"}]
    assert growth["not_reached_now"] == [{"kind": "tool", "name": "a"}]
    assert (growth["runs"], growth["reached"], growth["reached_ever"]) == (1, 1, 2)
    assert night(a=True, b=True)["first_reached"] == []


# ---- whole runs -----------------------------------------------------------------------------------


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "mcpfuzz", "run", "--profile", "quick", *more, "--report", "json=r.json", "--", *LAB]


def run(folder: Path, *more: str) -> Any:
    subprocess.run(command(*more), cwd=folder, capture_output=True, timeout=60)
    return json.loads((folder / "r.json").read_text(encoding="utf-8"))


@pytest.mark.runs
def test_a_later_run_shows_again_at_once_what_an_earlier_one_found(tmp_path: Path) -> None:
    first = run(tmp_path, "--max-time", "8", "--scenario", "boundary-arguments", "--seed", "1")
    (finding,) = first["findings"]
    (case,) = (tmp_path / ".mcpfuzz" / "corpus").glob("*/case-*.json")
    assert case.name == f"case-{finding['fingerprint']}.json"
    again = run(tmp_path, "--max-time", "8", "--scenario", "boundary-arguments", "--report", "jsonl=r.jsonl")
    assert [one["fingerprint"] for one in again["findings"]] == [finding["fingerprint"]]
    assert again["findings"][0]["confidence"] == "proved"
    assert again["growth"]["runs"] == 1
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    (confirming, *_) = [line for line in lines if line["event"] == "progress" and line["phase"] == "confirming"]
    assert confirming["cases"] == 1, "it was not said first"


@pytest.mark.runs
def test_a_claim_that_todays_schema_does_not_bear_out_is_not_told_again(tmp_path: Path) -> None:
    words = ("--max-time", "8", "--scenario", "valid-arguments", "--scenario", "invalid-arguments")
    run(tmp_path, *words, "--seed", "1")
    (folder,) = (tmp_path / ".mcpfuzz" / "corpus").iterdir()
    sent = Conversation.of(Call("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}))
    place = Place(kind="tool", name="add")
    case = Case(scenario="invalid-arguments", place=place, conversation=sent, label="l", valid=False)
    params: dict[str, Any] = {"tool": "add", "schema": {"type": "object", "required": ["never"]}, "extra": False}
    suspicion = Suspicion(
        rule="unvalidated-arguments", place=place, title="t", observed="o", cause="add",
        proof=Proof(kind="accepted", expected="e", params=params),
    )  # fmt: skip
    Corpus(folder, {}).keep(case, suspicion, replace(sample_finding(), conversation=sent, title="t"))
    again = run(tmp_path, *words)
    assert [one["rule"] for one in again["findings"] if one["rule"] == "unvalidated-arguments"] == []


@pytest.mark.runs
def test_a_run_that_is_killed_is_gone_on_with(tmp_path: Path) -> None:
    words = command("--max-time", "60", "--scenario", "*-arguments", "--exclude", "boundary-arguments")
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 40
        journal: list[Path] = []
        while not journal and time.monotonic() < until:
            journal = list((tmp_path / ".mcpfuzz").glob("corpus/*/journal-1-of-1.json"))
        os.kill(process.pid, signal.SIGKILL)
    told = json.loads(journal[0].read_text(encoding="utf-8"))
    assert told["done"] > 0
    done = run(tmp_path, "--max-time", "4", "--scenario", "*-arguments", "--exclude", "boundary-arguments")
    assert done["run"]["seed"] == told["seed"]
    assert f"goes on after {told['done']} shares of an interrupted run" in done["notes"]
    assert not journal[0].exists()


def test_shares_of_another_plan_are_not_left_out(tmp_path: Path) -> None:
    settings = Settings(scenarios=chosen(("valid-arguments",)), seed=1, resume=True)
    one, other = (Operation(kind="tool", name=name, schema={"properties": {"a": {}}}) for name in "ab")
    barred = surface(one, replace(other, skipped="may destroy or send something"))
    Journal(tmp_path, settings, barred).note(7, {"valid-arguments": (112, 7)})
    assert Journal(tmp_path, settings, barred).done == 7
    assert Journal(tmp_path, settings, surface(one, other)).done == 0  # --allow-destructive was given since
    assert Journal(tmp_path, replace(settings, only=(other.key,)), surface(one, other)).done == 0


@pytest.mark.parametrize(
    "changed", [{"place": "tool"}, {"conversation": 7}, {"conversation": {"$": "Conversation", "steps": [7]}}]
)
def test_an_entry_of_other_kinds_is_left_out(tmp_path: Path, changed: dict[str, Any]) -> None:
    corpus = Corpus(tmp_path, {})
    corpus.keep(*entry(), sample_finding())
    (path,) = tmp_path.glob("case-*.json")
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, "case": {**told["case"], **changed}}), encoding="utf-8")
    assert corpus.cases() == []
