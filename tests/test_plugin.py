"""The pytest plugin, as a user meets it: most tests run pytest in a process of its own against the lab.

Other plugins are kept out of those runs (PYTEST_DISABLE_PLUGIN_AUTOLOAD), for speed and because a suite with
warnings as errors is what ours must survive.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import secrets
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import trio

from mcpfuzz.errors import Fault, TargetError
from mcpfuzz.pytest_support.campaigns import Clock
from mcpfuzz.pytest_support.items import label
from mcpfuzz.pytest_support.thread import TrioThread
from mcpfuzz.target import Target

LAB = f"{sys.executable} -m mcpfuzz.lab"
CRASH = f"{LAB} --weakness crash-number --weakness crash-frame"
BROKEN = f"{sys.executable} -c 'raise SystemExit(3)'"
WALL_S = 60
QUICK = ("--mcp-profile", "quick", "--mcp-seed", "1")


class Runner:
    """Runs pytest in a folder of its own; every server it starts carries a mark of ours."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.mark = f"MCPFUZZ_TEST_MARK={secrets.token_hex(8)}"

    def __call__(self, *args: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
        loaded = [word for name in ("mcpfuzz.plugin", *plugins) for word in ("-p", name)]
        return self.pytester.runpytest_subprocess(*loaded, "-W", "error", *args, timeout=WALL_S)

    @property
    def left(self) -> list[str]:
        """Processes that carry the mark."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if self.mark.encode() in file.read().split(b"\0"):
                        found.append(pid)
            except OSError:
                continue
        return found


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    for name in ("CI", "GITHUB_ACTIONS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    runner = Runner(pytester)
    monkeypatch.setenv("PYTEST_ADDOPTS", f"--mcp-env {runner.mark}")
    yield runner
    assert runner.left == [], "a run left processes behind"


# ---- sessions in tests ----------------------------------------------------------------------------


def test_mcp_works_in_plain_asyncio_trio_and_given_tests(run: Runner) -> None:
    run.pytester.makepyfile("""
        import asyncio
        import pytest, trio
        from hypothesis import given, settings, strategies as st

        def test_plain(mcp):
            assert mcp.ping()
            assert mcp.tools["add"].schema["type"] == "object"
            assert mcp.call("add", {"a": 1, "b": 2}).ok
            assert not mcp.call("add", {"a": "one"}).ok
            assert mcp.request("no/such/method").error["code"] == -32601
            assert mcp.send_raw(b"no JSON")[0].value["error"]["code"] == -32700
            mcp.restart()
            assert mcp.ping()

        @settings(max_examples=10, deadline=None)
        @given(a=st.integers(-9, 9))
        def test_given(mcp, a):
            assert mcp.call("add", {"a": a, "b": 1}).ok

        async def uses(mcp, mcp_connect):
            assert mcp.ping()
            async with mcp_connect() as session:
                assert "add" in await session.tools()
                assert (await session.call("add", {"a": 1, "b": 2})).ok
                assert await session.ping()

        def test_asyncio(mcp, mcp_connect):
            asyncio.run(uses(mcp, mcp_connect))

        def test_trio(mcp, mcp_connect):
            trio.run(uses, mcp, mcp_connect)

        def test_a_cancelled_call_leaves_the_session_usable(mcp_connect):
            async def main():
                async with mcp_connect() as session:
                    with trio.move_on_after(0):
                        await session.call("add", {"a": 1, "b": 2})
                    assert (await session.call("add", {"a": 1, "b": 2})).ok
            trio.run(main)

        def test_identities(mcp_identities):
            assert set(mcp_identities) == {"anonymous"}
    """)
    run("--mcp-server", LAB, "-p", "no:cacheprovider").assert_outcomes(passed=6)


LEAKY = """
import json, sys

SAY = {"type": "object", "properties": {"word": {"type": "string", "default": "ok"}}, "required": ["word"]}
for line in sys.stdin:
    message = json.loads(line)
    method, params = message.get("method"), message.get("params") or {}
    if method == "initialize":
        info = {"name": "leaky", "version": "1"}
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
    elif method == "tools/list":
        result = {"tools": [{"name": "say", "inputSchema": SAY}]}
    elif method == "tools/call":
        good = params["arguments"] == {"word": "ok"}
        text = "ok" if good else "cannot open /usr/share/words/list"
        result = {"content": [{"type": "text", "text": text}], "isError": not good}
    else:
        result = {}
    if "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


def test_one_cause_is_told_in_full_once_and_what_was_not_run_is_told_at_the_end(run: Runner) -> None:
    run.pytester.makepyfile(server=LEAKY)
    wanted = ("command-injection", "sql-injection", "foreign-origin", "credentials")
    scenarios = [word for name in wanted for word in ("--mcp-scenario", name)]
    result = run(
        "--mcp-server", f"{sys.executable} server.py", "--mcp-fuzz", "--mcp-max-time", "30", *QUICK, *scenarios
    )
    result.assert_outcomes(failed=2, skipped=2)
    assert result.stdout.str().count("observed: an absolute path") == 1
    result.stdout.fnmatch_lines(
        [
            "low path-leak: the same cause as in mcpfuzz::command-injection::tool[[]say[]], where it is told in full *",
            "*mcpfuzz: not run*",
            "*2  not applicable: it is about networked servers: --mcp-url",
        ]
    )


def test_each_caller_is_the_target_that_speaks_as_it() -> None:
    from mcpfuzz.pytest_support.facade import callers

    target = Target(url="ws://127.0.0.1:1/ws", identities={"alice": ("query:token=a",), "bob": ("query:token=b",)})
    found = callers(target)
    assert [next(iter(found[name].identities)) for name in ("alice", "bob")] == ["alice", "bob"]
    assert dict(found["bob"].identities) == dict(target.identities)
    assert found["anonymous"].identities == {}


def test_mcp_in_the_test_functions_of_pytest_trio(run: Runner) -> None:
    run.pytester.makepyfile("""
        import pytest

        @pytest.mark.trio
        async def test_trio(mcp, mcp_connect):
            async with mcp_connect() as session:
                assert mcp.ping() and await session.ping()
    """)
    run("--mcp-server", LAB, plugins=("pytest_trio.plugin",)).assert_outcomes(passed=1)


@pytest.mark.runs
def test_a_crash_is_told_with_the_smallest_example_and_the_next_test_finds_a_fresh_server(run: Runner) -> None:
    run.pytester.makepyfile("""
        from hypothesis import given, settings, strategies as st

        @settings(deadline=None, database=None, derandomize=True)
        @given(n=st.integers(0, 10**6))
        def test_order(mcp, n):
            mcp.call("order_article", {"sku": "BOW-0043", "quantity": n})

        def test_next(mcp):
            assert mcp.ping()
    """)
    result = run("--mcp-server", CRASH)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*n=65536*"])
    result.stdout.fnmatch_lines(["*server's stderr ended with*", "*struct.error*"])


def test_hypothesis_prints_the_same_with_and_without_the_plugin(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    run.pytester.makepyfile("""
        from hypothesis import given, settings, strategies as st

        @settings(database=None, derandomize=True)
        @given(st.lists(st.integers()))
        def test_sum(xs):
            assert sum(xs) < 1000
    """)
    monkeypatch.delenv("PYTEST_ADDOPTS")
    told = [
        [line for line in result.outlines if line.startswith("E ")]
        for result in (run(), run.pytester.runpytest_subprocess("-W", "error", timeout=WALL_S))
    ]
    assert told[0] == told[1] != []


def test_a_server_that_does_not_start_is_one_line(run: Runner) -> None:
    run.pytester.makepyfile("def test_it(mcp): pass")
    result = run("--mcp-server", BROKEN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["mcpfuzz: *ended with exit code 3 before it answered initialize*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*During handling*")


def test_mcp_fuzz_fails_on_what_is_proved_and_says_what_it_does_not_know(run: Runner) -> None:
    run.pytester.makepyfile("""
        import pytest
        from mcpfuzz.errors import UsageError

        def test_sound(mcp_fuzz):
            mcp_fuzz("invalid-arguments", tool="add")

        def test_weak(mcp_fuzz):
            mcp_fuzz("boundary-arguments", tool="order_article", max_time=10)

        def test_unknown(mcp_fuzz):
            with pytest.raises(UsageError, match="no scenario 'malformed-frame'; did you mean malformed-frames"):
                mcp_fuzz("malformed-frame")
            with pytest.raises(UsageError, match="no tool 'ad'; did you mean add"):
                mcp_fuzz("invalid-arguments", tool="ad")
    """)
    result = run("--mcp-server", CRASH, *QUICK)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["high crash (CWE-248)*", "where:*order_article*", "replay: mcpfuzz replay *"])


def test_destructive_tests_are_skipped_unless_allowed(run: Runner) -> None:
    run.pytester.makepyfile("""
        import pytest

        @pytest.mark.mcp_destructive
        def test_it(): pass
    """)
    run("--strict-markers").assert_outcomes(skipped=1)
    run("--strict-markers", "--mcp-allow-destructive").assert_outcomes(passed=1)


# ---- items ----------------------------------------------------------------------------------------


def test_items_fail_with_exchange_proof_stderr_replay_and_mend_and_lf_runs_them_again(run: Runner) -> None:
    chosen = ("--mcp-server", CRASH, "--mcp-fuzz", "--mcp-max-time", "10", *QUICK)
    result = run(*chosen, "-k", "order_article and boundary or greeting", "--junitxml=junit.xml", "-v")
    result.assert_outcomes(passed=1, failed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines([
        "mcpfuzz: seed 1, quick",
        "mcpfuzz::boundary-arguments::tool?order_article? FAILED*",
        "high crash (CWE-248): The server ends:*",
        "expected: *",
        "observed: the process ended: exit code 1",
        '1. tools/call order_article {*"quantity": *}',
        "stderr: *struct.error*",
        "replay: mcpfuzz replay *pytest-report.json --finding *",
        "mend: *",
    ])  # fmt: skip
    cases = {
        (case.get("classname"), case.get("name")) for case in ET.parse(run.pytester.path / "junit.xml").iter("testcase")
    }
    assert ("mcpfuzz.boundary-arguments", "tool[order_article]") in cases
    report = json.loads((run.pytester.path / ".mcpfuzz" / "pytest-report.json").read_text(encoding="utf-8"))
    assert [finding["rule"] for finding in report["findings"]] == ["crash"]
    assert {one["id"]: one["status"] for one in report["scenarios"]}["boundary-arguments"] == "findings"

    again = run(*chosen, "--lf", "--collect-only", "-q")
    again.stdout.fnmatch_lines(["mcpfuzz::boundary-arguments::tool?order_article?"])
    again.stdout.no_fnmatch_line("*greeting*")


@pytest.mark.runs
def test_an_item_runs_by_its_node_id_and_an_unknown_one_is_an_error(run: Runner) -> None:
    chosen = ("--mcp-server", LAB, "--mcp-fuzz", *QUICK)
    outcomes = run(*chosen, "mcpfuzz::invalid-arguments::tool[add]").parseoutcomes()
    assert outcomes["passed"] == 1 and not outcomes.keys() & {"failed", "errors", "skipped"}
    result = run(*chosen, "mcpfuzz::no-such")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: not found: mcpfuzz::no-such"])


def test_an_unreachable_server_is_one_collection_error(run: Runner) -> None:
    run.pytester.makepyfile("def test_it(): pass")
    result = run("--mcp-server", BROKEN, "--mcp-fuzz")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR collecting mcpfuzz*", "mcpfuzz: *ended with exit code 3*", "*1 error in *"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.runs
def test_xdist_workers_share_one_plan_and_one_report(run: Runner) -> None:
    result = run(
        "--mcp-server", CRASH, "--mcp-fuzz", "-n", "2", "-k", "order_article and (boundary or invalid) or greeting",
        "--mcp-report", "json=report.json", "--mcp-max-time", "10", *QUICK, plugins=("xdist.plugin",),
    )  # fmt: skip
    assert (result.parseoutcomes()["failed"], result.parseoutcomes()["passed"]) == (1, 2)
    report = json.loads((run.pytester.path / "report.json").read_text(encoding="utf-8"))
    assert report["run"]["outcome"] == "findings"
    assert [finding["rule"] for finding in report["findings"]] == ["crash"]
    assert [one["id"] for one in report["scenarios"]] == ["boundary-arguments", "greeting", "invalid-arguments"]


# ---- where targets come from ----------------------------------------------------------------------


def test_several_servers_of_pyproject_are_named_and_chosen_by_the_marker(run: Runner) -> None:
    words = json.dumps([sys.executable, "-m", "mcpfuzz.lab"])
    run.pytester.makepyprojecttoml(f"""
        [tool.mcpfuzz]
        max-time = 5
        scenario = "greeting"
        [[tool.mcpfuzz.server]]
        name = "one"
        command = {words}
        [[tool.mcpfuzz.server]]
        name = "two"
        command = {words}
        env = {{ LAB_TWO = "yes" }}
        [tool.pytest.ini_options]
    """)
    run.pytester.makepyfile("""
        import pytest

        @pytest.mark.mcp_server("two")
        def test_two(mcp, mcp_target):
            assert mcp.ping() and mcp_target.env["LAB_TWO"] == "yes"

        def test_neither(mcp_target): pass
    """)
    result = run("--mcp-fuzz", "-v")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        ["*test_two?two? PASSED*", "mcpfuzz::one::greeting::session PASSED*", "mcpfuzz::two::*"]
    )
    result.stdout.fnmatch_lines(['mcpfuzz: several servers (one, two): choose with @pytest.mark.mcp_server("NAME")'])


def test_the_hook_gives_targets_and_the_fixture_can_be_overridden(run: Runner) -> None:
    run.pytester.makeconftest("""
        import sys
        import pytest
        from mcpfuzz import Target

        def pytest_mcpfuzz_targets(config):
            return Target(command=(sys.executable, "-m", "mcpfuzz.lab"))
    """)
    run.pytester.makepyfile("""
        import pytest

        def test_default(mcp_target):
            assert mcp_target.command[1:] == ("-m", "mcpfuzz.lab")
    """)
    run.pytester.mkpydir("other").joinpath("test_other.py").write_text(
        "import pytest, sys\nfrom mcpfuzz import Target\n\n"
        "@pytest.fixture(scope='session')\ndef mcp_target():\n"
        "    return Target(command=(sys.executable, '-m', 'mcpfuzz.lab', '--era', 'legacy'))\n\n"
        "def test_overridden(mcp):\n    assert mcp.target.command[-1] == 'legacy' and mcp.ping()\n",
        encoding="utf-8",
    )
    run("--mcp-fuzz", "--mcp-scenario", "greeting").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("args", "table", "words"),
    [
        (("--mcp-max-time=0",), "", "*--mcp-max-time 0: must be seconds, greater than 0*"),
        (("--mcp-timeout=nan",), "", "*--mcp-timeout nan: must be seconds, greater than 0*"),
        (("--mcp-scenario=nothing",), "", "*--mcp-scenario nothing: fits none of * scenarios; *"),
        (("--mcp-seed=1",), 'servr = "x"', "*no key 'servr'; did you mean server?*"),
        (("--mcp-seed=1",), "strict = 1", "*strict = 1: must be true or false*"),
        (("--mcp-name=x",), "", "*--mcp-name NAME needs --mcp-config FILE*"),
    ],
)
def test_wrong_options_are_one_line_before_anything_runs(
    run: Runner, args: tuple[str, ...], table: str, words: str
) -> None:
    run.pytester.makepyprojecttoml(f"[tool.mcpfuzz]\n{table}\n[tool.pytest.ini_options]\n")
    result = run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])
    assert "Traceback" not in result.stderr.str()


# ---- the plugin's own manners ---------------------------------------------------------------------


def test_the_entry_point_leads_to_the_plugin_and_importing_it_imports_nothing_heavy() -> None:
    points = importlib.metadata.entry_points(group="pytest11", name="mcpfuzz")
    assert {point.value for point in points} == {"mcpfuzz.plugin"}
    heavy = ["trio", "hypothesis", "orjson", "click", "rich", "psutil", "jsonschema", "faker", "websockets", "tomllib"]
    code = (
        "import sys, pytest; before = set(sys.modules); import mcpfuzz.plugin; new = set(sys.modules) - before;"
        f"print([m for m in new if m.partition('.')[0] in {heavy} or m.startswith('mcpfuzz.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WALL_S, check=True)
    allowed = {"mcpfuzz.plugin", "mcpfuzz.pytest_support", "mcpfuzz.pytest_support.table"}
    assert set(json.loads(done.stdout.replace("'", '"'))) == allowed


def test_profiles_are_known_where_they_are_asked_for(run: Runner) -> None:
    run.pytester.makepyfile("""
        from hypothesis import settings

        def test_it():
            assert settings.default.max_examples == 25 and settings.default.deadline is None
    """)
    run("--hypothesis-profile=mcpfuzz-quick", plugins=("_hypothesis_pytestplugin",)).assert_outcomes(passed=1)


def test_our_own_conftest_gives_the_lab(mcp) -> None:  # type: ignore[no-untyped-def]
    assert mcp.call("add", {"a": 1, "b": 2}).ok


# ---- pieces ---------------------------------------------------------------------------------------


@pytest.fixture
def thread() -> Iterator[TrioThread]:
    made = TrioThread()
    yield made
    made.stop()


def test_a_held_manager_is_entered_and_left_by_one_task(thread: TrioThread) -> None:
    tasks = []

    @asynccontextmanager
    async def manager() -> AsyncIterator[int]:
        tasks.append(trio.lowlevel.current_task())
        with trio.CancelScope():
            yield 7
        tasks.append(trio.lowlevel.current_task())

    held = thread.call(thread.hold, manager(), seconds=10)
    assert held.value == 7
    thread.call(held.close, seconds=10)
    thread.call(held.close, seconds=10)
    assert len(tasks) == 2 and tasks[0] is tasks[1]


def test_errors_reach_the_caller_and_not_the_loop(thread: TrioThread) -> None:
    @asynccontextmanager
    async def fails(early: bool) -> AsyncIterator[None]:
        if early:
            raise TargetError("early")
        yield
        raise TargetError("late")

    with pytest.raises(TargetError, match="early"):
        thread.call(thread.hold, fails(True), seconds=10)
    held = thread.call(thread.hold, fails(False), seconds=10)
    with pytest.raises(TargetError, match="late"):
        thread.call(held.close, seconds=10)
    assert thread.call(trio.lowlevel.checkpoint, seconds=10) is None


def test_what_takes_too_long_is_cancelled_and_told(thread: TrioThread) -> None:
    ended = threading.Event()

    async def forever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    with pytest.raises(Fault, match="did not answer within 0.05 s"):
        thread.call(forever, seconds=0.05)
    assert ended.wait(10)


def test_a_stopped_thread_is_a_fault_and_stopping_twice_is_fine() -> None:
    thread = TrioThread()
    thread.stop()
    thread.stop()
    with pytest.raises(Fault, match="stopped already"):
        thread.call(trio.lowlevel.checkpoint, seconds=10)


def test_labels_are_visible_bounded_and_cannot_be_split() -> None:
    assert label("", "") == "session"
    assert label("tool", "read_file") == "tool[read_file]"
    assert label("tool", "a\x1b[2J\nb") == r"tool[a\x1b[2J\nb]"
    assert "::" not in label("tool", "a::b") and label("tool", "a::b") != label("tool", "a:b")
    assert len(label("tool", "x" * 10_000)) < 200


def test_the_clock_gives_each_item_its_part_and_the_last_no_more_than_is_left() -> None:
    clock = Clock(100.0)
    clock.items = 10
    assert 9.9 < clock.share() <= 10
    assert clock.share() > 10.9
    assert Clock(0.0).share() <= 0


# ---- known findings, shards, the twins ------------------------------------------------------------


@pytest.mark.runs
def test_a_known_finding_does_not_fail_its_item_and_an_update_keeps_what_was_not_played(run: Runner) -> None:
    chosen = (
        "--mcp-server",
        CRASH,
        "--mcp-fuzz",
        *QUICK,
        "--mcp-baseline",
        "known.toml",
        "-k",
        "order_article and boundary",
    )
    path = run.pytester.path / "known.toml"
    path.write_text('[[known]]\nfingerprint = "a"\nscenario = "greeting"\nreason = "b"\n', encoding="utf-8")
    assert run(*chosen).parseoutcomes()["failed"] == 1
    assert run(*chosen, "--mcp-update-baseline").parseoutcomes()["passed"] == 1
    text = path.read_text(encoding="utf-8")
    assert 'rule = "crash"' in text and 'fingerprint = "a"' in text
    assert run(*chosen).parseoutcomes()["passed"] == 1
    result = run("--mcp-update-baseline")
    result.stderr.fnmatch_lines(["*--mcp-update-baseline needs --mcp-baseline FILE*"])


@pytest.mark.runs
def test_shards_share_out_the_items(run: Runner) -> None:
    def names(*more: str) -> list[str]:
        result = run("--mcp-server", LAB, "--mcp-fuzz", *QUICK, "--collect-only", "-q", *more)
        return [line for line in result.outlines if line.startswith("mcpfuzz::")]

    one, two = names("--mcp-shard", "1/2"), names("--mcp-shard", "2/2")
    assert sorted(one + two) == sorted(names()) and abs(len(one) - len(two)) <= 1


TWINS_OF_PYTEST = {
    "jobs": "-n",
    "quiet": "-q",
    "verbose": "-v",
    "no_color": "--color",
    "command": "--mcp-server",
    "update_policy": "mcpfuzz run: a suite's items see one operation each, a policy is of all",
}
"""Options of `run` whose twin is pytest's own, or has another name."""


def test_every_option_of_run_has_its_twin() -> None:
    from mcpfuzz.cli import cli
    from mcpfuzz.pytest_support.table import OPTIONS

    missing = {parameter.name for parameter in cli.commands["run"].params} - set(OPTIONS) - set(TWINS_OF_PYTEST)
    assert missing == set()


# ---- beside other plugins -------------------------------------------------------------------------


ASYNC_TEST = """
    import pytest
    from hypothesis import HealthCheck, given, settings, strategies as st

    QUICK = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), database=None)

    {mark}
    async def test_native(mcp, mcp_connect):
        assert mcp.ping()
        async with mcp_connect() as session:
            assert (await session.call("add", {{"a": 1, "b": 2}})).ok

    {mark}
    @QUICK
    @given(a=st.integers(-9, 9))
    async def test_given(mcp, mcp_connect, a):
        assert mcp.call("add", {{"a": a, "b": 1}}).ok
        async with mcp_connect() as session:
            assert await session.ping()
"""


@pytest.mark.runs
@pytest.mark.parametrize(
    ("plugin", "module", "mark", "passed"),
    [
        ("pytest_asyncio.plugin", "pytest_asyncio", "@pytest.mark.asyncio", 2),
        ("pytest_trio.plugin", "pytest_trio", "@pytest.mark.trio", 2),
        ("anyio.pytest_plugin", "anyio", "@pytest.mark.anyio", 4),  # on asyncio and on trio
    ],
)
def test_fixtures_work_in_async_tests_also_under_given(
    run: Runner, plugin: str, module: str, mark: str, passed: int
) -> None:
    pytest.importorskip(module)
    run.pytester.makepyfile(ASYNC_TEST.format(mark=mark))
    # pytest-trio 0.8 and pytest-asyncio warn on their own account
    result = run("--mcp-server", LAB, "-W", "default", "-p", "_hypothesis_pytestplugin", plugins=(plugin,))
    result.assert_outcomes(passed=passed)


def test_the_first_failing_item_ends_the_run_with_x(run: Runner) -> None:
    chosen = ("--mcp-server", CRASH, "--mcp-fuzz", *QUICK, "--mcp-max-time", "10", "-k", "order_article", "-x")
    result = run(*chosen)
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])


@pytest.mark.runs
def test_a_server_that_a_test_damaged_is_fresh_for_the_next_one_under_xdist_too(run: Runner) -> None:
    run.pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_crash(mcp, n):
            with pytest.raises(Exception, match="struct.error|ended"):
                mcp.call("order_article", {"sku": "BOW-0043", "quantity": 65536})
            assert mcp.ping()
    """)
    run("--mcp-server", CRASH, "-n", "2", plugins=("xdist.plugin",)).assert_outcomes(passed=4)


@pytest.mark.runs
def test_the_test_that_a_failing_item_prints_fails_until_the_bug_is_mended(run: Runner) -> None:
    chosen = ("--mcp-server", CRASH, "--mcp-fuzz", "--mcp-max-time", "10", *QUICK)
    result = run(*chosen, "-k", "order_article and boundary")
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if line == "test:")
    pasted = [line for line in lines[start + 1 :] if line.startswith("    ")]
    end = next(number for number, line in enumerate(pasted) if line == "        )")
    run.pytester.makepyfile(test_pasted=textwrap.dedent("\n".join(pasted[: end + 1])))
    again = run("--mcp-server", CRASH, "test_pasted.py")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["it still shows", "observed: the process ended: exit code 1"])
    again.stdout.no_fnmatch_line("*Traceback*")
    run("--mcp-server", LAB, "test_pasted.py").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "text", ["'''\n\"\"\"\\", "\x1b[31m\u202e\ud800", "::error::x\n##[error]", "{workspace}", "x" * 90]
)
def test_whatever_a_finding_holds_the_pasted_test_is_python_that_says_the_same(text: str) -> None:
    from mcpfuzz.model import Call, Conversation, replace
    from mcpfuzz.reports import as_test, conversation_of
    from mcpfuzz.reports.testing import sample_finding

    conversation = Conversation.of(Call("tools/call", {"name": "t", "arguments": {"x": text, "y": [1.5, None, True]}}))
    source = textwrap.dedent(as_test(replace(sample_finding(), conversation=conversation)).partition("\n")[2])
    told: list[dict[str, object]] = []
    scope: dict[str, Any] = {}
    exec(compile(source, "pasted", "exec"), scope)
    (test,) = (value for name, value in scope.items() if name.startswith("test_"))
    test(lambda **given: told.append(given))
    assert conversation_of(told[0]["steps"]) == conversation  # type: ignore[arg-type]
