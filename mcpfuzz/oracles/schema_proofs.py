"""Proofs about a tool's own schemas: an answer that breaks its outputSchema, a call that breaks its inputSchema and
goes through.

Pure, as all proofs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema

from mcpfuzz.model import Json, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import accepted, answered_result, method_of, words
from mcpfuzz.slots import quote
from mcpfuzz.wire import encode

__all__ = ["DECLARED", "broken_at", "schema_fault"]

HUGE = 10**400
"""Stands in for an integer of more digits than the reader converts."""
CLOSED = ("additionalProperties", "unevaluatedProperties")
"""Keywords that close a schema against unknown members."""


def _output_schema(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    for exchange in trace.exchanges:
        asked = method_of(trace, exchange)
        result = answered_result(exchange)
        if asked is None or asked[0] != "tools/call" or result is None or result.get("isError") is True:
            continue
        if not isinstance(asked[1], dict) or asked[1].get("name") != quote(params["tool"]):
            continue
        if "structuredContent" not in result:
            return "an outputSchema is declared, but there is no structuredContent" if accepted(exchange) else None
        content = result["structuredContent"]
        if exchange.answer is not None and "huge-int" in exchange.answer.faults:
            content = _as_integers(content)
        why = schema_fault(params["schema"], content)
        if why:
            return why
    return None


def _as_integers(value: Json) -> Json:
    """The value with huge integers where the reader put infinity for them: still integers, still huge."""
    if isinstance(value, dict):
        return {key: _as_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_integers(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return HUGE if value > 0 else -HUGE
    return value


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> jsonschema.Draft202012Validator | None:
    try:
        loaded = json.loads(schema)
        jsonschema.Draft202012Validator.check_schema(loaded)
        return jsonschema.Draft202012Validator(loaded)
    except (jsonschema.SchemaError, RecursionError, ValueError, re.error):
        return None


def broken_at(schema: Mapping[str, Json], value: Json, *, extra: bool | None = None) -> tuple[str, str] | None:
    """Where `value` breaks a schema ("/" for the whole of it), and what it breaks; None where it does not, or where
    the schema is no schema.

    Args:
        extra: True looks for members that nothing allows and for nothing else, False for all but those.
    """
    try:
        validator = _validator(encode(schema))
    except (RecursionError, TypeError, ValueError):
        return None
    if validator is None:
        return None
    try:
        errors = validator.iter_errors(value)
        error = next((item for item in errors if extra is None or extra is (item.validator in CLOSED)), None)
    except Exception as problem:  # a stranger's schema: references that lead nowhere, patterns that are none
        if isinstance(problem, MemoryError):
            raise
        return None
    if error is None:
        return None
    return "/" + "/".join(str(part) for part in error.absolute_path), f"{error.validator}: {error.message[:160]}"


def schema_fault(
    schema: Mapping[str, Json], value: Json, *, extra: bool | None = None, what: str = "structuredContent"
) -> str | None:
    """The same in words. Args: what: the value's name in them."""
    broken = broken_at(schema, value, extra=extra)
    if broken is None:
        return None
    where, fault = broken
    return f"{what}{where if where != '/' else ''} breaks {fault}"


def _accepted(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A call whose arguments break the tool's inputSchema went through as if nothing were wrong."""
    for exchange in trace.exchanges:
        asked = method_of(trace, exchange)
        if asked is None or not accepted(exchange) or not isinstance(asked[1], dict):
            continue
        if asked[1].get("name") != quote(params["tool"]):
            continue
        given, extra = asked[1].get("arguments", {}), bool(params.get("extra"))
        flaw = schema_fault(params["schema"], given, extra=extra, what="arguments")
        if flaw:
            return f"{flaw}; yet a normal answer: {words(exchange.answer, 120)}"
    return None


DECLARED: Mapping[str, Seen] = {"output-schema": _output_schema, "accepted": _accepted}
"""Kind -> how it is seen."""
