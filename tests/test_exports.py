"""Public names: `__all__` is true in every module, and importing the package costs a test suite nothing."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import mcpfuzz

HEAVY = ("trio", "hypothesis", "gevent", "locust", "schemathesis", "websockets", "faker", "jsonschema", "rich")


def names() -> list[str]:
    """Every module of the package, the linked folders included, `__main__` modules left out."""
    found = [info.name for info in pkgutil.walk_packages(mcpfuzz.__path__, "mcpfuzz.")]
    return sorted(name for name in ["mcpfuzz", *found] if not name.endswith("__main__") and ".locustfiles." not in name)


def source_of(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def untrue(name: str) -> list[str]:
    """What is wrong with a module's `__all__`."""
    module = importlib.import_module(name)
    if all(isinstance(node, ast.Expr) for node in ast.parse(source_of(name)).body):
        return []  # empty, or a docstring alone
    if not hasattr(module, "__all__"):
        by_convention = name == "mcpfuzz.plugin"  # hooks and fixtures: pytest finds them by name
        by_convention |= name.startswith("mcpfuzz.scenarios.") and hasattr(module, "SCENARIO")  # the catalogue looks
        return [] if by_convention else [f"{name} does not say what is public"]
    listed = list(module.__all__)
    wrong = [] if len(listed) == len(set(listed)) else [f"{name}: a name twice"]
    for public in listed:
        if not hasattr(module, public) and importlib.util.find_spec(f"{name}.{public}") is None:
            wrong.append(f"{name}.{public} is not there")
        if public.startswith("_") and not public.startswith("__"):
            wrong.append(f"{name}.{public} is private")
    return wrong


def test_all_is_there_and_true() -> None:
    assert len(names()) > 100
    assert [wrong for name in names() for wrong in untrue(name)] == []


def test_what_others_import_is_public() -> None:
    """No module reaches for another's underscore."""
    wrong = []
    for name in names():
        for node in ast.walk(ast.parse(source_of(name))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mcpfuzz"):
                taken = [alias.name for alias in node.names]
                private = [each for each in taken if each.startswith("_") and each[:2] != "__"]
                wrong += [f"{name} imports {each} from {node.module}" for each in private]
    assert wrong == []


@pytest.mark.parametrize("statement", ["import mcpfuzz", "import mcpfuzz.plugin"])
def test_importing_costs_nothing(statement: str) -> None:
    code = f"import sys; {statement}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", sorted(set(mcpfuzz.__all__) - {"__version__"}))
def test_lazy_names_resolve(name: str) -> None:
    assert getattr(mcpfuzz, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_such"):
        mcpfuzz.nothing_such  # noqa: B018
