"""Requests that are wrong below JSON-RPC: what is generated, what the lab makes of them, and what is made of that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from mcpfuzz.client import Client
from mcpfuzz.lab.served import Served
from mcpfuzz.model import Case, Exchange, Http, Open, Step, Surface, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.row_proofs import row_verdict
from mcpfuzz.oracles.table import ROWS
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.runner import Talk, converse
from mcpfuzz.scenarios.malformed_http import draw
from mcpfuzz.slots import Filler
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.requests import VARIANTS, Sound, named_headers
from mcpfuzz.transports.endpoint import Endpoint

REVISIONS = ("2025-11-25", "2026-07-28")
ELSEWHERE = {"H3": "foreign-origin", "H4": "foreign-host", "H8": "H8a to H8c"}
"""Rows that another scenario generates."""
pytestmark = pytest.mark.timeout(90)


def surface(revision: str) -> Surface:
    return Surface(
        revision=revision, revisions=(revision,), server={}, capabilities={"tools": {}}, operations=(), good={}
    )


def cases(revision: str) -> list[Case]:
    drawn = [draw(RandomChoices("http", index), surface(revision), None, index) for index in range(len(VARIANTS))]
    return [case for case in drawn if case is not None]


def test_every_row_of_class_h_is_generated_in_the_era_that_it_asks_something_of() -> None:
    assert {variant.row for variant in VARIANTS} | set(ELSEWHERE) == {row for row in ROWS if row[0] == "H"}
    legacy, modern = ({case.row for case in cases(revision)} for revision in REVISIONS)
    assert legacy - modern == {"H8a", "H8b", "H8c"} and modern - legacy == {"H11"}


def test_headers_are_replaced_left_out_and_repeated_in_place() -> None:
    headers = (("Host", "h"), ("Accept", "a"), ("Mcp-Method", "m"))
    assert named_headers(headers, Accept=None, Mcp_Method=("x", "y"), Content_Length="3") == (
        ("Host", "h"), ("Mcp-Method", "x"), ("Mcp-Method", "y"), ("Content-Length", "3"),
    )  # fmt: skip


@pytest.mark.parametrize("modern", [False, True])
def test_a_variant_changes_one_thing_but_where_the_session_is_over_before(modern: bool) -> None:
    sound = Sound(body="{}", version="2026-07-28", method="tools/call", name="add", modern=modern)
    whole = Http("POST", "{endpoint}", sound.headers, sound.body)
    era = "modern" if modern else "legacy"
    unchanged = [variant.row for variant in VARIANTS if era in variant.eras and variant.make(sound) == whole]
    assert unchanged == ([] if modern else ["H8c"])


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_hardened_lab_answers_each_as_its_row_allows(revision: str) -> None:
    async def main(endpoint: Endpoint) -> dict[str, tuple[int | None, str]]:
        told = {}
        async with trio.open_nursery() as nursery:
            wanted = BY_DATE[revision]
            client = await Client.connect(endpoint, nursery, start_timeout=15, wanted=wanted)

            async def opener(step: Step, how: Open) -> Client:
                return await Client.connect(endpoint, nursery, start_timeout=15, wanted=wanted)

            for case in cases(revision):
                filler = Filler({"endpoint": endpoint.target, "authority": endpoint.authority})
                talk = Talk(client, filler, 2.0, opener=opener, owed=False, barrier_patience=10.0)
                trace = await converse(talk, case.conversation)
                assert trace.ending.kind == "alive", case.label
                bench = Bench(revision=revision, transport="http")
                verdict = row_verdict({"row": case.row, "ids": case.ids}, trace, bench)
                told[case.label] = (trace.exchanges[-1].status, verdict.level)
            await client.close()
            nursery.cancel_scope.cancel()
        return told

    with Served("http") as served:
        told = trio.run(main, Endpoint.of(served.url))
    assert not [label for label, (_, level) in told.items() if level == "FAIL"], told
    assert told["H5 PUT"] == (405, "OK") and told["H12 two lengths that differ"] == (400, "OK")


def answered(row: str, led: bytes, status: int) -> Trace:
    case = next(case for case in cases(REVISIONS[0]) if case.row == row)
    before = Exchange(step=1, sent=led, status=200, due=False)
    judged = Exchange(step=2, sent=b"Mcp-Session-Id: mcpfuzz-x\r\n", status=status, due=False)
    return Trace(conversation=case.conversation, exchanges=(before, judged) if led else (judged,))


def test_who_issues_no_session_ids_cannot_miss_one() -> None:
    bench = Bench(revision=REVISIONS[0], transport="http")
    stateless = answered("H8b", b"Mcp-Session-Id: {session}\r\n", 200)
    assert row_verdict({"row": "H8b"}, answered("H8b", b"Mcp-Session-Id: x\r\n", 200), bench).level == "FAIL"
    assert row_verdict({"row": "H8b"}, stateless, bench).level == "OK"
    assert row_verdict({"row": "H8b"}, answered("H8b", b"", 200), bench).level == "OK", "shortened"


def test_a_session_that_nobody_ended_may_go_on() -> None:
    bench = Bench(revision=REVISIONS[0], transport="http")
    case = next(case for case in cases(REVISIONS[0]) if case.row == "H8c")
    after = Exchange(step=2, sent=b"POST /mcp", status=200, due=False)
    for status, level in ((204, "FAIL"), (405, "OK")):
        ended = Exchange(step=1, sent=b"DELETE /mcp", status=status, due=False)
        trace = Trace(conversation=case.conversation, exchanges=(ended, after))
        assert row_verdict({"row": "H8c"}, trace, bench).level == level


@pytest.mark.matrix
def test_headers_that_nobody_holds_against_the_body_are_found_and_show_again(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    served = [sys.executable, "-m", "mcpfuzz.lab", "--transport", "http", "--port", "{port}"]
    words = [
        "run", "--profile", "quick", "--max-time", "60", "--timeout", "4", "--seed", "1",
        "--scenario", "malformed-http", "--report", f"json={report}", "--state", str(tmp_path / "state"), "--no-color",
        "--url", "http://127.0.0.1:{port}/mcp", "--", *served, "--weakness", "headers-unchecked",
    ]  # fmt: skip
    command = [sys.executable, "-m", "mcpfuzz"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=80, check=False)
    assert done.returncode == 1 and "header-mismatch" in done.stdout and "1 finding" in done.stdout, done.stdout
    again = subprocess.run([*command, "replay", str(report)], capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 1, again.stdout
