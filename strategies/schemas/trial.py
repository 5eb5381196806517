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

__all__ = ["Check", "Court", "Path", "Trial"]

Path: TypeAlias = tuple[str | int, ...]
"""Where in the value, from the top."""


class Court:
    """What all trials of one verdict share.

    Args:
        checks: what checks each keyword.
        enums: fingerprints of long enums, by identity; kept from verdict to verdict.
    """

    __slots__ = ("checks", "conjuncts", "enums", "left", "verdicts")

    def __init__(
        self, conjuncts: Conjuncts, checks: Mapping[str, Check], enums: dict[int, frozenset[Hashable]]
    ) -> None:
        self.conjuncts = conjuncts
        self.checks = checks
        self.enums = enums
        self.left = MAX_STEPS
        """Parts that may still be judged."""
        self.verdicts: dict[tuple[int, int], bool] = {}
        """Of one part on one value: shared branches are judged once, however many ways lead to them."""


class Trial:
    """The faults found so far.

    Args:
        limit: of faults; `judge` ends when so many are found.
    """

    __slots__ = ("court", "found", "limit")

    def __init__(self, court: Court, limit: int) -> None:
        self.court = court
        self.found: list[tuple[Path, str]] = []
        self.limit = limit

    def judge(self, schema: Json, value: Json, path: Path) -> None:
        """Note what is wrong with `value`. Raises Undecided, CannotGenerate."""
        for part in self.court.conjuncts.of(schema):
            self._part(part, value, path)
            if len(self.found) >= self.limit:
                return

    def _part(self, part: Json, value: Json, path: Path) -> None:
        court = self.court
        court.left -= 1
        if court.left < 0 or len(path) > 2 * MAX_DEPTH:
            raise Undecided(f"a verdict takes more than {MAX_STEPS} steps")
        for keyword, arg in part.items():
            check = court.checks.get(keyword)
            if check is not None:
                check(self, arg, value, part, path)
                if len(self.found) >= self.limit:
                    return

    def accepts(self, schema: Json, value: Json) -> bool:
        """Whether `value` keeps a branch; nothing is noted."""
        return all(self._holds(part, value) for part in self.court.conjuncts.of(schema))

    def _holds(self, part: Json, value: Json) -> bool:
        key, verdicts = (id(part), id(value)), self.court.verdicts
        verdict = verdicts.get(key)
        if verdict is None:
            inner = Trial(self.court, 1)
            inner._part(part, value, ())
            verdict = verdicts[key] = not inner.found
        return verdict

    def fail(self, path: Path, keyword: str) -> None:
        """Note a fault."""
        if (path, keyword) not in self.found:
            self.found.append((path, keyword))


Check: TypeAlias = Callable[[Trial, Json, Json, Json, Path], None]
"""(trial, what stands behind the keyword, value, the whole schema object, where the value is)"""
