"""What a JSON Schema says, how a value is judged by it.

Nothing is generated here, nothing is drawn, and nothing is ever fetched: a `$ref` that does not lead into the
document itself is an error.

The schema comes from a server that may mean harm, so every step has a bound, and what goes over it, or makes
no sense, ends as `CannotGenerate` with a reason:

    Document      one schema with its `$ref`s; remembers what it has worked out, by identity of the parts
    .conjuncts    all schemas that hold at one place, through `$ref` and `allOf`, each once: 2**30 paths
                  through shared references are thirty parts
    .variants     the same, with one branch chosen of each anyOf, oneOf and if: at most MAX_VARIANTS Shapes
    .errors       what is wrong with a value, named as Draft 2020-12 validators name it

Modules, each knowing only those before it:

    limits          caps, and the errors that end at them
    values          JSON values as JSON Schema compares them
    operands        what stands behind a keyword, as the type it needs
    patterns        regular expressions, with what they may cost
    formats         checks of formats, as a table
    shapes          what the schemas of one place ask, as one record
    reading         keywords into a shape, as a table
    references      where a `$ref` leads
    conjuncts       through `$ref` and `allOf`
    variants        through anyOf, oneOf and if
    heights         the flattest value of a place
    trial           one value being judged
    assertions, applicators, unevaluated
                    checks of the keywords, as three tables: the vocabularies of Draft 2020-12
    document        all of them over one schema
"""

from __future__ import annotations

from mcpfuzz.strategies.schemas.document import Document
from mcpfuzz.strategies.schemas.formats import FORMAT_CHECKS
from mcpfuzz.strategies.schemas.limits import MAX_DEPTH, CannotGenerate, Undecided
from mcpfuzz.strategies.schemas.patterns import Pattern, class_members, pattern
from mcpfuzz.strategies.schemas.shapes import Schemas, Shape
from mcpfuzz.strategies.schemas.values import fingerprint, is_multiple, is_unique, kind_of, same, shown

__all__ = [
    "FORMAT_CHECKS",
    "MAX_DEPTH",
    "CannotGenerate",
    "Document",
    "Pattern",
    "Schemas",
    "Shape",
    "Undecided",
    "class_members",
    "fingerprint",
    "is_multiple",
    "is_unique",
    "kind_of",
    "pattern",
    "same",
    "shown",
]
