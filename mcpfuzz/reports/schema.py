"""`mcpfuzz-report/1` in JSON Schema (draft 2020-12). Members may be added; none of these may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from mcpfuzz.events import Outcome
from mcpfuzz.model import SEVERITIES, Confidence, OperationKind
from mcpfuzz.reports.document import SCHEMA
from mcpfuzz.reports.steps import ACTIONS

__all__ = ["REPORT_SCHEMA"]

_Schema = dict[str, Any]

_TEXT: _Schema = {"type": "string"}
_TEXT_OR_NULL: _Schema = {"type": ["string", "null"]}
_BOOL: _Schema = {"type": "boolean"}
_COUNT: _Schema = {"type": "integer", "minimum": 0}
_SECONDS: _Schema = {"type": "number", "minimum": 0}
_SHARE: _Schema = {"type": ["number", "null"]}
_TEXTS: _Schema = {"type": "array", "items": _TEXT}
_TEXT_MAP: _Schema = {"type": "object", "additionalProperties": _TEXT}


def _object(*, optional: Mapping[str, _Schema] | None = None, **members: _Schema) -> _Schema:
    """An object with `members`, all of them required, perhaps `optional` ones, and room for more."""
    return {"type": "object", "properties": {**members, **(optional or {})}, "required": sorted(members)}


def _array(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


def _one_of(values: tuple[str, ...]) -> _Schema:
    return {"enum": list(values)}


_DATA: _Schema = {
    "type": "object",
    "properties": {"utf8": _TEXT, "base64": {"type": "string", "contentEncoding": "base64"}},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}

_STEP: _Schema = {
    **_object(
        **{"as": _TEXT_OR_NULL, "on": _TEXT, "group": _TEXT_OR_NULL, "receive": {}},
        optional={
            "send": {},
            "call": {"const": True},
            "encoded": {"const": True},
            "cut": {"const": True},
            "times": {"type": "integer", "minimum": 2},
            "bytes": _DATA,
            "http": _object(
                method=_TEXT,
                path=_TEXT,
                headers=_array({"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2}),
                body={"anyOf": [{"type": "null"}, _DATA]},
            ),
            "ws": _object(opcode=_COUNT, fin=_BOOL, payload=_DATA),
            "open": _object(handshake=_BOOL),
            "close": {"const": True},
            "wait_s": _SECONDS,
        },
    ),
    "oneOf": [{"required": [name]} for name in ACTIONS],
}

_FINDING = _object(
    rule=_TEXT,
    cwe=_COUNT,
    severity=_one_of(SEVERITIES),
    confidence=_one_of(get_args(Confidence)),
    operation=_object(kind=_one_of(get_args(OperationKind)), name=_TEXT, argument=_TEXT_OR_NULL),
    title=_TEXT,
    proof=_object(
        kind=_TEXT, expected=_TEXT, observed=_TEXT, params={"type": "object"}, optional={"params_json": _TEXT}
    ),
    reproducer=_object(minimal=_BOOL, steps={**_array(_STEP), "minItems": 1}, command=_TEXT),
    fingerprint=_TEXT,
    references=_TEXTS,
    optional={
        "scenario": _TEXT,
        "stderr": _TEXT,
        "note": _TEXT,
        "baseline": _object(status=_one_of(("new", "known", "expired")), reason=_TEXT_OR_NULL),
    },
)

_KNOWN = _object(fingerprint=_TEXT, rule=_TEXT, operation={"type": "object"}, title=_TEXT, reason=_TEXT)
_TIMELINE = _array(_object(elapsed_s=_SECONDS, requests=_COUNT, restarts=_COUNT, findings=_COUNT))
_REACHED = _array(_object(kind=_TEXT, name=_TEXT))
_GROWTH = _object(runs=_COUNT, reached=_COUNT, reached_ever=_COUNT, first_reached=_REACHED, not_reached_now=_REACHED)
_BASELINE = _object(
    file=_TEXT, new=_COUNT, known=_COUNT, expired=_COUNT, gone=_array(_KNOWN), not_seen=_array(_KNOWN), updated=_BOOL
)

_ROLES = _array(_object(kind=_TEXT, name=_TEXT, callers=_TEXT_MAP))

_RUN = _object(
    seed={"type": "integer"},
    started={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
    duration_s=_SECONDS,
    requests=_COUNT,
    restarts=_COUNT,
    outcome=_one_of(get_args(Outcome)),
    reason=_TEXT_OR_NULL,
    complete=_BOOL,
    profile=_TEXT,
    optional={"cases": _COUNT, "max_time_s": _SECONDS, "sandbox": _TEXT, "writable": _TEXT},
)

_TARGET = _object(
    transport=_one_of(("stdio", "http", "sse", "ws")),
    revision=_TEXT_OR_NULL,
    revisions=_TEXTS,
    server=_object(name=_TEXT_OR_NULL, version=_TEXT_OR_NULL),
    launch=_object(
        command=_TEXTS,
        url=_TEXT_OR_NULL,
        cwd=_TEXT,
        workspace=_TEXTS,
        env=_TEXT_MAP,
        headers=_TEXT_MAP,
        identities={"type": "object", "additionalProperties": _TEXTS},
    ),
)

_LOAD = _object(
    requests=_COUNT,
    failures=_COUNT,
    rps=_SHARE,
    p50_ms=_SHARE,
    p95_ms=_SHARE,
    p99_ms=_SHARE,
    scenarios=_array(_object(id=_TEXT, verdict=_one_of(("pass", "fail", "not-run")))),
    policies=_array({"type": "object"}),
)

REPORT_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "mcpfuzz report",
    **_object(
        schema={"const": SCHEMA},
        tool=_object(name={"const": "mcpfuzz"}, version=_TEXT),
        run=_RUN,
        target=_TARGET,
        operations=_array(
            _object(kind=_TEXT, name=_TEXT, calls=_COUNT, accepted=_COUNT, rejected=_COUNT, reached=_BOOL)
        ),
        scenarios=_array(
            _object(
                id=_TEXT,
                status=_one_of(("clean", "findings", "partial", "not-run")),
                reason=_TEXT_OR_NULL,
                cases=_COUNT,
            )
        ),
        findings=_array(_FINDING),
        optional={
            "load": _LOAD,
            "notes": _TEXTS,
            "baseline": _BASELINE,
            "growth": _GROWTH,
            "roles": _ROLES,
            "timeline": _TIMELINE,
        },
    ),
}
"""What every `--report json=PATH` satisfies."""
