"""Checks of the keywords that speak of the rest: properties or items that no applicable schema has spoken about.

The unevaluated vocabulary of Draft 2020-12 (Core, section 11). Items beside branches are Undecided.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.limits import MAX_DEPTH, Undecided
from mcpfuzz.strategies.schemas.patterns import pattern
from mcpfuzz.strategies.schemas.references import REFERRING
from mcpfuzz.strategies.schemas.trial import Check, Path, Trial

__all__ = ["UNEVALUATED"]


def _unevaluated_properties(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict) and arg is not True:
        known = _evaluated(trial, schema, value, 0)
        if any(name not in known and not trial.accepts(arg, item) for name, item in value.items()):
            trial.fail(path, "unevaluatedProperties")


def _evaluated(trial: Trial, schema: Json, value: dict[str, Json], depth: int) -> set[str]:
    """Names of properties that some applicable subschema has spoken about."""
    if not isinstance(schema, dict):
        return set()
    if depth > MAX_DEPTH:
        raise Undecided("unevaluatedProperties nested too deeply")
    known = {name for name in value if name in (schema.get("properties") or {})}
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if keyword in schema:
            known.update(name for name, item in value.items() if trial.accepts(schema[keyword], item))
    for text in schema.get("patternProperties") or ():
        known.update(name for name in value if pattern(text).matches(name))
    for branch in _speaking(trial, schema, value):
        known |= _evaluated(trial, branch, value, depth + 1)
    return known


def _speaking(trial: Trial, schema: Json, value: dict[str, Json]) -> Iterator[Json]:
    """The subschemas of the same place that count: what is referred to, and what holds."""
    for keyword in REFERRING:
        if keyword in schema:
            yield trial.court.conjuncts.references.resolve(schema[keyword])
    yield from (one for name, one in (schema.get("dependentSchemas") or {}).items() if name in value)
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from (one for one in schema.get(keyword) or () if trial.accepts(one, value))
    if "if" in schema:
        holds = trial.accepts(schema["if"], value)
        if holds:
            yield schema["if"]
        yield schema.get("then" if holds else "else", True)


def _unevaluated_items(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, list) and arg is not True:
        parts = trial.court.conjuncts.of(schema)
        if any(word in part for part in parts for word in ("anyOf", "oneOf", "if", "contains")):
            raise Undecided("unevaluatedItems beside branches")
        known = max((len(part.get("prefixItems", ())) for part in parts), default=0)
        if any("items" in part for part in parts) or len(value) <= known:
            return
        if arg is False:
            trial.fail(path, "unevaluatedItems")
            return
        for index in range(known, len(value)):
            trial.judge(arg, value[index], (*path, index))


UNEVALUATED: dict[str, Check] = {
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
}
