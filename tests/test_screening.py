"""The first look at a volley, against a real process: whose answer is whose, and what is left to be said alone."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import pytest
import trio

from mcpfuzz import host
from mcpfuzz.campaign.pace import BULKY, VOLLEY, Pace
from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.reach import Reach
from mcpfuzz.campaign.screening import Screened, screen
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.client import Client
from mcpfuzz.model import Call, Case, Conversation, Operation, Place, Raw, Surface
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.judging import judge_trace
from mcpfuzz.scenarios.catalogue import catalogue
from mcpfuzz.slots import Filler
from mcpfuzz.transports.launch import Launch, clean_environment

REVISION = "2025-11-25"
CARELESS = r"""
import re, sys
for line in sys.stdin.buffer:
    found = re.search(rb'"id"\s*:\s*(\d+|"[^"]*")', line)
    if b'"initialize"' in line:
        result = b'{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"c","version":"1"}}'
    elif b"server/discover" in line:
        result = None
    else:
        result = b'{}'
    if b"deep" in line:
        continue
    if found and b'"method"' in line:
        body = b'"error":{"code":-32601,"message":"no"}' if result is None else b'"result":' + result
        sys.stdout.buffer.write(b'{"jsonrpc":"2.0","id":' + found[1] + b',' + body + b'}\n')
        sys.stdout.buffer.flush()
"""
"""Reads its ids by a pattern, so that it also answers what is no JSON; what is deep it drops."""
SURFACE = Surface(revision=REVISION, revisions=(REVISION,), server={}, capabilities={}, operations=(), good={})
BENCH = Bench(revision=REVISION)


def broken(number: int) -> Case:
    return Case(
        scenario="malformed-frames", place=Place(kind="transport", name="ping"), label="F1 trailing comma", row="F1",
        conversation=Conversation.of(Raw(f'{{"jsonrpc":"2.0","id":{number},"method":"ping",}}\n')), ids=number,
    )  # fmt: skip


def volley(folder: Path, *cases: Case, patience: float = 5) -> Screened:
    """What the first look says of cases that are sent together to the careless server."""
    found: list[Screened] = []

    async def main() -> None:
        environment = clean_environment(str(folder), str(folder), {})
        argv = (sys.executable, "-c", CARELESS)
        launch = Launch(argv=argv, env=environment, cwd=str(folder), token=secrets.token_hex(8))
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                client = await Client.connect(launch, nursery, start_timeout=20)
                found.append(await screen(client, cases, Filler, tuple, SURFACE, BENCH, patience))
                await client.close()
                nursery.cancel_scope.cancel()

    trio.run(main)
    return found[0]


@pytest.mark.skipif(not host.LINUX, reason="a process over pipes")
def test_an_answer_to_an_id_that_one_case_alone_shows_is_that_cases_own(tmp_path: Path) -> None:
    seen = volley(tmp_path, broken(10_000_000_001), broken(10_000_000_002))
    assert not seen.unclear
    assert [case.ids for case, _ in seen.traces] == [10_000_000_001, 10_000_000_002]
    for case, trace in seen.traces:
        assert [frame.value["id"] for frame in trace.exchanges[0].others] == [case.ids]
        assert {suspicion.rule for suspicion in judge_trace(case, trace, BENCH, SURFACE)} == {"malformed-frame"}


@pytest.mark.skipif(not host.LINUX, reason="a process over pipes")
def test_an_answer_to_an_id_that_two_cases_show_leaves_it_open(tmp_path: Path) -> None:
    seen = volley(tmp_path, broken(10_000_000_001), broken(10_000_000_001))
    assert seen.unclear and not seen.traces


@pytest.mark.skipif(not host.LINUX, reason="a process over pipes")
@pytest.mark.parametrize(("tolerated", "damage"), [(True, ""), (False, "calls were not answered")])
def test_silence_that_is_tolerated_is_no_damage(tmp_path: Path, tolerated: bool, damage: str) -> None:
    place = Place(kind="tool", name="deep")
    deep = Case(scenario="s", place=place, label="", conversation=Conversation.of(Call("deep")), silence_ok=tolerated)
    seen = volley(tmp_path, deep, patience=1)
    assert (
        seen.damage == damage
        and seen.lost == ([] if tolerated else [deep])
        and seen.silent == ([deep] if tolerated else [])
    )


def test_what_need_not_be_answered_is_waited_for_once_wherever_it_stands() -> None:
    pace = Pace(Settings(scenarios=(), seed=1), Reach())

    def deep(label: str, tolerated: bool = True) -> Case:
        call = Conversation.of(Call("c"))
        return Case(
            scenario="s", place=Place(kind="tool", name="t"), label=label, conversation=call, silence_ok=tolerated
        )

    assert not pace.in_vain(deep("text: arrays nested 200 deep"))
    pace.unheard(deep("text: arrays nested 200 deep"))
    assert pace.in_vain(deep("an unknown property: arrays nested 200 deep"))
    assert not pace.in_vain(deep("text: arrays nested 200 deep", tolerated=False))
    assert not pace.in_vain(deep("text: arrays nested 200 deep (as text)"))


def unit(scenario: str, tool: str | None = None) -> Unit:
    operation = Operation(kind="tool", name=tool, schema={}) if tool else None
    return Unit(catalogue()[scenario], operation, 0, 16, 0)


def test_a_large_answer_makes_its_own_row_or_operation_go_out_one_by_one_and_no_other() -> None:
    pace = Pace(Settings(scenarios=(), seed=1), Reach())
    pace.begin(100)
    pace.learn(unit("malformed-frames"), "F9", 0.0, BULKY + 1)
    pace.learn(unit("valid-arguments", "dump"), None, 0.0, BULKY + 1)
    assert pace.together(unit("malformed-frames"), "F9") == 1
    assert pace.together(unit("malformed-frames"), "F1") == VOLLEY
    assert pace.together(unit("boundary-arguments", "dump"), None) == 1
    assert pace.together(unit("boundary-arguments", "echo"), None) == VOLLEY


def test_where_an_answer_was_large_before_the_first_share_each_is_tried_alone_first() -> None:
    pace = Pace(Settings(scenarios=(), seed=1), Reach())
    pace.begin(BULKY + 1)
    assert pace.together(unit("valid-arguments", "echo"), None) == 1
    pace.learn(unit("valid-arguments", "echo"), None, 0.0, 200)
    assert pace.together(unit("valid-arguments", "echo"), None) == VOLLEY
