"""What `--mcp-load` adds to a suite: `mcpfuzz-load::SCENARIO`, each a load run of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from mcpfuzz.errors import McpfuzzError
from mcpfuzz.load_support.plan import SCENARIOS
from mcpfuzz.pytest_support.loading import Loading
from mcpfuzz.reports import visible

if TYPE_CHECKING:
    from mcpfuzz.pytest_support.support import Support
    from mcpfuzz.target import Target

__all__ = ["LoadItem", "LoadRoot"]

ITEM_S = 15.0
USERS = 20


class LoadRoot(pytest.Collector):
    """All load scenarios that the server's transport has."""

    def __init__(self, *, support: Support, **given: Any) -> None:
        super().__init__(**given)
        self.support = support

    def collect(self) -> Iterable[pytest.Item]:
        try:
            target = self.support.target(None)
        except McpfuzzError as error:
            raise self.CollectError(f"mcpfuzz: {visible(str(error))}") from None
        transport = target.record.transport
        for scenario in SCENARIOS:
            if transport in scenario.transports:
                yield LoadItem.from_parent(self, name=scenario.id, target=target, seed=self.support.settings.seed)


class LoadItem(pytest.Item):
    """One load scenario, with a baseline before it."""

    def __init__(self, *, target: Target, seed: int, **given: Any) -> None:
        super().__init__(**given)
        self._load = Loading(target, seed)

    def runtest(self) -> None:
        load = self._load(self.name, users=USERS, max_time=ITEM_S)
        if all(one["verdict"] == "not-run" for one in load["scenarios"] if one["id"] == self.name):
            pytest.skip("its time was spent")

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, f"mcpfuzz-load::{self.name}"
