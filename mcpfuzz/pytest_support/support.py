"""All that one pytest run needs of mcpfuzz, made when it is first asked for and ended with the run. Under
xdist the controller discovers, decides seed and plan, and gathers the workers' records for the reports.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz import extensions
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.errors import McpfuzzError, TargetError, UsageError
from mcpfuzz.model import replace
from mcpfuzz.pytest_support.campaigns import Campaign, Clock, Record, plan, write_reports
from mcpfuzz.pytest_support.facade import Limits
from mcpfuzz.pytest_support.options import Options, read
from mcpfuzz.pytest_support.thread import TrioThread
from mcpfuzz.target import Target

__all__ = ["Support"]

Plan = list[tuple[str, str, str]]


class Support:
    """Make it with `of`: there is one per pytest run.

    Attributes:
        clock: the time that items share.
        complete: whether an item that did not run fails.
    """

    _KEY = pytest.StashKey["Support"]()

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.options: Options = read(config)
        extensions.load(extensions.beside(*_own_folders(config)), self.options.values["extend"])
        handed = getattr(config, "workerinput", {}).get("mcpfuzz")
        self._handed: dict[str, Any] | None = None if handed is None else json.loads(handed)
        seed = self.options.values["seed"]
        if seed is None:
            seed = self._handed["seed"] if self._handed else secrets.randbelow(1 << 31)
        self.settings: Settings = self.options.settings(seed)
        self.baseline = self.options.baseline()
        if self.baseline is not None:
            self.settings = replace(self.settings, known=self.baseline.known, accept=self.baseline.update)
        self.shard = self.options.shard()
        self.clock = Clock(self.settings.max_time)
        self.complete: bool = self.settings.require_complete
        self._thread: TrioThread | None = None
        self._campaigns: list[tuple[str | None, Campaign]] = []
        self._servers: dict[str, Target] | None = None
        self.records: dict[str, Record] = {}
        """Of workers, by server (in the controller)."""
        self.told: dict[tuple[str, str], str] = {}
        """(server, fingerprint) -> node id of the item that told the finding first."""
        config.add_cleanup(self.close)

    @classmethod
    def of(cls, config: pytest.Config) -> Support:
        """Raises pytest.UsageError for wrong options."""
        made = config.stash.get(cls._KEY, None)
        if made is None:
            try:
                made = config.stash[cls._KEY] = cls(config)
            except McpfuzzError as error:
                raise pytest.UsageError(f"mcpfuzz: {error}") from None
        return made

    @classmethod
    def made(cls, config: pytest.Config) -> Support | None:
        """The one of this run, if anything asked for it."""
        return config.stash.get(cls._KEY, None)

    # ---- targets

    def servers(self) -> dict[str, Target]:
        """By name: those of the options, else those of the hook.

        Raises:
            UsageError: there is none.
        """
        if self._servers is None:
            found = dict(self.options.targets)
            if not found:
                for given in self._config.hook.pytest_mcpfuzz_targets(config=self._config):
                    found.update(_named(given))
            self._servers = dict(sorted(found.items()))
        if not self._servers:
            raise UsageError(
                "no server to test: give --mcp-server COMMAND, or server = ... under [tool.mcpfuzz] in pyproject.toml, "
                "or the hook pytest_mcpfuzz_targets in conftest.py, or a fixture mcp_target of your own"
            )
        return self._servers

    def target(self, name: str | None) -> Target:
        """The target that `mcp_target` stands for.

        Raises:
            UsageError: no such server, or several and none was chosen.
        """
        servers = self.servers()
        if name is None and len(servers) == 1:
            return next(iter(servers.values()))
        if name is None:
            raise UsageError(f'several servers ({", ".join(servers)}): choose with @pytest.mark.mcp_server("NAME")')
        if name not in servers:
            raise UsageError(f"no server {name!r}; there is {', '.join(map(repr, servers))}")
        return servers[name]

    # ---- sessions

    @property
    def thread(self) -> TrioThread:
        if self._thread is None:
            self._thread = TrioThread()
        return self._thread

    @property
    def limits(self) -> Limits:
        settings = self.settings
        return Limits(timeout=settings.timeout, start_timeout=settings.start_timeout, revision=settings.revision)

    def campaign(self, target: Target, server: str | None = None) -> Campaign:
        """The open campaign of a target; one that has it already is shared."""
        for place, (known, campaign) in enumerate(self._campaigns):
            if campaign.target == target and (server is None or known in (None, server)):
                self._campaigns[place] = (server if known is None else known, campaign)
                return campaign
        made = Campaign(self.thread, target, self.settings, self.report_path(server or ""))
        self._campaigns.append((server, made))
        return made

    def campaign_of(self, server: str) -> Campaign:
        return self.campaign(self.servers()[server], server)

    # ---- collection

    def server_names(self) -> list[str]:
        if self._handed is not None:
            return list(self._handed["plans"])
        return list(self.servers())

    def plan(self, server: str) -> Plan:
        """The items of a server.

        Raises:
            TargetError, UsageError: it cannot be discovered.
        """
        if self._handed is not None:
            told = self._handed["plans"][server]
            if isinstance(told, str):
                raise TargetError(told)
            return [(scenario, kind, name) for scenario, kind, name in told]
        number, total = self.shard
        return plan(self.settings.scenarios, self.campaign_of(server).session.surface)[number - 1 :: total]

    def handing(self) -> str:
        """Seed and plans for the workers; the servers that were started to discover are ended."""
        plans: dict[str, Plan | str] = {}
        for server in self.servers():
            try:
                plans[server] = self.plan(server)
            except McpfuzzError as error:
                plans[server] = str(error)
        for _, campaign in self._campaigns:
            campaign.close()
        return json.dumps({"seed": self.settings.seed, "plans": plans})  # ASCII: half surrogate pairs survive

    def selected(self, items: Iterable[pytest.Item]) -> None:
        """What is left after -k and the like: the clock shares among these."""
        from mcpfuzz.pytest_support.items import FuzzItem

        mine = [item for item in items if isinstance(item, FuzzItem)]
        workers = getattr(self._config, "workerinput", {}).get("workercount", 1)
        self.clock.items = -(-len(mine) // workers)
        for item in mine:
            planned = self.campaign_of(item.server).record.planned
            planned[item.scenario] = planned.get(item.scenario, 0) + 1

    # ---- the end

    def report_path(self, server: str) -> str:
        """Where replay commands find the findings."""
        files = [spec.partition("=")[2] for spec in self.options.values["report"] if spec.startswith("json=")]
        path = next(
            (file for file in files if file != "-"), str(Path(self.options.values["state"]) / "pytest-report.json")
        )
        return self._of_server(path, server)

    def _of_server(self, path: str, server: str) -> str:
        """Several servers have a report each."""
        if path == "-" or len(self.server_names()) < 2:
            return path
        return str(Path(path).with_stem(f"{Path(path).stem}-{''.join(c if c.isalnum() else '_' for c in server)}"))

    def gathered(self) -> bytes:
        """A worker's records, for its controller."""
        return pickle.dumps({name: campaign.record for name, campaign in self._campaigns if name is not None})

    def gather(self, data: bytes) -> None:
        """The controller takes in a worker's records (from a process that it started itself)."""
        for name, record in pickle.loads(data).items():
            if name in self.records:
                self.records[name].merge(record)
            else:
                self.records[name] = record

    def report(self) -> list[str]:
        """Write the reports of what was played; problems as lines."""
        records = self.records or {name: campaign.record for name, campaign in self._campaigns if name is not None}
        problems = []
        for name, record in records.items():
            if not record.rows:
                continue
            specs = [
                f"{kind}={self._of_server(path, name)}"
                for kind, _, path in (spec.partition("=") for spec in self.options.values["report"])
            ]
            try:
                write_reports(record, self.settings, specs, self.report_path(name), self.baseline)
            except McpfuzzError as error:
                problems.append(str(error))
        return problems

    def close(self) -> None:
        """End every server and the thread. Safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        for _, campaign in self._campaigns:
            with contextlib.suppress(McpfuzzError):
                campaign.close()
        thread.stop()


def _own_folders(config: pytest.Config) -> Iterator[Path]:
    """Where scenarios of the suite's own may lie: beside the ini-file, and beside each conftest.py known by now."""
    yield config.rootpath
    for plugin in config.pluginmanager.get_plugins():
        file = getattr(plugin, "__file__", None)
        if isinstance(file, str) and Path(file).name == "conftest.py":
            yield Path(file).parent


def _named(given: Any) -> Mapping[str, Target]:
    """What a hook gave: a target, or targets by name."""
    if isinstance(given, Target):
        return {"": given}
    if isinstance(given, Mapping) and all(isinstance(target, Target) for target in given.values()):
        return {str(name): target for name, target in given.items()}
    raise UsageError(
        f"pytest_mcpfuzz_targets must return a mcpfuzz.Target or a mapping of names to them, not {given!r}"[:300]
    )
