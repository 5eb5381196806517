"""Arguments made from schemas: the labels are true, hostile schemas cost little, and the strategy shrinks."""

from __future__ import annotations

import builtins
import importlib
import json
import socket
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from jsonschema import Draft7Validator, Draft202012Validator

from mcpfuzz.model import at_pointer, pointer
from mcpfuzz.slots import Filler, has_slots
from mcpfuzz.strategies.arguments import (
    CannotGenerate,
    Labelled,
    boundary,
    extremes,
    injection_points,
    invalid,
    judged,
    valid,
)
from mcpfuzz.strategies.arguments import compile as compile_schema
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.schemas import FORMAT_CHECKS, Document, Undecided, pattern

made = importlib.import_module("mcpfuzz.strategies.arguments")  # the package has a function of this name

fill = Filler({"scratch": "scratch"}).fill


def needs(**properties: Any) -> dict[str, Any]:
    """An object with these properties, all required."""
    return {"type": "object", "properties": properties, "required": list(properties)}


EXPRESSION = {
    "oneOf": [
        needs(op={"const": "+"}, left={"$ref": "#/$defs/E"}, right={"$ref": "#/$defs/E"}),
        needs(op={"const": "n"}, value={"type": "number"}),
    ]
}
NOTE = {**needs(text={"type": "string", "minLength": 1}, kind={"enum": ["p", "q"]}), "additionalProperties": False}
BY_KIND = {
    **needs(kind={"enum": ["a", "b"]}),
    "if": {"properties": {"kind": {"const": "a"}}},
    "then": needs(x={"type": "integer"}),
    "else": needs(y={"type": "string"}),
}
SCHEMAS: dict[str, Any] = {
    "scalars": needs(
        a={"type": "string"},
        b={"type": "integer", "minimum": 1, "maximum": 9},
        c={"type": "boolean"},
        d={"type": "number", "exclusiveMinimum": 0},
        e={"type": "null"},
    ),
    "lengths": needs(a={"type": "string", "minLength": 3, "maxLength": 5}, b={"type": "string", "minLength": 300}),
    "patterns": needs(
        a={"type": "string", "pattern": "^[a-z]{2,4}-\\d+$"},
        c={"type": "string", "pattern": "foo"},
        b={"type": "string", "pattern": "^[A-Z]+$", "minLength": 5, "maxLength": 6},
        d={"type": "string", "pattern": "^(?=.*\\d)[a-z0-9]{4,}$"},
        e={"type": "string", "pattern": "^(foo|ba[rz])?$"},
    ),
    "enums": needs(
        a={"enum": ["r", "w", 1, None, True]},
        b={"const": "x"},
        c={"type": "string", "enum": ["a", "b"]},
        d={"type": "integer", "enum": [1, 2, 3]},
        e={"enum": [False]},
        f={"const": {"k": [1]}},
    ),
    "pydantic": {
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "A"},
            "b": {"$ref": "#/$defs/Note"},
            "c": {"items": {"$ref": "#/$defs/Note"}, "type": "array"},
        },
        "required": ["b"],
        "$defs": {"Note": NOTE},
    },
    "tree": {
        "type": "object",
        "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["v"],
        "additionalProperties": False,
    },
    "expression": {**needs(e={"$ref": "#/$defs/E"}), "$defs": {"E": EXPRESSION}},
    "mutual": {
        **needs(a={"$ref": "#/$defs/A"}),
        "$defs": {
            "A": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}},
            "B": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}},
        },
    },
    "anchor": {**needs(a={"$ref": "#word"}), "$defs": {"W": {"$anchor": "word", "type": "string", "maxLength": 4}}},
    "one of": needs(a={"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]}),
    "all of": {
        "allOf": [
            needs(a={"type": "string", "minLength": 2}),
            needs(b={"type": "integer"}),
            {"properties": {"a": {"maxLength": 4}}},
        ]
    },
    "arrays": needs(
        a={"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4, "uniqueItems": True},
        b={"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2},
        c={"type": "array", "contains": {"type": "integer", "minimum": 5}, "minItems": 1},
        d={"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
    ),
    "objects": needs(
        a={"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2, "maxProperties": 4},
        b={"type": "object", "propertyNames": {"pattern": "^[a-z]+$", "maxLength": 5}},
        c={"type": "object", "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False},
    ),
    "dependent": {
        "type": "object",
        "properties": {"card": {"type": "string"}, "addr": {"type": "string"}},
        "dependentRequired": {"card": ["addr"]},
    },
    "dependent schema": {
        "type": "object",
        "properties": {"card": {"type": "string"}},
        "dependentSchemas": {"card": needs(addr={"type": "string"})},
    },
    "if": BY_KIND,
    "not": needs(a={"type": "integer", "not": {"const": 3}}, b={"not": {"type": "string"}}),
    "unevaluated": {
        "type": "object",
        "allOf": [needs(a={"type": "string"})],
        "properties": {"b": {"type": "integer"}},
        "unevaluatedProperties": False,
    },
    "type lists": needs(a={"type": ["string", "null"]}, b={"type": ["integer", "boolean"]}, c={}),
    "multiples": needs(
        a={"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 1},
        b={"type": "integer", "multipleOf": 7},
        c={"type": "integer", "multipleOf": 0.5},
    ),
    "bounds": needs(
        a={"type": "integer", "minimum": -(2**63), "maximum": 2**64},
        b={"type": "number", "minimum": 0.1, "maximum": 0.2},
        c={"exclusiveMinimum": 0, "exclusiveMaximum": 1, "type": "number"},
        d={"type": "integer", "maximum": -5},
    ),
    "formats": needs(**{f.replace("-", "_"): {"type": "string", "format": f} for f in FORMAT_CHECKS}),
    "branches at the top": {"anyOf": [needs(a={"type": "string"}), needs(b={"type": "integer"})]},
    "hints": needs(
        a={"type": "string", "default": "/etc/passwd"},
        b={"type": "string", "examples": ["hello", 7]},
        c={"type": "integer", "default": "x", "minimum": 3},
        d={"type": "string", "default": "{port}"},
    ),
    "deep": needs(a=needs(b=needs(c=needs(d={"type": "integer"})))),
    "odd names": needs(**{name: {"type": "integer"} for name in ("a/b", "c~d", "{port}", "", "__proto__", "a.b")}),
}
OPEN = {"anything": {"type": "object"}, "empty": {}, "true": True}


def verdict(schema: Any, value: Any) -> set[tuple[str, str]] | None:
    """jsonschema's errors; None where it fails itself (huge integers and float multiples)."""
    try:
        errors = list(
            Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).iter_errors(value)
        )
    except OverflowError:
        return None
    return {
        (pointer(*error.absolute_path), "propertyNames" if "propertyNames" in error.schema_path else error.validator)
        for error in errors
    }


def check_label(schema: Any, label: Labelled) -> None:
    found = verdict(schema, fill(label.value))
    ours = set(Document(schema).errors(schema, fill(label.value), 9))
    assert ours == {(label.pointer, label.keyword)}, label
    if label.keyword == "format":  # our list of formats is longer than its
        assert found is not None and found <= ours
    else:
        assert found == ours, label


@pytest.mark.parametrize("name", [*SCHEMAS, *OPEN])
def test_valid_arguments_validate(name: str) -> None:
    schema = SCHEMAS.get(name, OPEN.get(name))
    plan = compile_schema(schema)
    for index in range(60):
        value = valid(RandomChoices(name, index), plan)
        assert isinstance(value, dict)
        assert verdict(schema, fill(value)) == set()


@pytest.mark.parametrize("name", SCHEMAS)
def test_invalid_arguments_break_exactly_what_the_label_says(name: str) -> None:
    schema = SCHEMAS[name]
    plan = compile_schema(schema)
    for index in range(60):
        label = invalid(RandomChoices(name, index), plan)
        assert label.valid is False
        check_label(schema, label)


@pytest.mark.parametrize("name", [*SCHEMAS, *OPEN])
def test_extremes_are_as_valid_as_they_claim(name: str) -> None:
    schema = SCHEMAS.get(name, OPEN.get(name))
    plan = compile_schema(schema)
    for index in range(20):
        label = boundary(RandomChoices(name, index), plan)
        found = verdict(schema, fill(label.value)) if label.valid is not None else None
        if found is not None and label.keyword != "format":
            assert (not found) is label.valid, label


@pytest.mark.parametrize(
    ("keyword", "schema"),
    [
        ("type", SCHEMAS["scalars"]),
        ("required", SCHEMAS["scalars"]),
        ("minimum", SCHEMAS["scalars"]),
        ("maximum", SCHEMAS["scalars"]),
        ("exclusiveMinimum", SCHEMAS["bounds"]),
        ("exclusiveMaximum", SCHEMAS["bounds"]),
        ("multipleOf", SCHEMAS["multiples"]),
        ("minLength", SCHEMAS["lengths"]),
        ("maxLength", SCHEMAS["lengths"]),
        ("pattern", SCHEMAS["patterns"]),
        ("enum", SCHEMAS["enums"]),
        ("const", SCHEMAS["enums"]),
        ("minItems", SCHEMAS["arrays"]),
        ("maxItems", SCHEMAS["arrays"]),
        ("uniqueItems", SCHEMAS["arrays"]),
        ("contains", SCHEMAS["arrays"]),
        ("items", SCHEMAS["arrays"]),
        ("additionalProperties", SCHEMAS["tree"]),
        ("propertyNames", SCHEMAS["objects"]),
        ("minProperties", SCHEMAS["objects"]),
        ("maxProperties", SCHEMAS["objects"]),
        ("dependentRequired", SCHEMAS["dependent"]),
        ("anyOf", SCHEMAS["pydantic"]),
        ("oneOf", SCHEMAS["one of"]),
        ("not", SCHEMAS["not"]),
        ("format", SCHEMAS["formats"]),
        ("unevaluatedProperties", SCHEMAS["unevaluated"]),
    ],
)
def test_each_keyword_can_be_broken(keyword: str, schema: Any) -> None:
    plan = compile_schema(schema)
    assert any(invalid(RandomChoices(keyword, index), plan).keyword == keyword for index in range(400))


def test_a_schema_that_allows_everything_cannot_be_broken() -> None:
    for schema in OPEN.values():
        with pytest.raises(CannotGenerate, match="nothing to break"):
            invalid(RandomChoices(1), schema)


# ---- random schemas ---------------------------------------------------------------------------------

_small = st.integers(0, 4)
_scalars = st.sampled_from([None, True, 0, 1, 2.5, "a", "bb", "x-y"])


def _leaf() -> st.SearchStrategy[Any]:
    strings = st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": _small,
            "maxLength": st.integers(3, 9),
            "pattern": st.sampled_from(["^[a-z]*$", "a", "\\d"]),
        },
    )
    numbers = st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={
            "minimum": st.integers(-9, 9),
            "exclusiveMaximum": st.integers(0, 20),
            "multipleOf": st.sampled_from([1, 2, 3]),
        },
    )
    enums = st.fixed_dictionaries({"enum": st.lists(_scalars, min_size=1, max_size=4)})
    kinds = st.fixed_dictionaries(
        {"type": st.lists(st.sampled_from(["null", "boolean", "string"]), min_size=1, unique=True)}
    )
    return st.one_of(strings, numbers, enums, kinds, st.just({}), st.just({"type": "boolean"}))


def _inner(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b", "c", "d/e"])
    objects = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(names, part, max_size=3)},
        optional={
            "required": st.lists(names, unique=True, max_size=2),
            "additionalProperties": st.booleans() | part,
            "minProperties": st.integers(0, 2),
            "maxProperties": st.integers(2, 5),
            "dependentRequired": st.dictionaries(names, st.lists(names, max_size=1), max_size=1),
            "propertyNames": st.sampled_from([{"maxLength": 1}, {"pattern": "^[a-z]"}, {"enum": ["a", "b"]}]),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$", "^x-"]), part, max_size=1),
            "unevaluatedProperties": st.booleans(),
            "dependentSchemas": st.dictionaries(names, part, max_size=1),
        },
    )
    tuples = st.fixed_dictionaries(
        {"type": st.just("array"), "prefixItems": st.lists(part, min_size=1, max_size=2)},
        optional={"items": st.booleans() | part, "contains": part, "minItems": st.integers(0, 3)},
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array"), "items": part},
        optional={"minItems": st.integers(0, 2), "maxItems": st.integers(2, 4), "uniqueItems": st.booleans()},
    )
    branches = st.lists(part, min_size=1, max_size=3)
    joined = st.fixed_dictionaries({}, optional={"anyOf": branches, "oneOf": branches, "allOf": branches, "not": part})
    chosen = st.fixed_dictionaries({"if": part}, optional={"then": part, "else": part})
    return st.one_of(objects, arrays, joined, tuples, chosen)


random_schemas = st.recursive(_leaf(), _inner, max_leaves=6)


@given(random_schemas, st.integers(0, 9))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_labels_are_true_for_schemas_nobody_thought_of(part: Any, seed: int) -> None:
    schema = needs(v=part)
    try:
        plan = compile_schema(schema)
        assert verdict(schema, fill(valid(RandomChoices(seed), plan))) == set()
        check_label(schema, invalid(RandomChoices(seed), plan))
        label = boundary(RandomChoices(seed), plan)
        found = verdict(schema, fill(label.value))
        assert label.valid is None or found is None or (not found) is label.valid
    except CannotGenerate:
        return


@given(
    random_schemas,
    st.sampled_from([None, True, 1, 1.0, 2.5, "", "abc", [], [1, 1], {}, {"a": 1}, {"a": "x", "b": None}]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_our_judge_agrees_with_jsonschema(schema: Any, value: Any) -> None:
    try:
        errors = Document(schema).errors(schema, value, 50)
    except Undecided:
        return
    assert set(errors) == verdict(schema, value)


def test_what_can_be_met_is_met_for_most_schemas() -> None:
    """Giving up is honest, but must be rare: this counts it over schemas that do have values."""
    given_up = total = 0

    @given(random_schemas, st.sampled_from([None, True, 1, "abc", [], [1, 2], {}, {"a": 1, "b": "a"}, "a1", 6]))
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    def count(schema: Any, witness: Any) -> None:
        nonlocal given_up, total
        if verdict(schema, witness) == set():
            total += 1
            try:
                valid(RandomChoices(1), needs(v=schema))
            except CannotGenerate:
                given_up += 1

    count()
    assert total > 20
    assert given_up <= total // 20


# ---- labels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "value", "lenient"),
    [
        ({"type": "integer"}, "5", True),
        ({"type": "integer"}, "5.0", True),
        ({"type": "integer"}, True, True),
        ({"type": "integer"}, "five", False),
        ({"type": "integer"}, 5.5, False),
        ({"type": "integer"}, [5], False),
        ({"type": "integer", "maximum": 3}, "5", False),
        ({"type": "number"}, "2.5", True),
        ({"type": "number"}, {}, False),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, 1, True),
        ({"type": "boolean"}, 2, False),
        ({"type": "boolean"}, "maybe", False),
        ({"type": "string"}, 7, True),
        ({"type": "string"}, {}, False),
        ({"type": "string", "minLength": 3}, 7, False),
        ({"type": "array"}, "[1]", True),
        ({"type": "array"}, "x", False),
        ({"type": "object"}, '{"a": 1}', True),
        ({"type": "object"}, "x", False),
        ({"type": "string"}, None, False),
        ({"type": "integer", "minimum": 3}, 1, False),
        ({"enum": ["a"]}, "b", False),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "5", True),
    ],
)
def test_coercible_means_that_the_usual_conversion_makes_it_valid(schema: Any, value: Any, lenient: bool) -> None:
    assert judged(needs(a=schema), {"a": value}, "here").coercible is lenient


def test_generated_labels_agree_with_the_judge_about_conversion() -> None:
    schema = needs(a={"type": "integer", "maximum": 5}, b={"type": "boolean"}, c={"type": "array", "maxItems": 1})
    plan = compile_schema(schema)
    for index in range(300):
        label = invalid(RandomChoices(index), plan)
        assert label.coercible == judged(plan, label.value, "again").coercible, label


def test_null_for_an_optional_argument_is_tolerable_but_not_for_a_required_one() -> None:
    assert judged({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": None}, "").coercible
    assert not judged(needs(a={"type": "string", "minLength": 9}), {"a": None}, "").coercible


def test_a_missing_argument_with_a_default_is_tolerable() -> None:
    schema = needs(a={"type": "string", "default": "x"}, b={"type": "string"})
    labels = [invalid(RandomChoices(index), schema) for index in range(200)]
    missing = {label.argument: label.coercible for label in labels if label.keyword == "required"}
    assert missing == {"/a": True, "/b": False}
    assert all(label.pointer == "" for label in labels if label.keyword == "required")


def test_a_label_says_what_was_asked_and_what_came() -> None:
    schema = {**needs(age={"type": "integer", "maximum": 150}), "additionalProperties": False}
    words = {invalid(RandomChoices(index), schema).why for index in range(300)}
    assert "151 breaks maximum 150" in words
    assert "without required 'age' breaks required ['age']" in words
    assert any(word.startswith("with unknown argument 'unexpected' breaks additionalProperties") for word in words)


def test_values_from_elsewhere_are_judged() -> None:
    schema = needs(a={"type": "integer"})
    assert judged(schema, {"a": 1}, "harvested").valid is True
    label = judged(schema, {"a": "x"}, "harvested")
    assert (label.valid, label.pointer, label.keyword, label.why) == (
        False,
        "/a",
        "type",
        "harvested: breaks type at /a",
    )
    risky = needs(a={"type": "string", "pattern": "^(a+)+$"})
    assert judged(risky, {"a": "a" * 60 + "!"}, "long").valid is None


# ---- determinism, variety, speed --------------------------------------------------------------------


@pytest.mark.parametrize("make", [valid, invalid, boundary])
def test_the_same_seed_gives_the_same_values(make: Callable[..., Any]) -> None:
    for schema in SCHEMAS.values():
        first, second = compile_schema(schema), compile_schema(json.loads(json.dumps(schema)))
        assert make(RandomChoices(7), first) == make(RandomChoices(7), second)


def test_enum_default_and_examples_come_up_often() -> None:
    schema = needs(a={"type": "string", "default": "this"}, b={"type": "string", "examples": ["that"]})
    values = [valid(RandomChoices(index), schema) for index in range(100)]
    assert 10 < sum(value["a"] == "this" for value in values) < 60
    assert 10 < sum(value["b"] == "that" for value in values) < 60


def test_names_suggest_words() -> None:
    schema = needs(email={"type": "string"}, timezone={"type": "string"}, path={"type": "string"})
    values = [valid(RandomChoices(index), schema) for index in range(60)]
    assert any("@" in value["email"] for value in values)
    assert any(value["timezone"] == "UTC" for value in values)
    assert any(value["path"] == "{scratch}/notes.txt" for value in values)


def test_the_schemas_own_braces_are_no_slots() -> None:
    schema = needs(a={"enum": ["{port}"]}, b={"type": "string", "default": "{scratch}", "minLength": 9})
    value = valid(RandomChoices(1), schema)
    assert Filler().fill(value)["a"] == "{port}"


def test_without_slots_nothing_is_left_to_fill() -> None:
    schema = needs(path={"type": "string"}, long={"type": "string", "minLength": 500}, a={"enum": ["{port}"]})
    plan = compile_schema(schema, slots=False)
    for index in range(100):
        value = valid(RandomChoices(index), plan)
        assert len(value["long"]) >= 500 and value["a"] == "{port}" and not has_slots(value["path"])


def test_arguments_are_objects_unless_any_value_is_wanted() -> None:
    with pytest.raises(CannotGenerate):
        compile_schema({"type": "string"})
    plan = compile_schema({"type": "string", "maxLength": 4}, whole=False)
    assert isinstance(valid(RandomChoices(1), plan), str)
    label = invalid(RandomChoices(1), plan)
    assert label.pointer == "" and label.keyword in ("type", "maxLength")


def test_the_walk_is_fast() -> None:
    schema = needs(
        a={"type": "string"}, b={"type": "integer"}, c={"enum": ["r", "w"]}, d={"type": "string", "maxLength": 50}
    )
    plan, choices = compile_schema(schema), RandomChoices(1)
    for make, count, least in ((valid, 20_000, 50_000), (invalid, 4_000, 5_000), (boundary, 4_000, 5_000)):
        make(choices, plan)
        start = time.process_time()
        for _ in range(count):
            make(choices, plan)
        assert count / (time.process_time() - start) > least


# ---- extremes ---------------------------------------------------------------------------------------


def _extremes(schema: Any, count: int = 800, **options: Any) -> list[Labelled]:
    plan = compile_schema(schema)
    return [boundary(RandomChoices(index), plan, **options) for index in range(count)]


def test_numbers_are_stretched_to_where_readers_differ() -> None:
    values = {
        repr(label.value["a"]) for label in _extremes(needs(a={"type": "number", "minimum": 3})) if "a" in label.value
    }
    assert {"2", "3", "4", "-0.0", "5e-324", "1e+308", str(2**31), str(2**53 + 1), str(2**63), str(2**64)} <= values


def test_texts_are_stretched_and_explode_patterns() -> None:
    labels = _extremes(needs(a={"type": "string", "pattern": "^[a-z]+$", "maxLength": 20}))
    texts = {label.value["a"] for label in labels if isinstance(label.value.get("a"), str)}
    assert "" in texts and "{repeat:50000:a}!" in texts and "{repeat:20000: }x" in texts
    assert any("\0" in text for text in texts) and any("\u202e" in text for text in texts)
    ended = [label for label in labels if label.why.endswith("with a line end") and label.pointer == "/a"]
    assert ended and all(label.valid is None for label in ended), "Python and JavaScript differ about it"


def test_half_surrogates_only_when_asked() -> None:
    schema = needs(a={"type": "string"})
    assert not any("\ud800" in repr(label.value) or "\\ud800" in repr(label.value) for label in _extremes(schema, 300))
    assert any(label.value.get("a") == "a\ud800b" for label in _extremes(schema, 300, surrogates=True))


@pytest.mark.parametrize(
    "schema", [needs(a={}), needs(a={"type": "array"}), needs(a={"type": "object"}), {"type": "object"}]
)
def test_deep_nesting_comes_as_text_beside_a_value_that_can_be_handled(schema: Any) -> None:
    deep = [label for label in _extremes(schema) if label.text is not None]
    assert {1_000, 5_000} <= {int(label.why.split(" nested ")[1].split()[0]) for label in deep}
    for label in deep:
        assert label.text is not None
        levels = int(label.why.split(" nested ")[1].split()[0])
        opened = label.text.count("[") + label.text.count('{"a":')
        assert opened >= levels and label.text.count("[") == label.text.count("]")
        assert label.text.startswith("{") and label.text.endswith("}")
        json.dumps(fill(label.value))


def test_deep_text_parses_where_the_reader_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extremes, "NESTED_TEXT", (50,))
    deep = [label for label in _extremes(needs(a={}, b={"type": "string"}), 600) if label.text is not None]
    assert deep
    for label in deep:
        assert label.text is not None
        value = json.loads(label.text)["a" if label.pointer else "deep"]
        for _ in range(50):
            value = value[0] if isinstance(value, list) else value["a"]
        assert value == 0


# ---- hostile schemas --------------------------------------------------------------------------------


def _nested(levels: int) -> Any:
    schema: Any = {"type": "object"}
    for _ in range(levels):
        schema = needs(a=schema)
    return schema


def _bomb(keyword: str, levels: int = 30) -> Any:
    """Thirty definitions, each of which uses the one below twice: 2**30 when written out."""
    parts: dict[str, Any] = {"L0": {"type": "object"}}
    for level in range(1, levels + 1):
        below = {"$ref": f"#/$defs/L{level - 1}"}
        parts[f"L{level}"] = needs(a=below, b=below) if keyword == "properties" else {keyword: [below, dict(below)]}
    return {"$ref": f"#/$defs/L{levels}", "$defs": parts}


IMPOSSIBLE: dict[str, Any] = {
    "min length": needs(a={"type": "string", "minLength": 10**9}),
    "min items": needs(a={"type": "array", "minItems": 10**9}),
    "min properties": {"type": "object", "minProperties": 10**9},
    "wide": needs(**{f"p{n}": {} for n in range(20_000)}),
    "deep": _nested(300),
    "deeper": _nested(900),
    "properties bomb": _bomb("properties"),
    "oneOf bomb": _bomb("oneOf"),
    "typo": needs(a={"type": "strnig"}),
    "seven": 7,
    "null": None,
    "list": [],
    "text": "x",
    "false": False,
    "required x": {"type": "object", "required": "x"},
    "properties list": {"type": "object", "properties": []},
    "property 7": needs(a=7),
    "type 7": {"type": 7},
    "enum x": needs(a={"enum": "x"}),
    "enum empty": needs(a={"enum": []}),
    "minimum x": needs(a={"type": "integer", "minimum": "x"}),
    "pattern 7": needs(a={"type": "string", "pattern": 7}),
    "bounds": needs(a={"type": "integer", "minimum": 5, "maximum": 1}),
    "no member": needs(a={"type": "string", "enum": [1]}),
    "types": needs(a={"allOf": [{"type": "string"}, {"type": "integer"}]}),
    "not itself": {"type": "object", "not": {}},
    "not string": needs(a={"type": "string", "not": {"type": "string"}}),
    "root string": {"type": "string"},
    "closed": {"type": "object", "required": ["x"], "additionalProperties": False},
    "pattern and length": needs(a={"type": "string", "pattern": "^a$", "minLength": 5}),
    "no items": needs(a={"type": "array", "items": False, "minItems": 1}),
    "no seven": needs(a={"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 6}),
    "not enough": needs(a={"type": "array", "items": {"enum": [1]}, "uniqueItems": True, "minItems": 2}),
    "itself": {**needs(a={"$ref": "#"})},
    "mutual": {
        **needs(a={"$ref": "#/$defs/A"}),
        "$defs": {"A": needs(b={"$ref": "#/$defs/B"}), "B": needs(a={"$ref": "#/$defs/A"})},
    },
    "remote": needs(a={"$ref": "https://schemas.example.test/s.json"}),
    "file": needs(a={"$ref": "file:///etc/passwd"}),
    "relative": needs(a={"$ref": "../../etc/passwd#/x"}),
    "missing": needs(a={"$ref": "#/$defs/nope"}),
    "odd pointer": needs(a={"$ref": "#/%zz/~3"}),
    "ref 7": needs(a={"$ref": 7}),
    "foreign class": needs(a={"type": "string", "pattern": "\\p{L}+"}),
    "unbalanced": needs(a={"type": "string", "pattern": "("}),
    "long match": needs(a={"type": "string", "pattern": "a{1000000000}"}),
    "long product": needs(a={"type": "string", "pattern": "(a{1000}){1000}"}),
    "long pattern": needs(a={"type": "string", "pattern": "x" * 100_000}),
    "zero step": needs(a={"type": "number", "multipleOf": 0}),
    "not a number": needs(a={"type": "number", "minimum": float("nan")}),
    "negative length": needs(a={"type": "string", "maxLength": -1}),
    "too many at once": needs(a={"allOf": [{"minLength": n} for n in range(10_000)]}),
    "many items of many": needs(
        a={"type": "array", "minItems": 2_000, "items": needs(b={"type": "array", "minItems": 2_000})}
    ),
}
STRANGE: dict[str, Any] = {
    "wide": {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20_000)}},
    "allOf bomb": _bomb("allOf"),
    "anyOf bomb": _bomb("anyOf"),
    "deep": _nested(60),
    "itself": {"$ref": "#"},
    "self branch": {"anyOf": [{"$ref": "#"}, {"type": "object"}]},
    "catastrophic": needs(a={"type": "string", "pattern": "^(a+)+$", "maxLength": 30}),
    "catastrophic too": needs(a={"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}),
    "huge numbers": needs(a={"type": "number", "maximum": float("inf"), "minimum": -(10**400)}),
    "huge minimum": needs(a={"type": "integer", "minimum": 10**400}),
    "tiny step": needs(a={"type": "number", "multipleOf": 1e-300}),
    "huge enum": needs(a={"enum": [f"v{n}" for n in range(200_000)]}),
    "many branches": needs(a={"anyOf": [{"const": n} for n in range(10_000)]}),
    "product of branches": {
        "type": "object",
        "allOf": [{"anyOf": [{"properties": {f"a{n}": {}}}, {"properties": {f"b{n}": {}}}]} for n in range(40)],
    },
    "evil names": needs(**{"\x1b[31m": {}, "__proto__": {}, "\0": {}, "n" * 1_000_000: {"type": "string"}}),
    "big default": needs(a={"type": "string", "default": "x" * 10_000_000}),
    "deep default": needs(a={"default": json.loads("[" * 900 + "]" * 900)}),
    "wide default": needs(a={"default": {str(n): n for n in range(100_000)}}),
    "optional nonsense": {
        "type": "object",
        "properties": {"a": {"type": "strnig"}, "b": {"$ref": "http://x.test/"}, "c": 7},
    },
    "chains": {
        "type": "object",
        "properties": {f"p{n}": {} for n in range(30)},
        "dependentSchemas": {f"p{n}": {"required": [f"p{(n + 1) % 30}"]} for n in range(30)},
    },
    "many ifs": {
        "type": "object",
        "allOf": [{"if": {"properties": {f"p{n}": {"const": 1}}}, "then": {"required": [f"q{n}"]}} for n in range(30)],
    },
    "optional tree": {
        "type": "object",
        "properties": {
            f"p{n}": {"type": "object", "properties": {f"q{m}": {"$ref": "#"} for m in range(20)}} for n in range(30)
        },
    },
}
SECONDS = 0.6
"""CPU per value, the preparation included; about a tenth on a machine that is not shared."""


def _tried(schema: Any, make: Callable[..., Any]) -> list[Any]:
    """A few values or reasons, each within its time."""
    found: list[Any] = []
    for seed in range(2):
        start = time.process_time()
        try:
            found.append(make(RandomChoices(seed), schema))
        except CannotGenerate as error:
            found.append(error)
            assert error.reason and len(error.reason) < 300 and "\n" not in error.reason
        assert time.process_time() - start < SECONDS
    return found


@pytest.mark.parametrize("make", [valid, invalid, boundary])
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_schemas_are_named_in_bounded_time(
    name: str, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: Any, **options: Any) -> Any:
        raise AssertionError("nothing is fetched")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(builtins, "open", forbidden)
    assert all(isinstance(one, CannotGenerate) for one in _tried(IMPOSSIBLE[name], make))


@pytest.mark.parametrize("make", [valid, invalid, boundary])
@pytest.mark.parametrize("name", STRANGE)
def test_strange_schemas_cost_bounded_time(name: str, make: Callable[..., Any]) -> None:
    found = _tried(STRANGE[name], make)
    if make is valid:
        assert all(isinstance(one, dict) for one in found)


@pytest.mark.parametrize(
    "name", ["wide", "huge enum", "properties bomb", "min length", "many items of many", "big default"]
)
def test_hostile_schemas_cost_bounded_memory(name: str) -> None:
    schema = {**IMPOSSIBLE, **STRANGE}[name]
    tracemalloc.start()
    try:
        for make in (valid, invalid, boundary):
            try:
                make(RandomChoices(1), schema)
            except CannotGenerate:
                continue
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+$",
        "(a|a)*$",
        "(a|ab)*b",
        "(x+x+)+y",
        "(((a?){5}){5}){5}b",
        "a*" * 20 + "b",
        "(.*)(.*)(.*)[^a]",
        "(a*)\\1*b",
        "(?:a{0,30}){0,30}b",
        "(\\w|a|aa)+b",
    ],
)
def test_no_pattern_is_tried_on_a_text_that_could_take_long(text: str) -> None:
    found = pattern(text)
    start = time.process_time()
    for char in "ax!":
        found.matches(char * min(found.limit, 50_000))
    assert time.process_time() - start < 1
    with pytest.raises(Undecided):
        found.matches("a" * (found.limit + 1))


def test_common_patterns_may_be_tried_on_texts_of_ordinary_length() -> None:
    for text in ("^[a-z]+$", "^[a-z0-9]+(?:-[a-z0-9]+)*$", "^(\\d{1,3}\\.){3}\\d{1,3}$", "^[^@]+@[^@]+\\.[^@]+$"):
        assert pattern(text).limit >= 60


def test_older_drafts_are_understood() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **needs(
            a={"$ref": "#/definitions/W"}, b={"type": "array", "items": [{"type": "string"}], "additionalItems": False}
        ),
        "definitions": {"W": {"type": "string", "minLength": 2}},
        "dependencies": {"c": ["d"]},
    }
    plan = compile_schema(schema)
    for index in range(100):
        assert Draft7Validator(schema).is_valid(fill(valid(RandomChoices(index), plan)))
        assert not Draft7Validator(schema).is_valid(fill(invalid(RandomChoices(index), plan).value))


def test_nullable_is_neither_used_nor_broken() -> None:
    schema = needs(a={"type": "string", "nullable": True})
    plan = compile_schema(schema)
    for index in range(200):
        assert valid(RandomChoices(index), plan)["a"] is not None
        assert invalid(RandomChoices(index), plan).value.get("a", "") is not None


# ---- injection points -------------------------------------------------------------------------------


def test_injection_points_are_texts_first_and_what_is_left_open() -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer"},
            "mode": {"enum": ["r", "w"]},
            "path": {"type": "string"},
            "on": {"type": "boolean"},
            "deep": {"type": "object", "properties": {"a/b": {"type": "string"}}},
            "absent": {"type": "string"},
            "list": {"type": "array", "items": {"type": "string"}},
        },
    }
    value = {"n": 1, "mode": "r", "path": "x", "on": True, "deep": {"a/b": "y"}, "list": ["z"], "extra": "w"}
    points = injection_points(schema, value)
    assert set(points) == {"/path", "/deep/a~1b", "/list/0", "/extra", "/absent", "/n", "/mode"}
    assert set(points[:4]) == {"/path", "/deep/a~1b", "/list/0", "/extra"}
    assert points[-1] == "/mode"
    for point in points:
        if point != "/absent":
            at_pointer(value, point)


def test_injection_points_need_no_readable_schema() -> None:
    for schema in ({}, True, 7, None, {"type": "strnig"}, IMPOSSIBLE["itself"], IMPOSSIBLE["oneOf bomb"]):
        assert injection_points(schema, {"a": "x", "b": [1], "c": False}) in (("/a", "/b/0"), ("/b/0", "/a"))


# ---- the strategy -----------------------------------------------------------------------------------


def test_the_strategy_draws_valid_arguments() -> None:
    schema = SCHEMAS["pydantic"]

    @given(made.arguments(schema))
    @settings(max_examples=60, deadline=None)
    def check(value: Any) -> None:
        assert verdict(schema, value) == set()

    check()


def test_the_strategy_draws_invalid_arguments() -> None:
    schema = SCHEMAS["scalars"]

    @given(made.arguments(schema, mode="invalid"))
    @settings(max_examples=60, deadline=None)
    def check(value: Any) -> None:
        found = verdict(schema, value)
        assert found is not None and len(found) == 1

    check()


def test_any_draws_both_and_extremes() -> None:
    schema = SCHEMAS["scalars"]
    seen: set[bool] = set()

    @given(made.arguments(schema, "any"))
    @settings(max_examples=80, deadline=None)
    def check(value: Any) -> None:
        seen.add(verdict(schema, value) == set())

    check()
    assert seen == {True, False}


def test_the_strategy_shrinks() -> None:
    schema = needs(a={"type": "string", "maxLength": 20}, b={"type": "integer", "minimum": 0, "maximum": 1000}, c={})
    quick = settings(max_examples=2_000, deadline=None, database=None)
    shrunk = find(made.arguments(schema), lambda value: value["b"] >= 7, settings=quick)
    assert (shrunk["a"], shrunk["b"]) == ("alpha", 7)
    assert shrunk["c"] in (None, False, 0, "alpha", [], {}), "the simplest of the type it was drawn with"


def test_the_strategy_says_what_it_draws() -> None:
    assert repr(made.arguments({"type": "object"}, "invalid")).startswith("arguments(")
    assert "'object'" in repr(made.arguments({"type": "object"}))


@pytest.mark.parametrize(
    ("schema", "mode", "reason"),
    [
        ({"type": "string"}, "valid", "types exclude"),
        (IMPOSSIBLE["remote"], "valid", "nothing is ever fetched"),
        ({"type": "object"}, "invalid", "nothing to break"),
        ({"type": "object"}, "wrong", "none of valid"),
        (7, "any", "not an object"),
        (IMPOSSIBLE["deeper"], "valid", "deeper"),
    ],
)
def test_impossible_arguments_are_told_when_drawn(schema: Any, mode: Any, reason: str) -> None:
    strategy = made.arguments(schema, mode)

    @given(strategy)
    @settings(max_examples=5, deadline=None, database=None)
    def draw(value: Any) -> None:
        raise AssertionError("nothing to draw")

    with pytest.raises(InvalidArgument, match=reason):
        draw()


def test_the_strategy_follows_patterns_that_the_walk_cannot() -> None:
    schema = needs(a={"type": "string", "pattern": "^([ab])-\\1$"})
    with pytest.raises(CannotGenerate):
        for index in range(20):
            valid(RandomChoices(index), schema)
    quick = settings(max_examples=500, deadline=None, database=None)
    assert find(made.arguments(schema), lambda value: True, settings=quick)["a"] in ("a-a", "b-b", "a-a\n")
