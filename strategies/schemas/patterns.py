"""Regular expressions of a schema: compiled once, each with the longest text that it may safely be tried on.

Servers send catastrophic patterns, and `re` cannot be interrupted. So the parsed tree is looked at first: loops
in loops that can match the same text in several ways are exponential, n loops in a row cost the n-th power of
the length. From that follows `Pattern.limit`; beyond it a verdict is Undecided, not attempted.
"""

from __future__ import annotations

import importlib
import itertools
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mcpfuzz.strategies.schemas.limits import MAX_DEPTH, MAX_PATTERN, CannotGenerate, Undecided
from mcpfuzz.strategies.schemas.values import shown

__all__ = ["LOOPS", "Pattern", "class_members", "pattern", "sre"]

# re's own parser, as Hypothesis uses it; there is no public one. Loaded by name, since no stub knows it.
sre: Any = importlib.import_module("re._constants")
"""Names of the nodes of `Pattern.tree`."""
parser: Any = importlib.import_module("re._parser")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression, and how long a text it may be tried on: servers send catastrophic ones."""

    text: str
    regex: re.Pattern[str]
    tree: Any
    """As `re` parsed it, for generators."""
    exact: bool
    """No lookaround, reference or inner anchor: what is built along the tree matches."""
    limit: int
    """Longest text that is tried; a longer one is Undecided."""

    def matches(self, text: str) -> bool:
        """Whether it is found in `text`. Raises Undecided where that could take long."""
        if len(text) > self.limit:
            raise Undecided(f"pattern {shown(self.text)} on {len(text)} characters")
        return self.regex.search(text) is not None


@lru_cache(maxsize=512)
def pattern(text: str) -> Pattern:
    """Compile. Raises CannotGenerate where Python's `re` does not know it."""
    if len(text) > MAX_PATTERN:
        raise CannotGenerate(f"a pattern of {len(text)} characters is above the cap of {MAX_PATTERN}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            regex, tree = re.compile(text), parser.parse(text)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise CannotGenerate(f"pattern {shown(text)} is not understood: {error}") from None
    cost = _Cost()
    cost.add(tree)
    return Pattern(text, regex, tree, cost.exact, cost.limit(anchored=text.startswith(("^", "\\A"))))


def _ascii_set(op: Any, av: Any) -> frozenset[int] | None:
    """The ASCII characters that one node matches, None where it is no single character."""
    if op is sre.LITERAL:
        return frozenset((av,)) if av < 128 else frozenset()
    if op is sre.IN or op is sre.ANY or op is sre.NOT_LITERAL:
        return frozenset(code for code in range(128) if _in_class(op, av, chr(code)))
    return None


_CATEGORY: dict[Any, Callable[[str], bool]] = {
    sre.CATEGORY_DIGIT: str.isdigit,
    sre.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(),
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    sre.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
}


def _in_class(op: Any, av: Any, char: str) -> bool:
    if op is sre.ANY:
        return char != "\n"
    if op is sre.NOT_LITERAL:
        return bool(ord(char) != av)
    negated, hit = False, False
    for item, arg in av:
        if item is sre.NEGATE:
            negated = True
        elif item is sre.LITERAL:
            hit = hit or ord(char) == arg
        elif item is sre.RANGE:
            hit = hit or arg[0] <= ord(char) <= arg[1]
        elif item is sre.CATEGORY:
            hit = hit or _CATEGORY[arg](char)
    return hit != negated


def class_members(op: Any, av: Any, alphabet: str) -> str:
    """The characters of `alphabet` that a character class matches."""
    return "".join([char for char in alphabet if _in_class(op, av, char)])


LOOPS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
"""Nodes that repeat what is in them."""


class _Cost:
    """How a backtracking matcher may fare: loops in loops are exponential, n loops in a row n-th power."""

    def __init__(self) -> None:
        self.loops = 0
        self.branches = 0
        """Alternatives inside loops."""
        self.exponential = False
        self.exact = True
        self._times = 1
        """How often the fixed loops around repeat what is being looked at."""

    def limit(self, *, anchored: bool) -> int:
        """The longest text on which a failing match takes at most about a million steps."""
        if self.exponential:
            return int(math.log(1e5) / math.log(2 + self.loops + self.branches))
        degree = min(1_000, self.loops + (0 if anchored else 1))
        if degree <= 1:
            return 1_000_000
        return next(n for n in itertools.count() if math.comb(n + degree, degree) > 1_000_000) - 1

    def add(self, tree: Any, inside: bool = False, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise CannotGenerate("a pattern nested too deeply")
        last = len(tree) - 1
        for index, (op, av) in enumerate(tree):
            if op in LOOPS:
                self._loop(av, inside, depth)
            elif op is sre.SUBPATTERN:
                self.add(av[3], inside, depth + 1)
                self.exact = self.exact and not av[1] and not av[2]
            elif op is sre.BRANCH:
                self.exponential = self.exponential or (inside and not _distinct(av[1]))
                self.branches += self._times * len(av[1]) if inside else 0
                for branch in av[1]:
                    self.add(branch, inside, depth + 1)
            elif op is sre.AT:
                self.exact = self.exact and not inside and depth == 0 and index in (0, last)
            elif _ascii_set(op, av) is None:
                self._other(op, av, inside, depth)

    def _loop(self, av: Any, inside: bool, depth: int) -> None:
        low, high, body = av
        self.loops += self._times * (high > low)
        before, self._times = self._times, min(1_000, self._times * max(1, low))
        self.add(body, inside or high > 1, depth + 1)
        self._times = before
        if high > 1 and _has_loop(body) and not _led(body):
            self.exponential = True

    def _other(self, op: Any, av: Any, inside: bool, depth: int) -> None:
        self.exact = False
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            self.add(av[1], inside, depth + 1)
        elif op is sre.ATOMIC_GROUP:
            self.add(av, inside, depth + 1)
        else:  # back references, conditionals: no promise
            self.exponential = True
            self.loops += 1


def _has_loop(tree: Any) -> bool:
    for op, av in tree:
        if op in LOOPS and (av[1] > av[0] or _has_loop(av[2])):
            return True
        if op is sre.SUBPATTERN and _has_loop(av[3]):
            return True
        if op is sre.BRANCH and any(_has_loop(branch) for branch in av[1]):
            return True
    return False


def _led(body: Any) -> bool:
    """Whether a loop's body starts, or ends, with a character that none of its own loops can match: "-[a-z]+"."""
    while len(body) == 1 and body[0][0] is sre.SUBPATTERN:
        body = body[0][1][3]
    nodes = list(body)
    return bool(nodes) and (_marked(nodes[0], nodes[1:]) or _marked(nodes[-1], nodes[:-1]))


def _marked(mark: Any, rest: list[Any]) -> bool:
    if mark[0] is not sre.LITERAL:
        return False
    for op, av in rest:
        node = av[2][0] if op in LOOPS and len(av[2]) == 1 else (op, av)
        chars = _ascii_set(*node)
        if chars is None or mark[1] in chars:
            return False
    return bool(mark[1] < 128)


def _distinct(branches: Any) -> bool:
    """Whether no two branches start alike."""
    seen: set[int] = set()
    for branch in branches:
        first = _ascii_set(*branch[0]) if len(branch) else None
        if not first or first & seen:
            return False
        seen |= first
    return True
