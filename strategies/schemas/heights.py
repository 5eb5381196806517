"""How many levels the flattest value of a place has; infinite where every value holds another one.

Depth first, with a mark on what is being looked at: a place inside itself has no finite value by that way.
"""

from __future__ import annotations

import itertools
import math

from mcpfuzz.strategies.schemas.limits import MAX_DEPTH, CannotGenerate
from mcpfuzz.strategies.schemas.shapes import Schemas, Shape
from mcpfuzz.strategies.schemas.variants import Variants

__all__ = ["Heights"]

_MAX_PLACES = 5_000
"""Places that one question looks at."""


class Heights:
    """Answers for the places of one document; finite heights are remembered."""

    def __init__(self, variants: Variants) -> None:
        self._variants = variants
        self._known: dict[tuple[int, ...], float] = {}

    def of(self, schemas: Schemas) -> float:
        """Levels of the flattest value (1 for a scalar), infinite where every value holds another one."""
        return _Search(self._variants, self._known).of(schemas, 0)

    def too_deep(self, schemas: Schemas) -> bool:
        """Whether the flattest value is deeper than MAX_DEPTH, as far as was looked."""
        search = _Search(self._variants, self._known)
        return search.of(schemas, 0) == math.inf and search.too_deep

    def of_shape(self, shape: Shape) -> float:
        """`of` for one variant."""
        return _Search(self._variants, self._known).of_shape(shape, 0)


class _Search:
    """One question."""

    def __init__(self, variants: Variants, known: dict[tuple[int, ...], float]) -> None:
        self._variants, self._known, self._open = variants, known, set[tuple[int, ...]]()
        self._left = _MAX_PLACES
        self.too_deep = False

    def of(self, schemas: Schemas, depth: int) -> float:
        key = tuple(map(id, schemas))
        if key in self._known:
            return self._known[key]
        self._left -= 1
        self.too_deep = self.too_deep or depth > MAX_DEPTH
        if key in self._open or depth > MAX_DEPTH or self._left < 0:
            return math.inf
        self._open.add(key)
        try:
            best = min((self.of_shape(shape, depth) for shape in self._variants.of(schemas)), default=math.inf)
        except CannotGenerate:
            best = math.inf
        self._open.discard(key)
        if best < math.inf:
            self._known[key] = best
        return best

    def of_shape(self, shape: Shape, depth: int) -> float:
        if shape.choices is not None or any(kind not in ("array", "object") for kind in shape.kinds):
            return 1
        tallest = []
        if "array" in shape.kinds:
            tallest.append(self._array(shape, depth))
        if "object" in shape.kinds:
            tallest.append(self._object(shape, depth))
        return 1 + min(tallest)

    def _array(self, shape: Shape, depth: int) -> float:
        needed = shape.prefix[: shape.min_items]
        if shape.items and shape.min_items > len(shape.prefix):
            needed.append(shape.items)
        return max((self.of(place, depth + 1) for place in needed), default=0)

    def _object(self, shape: Shape, depth: int) -> float:
        needed = [shape.properties[name] for name in itertools.islice(shape.required, 200) if name in shape.properties]
        return max((self.of(place, depth + 1) for place in needed), default=0)
