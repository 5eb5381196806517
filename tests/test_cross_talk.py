"""Two clients at the same time: what is drawn, what proves that one got the other's answer, and what does not."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import trio

from mcpfuzz.client import Client
from mcpfuzz.lab.served import Served
from mcpfuzz.model import (
    Case,
    Conversation,
    Exchange,
    Frame,
    Open,
    Operation,
    Proof,
    Send,
    Step,
    Surface,
    Trace,
    replace,
)
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.revisions import revision
from mcpfuzz.runner import Talk, converse
from mcpfuzz.scenarios.cross_talk import FORMS, draw
from mcpfuzz.slots import Filler
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.transports.endpoint import Endpoint

OURS, THEIRS = "cours000000000000", "ctheirs0000000000"
BENCH = Bench(revision="2025-11-25", transport="http")
TRANSPORTS = ("http", "sse", "ws")


def tool(name: str = "slow_lookup", **more: Any) -> Operation:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    return Operation(kind="tool", name=name, **{"schema": schema, **more})


def surface(*operations: Operation, callers: tuple[str, ...] = ()) -> Surface:
    return Surface(
        revision="2025-11-25", revisions=("2025-11-25",), server={}, capabilities={}, operations=operations, good={},
        callers=callers,
    )  # fmt: skip


def drawn(known: Surface, index: int) -> Case | None:
    return draw(RandomChoices(1, "cross-talk"), known, None, index)


def heard(first: Any, second: Any, *, late: Any = None) -> Trace:
    """Two calls under one id on two connections, and what each of them got."""
    steps = [Step(action=Open(), on="c2"), Step(action=Open(), on="c3")]
    steps += [Step(action=Send({"id": 7, "method": "tools/call"}), on=on, group="g") for on in ("c2", "c3")]
    exchanges = []
    for step, canary, value in ((2, OURS, first), (3, THEIRS, second)):
        frame = None if value is None else Frame(json.dumps(value).encode(), value)
        others = (Frame(json.dumps(late).encode(), late),) if late is not None and step == 3 else ()
        exchanges.append(Exchange(step=step, sent=canary.encode(), id=7, answer=frame, others=others))
    canaries = {"c2.1": OURS, "c3.1": THEIRS}
    return Trace(conversation=Conversation(tuple(steps)), exchanges=tuple(exchanges), canaries=canaries)


def result(text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": text}]}}


def note(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def shown(trace: Trace) -> bool:
    return observe(Proof(kind="crossed-answer", expected="", params={"steps": 4}), trace, BENCH) is not None


@pytest.mark.parametrize(
    "trace",
    [
        heard(None, result(f"record of {OURS}")),
        heard(result(f"record of {THEIRS}"), result(f"record of {OURS}")),
        heard(result(OURS), result(THEIRS), late=result(f"record of {OURS}")),
        heard(result(OURS), result(THEIRS), late=note("notifications/progress", progressToken=OURS, progress=1)),
    ],
    ids=["one waits in vain", "swapped", "both on one stream", "progress"],
)
def test_what_one_alone_had_said_and_the_other_gets_is_proof(trace: Trace) -> None:
    assert shown(trace)


@pytest.mark.parametrize(
    "trace",
    [
        heard(result(OURS), result(THEIRS)),
        heard(None, None),
        heard(result(OURS), result(f"under way: {OURS}, {THEIRS}")),
        heard(result(OURS), result(THEIRS), late=note("notifications/message", data=f"looked up {OURS}")),
    ],
    ids=["each its own", "no answers", "what is about both", "a log line for everybody"],
)
def test_ones_own_answers_and_what_is_meant_for_all_are_none(trace: Trace) -> None:
    assert not shown(trace)


def test_both_callers_use_one_id_at_the_same_time() -> None:
    case = drawn(surface(tool(), callers=("alice", "bob")), 0)
    assert case is not None
    first, second = case.conversation.steps[2:]
    assert isinstance(first.action, Send) and isinstance(second.action, Send)
    assert first.action.message["id"] == second.action.message["id"]
    assert first.group == second.group is not None
    assert (first.on, first.as_, second.on, second.as_) == ("c2", None, "c3", "bob")
    assert case.control is not None
    assert {step.group for step in case.control.steps} == {None}


def test_only_what_takes_a_text_of_ours_and_may_be_called_is() -> None:
    shut = {"type": "object", "properties": {"name": {"type": "string", "pattern": "^[0-9]{4}$"}}}
    assert drawn(surface(tool(schema=shut), tool("delete_note"), tool(skipped="may destroy")), 0) is None
    assert drawn(surface(tool()), FORMS) is None


@pytest.mark.parametrize("weak", [True, False], ids=["shared", "hardened"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_table_of_requests_that_all_clients_share_is_seen_on_every_transport(transport: str, weak: bool) -> None:
    switches = ("--weakness", "shared-requests") if weak else ()
    export = tool("export_notes", schema={"type": "object", "properties": {"tag": {"type": "string"}}})
    case = drawn(replace(surface(export), good={export.key: ({"tag": "kiln"},)}), 1)  # several pairs: one needs luck
    assert case is not None

    async def main(url: str) -> Trace:
        async with trio.open_nursery() as nursery:
            way = Endpoint.of(url, transport="sse" if transport == "sse" else None)

            async def opener(step: Step, how: Open) -> Client:
                return await Client.connect(way, nursery, wanted=revision("2025-11-25"), start_timeout=20)

            client = await opener(Step(action=Open()), Open())
            trace = await converse(Talk(client, Filler(), 3.0, opener=opener), case.conversation)
            await client.close()
        return trace

    with Served(transport, *switches) as lab:
        trace = trio.run(partial(main, lab.url))
    assert (observe(case.claims[0].proof, trace, BENCH) is not None) == weak, trace
