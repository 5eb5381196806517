"""Schemathesis on a short lead: what it makes is judged and safe, what it does to Hypothesis is undone, and what
we rely on in it is pinned here, so that a new version is noticed."""

from __future__ import annotations

import builtins
import importlib.util
import json
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mcpfuzz.slots import Filler
from mcpfuzz.strategies import schema_adapter
from mcpfuzz.strategies.arguments import CannotGenerate
from mcpfuzz.strategies.safety import is_safe
from mcpfuzz.strategies.schema_adapter import MODES, Mode, pool

needs_schemathesis = pytest.mark.skipif(not schema_adapter.available(), reason="needs the extra `schema`")
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "mode": {"enum": ["r", "w"]},
        "mail": {"type": "string", "format": "email"},
        "note": {"$ref": "#/$defs/Note"},
    },
    "required": ["path", "count"],
    "additionalProperties": False,
    "$defs": {"Note": {"type": "object", "properties": {"text": {"type": "string"}, "next": {"$ref": "#/$defs/Note"}}}},
}
AMPLE = 100.0
"""Seconds that no machine needs: what a pool holds must not hang on the clock."""
fill = Filler({"scratch": "scratch"}).fill


def test_available_looks_without_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not schema_adapter.available()


def test_importing_the_adapter_imports_neither_schemathesis_nor_hypothesis() -> None:
    code = (
        "import sys, mcpfuzz.strategies.schema_adapter\n"
        "print([name for name in ('schemathesis', 'hypothesis') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"


@needs_schemathesis
@pytest.mark.parametrize("mode", MODES)
def test_values_are_judged_safe_and_simplest_first(mode: Mode) -> None:
    labels = pool(SCHEMA, mode, 20, 3, budget_s=AMPLE)
    assert len(labels) >= 8
    sizes = [len(json.dumps(label.value)) for label in labels]
    assert sizes == sorted(sizes)
    for label in labels:
        assert isinstance(label.value, dict) and is_safe(label.value, keep=SCHEMA["properties"])
        assert Draft202012Validator(SCHEMA).is_valid(fill(label.value)) is label.valid
        assert label.why.startswith("schemathesis")
    assert {label.valid for label in labels} == {"valid": {True}, "invalid": {False}, "boundary": {True, False}}[mode]
    assert mode != "invalid" or all(label.keyword for label in labels)


@needs_schemathesis
@pytest.mark.parametrize("mode", MODES)
def test_the_same_seed_gives_the_same_pool(mode: Mode) -> None:
    again = json.loads(json.dumps(SCHEMA))
    assert pool(SCHEMA, mode, 10, 5, budget_s=AMPLE) == pool(again, mode, 10, 5, budget_s=AMPLE)


@needs_schemathesis
def test_another_seed_gives_another_pool() -> None:
    assert pool(SCHEMA, "invalid", 10, 5) != pool(SCHEMA, "invalid", 10, 6)


@needs_schemathesis
def test_hypothesis_tells_failures_as_before() -> None:
    from hypothesis import core
    from hypothesis.internal.conjecture import engine
    from hypothesis.vendor import pretty

    buffer = engine.BUFFER_SIZE
    pool(SCHEMA, "valid", 3, 1)
    assert core.RepresentationPrinter is pretty.RepresentationPrinter
    assert buffer == engine.BUFFER_SIZE


@needs_schemathesis
def test_a_plain_failure_still_shows_its_value_after_a_pool_was_made() -> None:
    code = (
        "from hypothesis import given, strategies as st\n"
        "from mcpfuzz.strategies.schema_adapter import pool\n"
        "pool({'type': 'object'}, 'valid', 2, 1)\n"
        "@given(b=st.integers())\n"
        "def test(b): assert b < 10\n"
        "try: test()\n"
        "except AssertionError as error: print(error.__notes__)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "b=10" in run.stdout


@needs_schemathesis
def test_the_time_budget_ends_the_draws() -> None:
    start = time.process_time()
    labels = pool(SCHEMA, "valid", 5_000, 1, budget_s=0.3)
    assert time.process_time() - start < 8  # the draw under way, and the import, are finished
    assert 1 <= len(labels) < 2_000


@needs_schemathesis
@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "object", "properties": {"a": {"$ref": "https://x.example.test/s.json"}}}, "nothing is ever fetched"),
        ({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}, "nothing is ever fetched"),
        ({"type": "object", "properties": {"a": {"$ref": "s.json#/x"}}}, "nothing is ever fetched"),
        ({"type": "string"}, "types exclude"),
        (7, "not an object"),
        ({"type": "object", "properties": {f"p{n}": {} for n in range(20_000)}}, "cap"),
    ],
)
def test_what_it_must_not_see_is_refused(schema: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any, **options: Any) -> Any:
        raise AssertionError("nothing is fetched")

    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(builtins, "open", forbidden)
    with pytest.raises(CannotGenerate, match=reason):
        pool(schema, "valid", 3, 1)


@needs_schemathesis
def test_a_property_may_be_called_like_a_keyword() -> None:
    names = ("$ref", "enum", "properties", "default", "$id", "required")
    schema = {"type": "object", "properties": {name: {"type": "integer"} for name in names}, "required": list(names)}
    for label in pool(schema, "valid", 5, 1):
        assert set(names) <= set(label.value)


@needs_schemathesis
def test_an_unknown_mode_is_told() -> None:
    with pytest.raises(ValueError, match="none of valid"):
        pool(SCHEMA, "wrong", 1, 1)  # type: ignore[arg-type]


@needs_schemathesis
@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"b": {"const": 1}}}]},
        {"properties": {"a": {"type": ["string", "null"], "maxLength": 3}}, "required": ["a"]},
        {"properties": {"a": {"prefixItems": [{"type": "integer"}], "minItems": 1}}, "dependentRequired": {"a": ["b"]}},
        {"definitions": {"W": {"minLength": 2}}, "properties": {"a": {"$ref": "#/definitions/W", "type": "string"}}},
        {},
    ],
)
def test_other_dialects_are_served(schema: Any) -> None:
    for label in pool({"type": "object", **schema}, "valid", 6, 1):
        assert Draft202012Validator(schema).is_valid(fill(label.value))


# ---- the contract: what we use of Schemathesis ------------------------------------------------------


@needs_schemathesis
def test_contract_with_schemathesis() -> None:
    """Each line is something that the adapter uses and that its documentation does not promise."""
    import schemathesis
    from schemathesis.generation import hypothesis as patches

    assert callable(patches.setup)
    with schema_adapter._contained():
        loaded = schemathesis.openapi.from_dict(schema_adapter._openapi(SCHEMA))
        operation = loaded["/call"]["POST"]
        config = loaded.config.generation_for(operation=operation)
        modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
        cases = list(loaded.iter_coverage_cases(operation, generation_modes=modes, generation_config=config))
        drawn: list[Any] = []
        strategy = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
        schema_adapter._draw(drawn.append, strategy, 30, 1)
    scenarios = {case.meta.phase.data.scenario.value for case in cases}
    assert {
        "incorrect_type",
        "value_above_maximum",
        "invalid_enum_value",
        "object_missing_required_property",
    } <= scenarios
    assert {case.method for case in cases} > {"POST"}, "HTTP-only cases are among them, and dropped"
    assert all(isinstance(case.meta.phase.data.description, str) for case in cases)
    mutated = [case for case in drawn if getattr(case.meta.phase.data, "mutations", None)]
    assert mutated and all(
        one.operator.value and one.schema_pointer is not None for one in mutated[0].meta.phase.data.mutations
    )
    assert any(isinstance(case.body, bytes) for case in drawn), "raw bodies are among them, and dropped"
