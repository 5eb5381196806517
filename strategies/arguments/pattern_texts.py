"""Texts along a parsed regular expression: built node by node, not searched for.

What cannot be followed (back references, conditionals) is CannotGenerate; what is followed but not kept
(lookaround, inner anchors) must be judged afterwards: such a pattern is not `exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from mcpfuzz.strategies.arguments.limits import TRIES
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.schemas import MAX_DEPTH, CannotGenerate, class_members
from mcpfuzz.strategies.schemas.patterns import LOOPS, sre

__all__ = ["TextMaker", "follow", "stretches"]

TextMaker: TypeAlias = Callable[[Choices, int], str]
"""(choices, how far loops go above their minimum; negative: exactly so far)"""
_PRINTABLE = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_-. :,;=+!#$&*?@/()[]{}<>|^'\"`~%\\\t\n"
_ALNUM = _PRINTABLE[:62]


def follow(tree: Any, depth: int = 0) -> TextMaker:
    """A maker of texts along a parsed pattern. Raises CannotGenerate for what it cannot follow."""
    if depth > MAX_DEPTH:
        raise CannotGenerate("a pattern nested too deeply")
    parts = [part for op, av in tree if (part := _follow_node(op, av, depth)) is not None]
    if len(parts) == 1:
        return parts[0]
    return lambda choices, stretch: "".join([part(choices, stretch) for part in parts])


def _follow_node(op: Any, av: Any, depth: int) -> TextMaker | None:
    if op is sre.LITERAL:
        char = chr(av)
        return lambda choices, stretch: char
    if op in (sre.IN, sre.NOT_LITERAL, sre.ANY):
        members = _class(op, av)
        return lambda choices, stretch: choices.pick(members)
    if op is sre.SUBPATTERN:
        return follow(av[3], depth + 1)
    if op is sre.BRANCH:
        branches = [follow(branch, depth + 1) for branch in av[1]]
        return lambda choices, stretch: choices.pick(branches)(choices, stretch)
    if op in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
        return None  # judged afterwards: the pattern is not `exact`
    if op in LOOPS:
        return _follow_loop(av, depth)
    if op is sre.ATOMIC_GROUP:
        return follow(av, depth + 1)
    raise CannotGenerate(f"a pattern with {str(op).lower()} cannot be followed")


def _class(op: Any, av: Any) -> str:
    members = class_members(op, av, _PRINTABLE)
    if op is not sre.IN or av[0][0] is sre.NEGATE:
        members = "".join(char for char in members if char in _ALNUM) or members
    elif not members:
        members = "".join(chr(arg[0] if item is sre.RANGE else arg) for item, arg in av if item in _CHARS)
    if not members:
        raise CannotGenerate("a pattern's character class holds nothing that can be sent")
    return members


_CHARS = (sre.RANGE, sre.LITERAL)


def _follow_loop(av: Any, depth: int) -> TextMaker:
    low, high, body = int(av[0]), int(av[1]), follow(av[2], depth + 1)
    if low > 10_000:
        raise CannotGenerate(f"a pattern that repeats {low} times is above the cap of 10000")

    def make(choices: Choices, stretch: int) -> str:
        most = min(high, low + min(abs(stretch), 10_000))
        times = most if stretch < 0 else choices.integer(low, most)
        text = ""
        for _ in range(times):
            text += body(choices, stretch if times < 50 else 0)
            if len(text) > 20_000:
                raise CannotGenerate("a pattern's texts are above the cap of 20000 characters")
        return text

    return make


def stretches(low: int) -> Iterator[int]:
    """How far loops go, try by try: at most so many times above their minimum; negative: exactly so many."""
    near = (low, low - 1, low - 2, 1, low + 1, 2, low // 2, low - 3, 4, low // 3, 6, 8)
    for attempt in range(TRIES):
        yield -max(0, near[attempt // 2]) if attempt % 2 else (3, 3, 1, low)[attempt // 2 % 4]
