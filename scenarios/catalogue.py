"""All scenarios: those found by looking into this folder (a new one is one file with a `SCENARIO`, and no change
anywhere else), and those of the user's own, which `mcpfuzz.extensions` hands in.
"""

from __future__ import annotations

import difflib
import fnmatch
import importlib
import pkgutil
from collections.abc import Mapping, Sequence

import mcpfuzz.scenarios as package
from mcpfuzz.errors import UsageError
from mcpfuzz.scenarios.base import Scenario

__all__ = ["bundled", "catalogue", "chosen", "set_own_scenarios"]

_own: dict[str, Scenario] = {}


def set_own_scenarios(scenarios: Mapping[str, Scenario]) -> None:
    """From now on exactly these belong to the catalogue besides the bundled ones; ids are all different."""
    _own.clear()
    _own.update(scenarios)


def catalogue() -> Mapping[str, Scenario]:
    """Id -> scenario, in alphabetical order of ids; the user's own among them."""
    return dict(sorted({**bundled(), **_own}.items()))


def bundled() -> Mapping[str, Scenario]:
    """Id -> scenario of those in this folder."""
    found: dict[str, Scenario] = {}
    for info in pkgutil.iter_modules(package.__path__):
        scenario = getattr(importlib.import_module(f"{package.__name__}.{info.name}"), "SCENARIO", None)
        if isinstance(scenario, Scenario):
            found[scenario.id] = scenario
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def chosen(wanted: Sequence[str] = (), unwanted: Sequence[str] = (), *, dashes: str = "--") -> tuple[Scenario, ...]:
    """The scenarios that `--scenario` and `--exclude` (globs) leave.

    Args:
        dashes: how the options begin, for the words of an error.

    Raises:
        UsageError: a glob fits none.
    """
    known = catalogue()
    for option, globs in ((f"{dashes}scenario", wanted), (f"{dashes}exclude", unwanted)):
        for glob in globs:
            if not fnmatch.filter(known, glob):
                near = difflib.get_close_matches(glob, known, 3, cutoff=0.7)
                finders = [name for name, scenario in known.items() if glob in scenario.rules]
                hint = f"did you mean {', '.join(near)}?" if near else "see: mcpfuzz list scenarios"
                if finders:  # of a finding people remember the rule
                    hint = f"it is a rule, which {_listed(finders)} can find"
                raise UsageError(f"{option} {glob}: fits none of {len(known)} scenarios; {hint}")
    kept = [
        scenario
        for name, scenario in known.items()
        if (not wanted or any(fnmatch.fnmatchcase(name, glob) for glob in wanted))
        and not any(fnmatch.fnmatchcase(name, glob) for glob in unwanted)
    ]
    if not kept:
        raise UsageError(f"{dashes}scenario and {dashes}exclude leave nothing to do")
    return tuple(kept)
