"""One schema with everything that it refers to in itself: the questions that generators ask of it.

It only keeps together what the modules below it do, each over the one before:

    References    where a `$ref` leads
    Conjuncts     all schemas that hold at one place
    Variants      the same with one branch chosen of each anyOf, oneOf and if, read into Shapes
    Heights       how deep the flattest value is
    Trial         what is wrong with a value
"""

from __future__ import annotations

from collections.abc import Hashable

from mcpfuzz.model import Json, pointer
from mcpfuzz.strategies.schemas.applicators import APPLICATORS
from mcpfuzz.strategies.schemas.assertions import ASSERTIONS
from mcpfuzz.strategies.schemas.conjuncts import Conjuncts
from mcpfuzz.strategies.schemas.heights import Heights
from mcpfuzz.strategies.schemas.limits import MAX_STEPS, CannotGenerate, Undecided
from mcpfuzz.strategies.schemas.references import References
from mcpfuzz.strategies.schemas.shapes import Schemas, Shape
from mcpfuzz.strategies.schemas.trial import Check, Court, Trial
from mcpfuzz.strategies.schemas.unevaluated import UNEVALUATED
from mcpfuzz.strategies.schemas.variants import Variants

__all__ = ["Document"]

_CHECKS: dict[str, Check] = {**ASSERTIONS, **APPLICATORS, **UNEVALUATED}


class Document:
    """One schema and all that it refers to in itself.

    It keeps the schema, does not copy it and expects that nobody changes it.
    """

    def __init__(self, root: Json) -> None:
        self.root = root
        self.steps = 0
        """Parts judged so far: callers that judge many values stop by it."""
        self._references = References(root)
        self._conjuncts = Conjuncts(self._references)
        self._variants = Variants(self._conjuncts)
        self._heights = Heights(self._variants)
        self._enums: dict[int, frozenset[Hashable]] = {}

    def resolve(self, reference: Json) -> Json:
        """What a `$ref` leads to. Raises CannotGenerate where it leads out, or nowhere."""
        return self._references.resolve(reference)

    def names(self) -> frozenset[str]:
        """Names of properties that the schema itself speaks of, as far as the first MAX_INDEXED parts go."""
        return self._references.names()

    def conjuncts(self, schema: Json) -> tuple[Json, ...]:
        """All schemas that hold where `schema` holds, through `$ref` and `allOf`, each once.

        Raises:
            CannotGenerate: one is no schema, refers out of the document, or there are too many.
        """
        return self._conjuncts.of(schema)

    def all_conjuncts(self, schemas: Schemas) -> list[Json]:
        """`conjuncts` of several schemas of one place."""
        return self._conjuncts.of_all(schemas)

    def base(self, schemas: Schemas) -> Shape:
        """What holds whatever branch is taken."""
        return self._variants.base(schemas)

    def variants(self, schemas: Schemas) -> list[Shape]:
        """The shapes a value may have here, one per choice of branches, contradictory ones left out.

        Raises:
            CannotGenerate: none is left; the reason is the first one's.
        """
        return self._variants.of(schemas)

    def height(self, schemas: Schemas) -> float:
        """Levels of the flattest value (1 for a scalar), infinite where every value holds another one."""
        return self._heights.of(schemas)

    def too_deep(self, schemas: Schemas) -> bool:
        """Whether the flattest value is deeper than MAX_DEPTH, as far as was looked."""
        return self._heights.too_deep(schemas)

    def shape_height(self, shape: Shape) -> float:
        """`height` of one variant."""
        return self._heights.of_shape(shape)

    def errors(self, schema: Json, value: Json, limit: int = 2) -> list[tuple[str, str]]:
        """What is wrong: (JSON pointer, keyword) as validators name it, each once, at most about `limit` of them.

        `propertyNames` errors are named so; a known `format` counts.

        Raises:
            Undecided: a bound was met, or a keyword is not understood.
        """
        court = Court(self._conjuncts, _CHECKS, self._enums)
        trial = Trial(court, limit)
        try:
            trial.judge(schema, value, ())
        except CannotGenerate as error:
            raise Undecided(error.reason) from None
        except (TypeError, AttributeError, KeyError, ValueError, RecursionError) as error:
            raise Undecided(f"the schema cannot be read: {type(error).__name__}") from None
        finally:
            self.steps += MAX_STEPS - court.left
        return [(pointer(*path), keyword) for path, keyword in trial.found]

    def accepts(self, schema: Json, value: Json) -> bool | None:
        """Whether `value` is valid; None where it is undecided."""
        try:
            return not self.errors(schema, value, 1)
        except Undecided:
            return None
