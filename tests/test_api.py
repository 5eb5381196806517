"""The async API is the same on trio, in the caller's own loop, and on asyncio, on one background thread."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import jsonschema
import pytest
import trio

from mcpfuzz import Target, connect, run
from mcpfuzz.errors import LaunchError, UsageError
from mcpfuzz.events import Event, Finished, Started
from mcpfuzz.reports import REPORT_SCHEMA

LAB = (sys.executable, "-m", "mcpfuzz.lab")


def on_asyncio(main: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(asyncio.wait_for(main(), 60))  # type: ignore[arg-type]


def on_trio(main: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        with trio.fail_after(60):
            return await main()

    return trio.run(bounded)


loops = pytest.mark.parametrize("loop", [on_trio, on_asyncio])


@pytest.fixture
def lab(tmp_path: Any) -> Target:
    return Target(command=LAB, state=str(tmp_path), sandbox="off")


@loops
def test_a_session_lists_calls_and_lives_through_raw_bytes(loop: Callable[..., Any], lab: Target) -> None:
    async def main() -> None:
        async with connect(lab) as session:
            assert "add" in await session.tools()
            assert (await session.call("add", {"a": 1, "b": 2})).ok
            assert not (await session.request("tools/call", {"name": "nope"})).ok
            assert (await session.send_raw(b"{\n"))[0].value["error"]["code"] == -32700
            assert await session.ping()

    loop(main)


@loops
def test_a_server_that_cannot_be_started_is_told_as_it_is(loop: Callable[..., Any], lab: Target) -> None:
    async def main() -> None:
        async with connect(Target(command=("no-such-server-anywhere",), state=lab.state)):
            pytest.fail("there is no such server")

    with pytest.raises(LaunchError, match="not found on PATH"):
        loop(main)


@loops
def test_a_campaign_gives_its_report_and_tells_its_events(loop: Callable[..., Any], lab: Target) -> None:
    told: list[Event] = []

    async def main() -> Any:
        weak = Target(command=(*LAB, "--weakness", "unvalidated-arguments"), state=lab.state, sandbox="off")
        return await run(weak, scenarios=["invalid-arguments"], seed=3, max_time=15, profile="quick", emit=told.append)

    report = loop(main)
    jsonschema.validate(report, dict(REPORT_SCHEMA))
    assert (report["run"]["outcome"], report["run"]["seed"]) == ("findings", 3)
    assert isinstance(told[0], Started) and isinstance(told[-1], Finished)


def test_on_trio_no_thread_is_begun_for_a_session(lab: Target) -> None:
    async def main() -> None:
        before = {thread.name for thread in threading.enumerate()}
        async with connect(lab):
            assert "mcpfuzz-trio" not in {thread.name for thread in threading.enumerate()} - before

    on_trio(main)


@pytest.mark.parametrize(
    "wrong", [{"profile": "fast"}, {"fail_on": "dire"}, {"revision": "1999"}, {"scenarios": ["x"]}]
)
def test_a_wrong_choice_is_told_before_anything_is_started(wrong: dict[str, Any], lab: Target) -> None:
    with pytest.raises(UsageError):
        on_trio(lambda: run(lab, **wrong))
