"""What `--mcp-fuzz` adds to a suite: `mcpfuzz::SCENARIO::KIND[NAME]`, with SERVER after the first part where
there are several. The names depend on the surface and the options alone, so that all xdist workers agree.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from mcpfuzz.campaign.merging import NOT_APPLICABLE
from mcpfuzz.errors import McpfuzzError
from mcpfuzz.reports import visible
from mcpfuzz.scenarios.catalogue import catalogue

if TYPE_CHECKING:
    from mcpfuzz.model import Finding
    from mcpfuzz.pytest_support.campaigns import Campaign
    from mcpfuzz.pytest_support.support import Support

__all__ = ["FuzzItem", "Found", "Root", "label"]

MAX_NAME = 120


class Found(Exception):
    """A finding that counts; its text is the whole failure."""


def label(kind: str, name: str) -> str:
    """`KIND[NAME]` with nothing invisible in it and of bounded length; `session` for the session's scenarios."""
    if not kind:
        return "session"
    shown = visible(name)
    if len(shown) > MAX_NAME or "::" in shown:  # pytest splits node ids there
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        shown = f"{shown.replace('::', ':')[:MAX_NAME]}~{digest}"
    return f"{kind}[{shown}]"


class _Group(pytest.Collector):
    """One level of names."""

    def __init__(self, *, support: Support, **given: Any) -> None:
        super().__init__(**given)
        self.support = support


class Root(_Group):
    """`mcpfuzz`: all servers."""

    def collect(self) -> Iterable[pytest.Collector]:
        try:
            names = self.support.server_names()
            if len(names) != 1:
                return [
                    Server.from_parent(
                        self, name=label("", "") if not name else visible(name), support=self.support, server=name
                    )
                    for name in names
                ]
            return list(_scenarios(self, self.support, names[0]))
        except McpfuzzError as error:
            raise self.CollectError(f"mcpfuzz: {visible(str(error))}") from None


class Server(_Group):
    def __init__(self, *, server: str, **given: Any) -> None:
        super().__init__(**given)
        self._server = server

    def collect(self) -> Iterable[pytest.Collector]:
        try:
            return list(_scenarios(self, self.support, self._server))
        except McpfuzzError as error:
            raise self.CollectError(f"mcpfuzz: {self.name}: {visible(str(error))}") from None


def _scenarios(parent: pytest.Collector, support: Support, server: str) -> Iterator[pytest.Collector]:
    rows: dict[str, list[tuple[str, str]]] = {}
    for scenario, kind, name in support.plan(server):
        rows.setdefault(scenario, []).append((kind, name))
    for scenario, pairs in rows.items():
        yield ScenarioGroup.from_parent(parent, name=scenario, support=support, server=server, pairs=pairs)


class ScenarioGroup(_Group):
    def __init__(self, *, server: str, pairs: list[tuple[str, str]], **given: Any) -> None:
        super().__init__(**given)
        self._server = server
        self._pairs = pairs

    def collect(self) -> Iterable[pytest.Item]:
        taken: set[str] = set()
        for kind, name in self._pairs:
            shown = label(kind, name)
            while shown in taken:
                shown += "'"
            taken.add(shown)
            yield FuzzItem.from_parent(
                self,
                name=shown,
                nodeid=f"{self.nodeid}::{shown}",  # as text: only so does --lf know what stands in brackets again
                support=self.support,
                server=self._server,
                scenario=self.name,
                kind=kind,
                operation=name,
            )


class FuzzItem(pytest.Item):
    """One scenario on one operation."""

    def __init__(
        self, *, support: Support, server: str, scenario: str, kind: str, operation: str, **given: Any
    ) -> None:
        super().__init__(**given)
        self.support = support
        self.server = server
        self.scenario = scenario
        self.kind = kind
        self.operation = operation

    def runtest(self) -> None:
        campaign = self.support.campaign_of(self.server)
        share = self.support.clock.share()
        if share <= 0:
            self._not_run("its time was spent (--mcp-max-time gives more)")
        operation = campaign.operation(self.kind, self.operation) if self.kind else None
        if self.kind and operation is None:
            self._not_run("the server does not offer it any more")
        if operation is not None and operation.skipped is not None:
            self._not_run(operation.skipped)
        played = campaign.play(catalogue()[self.scenario], operation, share)
        failing = campaign.counting(played)
        for finding in failing:
            self.user_properties += [("mcpfuzz_rule", finding.rule), ("mcpfuzz_fingerprint", finding.fingerprint)]
        suspects = [finding for finding in played.findings if finding not in failing]
        if suspects:
            self.add_report_section("call", "mcpfuzz: not counted", "\n\n".join(map(campaign.told, suspects)))
        if failing:
            raise Found("\n\n".join(self._told(campaign, finding) for finding in failing))
        if played.lost:
            raise Found(f"could not test: {visible(played.reason or 'the server is lost')}")
        if played.status == "not-run" or (played.status == "partial" and self.support.complete):
            self._not_run(played.reason or "no reason is known")

    def _told(self, campaign: Campaign, finding: Finding) -> str:
        """In full once a run: one cause may show in several scenarios."""
        first = self.support.told.setdefault((self.server, finding.fingerprint), self.nodeid)
        if first == self.nodeid:
            return campaign.told(finding)
        return (
            f"{finding.severity} {finding.rule}: the same cause as in {visible(first)}, where it is told in full "
            f"(finding {finding.fingerprint})"
        )

    def _not_run(self, reason: str) -> None:
        reason = re.sub(r"(?<!\w)--(?=[a-z])(?!mcp-)", "--mcp-", reason)
        if self.support.complete and not reason.startswith(NOT_APPLICABLE):
            raise Found(f"not run, but --mcp-require-complete was given: {visible(reason)}")
        pytest.skip(visible(reason))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Found):
            return str(excinfo.value)
        if isinstance(excinfo.value, McpfuzzError):
            return f"could not test: {visible(str(excinfo.value))}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, self.nodeid
