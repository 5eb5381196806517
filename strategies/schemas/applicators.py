"""Checks of the keywords that apply schemas to parts of the value, or to the value by branches.

The applicator vocabulary of Draft 2020-12 (Core, section 10), with the older drafts' `dependencies`,
`additionalItems` and `items` as a list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.operands import sequence
from mcpfuzz.strategies.schemas.patterns import pattern
from mcpfuzz.strategies.schemas.trial import Check, Path, Trial

__all__ = ["APPLICATORS"]


def _prefix_items(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, list):
        for index, (item, part) in enumerate(zip(value, arg, strict=False)):
            trial.judge(part, item, (*path, index))


def _items(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(value, list) or arg is True:
        return
    if isinstance(arg, list):
        _prefix_items(trial, arg, value, schema, path)
        arg, start, keyword = schema.get("additionalItems", True), len(arg), "additionalItems"
    else:
        start, keyword = len(schema.get("prefixItems", ())), "items"
    if arg is False:
        if len(value) > start:
            trial.fail(path, keyword)
        return
    for index in range(start, len(value)):
        trial.judge(arg, value[index], (*path, index))
        if len(trial.found) >= trial.limit:
            return


def _contains(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(value, list):
        return
    hits = sum(trial.accepts(arg, item) for item in value)
    least, most = schema.get("minContains", 1), schema.get("maxContains", math.inf)
    if hits > most:
        trial.fail(path, "maxContains")
    elif hits < least:
        trial.fail(path, "contains" if not hits else "minContains")


def _properties(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if name in arg:
                trial.judge(arg[name], item, (*path, name))
                if len(trial.found) >= trial.limit:
                    return


def _pattern_properties(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for text, part in arg.items():
            for name, item in value.items():
                if pattern(text).matches(name):
                    trial.judge(part, item, (*path, name))


def _additional(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(value, dict) or arg is True:
        return None
    for name in _extras(value, schema):
        if arg is False:
            return trial.fail(path, "additionalProperties")
        trial.judge(arg, value[name], (*path, name))
        if len(trial.found) >= trial.limit:
            return None
    return None


def _extras(value: dict[str, Json], schema: Json) -> Iterator[str]:
    own, patterns = schema.get("properties") or {}, [pattern(text) for text in schema.get("patternProperties") or ()]
    return (name for name in value if name not in own and not any(one.matches(name) for one in patterns))


def _property_names(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for name in value:
            if not trial.accepts(arg, name):
                trial.fail(path, "propertyNames")


def _dependent_schemas(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for name, part in arg.items():
            if name in value:
                trial.judge(part, value, path)


def _dependencies(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(value, dict):
        return
    for name, needed in arg.items():
        if name not in value:
            continue
        if not isinstance(needed, list):
            trial.judge(needed, value, path)
        elif any(other not in value for other in needed):
            trial.fail(path, "dependencies")


def _any_of(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not any(trial.accepts(branch, value) for branch in sequence(arg, "anyOf")):
        trial.fail(path, "anyOf")


def _one_of(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if sum(trial.accepts(branch, value) for branch in sequence(arg, "oneOf")) != 1:
        trial.fail(path, "oneOf")


def _not(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if trial.accepts(arg, value):
        trial.fail(path, "not")


def _if(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    branch = schema.get("then" if trial.accepts(arg, value) else "else", True)
    trial.judge(branch, value, path)


APPLICATORS: dict[str, Check] = {
    "prefixItems": _prefix_items,
    "items": _items,
    "contains": _contains,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "dependencies": _dependencies,
    "dependentSchemas": _dependent_schemas,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
}
