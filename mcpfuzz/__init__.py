"""mcpfuzz: an async test harness and fuzzing framework for MCP servers.

Public names are resolved when first used: importing this package imports neither trio nor hypothesis, so
that a plugin that is only installed costs a test suite nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcpfuzz import strategies as strategies
    from mcpfuzz.api import connect as connect
    from mcpfuzz.api import run as run
    from mcpfuzz.target import Target as Target

__version__ = "0.1.0"
__all__ = ["Target", "__version__", "connect", "run", "strategies"]

_HOMES = {
    "Target": ("mcpfuzz.target", "Target"),
    "connect": ("mcpfuzz.api", "connect"),
    "run": ("mcpfuzz.api", "run"),
    "strategies": ("mcpfuzz.strategies", None),
}


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    found = importlib.import_module(module)
    return found if attribute is None else getattr(found, attribute)
