"""All schemas that hold at one place of a document: what `$ref` leads to, what `allOf` lists.

Each is listed once, told apart by identity: 2**30 paths through shared references are thirty parts.
"""

from __future__ import annotations

from collections import deque

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.limits import MAX_CONJUNCTS, CannotGenerate
from mcpfuzz.strategies.schemas.operands import sequence
from mcpfuzz.strategies.schemas.references import REFERRING, References
from mcpfuzz.strategies.schemas.shapes import Schemas
from mcpfuzz.strategies.schemas.values import shown

__all__ = ["NEVER", "Conjuncts"]

NEVER: Json = {"not": {}}
"""What the schema `false` is read as."""


class Conjuncts:
    """Remembers what holds where, by identity of the schema asked for."""

    def __init__(self, references: References) -> None:
        self.references = references
        self._known: dict[int, tuple[Json, tuple[Json, ...]]] = {}

    def of(self, schema: Json) -> tuple[Json, ...]:
        """All schemas that hold where `schema` holds, through `$ref` and `allOf`, each once.

        Raises:
            CannotGenerate: one is no schema, refers out of the document, or there are too many.
        """
        known = self._known.get(id(schema))
        if known is not None:
            return known[1]
        found: list[Json] = []
        seen: set[int] = set()
        queue: deque[Json] = deque([schema])
        while queue:
            part = queue.popleft()
            if part is True or id(part) in seen:
                continue
            if part is False:
                part = NEVER
            if not isinstance(part, dict):
                raise CannotGenerate(f"a schema is {shown(part)}, not an object")
            seen.add(id(part))
            found.append(part)
            for keyword in REFERRING:
                if keyword in part:
                    queue.append(self.references.resolve(part[keyword]))
            if "allOf" in part:
                queue.extend(sequence(part["allOf"], "allOf"))
            if len(found) + len(queue) > MAX_CONJUNCTS:
                raise CannotGenerate(f"more than {MAX_CONJUNCTS} schemas hold at one place")
        self._known[id(schema)] = (schema, tuple(found))
        return tuple(found)

    def of_all(self, schemas: Schemas) -> list[Json]:
        """`of` for several schemas of one place."""
        if len(schemas) == 1:
            return list(self.of(schemas[0]))
        found = {id(part): part for schema in schemas for part in self.of(schema)}
        return list(found.values())
