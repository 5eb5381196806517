"""The pytest plugin. Only the standard library, pytest and the table of options are imported here: a suite in
whose environment mcpfuzz merely lies pays a few milliseconds. Everything else is in `mcpfuzz.pytest_support`,
and is imported when an option, a fixture or [tool.mcpfuzz] asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import pytest

from mcpfuzz.pytest_support.table import OPTIONS

if TYPE_CHECKING:
    from mcpfuzz.pytest_support.facade import AsyncSession, Session
    from mcpfuzz.pytest_support.snapshots import Snapshot
    from mcpfuzz.pytest_support.support import Support
    from mcpfuzz.target import Target

__all__ = ["register_profiles"]


_MARKERS = (
    "mcp_server(name): use the server of this name of [[tool.mcpfuzz.server]] or pytest_mcpfuzz_targets",
    "mcp_destructive: may destroy something; skipped without --mcp-allow-destructive or --mcp-workspace",
)
_PROFILES = {"mcpfuzz-quick": 25, "mcpfuzz-ci": 200, "mcpfuzz-nightly": 5000}
"""Hypothesis profile -> examples per test."""
_REASONS = 8
_SELECTED = pytest.StashKey[list[str]]()


class Hooks:
    """Hooks that a conftest.py may implement."""

    @staticmethod
    @pytest.hookspec
    def pytest_mcpfuzz_targets(config: pytest.Config) -> Target | Mapping[str, Target]:  # type: ignore[empty-body]
        """The servers of --mcp-fuzz and of the fixture mcp_target, where no option names any: one
        `mcpfuzz.Target`, or several by name. Implement it in the top-level conftest.py."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mcpfuzz", "mcpfuzz: fuzzing of MCP servers")
    group.addoption(
        "--mcp-fuzz", action="store_true", default=None, help="add one test per scenario and operation of the server"
    )
    group.addoption(
        "--mcp-snapshot-update", action="store_true", default=False, help="mcp_snapshot pins what the server offers now"
    )
    group.addoption(
        "--mcp-load", action="store_true", default=False, help="add one test per load scenario (needs the extra load)"
    )
    more: dict[str, dict[str, Any]] = {
        "flag": {"action": "store_true"},
        "list": {"action": "append"},
        "number": {"type": float},
        "integer": {"type": int},
        "text": {},
    }
    for name, option in OPTIONS.items():
        shown = {} if option.metavar is None else {"metavar": option.metavar}
        group.addoption(
            f"--mcp-{name.replace('_', '-')}",
            dest=option.dest,
            default=None,
            help=option.help,
            **more[option.kind],
            **shown,
        )


def _support(config: pytest.Config) -> Support:
    from mcpfuzz.pytest_support.support import Support

    return Support.of(config)


def _made(config: pytest.Config) -> Support | None:
    """The run's support, should anything have asked for it; imports nothing."""
    module = sys.modules.get("mcpfuzz.pytest_support.support")
    return None if module is None else module.Support.made(config)


def _fuzzing(config: pytest.Config) -> bool:
    """Whether items are wanted: `--mcp-fuzz`, or `fuzz = true` under [tool.mcpfuzz]."""
    if config.option.mcp_fuzz:
        return True
    try:
        data = (config.rootpath / "pyproject.toml").read_bytes()
    except OSError:
        return False
    if b"tool.mcpfuzz" not in data or b"fuzz" not in data:
        return False
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8")).get("tool", {}).get("mcpfuzz", {}).get("fuzz") is True
    except (ValueError, AttributeError):
        return False


# ---- the run --------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if str(config.getoption("hypothesis_profile", None) or "").startswith("mcpfuzz-"):
        register_profiles()
    chosen = [arg for arg in config.args if arg.startswith("mcpfuzz::")]
    if chosen:  # node ids of ours are no paths: pytest would look for a file
        config.stash[_SELECTED] = chosen
        config.args[:] = [arg for arg in config.args if arg not in chosen]
    if any(getattr(config.option, option.dest) is not None for option in OPTIONS.values()):
        _support(config)  # a wrong option is told before anything is collected


def pytest_report_header(config: pytest.Config) -> str | None:
    support = _made(config)
    return None if support is None else f"mcpfuzz: seed {support.settings.seed}, {support.settings.profile}"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if isinstance(collector, pytest.Session) and report.passed and _fuzzing(collector.config):
        from mcpfuzz.pytest_support.items import Root

        report.result.append(
            Root.from_parent(collector, name="mcpfuzz", nodeid="mcpfuzz", support=_support(collector.config))
        )
    if isinstance(collector, pytest.Session) and report.passed and collector.config.option.mcp_load:
        from mcpfuzz.pytest_support.load_items import LoadRoot

        made = LoadRoot.from_parent(
            collector, name="mcpfuzz-load", nodeid="mcpfuzz-load", support=_support(collector.config)
        )
        report.result.append(made)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = config.stash.get(_SELECTED, None)
    if not chosen:
        return
    kept = [
        item
        for item in items
        if not item.nodeid.startswith("mcpfuzz::")
        or any(item.nodeid == one or item.nodeid.startswith(f"{one}::") for one in chosen)
    ]
    for one in chosen:
        if not any(item.nodeid == one or item.nodeid.startswith(f"{one}::") for item in kept):
            raise pytest.UsageError(f"not found: {one}" + ("" if _fuzzing(config) else " (it needs --mcp-fuzz)"))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    support = _made(session.config)
    if support is not None:
        support.selected(session.items)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("mcp_server")
    if marker is not None and "mcp_target" in metafunc.fixturenames:
        names = [*marker.args, *marker.kwargs.values()]
        metafunc.parametrize("mcp_target", names, indirect=True, scope="session")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mcp_destructive") is None:
        return
    values = _support(item.config).options.values
    if not values["allow_destructive"] and not values["workspace"]:
        pytest.skip("may destroy something: give --mcp-workspace or --mcp-allow-destructive")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Why items did not run, a line a reason: what was not tested should not be found out by `-rs` alone."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        if report.nodeid.startswith("mcpfuzz::") and isinstance(report.longrepr, tuple):
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
            reasons[reason] = reasons.get(reason, 0) + 1
    if not reasons:
        return
    terminalreporter.section("mcpfuzz: not run")
    most = sorted(reasons.items(), key=lambda pair: -pair[1])
    for reason, count in most[:_REASONS]:
        terminalreporter.line(f"{count:4}  {reason[:200]}")
    if len(most) > _REASONS:
        terminalreporter.line(f"{sum(count for _, count in most[_REASONS:]):4}  for other reasons (-rs shows them)")


def pytest_sessionfinish(session: pytest.Session) -> None:
    support = _made(session.config)
    if support is None:
        return
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["mcpfuzz"] = support.gathered()
        return
    for problem in support.report():
        session.config.issue_config_time_warning(pytest.PytestWarning(f"mcpfuzz: {problem}"), stacklevel=2)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist, in the controller: discover once, for all workers."""
    config = node.config
    if not _fuzzing(config):
        return
    if not hasattr(config, "_mcpfuzz_handing"):
        from mcpfuzz.errors import McpfuzzError

        try:
            config._mcpfuzz_handing = _support(config).handing()
        except McpfuzzError as error:
            raise pytest.UsageError(f"mcpfuzz: {error}") from None
    node.workerinput["mcpfuzz"] = config._mcpfuzz_handing


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """xdist, in the controller: a worker has ended."""
    output = getattr(node, "workeroutput", None) or {}
    if "mcpfuzz" in output:
        _support(node.config).gather(output["mcpfuzz"])


def register_profiles() -> None:
    """Make `mcpfuzz-quick`, `mcpfuzz-ci` and `mcpfuzz-nightly` known to Hypothesis; loads none of them.

    No deadline and no complaint about slowness: a server's restart is slow and no fault of the test.
    """
    from hypothesis import HealthCheck, settings

    for name, examples in _PROFILES.items():
        more: dict[str, Any] = {"derandomize": True, "database": None} if name == "mcpfuzz-ci" else {}
        settings.register_profile(
            name, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow], **more
        )


# ---- fixtures -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mcp_target(request: pytest.FixtureRequest) -> Target:
    """The server under test. Override it to define the target in code: return a `mcpfuzz.Target`."""
    with _plainly():
        return _support(request.config).target(getattr(request, "param", None))


@pytest.fixture(scope="session")
def mcp(mcp_target: Target, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A blocking session: `.tools`, `.call(name, arguments)`, `.request(method, params)`, `.send_raw(bytes)`,
    `.ping()`, `.restart()`. Works in plain tests, under @given, in asyncio and in trio tests."""
    from mcpfuzz.pytest_support.facade import open_blocking

    support = _ready(request)
    manager = open_blocking(support.thread, mcp_target, support.limits)
    with _plainly():
        session = manager.__enter__()
    yield session
    manager.__exit__(None, None, None)


@pytest.fixture(scope="session")
def mcp_connect(request: pytest.FixtureRequest) -> Callable[..., AbstractAsyncContextManager[AsyncSession]]:
    """`async with mcp_connect() as session:` opens a session of its own, on asyncio and on trio. Another server:
    `mcp_connect(target)`."""
    from mcpfuzz.pytest_support.facade import open_async

    support = _ready(request)

    def connect(target: Target | None = None) -> AbstractAsyncContextManager[AsyncSession]:
        return open_async(support.thread, target or request.getfixturevalue("mcp_target"), support.limits)

    return connect


@pytest.fixture(scope="session")
def mcp_identities(mcp_target: Target) -> Mapping[str, Target]:
    """Callers by name (`--mcp-identity`), each as the target that speaks as this caller, and `anonymous`:
    `mcp_connect(mcp_identities["bob"])`. With a command each session starts a server of its own; callers that are to
    meet on one need `--mcp-url` alone."""
    from mcpfuzz.pytest_support.facade import callers

    return callers(mcp_target)


@pytest.fixture(scope="session")
def mcp_fuzz(mcp_target: Target, request: pytest.FixtureRequest) -> Callable[..., None]:
    """`mcp_fuzz("path-traversal", tool="read_file")` plays a scenario on an operation (`tool=`, `resource=`,
    `prompt=` or `completion=`; without: on all of its kinds, or on the session) and fails on what is proved."""
    from mcpfuzz.pytest_support.asserting import Asserting

    return Asserting(_ready(request), mcp_target)


@pytest.fixture(scope="session")
def mcp_replay(mcp_target: Target, request: pytest.FixtureRequest) -> Callable[..., None]:
    """`mcp_replay(proof={...}, steps=[...])` fails while a fresh server still shows a finding: what a failing item
    prints under `test:` is to be pasted into a suite."""
    from mcpfuzz.pytest_support.replaying import Replaying

    return Replaying(_ready(request), mcp_target)


@pytest.fixture
def mcp_snapshot(mcp: Session, request: pytest.FixtureRequest) -> Snapshot:
    """`mcp_snapshot()` fails where tools, schemas, descriptions, prompts or instructions are not those pinned in
    `mcp_snapshots/` beside the test; `--mcp-snapshot-update` pins what is there now."""
    from mcpfuzz.pytest_support.snapshots import Snapshot

    update = bool(request.config.getoption("mcp_snapshot_update"))
    server = request.node.callspec.params.get("mcp_target", "") if hasattr(request.node, "callspec") else ""
    name = request.path.stem + (f"-{''.join(c if c.isalnum() else '_' for c in str(server))}" if server else "")
    return Snapshot(mcp, request.path.parent, name, update=update)


@pytest.fixture(scope="session")
def mcp_load(request: pytest.FixtureRequest) -> Callable[..., Mapping[str, Any]]:
    """`mcp_load("rate-limit", "spike", slo="p95<200ms", url="http://127.0.0.1:{port}/mcp")` puts load on the server of
    mcp_target, or on one that listens already, fails on what counts and returns the report's `load`."""
    from mcpfuzz.errors import McpfuzzError
    from mcpfuzz.pytest_support.loading import Loading

    support = _support(request.config)
    try:
        target = support.target(None)
    except McpfuzzError:
        target = None  # each call names a url
    return Loading(target, support.settings.seed)


def _ready(request: pytest.FixtureRequest) -> Support:
    support = _support(request.config)
    register_profiles()
    return support


class _plainly:
    """Errors of ours as one line instead of a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        __tracebackhide__ = True
        from mcpfuzz.errors import McpfuzzError

        if isinstance(error, McpfuzzError):
            raise pytest.fail.Exception(f"mcpfuzz: {error}", pytrace=False) from None
