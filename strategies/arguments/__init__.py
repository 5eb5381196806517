"""Arguments for an operation, made from its JSON Schema: good ones, ones with exactly one flaw, extreme ones.

A seeded walk of our own, fast enough not to count beside the server (facts on performance), and the same
generators as a Hypothesis strategy. Nothing here knows a server, a scenario or a proof.

    valid       keeps the whole schema
    invalid     breaks it once: one JSON pointer, one keyword, checked by the judge of `schemas` before it is
                believed, and whether a server that converts types could take it without harm
    boundary    legal or not: bounds and one beyond, huge numbers, long and odd texts, deep nesting

Values are templates (`mcpfuzz.slots`): long texts are `{repeat:N:X}`, paths lie under `{scratch}`, literal
braces of the schema's own words are quoted. `compile(schema, slots=False)` gives values without slots. No
value names a foreign host, a real path or a command that destroys (`safety`).

Theory of operation. `compile` reads a schema into a Plan, which holds a Kit: for each place of the schema a maker,
built when first needed and kept. Drawing is then calling closures: a Walk goes through them with its choices and
what is left of the value's size. To break or stretch, a good value is drawn first, and one of its sites gets
something from a list that was worked out once for that site and judged on its own; so the label is true without
judging every draw. Modules, each knowing only those above it:

    limits, words, format_texts, pattern_texts, conversions, labels
                        knowledge: caps, words, texts by format or pattern, what lenient readers convert
    templates, walk     what a value is written as; one value in the making
    combining, declared makers made of makers; the schema's own values
    kit                 a maker for each place
    numbers, texts, arrays, objects
                        makers of each kind of value
    plans               a schema read once
    sites               the places that can be broken or stretched
    flaws, container_flaws, extremes
                        what to put there
    keeping, breaking, stretching
                        `valid`, `invalid`, `boundary`
    verdicts, injection, strategy
                        `judged`, `injection_points`, and the Hypothesis strategy `arguments`
"""

from __future__ import annotations

from mcpfuzz.strategies.arguments.breaking import invalid
from mcpfuzz.strategies.arguments.injection import injection_points
from mcpfuzz.strategies.arguments.keeping import valid
from mcpfuzz.strategies.arguments.labels import Labelled
from mcpfuzz.strategies.arguments.plans import Plan, compile
from mcpfuzz.strategies.arguments.strategy import arguments
from mcpfuzz.strategies.arguments.stretching import boundary
from mcpfuzz.strategies.arguments.verdicts import judged
from mcpfuzz.strategies.schemas import CannotGenerate

__all__ = [
    "CannotGenerate",
    "Labelled",
    "Plan",
    "arguments",
    "boundary",
    "compile",
    "injection_points",
    "invalid",
    "judged",
    "valid",
]
