"""The makers of one schema: for each place a maker of its values, built when first needed.

A place may have several shapes and a shape several kinds of value; the maker of a place chooses between them.
What makes one kind is not known here: `plans` hands that table in, since arrays and objects ask the kit back.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from mcpfuzz.model import Json, pointer
from mcpfuzz.strategies.arguments.combining import hinted, of_kinds, one_of, until_accepted
from mcpfuzz.strategies.arguments.declared import hints_of, members_of
from mcpfuzz.strategies.arguments.templates import FILL
from mcpfuzz.strategies.arguments.walk import Maker
from mcpfuzz.strategies.schemas import MAX_DEPTH, CannotGenerate, Document, Schemas, Shape, shown

__all__ = ["KindMaker", "Kit"]

_T = TypeVar("_T")
_R = TypeVar("_R")
_OBJECT: Json = {"type": "object"}


class Kit:
    """The makers of one plan, each made when first needed.

    Args:
        makers: what builds a maker, by kind of value.

    Raises:
        CannotGenerate: no value can be made.
    """

    def __init__(self, schema: Json, slots: bool, whole: bool, makers: Mapping[str, KindMaker]) -> None:
        self.document = Document(schema)
        self.schema = schema
        self.slots = slots
        self.whole = whole
        self.root: Schemas = (schema, _OBJECT) if whole else (schema,)
        self._by_kind = makers
        self._makers: dict[tuple[str, tuple[int, ...]], tuple[Schemas, Maker]] = {}
        self._locals: dict[tuple[int, ...], Json] = {}
        self._worked_out: dict[tuple[object, ...], Any] = {}
        if self.document.height(self.root) == math.inf:
            self.document.variants(self.root)  # has a better reason, if the fault is at the top
            _explain(self.document, self.root)
        self.draw: Maker = self.maker(self.root, "")
        """Makes a whole value, a template."""

    def finished(self, value: Json) -> Json:
        """A template as the plan gives it out: filled where it may hold no slots."""
        return value if self.slots else FILL(value)

    def local(self, schemas: Schemas) -> Json:
        """One schema that says what several say."""
        if len(schemas) == 1:
            return schemas[0]
        key = tuple(map(id, schemas))
        found = self._locals.get(key)
        if found is None:
            found = self._locals[key] = {"allOf": list(schemas)}
        return found

    def maker(self, schemas: Schemas, name: str) -> Maker:
        """What makes values for a place; `name` of the property helps to choose words."""
        key = (name, tuple(map(id, schemas)))
        known = self._makers.get(key)
        if known is None:
            known = self._makers[key] = (schemas, self._build(schemas, name))
        return known[1]

    def _build(self, schemas: Schemas, name: str) -> Maker:
        made: list[tuple[Shape, Maker]] = []
        reason = ""
        for shape in self.document.variants(schemas):
            try:
                made.append((shape, self._of_shape(shape, name)))
            except CannotGenerate as error:
                reason = reason or error.reason
        if not made:
            raise CannotGenerate(reason)
        makers = [maker for _, maker in made]
        maker = makers[0] if len(makers) == 1 else one_of(makers, self._lowest(made))
        if any(shape.loose for shape, _ in made):
            maker = until_accepted(maker, self.document, self.local(schemas))
        return maker

    def _lowest(self, made: list[tuple[Shape, Maker]]) -> Callable[[], list[Maker]]:
        """The makers, those that end soonest first; worked out when first needed."""
        memo: list[Maker] = []

        def lowest() -> list[Maker]:
            if not memo:
                memo.extend(maker for _, maker in sorted(made, key=lambda pair: self.document.shape_height(pair[0])))
            return memo

        return lowest

    def _of_shape(self, shape: Shape, name: str) -> Maker:
        if shape.choices is not None:
            members = members_of(self.document, self.local(shape.schemas), shape)
            return lambda walk: walk.choices.pick(members)
        makers: dict[str, Maker] = {}
        reason = ""
        for kind in _likely(shape):
            try:
                makers[kind] = self._by_kind[kind](self, shape, name)
            except CannotGenerate as error:
                reason = reason or error.reason
        if not makers:
            raise CannotGenerate(reason)
        maker = of_kinds(makers)
        hints = hints_of(self.document, self.local(shape.schemas), shape, self.slots) if shape.hints else []
        return hinted(maker, hints) if hints else maker

    def once(self, work: Callable[[_T], _R], of: _T) -> _R:
        """`work(of)`, worked out when first asked for."""
        key = (work, of)
        known = self._worked_out.get(key)
        if known is None:
            known = self._worked_out[key] = work(of)
        return known


KindMaker: TypeAlias = Callable[[Kit, Shape, str], Maker]
"""(kit, shape, name of the property) -> what makes values of one kind. Raises CannotGenerate."""


def _explain(document: Document, root: Schemas) -> None:
    """Follow what is required to the part that cannot be, for a reason that names it."""
    if document.too_deep(root):
        raise CannotGenerate(f"the flattest value is deeper than the cap of {MAX_DEPTH} levels")
    trail: list[str] = []
    schemas = root
    for _ in range(4):
        try:
            shapes = document.variants(schemas)
        except CannotGenerate as error:
            raise CannotGenerate(f"{pointer(*trail)}: {error.reason}") from None
        named = ((shape, name) for shape in shapes for name in itertools.islice(shape.required, 50))
        parts = ((name, shape.properties.get(name)) for shape, name in named)
        endless = ((name, part) for name, part in parts if part and document.height(part) == math.inf)
        name, part = next(endless, ("", None))
        if part is None:
            break
        trail.append(name)
        schemas = part
    raise CannotGenerate(f"{shown(pointer(*trail))} needs a part that cannot be, or that holds itself without end")


def _likely(shape: Shape) -> tuple[str, ...]:
    """The kinds worth making: those the keywords speak of, where no `type` says it."""
    if len(shape.kinds) < 7:
        return shape.kinds
    if shape.properties or shape.required or shape.additional or shape.patterned or shape.min_properties:
        return ("object",)
    if shape.items or shape.prefix or shape.contains or shape.min_items or shape.max_items is not None:
        return ("array",)
    if shape.patterns or shape.formats or shape.min_length or shape.max_length is not None:
        return ("string",)
    if shape.low is not None or shape.high is not None or shape.multiples:
        return ("integer",)
    return ("string", "integer", "boolean", "null", "number", "array", "object")
