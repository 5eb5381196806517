"""Our own plugin, turned on our own lab: every test that asks for `mcp` talks to `python -m mcpfuzz.lab`, and
`pytest --mcp-fuzz` fuzzes it.
"""

from __future__ import annotations

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


def pytest_mcpfuzz_targets(config: pytest.Config) -> Mapping[str, Target]:
    return {"lab": _lab()}


@pytest.fixture(scope="session")
def mcp_target() -> Target:
    return _lab()


def _lab() -> Target:
    from mcpfuzz import Target

    return Target(command=(sys.executable, "-m", "mcpfuzz.lab"), trusted_lab=True)
