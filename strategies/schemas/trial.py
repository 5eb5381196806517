"""One value before a schema: what is wrong with it, each fault once, within a bounded number of steps.

A trial walks schema and value together and asks for each keyword the check that a table holds for it. It knows
no keyword itself; checks call it back for what is inside a value (`judge`) or to try a branch (`accepts`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeAlias

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.conjuncts import Conjuncts
from mcpfuzz.strategies.schemas.limits import MAX_DEPTH, MAX_STEPS, Undecided

__all__ = ["Check", "Path", "Trial"]

Path: TypeAlias = tuple[str | int, ...]
"""Where in the value, from the top."""


class Trial:
    """The faults found so far, with the bounds on finding more.

    Args:
        checks: what checks each keyword.
        limit: of faults; `judge` ends when so many are found.
        outer: the trial that this one tries a branch for; they share their steps.
    """

    __slots__ = ("_checks", "_left", "_verdicts", "conjuncts", "enums", "found", "limit")

    def __init__(
        self,
        conjuncts: Conjuncts,
        checks: Mapping[str, Check],
        limit: int,
        enums: dict[int, frozenset[Hashable]],
        outer: Trial | None = None,
    ) -> None:
        self.conjuncts = conjuncts
        self.enums = enums
        """Fingerprints of long enums, by identity; kept from trial to trial."""
        self.found: list[tuple[Path, str]] = []
        self.limit = limit
        self._checks = checks
        self._left: list[int] = outer._left if outer else [MAX_STEPS]
        self._verdicts: dict[tuple[int, int], bool] = outer._verdicts if outer else {}
        """Of one part on one value: shared branches are judged once, however many ways lead to them."""

    @property
    def steps(self) -> int:
        """Parts judged so far."""
        return MAX_STEPS - self._left[0]

    def judge(self, schema: Json, value: Json, path: Path) -> None:
        """Note what is wrong with `value`. Raises Undecided, CannotGenerate."""
        for part in self.conjuncts.of(schema):
            self._part(part, value, path)
            if len(self.found) >= self.limit:
                return

    def _part(self, part: Json, value: Json, path: Path) -> None:
        self._left[0] -= 1
        if self._left[0] < 0 or len(path) > 2 * MAX_DEPTH:
            raise Undecided(f"a verdict takes more than {MAX_STEPS} steps")
        for keyword, arg in part.items():
            check = self._checks.get(keyword)
            if check is not None:
                check(self, arg, value, part, path)
                if len(self.found) >= self.limit:
                    return

    def accepts(self, schema: Json, value: Json) -> bool:
        """Whether `value` keeps a branch; nothing is noted."""
        return all(self._holds(part, value) for part in self.conjuncts.of(schema))

    def _holds(self, part: Json, value: Json) -> bool:
        key = (id(part), id(value))
        verdict = self._verdicts.get(key)
        if verdict is None:
            inner = Trial(self.conjuncts, self._checks, 1, self.enums, self)
            inner._part(part, value, ())
            verdict = self._verdicts[key] = not inner.found
        return verdict

    def fail(self, path: Path, keyword: str) -> None:
        """Note a fault."""
        if (path, keyword) not in self.found:
            self.found.append((path, keyword))


Check: TypeAlias = Callable[[Trial, Json, Json, Json, Path], None]
"""(trial, what stands behind the keyword, value, the whole schema object, where the value is)"""
