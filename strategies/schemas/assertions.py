"""Checks of the keywords that speak of the value itself: its type, its size, its text.

The validation vocabulary of Draft 2020-12 (Validation, section 6), with `format` asserted where it is known.
"""

from __future__ import annotations

from collections.abc import Hashable

from mcpfuzz.model import Json
from mcpfuzz.strategies.schemas.formats import FORMAT_CHECKS
from mcpfuzz.strategies.schemas.patterns import pattern
from mcpfuzz.strategies.schemas.trial import Check, Path, Trial
from mcpfuzz.strategies.schemas.values import fingerprint, fingerprints, is_multiple, is_unique, kind_of, same

__all__ = ["ASSERTIONS"]

_FEW_MEMBERS = 32
"""Members of an enum that are compared one by one; the fingerprints of more are kept."""


def _type(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    kind = kind_of(value)
    names = (arg,) if isinstance(arg, str) else arg
    if kind in names or (kind == "integer" and "number" in names):
        return
    if not (value is None and schema.get("nullable") is True):  # OpenAPI's word for it
        trial.fail(path, "type")


def _enum(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not _is_member(value, arg, trial.court.enums):
        trial.fail(path, "enum")


def _is_member(value: Json, members: list[Json], known: dict[int, frozenset[Hashable]]) -> bool:
    if len(members) < _FEW_MEMBERS:
        return any(same(value, member) for member in members)
    found = known.get(id(members))
    if found is None:
        found = known[id(members)] = fingerprints(members)
    return fingerprint(value) in found


def _const(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not same(value, arg):
        trial.fail(path, "const")


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _minimum(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if _is_number(value) and (value < arg or (value == arg and schema.get("exclusiveMinimum") is True)):
        trial.fail(path, "minimum")


def _maximum(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if _is_number(value) and (value > arg or (value == arg and schema.get("exclusiveMaximum") is True)):
        trial.fail(path, "maximum")


def _exclusive_minimum(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(arg, bool) and _is_number(value) and value <= arg:
        trial.fail(path, "exclusiveMinimum")


def _exclusive_maximum(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if not isinstance(arg, bool) and _is_number(value) and value >= arg:
        trial.fail(path, "exclusiveMaximum")


def _multiple_of(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if _is_number(value) and not is_multiple(value, arg):
        trial.fail(path, "multipleOf")


def _fewer(kind: type[str | list[Json] | dict[str, Json]], keyword: str) -> Check:
    def check(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
        if isinstance(value, kind) and len(value) < arg:
            trial.fail(path, keyword)

    return check


def _more(kind: type[str | list[Json] | dict[str, Json]], keyword: str) -> Check:
    def check(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
        if isinstance(value, kind) and len(value) > arg:
            trial.fail(path, keyword)

    return check


def _pattern(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, str) and not pattern(arg).matches(value):
        trial.fail(path, "pattern")


def _format(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, str) and isinstance(arg, str):
        check = FORMAT_CHECKS.get(arg)
        if check is not None and not check(value):
            trial.fail(path, "format")


def _unique_items(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if arg is True and isinstance(value, list) and not is_unique(value):
        trial.fail(path, "uniqueItems")


def _required(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict) and isinstance(arg, list):
        for name in arg:
            if name not in value:
                trial.fail(path, "required")
                if len(trial.found) >= trial.limit:
                    return


def _dependent_required(trial: Trial, arg: Json, value: Json, schema: Json, path: Path) -> None:
    if isinstance(value, dict):
        for name, needed in arg.items():
            if name in value:
                for other in needed:
                    if other not in value:
                        trial.fail(path, "dependentRequired")


ASSERTIONS: dict[str, Check] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _exclusive_minimum,
    "exclusiveMaximum": _exclusive_maximum,
    "multipleOf": _multiple_of,
    "minLength": _fewer(str, "minLength"),
    "maxLength": _more(str, "maxLength"),
    "pattern": _pattern,
    "format": _format,
    "minItems": _fewer(list, "minItems"),
    "maxItems": _more(list, "maxItems"),
    "uniqueItems": _unique_items,
    "required": _required,
    "minProperties": _fewer(dict, "minProperties"),
    "maxProperties": _more(dict, "maxProperties"),
    "dependentRequired": _dependent_required,
}
