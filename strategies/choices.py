"""Where choices come from. A generator is written once, against `Choices`; it does not know whether a
seeded random walk (50,000 values a second, the campaign) or Hypothesis (which shrinks, the public
strategies) answers. Facts: facts on performance say generation, not I/O, is what costs.

The rule that makes shrinking work everywhere: the first item, the lower bound, False and the empty text
are the simplest. Write generators so that the boring choice comes first.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["Choices", "HypothesisChoices", "PlainChoices", "RandomChoices", "strategy_of"]

_T = TypeVar("_T")
ASCII = "abcdefghijklmnopqrstuvwxyz0123456789 "


class Choices(Protocol):
    """What a generator may ask."""

    def integer(self, low: int, high: int) -> int:
        """An integer, bounds included; `low` is simplest."""
        ...

    def pick(self, items: Sequence[_T]) -> _T:
        """One of a non-empty sequence; earlier is simpler."""
        ...

    def chance(self, percent: int) -> bool:
        """True about `percent` times in a hundred; False is simpler."""
        ...

    def real(self) -> float:
        """A finite float, any magnitude; 0.0 is simplest."""
        ...

    def text(self, low: int = 0, high: int = 12, alphabet: str = ASCII) -> str:
        """Text of `low` to `high` characters of `alphabet`; shorter and earlier characters are simpler."""
        ...

    def blob(self, low: int = 0, high: int = 16) -> bytes:
        """Bytes; shorter is simpler."""
        ...


class RandomChoices:
    """A seeded walk: the same parts give the same choices on every machine and Python."""

    __slots__ = ("_random",)

    def __init__(self, *parts: object) -> None:
        """Args: parts: anything with a stable `str()`; seed, scenario, operation, index."""
        digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=8)
        self._random = random.Random(int.from_bytes(digest.digest(), "big"))

    def integer(self, low: int, high: int) -> int:
        span = high - low + 1
        if span <= 1 << 40:  # random() has 53 bits: exact enough here and four times as fast as randrange
            return low + int(self._random.random() * span)
        return self._random.randint(low, high)

    def pick(self, items: Sequence[_T]) -> _T:
        return items[int(self._random.random() * len(items))]

    def chance(self, percent: int) -> bool:
        return self._random.random() * 100 < percent

    def real(self) -> float:
        magnitude = 10.0 ** self.integer(-3, 12)
        return (self._random.random() * 2 - 1) * magnitude

    def text(self, low: int = 0, high: int = 12, alphabet: str = ASCII) -> str:
        draw, size = self._random.random, len(alphabet)
        return "".join([alphabet[int(draw() * size)] for _ in range(self.integer(low, high))])

    def blob(self, low: int = 0, high: int = 16) -> bytes:
        return self._random.randbytes(self.integer(low, high))


class PlainChoices:
    """The plainest value that still says something: one of each list, the first word, the number one."""

    __slots__ = ("_full",)

    def __init__(self, *, full: bool = False) -> None:
        """Args: full: what is optional is given, too."""
        self._full = full

    def integer(self, low: int, high: int) -> int:
        return min(max(low, 1), high)

    def pick(self, items: Sequence[_T]) -> _T:
        return items[0]

    def chance(self, percent: int) -> bool:
        return self._full and percent >= 50

    def real(self) -> float:
        return 1.0

    def text(self, low: int = 0, high: int = 12, alphabet: str = ASCII) -> str:
        return alphabet[0] * self.integer(low, high)

    def blob(self, low: int = 0, high: int = 16) -> bytes:
        return bytes(self.integer(low, high))


class HypothesisChoices:
    """Hypothesis answers; every choice is one of its own, so its shrinker works on all of them."""

    __slots__ = ("_draw",)

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        from hypothesis import strategies as st

        return low + self._draw(st.integers(0, high - low))

    def pick(self, items: Sequence[_T]) -> _T:
        from hypothesis import strategies as st

        return items[self._draw(st.integers(0, len(items) - 1))]

    def chance(self, percent: int) -> bool:
        from hypothesis import strategies as st

        return bool(self._draw(st.integers(0, 99)) >= 100 - percent)

    def real(self) -> float:
        from hypothesis import strategies as st

        return self._draw(st.floats(allow_nan=False, allow_infinity=False, width=64))

    def text(self, low: int = 0, high: int = 12, alphabet: str = ASCII) -> str:
        from hypothesis import strategies as st

        return self._draw(st.text(st.sampled_from(alphabet), min_size=low, max_size=high))

    def blob(self, low: int = 0, high: int = 16) -> bytes:
        from hypothesis import strategies as st

        return self._draw(st.binary(min_size=low, max_size=high))


def strategy_of(generator: Callable[..., _T], *args: Any) -> SearchStrategy[_T]:
    """The Hypothesis strategy of a generator `generator(choices, *args)`.

    Hypothesis is imported here and not before: the campaign never needs it.
    """
    from hypothesis import strategies as st

    def drawn(draw: DrawFn) -> _T:
        return generator(HypothesisChoices(draw), *args)

    drawn.__name__ = drawn.__qualname__ = generator.__name__.lstrip("_")
    return st.composite(drawn)()
