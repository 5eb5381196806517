"""Our own plugin, turned on our own lab: every test that asks for `mcp` talks to `python -m mcpfuzz.lab`, and
`pytest --mcp-fuzz` fuzzes it.
"""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mcpfuzz import Target

pytest_plugins = ["pytester"]


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI"):
        from hypothesis import settings

        from mcpfuzz.plugin import register_profiles

        register_profiles()
        settings.load_profile("mcpfuzz-ci")


SHARED = ("matrix", "hostile", "load")
"""Slow kinds of which a day may play a share."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test marked `matrix(share=N)`, or so with another slow kind, every Nth row is played, others the next day,
    all of them within N days.

    `MATRIX_DAY` (days since 1970, set once by .ci/run) names the day; `MATRIX_FULL=1` plays all rows, and so does
    naming a row on the command line.
    """
    if os.environ.get("MATRIX_FULL") or any("[" in word for word in config.args):
        return
    day = int(os.environ.get("MATRIX_DAY") or (datetime.date.today() - datetime.date(1970, 1, 1)).days)
    rows: dict[str, dict[tuple[int, ...], int]] = {}
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        share = max((mark.kwargs.get("share", 1) for mark in item.iter_markers() if mark.name in SHARED), default=1)
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        row = tuple(id(value) for name, value in params.items() if name != "seed")  # the seeds of a row stay together
        known = rows.setdefault(item.nodeid.partition("[")[0], {})
        (kept if (known.setdefault(row, len(known)) + day) % share == 0 else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def pytest_mcpfuzz_targets(config: pytest.Config) -> Mapping[str, Target]:
    return {"lab": _lab()}


@pytest.fixture(scope="session")
def mcp_target() -> Target:
    return _lab()


def _lab() -> Target:
    from mcpfuzz import Target

    return Target(command=(sys.executable, "-m", "mcpfuzz.lab"), trusted_lab=True)
