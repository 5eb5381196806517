"""The shapes that a value may have at one place: one per choice of branches.

anyOf, oneOf, if and dependentSchemas let a value choose. A branch chosen joins the schemas of the place, which may
bring further choices; contradictory ones fall away. What is found is kept by identity of the schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.conjuncts import NEVER, Conjuncts
from mcpfuzz.strategies.schemas.limits import MAX_CONJUNCTS, MAX_VARIANTS, CannotGenerate
from mcpfuzz.strategies.schemas.operands import mapping, sequence
from mcpfuzz.strategies.schemas.reading import READERS
from mcpfuzz.strategies.schemas.shapes import Schemas, Shape, close, settled

__all__ = ["Variants"]

_DEPENDENT = "dependentSchemas/"
"""Before a property's name: the choice whether that property is there."""
_MAX_EXPANSIONS = 200
"""Combinations of branches that are tried at one place."""


class Variants:
    """Reads places of one document into shapes."""

    def __init__(self, conjuncts: Conjuncts) -> None:
        self._conjuncts = conjuncts
        self._known: dict[tuple[int, ...], tuple[Schemas, list[Shape]]] = {}
        self._bases: dict[tuple[int, ...], tuple[Schemas, Shape]] = {}
        self._presence: dict[tuple[int, str], tuple[Json, Json]] = {}
        """Schemas of ours that say that a property is absent, that it is present: made once, since places are
        known by identity."""

    def base(self, schemas: Schemas) -> Shape:
        """What holds whatever branch is taken."""
        key = tuple(map(id, schemas))
        known = self._bases.get(key)
        if known is None:
            known = self._bases[key] = (schemas, self._shape(schemas, self._conjuncts.of_all(schemas)))
        return known[1]

    def of(self, schemas: Schemas) -> list[Shape]:
        """The shapes a value may have here, one per choice of branches, contradictory ones left out.

        Raises:
            CannotGenerate: none is left; the reason is the first one's.
        """
        key = tuple(map(id, schemas))
        known = self._known.get(key)
        if known is None:
            shapes: list[Shape] = []
            reasons: list[str] = []
            self._expand(schemas, frozenset(), shapes, reasons, [_MAX_EXPANSIONS])
            if not shapes:
                raise CannotGenerate(reasons[0] if reasons else "every branch refers to itself")
            known = self._known[key] = (schemas, shapes)
        return known[1]

    def _expand(
        self, schemas: Schemas, done: frozenset[tuple[int, str]], out: list[Shape], reasons: list[str], left: list[int]
    ) -> None:
        left[0] -= 1
        if left[0] < 0 or len(out) >= MAX_VARIANTS:
            return
        try:
            parts = self._conjuncts.of_all(schemas)
            group = next(((p, k) for p in parts for k in _groups(p) if (id(p), k) not in done), None)
            if group is None:
                out.append(self._shape(schemas, parts))
                return
            branches = self._branches(*group)
        except CannotGenerate as error:
            reasons.append(error.reason)
            return
        here, tried = set(map(id, parts)), set()
        for branch in branches:
            if len(out) >= MAX_VARIANTS:
                return
            try:
                ids = frozenset(id(part) for part in self._conjuncts.of_all(branch))
            except CannotGenerate as error:
                reasons.append(error.reason)
                continue
            if ids not in tried and not (ids and ids <= here and group[1] in ("anyOf", "oneOf")):
                tried.add(ids)
                self._expand((*schemas, *branch), done | {(id(group[0]), group[1])}, out, reasons, left)

    def _branches(self, schema: Json, keyword: str) -> list[Schemas]:
        if keyword == "if":
            otherwise = (schema["else"],) if "else" in schema else ()
            return [(schema["if"], *((schema["then"],) if "then" in schema else ())), otherwise]
        if keyword.startswith(_DEPENDENT):
            name = keyword.removeprefix(_DEPENDENT)
            key = (id(schema), name)
            if key not in self._presence:
                self._presence[key] = ({"properties": {name: False}}, {"required": [name]})
            absent, present = self._presence[key]
            return [(absent,), (present, schema["dependentSchemas"][name])]
        branches = sequence(schema[keyword], keyword)
        if not branches:
            raise CannotGenerate(f"{keyword} is empty")
        return [(branch,) for branch in branches[:MAX_CONJUNCTS]]

    def _shape(self, schemas: Schemas, parts: Iterable[Json]) -> Shape:
        shape = Shape(schemas)
        for part in parts:
            if part is NEVER or part.get("not", None) in (True, {}):
                raise CannotGenerate("the schema is false: nothing is allowed here")
            for keyword, value in part.items():
                read = READERS.get(keyword)
                if read is not None:
                    read(shape, value, part)
            if "oneOf" in part or "if" in part:
                shape.loose = True
        if shape.closed:
            close(shape, parts)
        return settled(shape)


def _groups(part: Json) -> Iterator[str]:
    """The keywords of a schema that let a value choose."""
    yield from (keyword for keyword in ("anyOf", "oneOf", "if") if keyword in part)
    if "dependentSchemas" in part:
        yield from (_DEPENDENT + name for name in mapping(part["dependentSchemas"], "dependentSchemas"))
