"""Pools of Schemathesis's arguments: made beside the campaign, the same for the same seed, told where missing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trio

from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.pools import Pools
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.model import Call, Operation, Surface
from mcpfuzz.scenarios.calls import CannotGenerate
from mcpfuzz.scenarios.schemathesis_arguments import SCENARIO
from mcpfuzz.strategies import schema_adapter
from mcpfuzz.strategies.choices import RandomChoices

sys.path.insert(0, str(Path(__file__).parent))

from playing import play, proved

needs_schemathesis = pytest.mark.skipif(not schema_adapter.available(), reason="needs the extra `schema`")
AMPLE = 100.0
"""Seconds that no machine needs."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 1, "maximum": 9}, "name": {"type": "string"}},
    "required": ["count"],
}
TOOL = Operation(kind="tool", name="buy", schema=SCHEMA)
LABS = ("-m", "mcpfuzz.lab")


def surface(**more: Any) -> Surface:
    return Surface(
        revision="2025-11-25", revisions=("2025-11-25",), server={}, capabilities={}, operations=(TOOL,),
        good={TOOL.key: ({"count": 3, "name": "pear"},)}, **more,
    )  # fmt: skip


def pool_of(folder: Path, seed: int, seconds: float = AMPLE) -> tuple[tuple[str, Any], ...] | None:
    """What the campaign gets for the tool; None: nothing in time."""
    settings = Settings(scenarios=(SCENARIO,), seed=seed, max_time=seconds / 0.4)

    async def get() -> Surface | None:
        async with trio.open_nursery() as nursery:
            found, pools = Pools.begin(settings, surface(), str(folder), time.monotonic(), nursery)
            assert pools is not None and "schemathesis" in found.places
            drawn = await pools.onto(found, Unit(SCENARIO, TOOL, 0, 16, 0))
            nursery.cancel_scope.cancel()
        return drawn

    drawn = trio.run(get)
    return None if drawn is None else drawn.pools[TOOL.key]


@needs_schemathesis
@pytest.mark.timeout(240)
def test_the_same_seed_gives_the_campaign_the_same_pool_of_all_kinds(tmp_path: Path) -> None:
    first, again, other = (pool_of(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first is not None and len(first) >= 16
    assert first == again != other
    words = [words for words, _ in first[:8]]
    assert any("breaks" in word for word in words) and any("breaks" not in word for word in words)


@needs_schemathesis
def test_a_pool_that_is_late_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    assert pool_of(tmp_path, 1, seconds=0.05) is None
    assert time.monotonic() - began < 30


@needs_schemathesis
def test_the_worker_says_what_it_cannot_draw_from_and_goes_on() -> None:
    bad = {"type": "object", "properties": {"a": {"$ref": "https://x.example.test/s.json"}}}
    order = {
        "seed": 1, "seconds": AMPLE,
        "operations": [{"name": "a", "schema": bad, "draws": 8}, {"name": "b", "schema": SCHEMA, "draws": 8}],
    }  # fmt: skip
    command = [sys.executable, "-P", "-m", "mcpfuzz.strategies.pool_worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None and worker.stdout is not None
        worker.stdin.write(json.dumps(order).encode() + b"\n")
        worker.stdin.flush()  # and stays open: its end would be its parent's
        first, second = (json.loads(line) for line in worker.stdout)
    assert first["values"] == [] and "nothing is ever fetched" in first["trouble"]
    assert second["name"] == "b" and second["values"]


@needs_schemathesis
def test_the_worker_ends_with_its_parent() -> None:
    order = {"seed": 1, "seconds": AMPLE, "operations": [{"name": "a", "schema": SCHEMA, "draws": 100_000}]}
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "mcpfuzz.strategies.pool_worker"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(order).encode() + b"\n")
        worker.stdin.close()  # what the end of its parent looks like
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.wait()


def drawn(index: int, *values: tuple[str, Any]) -> Any:
    return SCENARIO.draw(RandomChoices(index), surface(pools={TOOL.key: values}), TOOL, index)


def test_each_value_of_a_pool_is_one_case_and_its_label_is_of_what_is_sent() -> None:
    values = [("one", {"count": 3}), ("two", {"count": 77, "name": "x"}), ("three", {"count": "4", "name": 5})]
    cases = [drawn(index, *values) for index in range(4)]
    assert cases.pop() is None
    assert [case.valid for case in cases] == [True, False, False]
    for case in cases[1:]:
        action = case.conversation.steps[0].action
        assert isinstance(action, Call) and isinstance(action.params, dict)
        assert "77" in repr(action.params) or "'4'" in repr(action.params)
    assert "maximum" in cases[1].label and not cases[1].coercible
    assert cases[2].coercible  # a lenient server makes 4 of it, and of 5 a text


def test_an_empty_pool_is_told() -> None:
    with pytest.raises(CannotGenerate, match="Schemathesis can draw nothing"):
        drawn(0)


@needs_schemathesis
@pytest.mark.matrix
@pytest.mark.timeout(300)
def test_arguments_of_schemathesis_alone_prove_that_a_schema_is_not_enforced(tmp_path: Path) -> None:
    lab = ("--", sys.executable, *LABS)
    report, said = play(tmp_path, [SCENARIO.id], 1, *lab, "--weakness", "unvalidated-arguments")
    assert "unvalidated-arguments" in proved(report), said
    clean, said = play(tmp_path, [SCENARIO.id], 1, *lab)
    assert proved(clean) == set() and clean["scenarios"][0]["cases"] > 100, said
