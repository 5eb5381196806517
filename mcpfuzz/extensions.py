"""Scenarios and strategies of the user's own: found beside conftest.py or pyproject.toml, in folders that were named,
and behind the entry-point group `mcpfuzz`; imported, checked, and handed to the catalogue, the rules, the proofs and
the values. Whatever is wrong with them is told in one line that names the user's file and line, never as a fault of
ours.

A folder is what holds `scenarios/` or `strategies/`. Its modules are imported under a package name of their own, so
that two folders, or the user's own `import strategies`, cannot get into each other's way.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import mcpfuzz.scenarios
from mcpfuzz.errors import McpfuzzError, UsageError
from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.oracles.bench import Seen
from mcpfuzz.oracles.proofs import PROOFS, set_own_proofs
from mcpfuzz.oracles.rule import Rule
from mcpfuzz.oracles.rules import RULES, set_own_rules
from mcpfuzz.scenarios.base import Draw, Scenario
from mcpfuzz.scenarios.catalogue import bundled, set_own_scenarios
from mcpfuzz.strategies.arguments import CannotGenerate
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.own_values import OwnValue, set_own_values

__all__ = ["GROUP", "NAMES", "Own", "beside", "load", "loaded_folders"]

GROUP = "mcpfuzz"
"""Entry-point group; each entry is a module with any of `NAMES`."""
NAMES = ("SCENARIO", "SCENARIOS", "RULES", "PROOFS", "VALUES")
"""What a module may hold; at least one of them."""
_PARTS = ("strategies", "scenarios")
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Own:
    """All that was found.

    Attributes:
        homes: id of a scenario -> the file that it comes from.
    """

    scenarios: dict[str, Scenario] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    proofs: dict[str, Seen] = field(default_factory=dict)
    values: dict[str, OwnValue] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)


def beside(*folders: Path) -> tuple[Path, ...]:
    """Those of the folders that hold a conftest.py or a pyproject.toml, and scenarios or strategies written for
    mcpfuzz (a file that never names it is somebody else's)."""
    found = dict.fromkeys(folder.resolve() for folder in folders)
    marked = (
        folder for folder in found if any((folder / name).is_file() for name in ("conftest.py", "pyproject.toml"))
    )
    return tuple(folder for folder in marked if any(map(_is_ours, _files(folder))))


def loaded_folders() -> tuple[Path, ...]:
    """What `load` was last called with: another process loads the same."""
    return _folders


def load(implied: Sequence[Path] = (), named: Sequence[Path | str] = ()) -> Own:
    """Import all of it, and make it known: from now on exactly this belongs to the catalogue besides what is bundled.

    Args:
        implied: as `beside` gives them; files there that never name mcpfuzz are left alone.
        named: as the user named them.

    Raises:
        UsageError: a folder holds nothing, or a module is broken.
    """
    global _folders
    own = Own()
    _known(own)  # what was loaded before is forgotten
    for folder in dict.fromkeys(map(Path.resolve, implied)):
        _load_folder(own, folder, [path for path in _files(folder) if _is_ours(path)])
    for name in named:
        folder = Path(name).resolve()
        files = list(_files(folder))
        if not files:
            raise UsageError(f"--extend {name}: holds neither scenarios/*.py nor strategies/*.py")
        if folder not in implied:
            _load_folder(own, folder, files)
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda item: item.name):
        module = _imported(entry.value, f"entry point {entry.name!r} of group {GROUP!r}")
        _take(own, module, f"entry point {entry.name!r} ({entry.value})")
    _check_rules(own)
    _known(own)
    _folders = (*implied, *(Path(name).resolve() for name in named))
    return own


def _known(own: Own) -> None:
    set_own_scenarios(own.scenarios)
    set_own_rules(own.rules)
    set_own_proofs(own.proofs)
    set_own_values(own.values)


# ---- finding and importing ------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[Path]:
    """Modules of a folder, strategies first; none where the folder is where mcpfuzz itself is made."""
    ours = {Path(path).resolve() for path in mcpfuzz.scenarios.__path__}
    if (folder / "scenarios").resolve() in ours:
        return
    for part in _PARTS:
        yield from sorted(path for path in (folder / part).glob("*.py") if not path.name.startswith("_"))


def _is_ours(path: Path) -> bool:
    try:
        return b"mcpfuzz" in path.read_bytes()
    except OSError:
        return False


def _load_folder(own: Own, folder: Path, files: Iterable[Path]) -> None:
    package = "_mcpfuzz_" + hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]  # what was mended since is read anew
    importlib.invalidate_caches()
    made = ModuleType(package)
    made.__path__ = [str(folder)]
    sys.modules[package] = made
    for path in files:
        module = _imported(f"{package}.{path.parent.name}.{path.stem}", _shown(path), _homes(path))
        wanted = path.parent.name == "scenarios"
        _take(own, module, _shown(path), needed=wanted)


def _imported(name: str, home: str, homes: Sequence[Path] = ()) -> ModuleType:
    try:
        return importlib.import_module(name)
    except McpfuzzError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a module does when it is imported
        where = _line(error, homes) or home
        hint = ""
        top = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if top in _PARTS:
            hint = f"; write `from ..{top}` for the folder beside it"
        raise UsageError(f"{where}: {type(error).__name__}: {_one_line(error)}{hint}") from None


def _homes(path: Path) -> tuple[Path, ...]:
    """Where the code of a module and of its neighbours lies."""
    return (path.parent, *(path.parent.parent / part for part in _PARTS))


def _line(error: BaseException, homes: Sequence[Path]) -> str | None:
    """`FILE:LINE` of the innermost frame in the user's code; None where there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(Path(error.filename))}:{error.lineno or 1}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).parent in homes:
            return f"{_shown(Path(frame.filename))}:{frame.lineno}"
    return None


def _one_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(text.split())[:300]


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


# ---- checking -------------------------------------------------------------------------------------


def _take(own: Own, module: ModuleType, home: str, *, needed: bool = True) -> None:
    """Check what a module holds, and add it."""
    held = {name: getattr(module, name) for name in NAMES if hasattr(module, name)}
    if not held and needed:
        raise UsageError(
            f"{home}: holds none of {', '.join(NAMES)} (the name of a helper begins with _, or it lies in strategies/)"
        )
    for rule in _row(held.get("RULES", ()), Rule, home, "RULES"):
        _add(own.rules, rule.id, rule, RULES, home, "rule")
    for name, seen in _table(held.get("PROOFS", {}), home, "PROOFS"):
        _add(own.proofs, name, _guarded(seen, f"{home}: PROOFS[{name!r}]", module, str), PROOFS, home, "proof")
    for name, make in _table(held.get("VALUES", {}), home, "VALUES"):
        _add(own.values, name, _guarded(make, f"{home}: VALUES[{name!r}]", module, None), {}, home, "value")
    single = (held["SCENARIO"],) if "SCENARIO" in held else ()
    several = held.get("SCENARIOS", ())
    for scenario in (*_row(single, Scenario, home, "SCENARIO"), *_row(several, Scenario, home, "SCENARIOS")):
        if not _ID.fullmatch(scenario.id):
            raise UsageError(f"{home}: scenario {scenario.id!r}: an id is words in lower case, joined by -")
        _fits(scenario.draw, home, scenario.id)
        drawing = replace(scenario, draw=_drawing(scenario, home, module))
        _add(own.scenarios, scenario.id, drawing, bundled(), home, "scenario")
        own.homes[scenario.id] = home


def _row(given: Any, kind: type, home: str, name: str) -> tuple[Any, ...]:
    items = tuple(given) if isinstance(given, list | tuple) else (given,)
    for item in items:
        if not isinstance(item, kind):
            raise UsageError(f"{home}: {name} must be {kind.__name__}(...), not {type(item).__name__}")
    return items


def _table(given: Any, home: str, name: str) -> tuple[tuple[str, Callable[..., Any]], ...]:
    if not isinstance(given, Mapping) or not all(map(callable, given.values())):
        raise UsageError(f"{home}: {name} must be a mapping of names to functions")
    return tuple((str(key), function) for key, function in given.items())


def _add(into: dict[str, Any], name: str, value: Any, known: Mapping[str, Any], home: str, what: str) -> None:
    if name in known or name in into:
        raise UsageError(f"{home}: there is a {what} {name!r} already; give yours another name")
    into[name] = value


def _fits(draw: Any, home: str, name: str) -> None:
    try:
        inspect.signature(draw).bind(None, None, None, 0)
    except (TypeError, ValueError):
        raise UsageError(f"{home}: scenario {name!r}: draw must take (choices, surface, operation, index)") from None


def _check_rules(own: Own) -> None:
    for name, scenario in own.scenarios.items():
        for rule in scenario.rules:
            if rule not in own.rules and rule not in RULES:
                home = own.homes[name]
                raise UsageError(f"{home}: scenario {name!r} names rule {rule!r}, which is none (mcpfuzz list rules)")


# ---- while they are played ------------------------------------------------------------------------


def _drawing(scenario: Scenario, home: str, module: ModuleType) -> Draw:
    """Its draw, whose mistakes are the user's."""
    homes = () if module.__file__ is None else _homes(Path(module.__file__))

    def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
        try:
            case = scenario.draw(choices, surface, operation, index)
        except (McpfuzzError, CannotGenerate):
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's code
            where = _line(error, homes) or home
            raise UsageError(
                f"{where}: {type(error).__name__}: {_one_line(error)} (scenario {scenario.id!r}, case {index})"
            ) from None
        wrong = _wrong(case)
        if wrong is not None:
            raise UsageError(f"{home}: scenario {scenario.id!r}, case {index}: {wrong}")
        return case

    return draw


def _wrong(case: Any) -> str | None:
    """Why a case cannot be played; None: it can."""
    if case is None:
        return None
    if not isinstance(case, Case):
        return f"draw must return a Case or None, not {type(case).__name__}"
    for claim in case.claims:
        if claim.rule not in RULES:
            return f"it claims rule {claim.rule!r}, which is none"
        if claim.proof.kind not in PROOFS:
            return f"it claims proof {claim.proof.kind!r}, which is none; add it to PROOFS"
    return None


def _guarded(function: Callable[..., Any], home: str, module: ModuleType, wanted: type | None) -> Callable[..., Any]:
    """A function of the user's, whose mistakes are told as theirs."""
    homes = () if module.__file__ is None else _homes(Path(module.__file__))

    @functools.wraps(function)
    def call(*given: Any) -> Any:
        try:
            result = function(*given)
        except (McpfuzzError, CannotGenerate):
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's code
            raise UsageError(f"{_line(error, homes) or home}: {type(error).__name__}: {_one_line(error)}") from None
        if wanted is not None and result is not None and not isinstance(result, wanted):
            raise UsageError(f"{home}: must return a text or None, not {type(result).__name__}")
        return result

    return call
