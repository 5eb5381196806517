"""Schemathesis as a second source of arguments: an optional extra, imported when first used, and kept on a
short lead. It knows nothing of MCP, so a schema goes in as the body of a POST, and bodies come out; nothing
is ever sent by it.

What it does to others is undone: it blanks Hypothesis's failure reports for the whole process
(`hypothesis.core.RepresentationPrinter`) and raises its buffer. What it makes is not believed: values are
made safe (`safety`), judged by our own reading of the schema, and labelled with that verdict. Raw `bytes`
bodies, which are no arguments, are dropped.

Slow (5 to 12 ms a draw), hence pools: made once per schema and seed, simplest first.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from mcpfuzz.model import Json
from mcpfuzz.slots import quoted
from mcpfuzz.strategies.arguments import CannotGenerate, Labelled, Plan, compile, judged
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.safety import safe

__all__ = ["MODES", "available", "pool"]

Mode = Literal["valid", "invalid", "boundary"]
MODES: tuple[Mode, ...] = ("valid", "invalid", "boundary")
MAX_PARTS = 2_000
"""Objects and arrays of a schema that is still handed over."""
MAX_BYTES = 64 << 10
"""JSON text of one value."""
MAX_COVERAGE = 2_000
"""Boundary cases looked at."""
_HOME = "#/components/schemas/Arguments"


def available() -> bool:
    """Whether the extra is installed; nothing is imported."""
    return importlib.util.find_spec("schemathesis") is not None


def pool(
    schema: Json | Plan, mode: Mode, count: int = 40, seed: int = 0, *, budget_s: float = 10.0
) -> tuple[Labelled, ...]:
    """Values for a schema, without repetition, simplest first; the same for the same seed.

    Args:
        mode: "valid" and "invalid" are drawn; "boundary" comes from its deterministic coverage phase, legal
            and illegal, and `seed` only chooses where there are more than `count`.
        count: draws; fewer values come out, since doubles and what is no object fall away.
        budget_s: after so many seconds of drawing no further value is drawn. Only this can make two pools of one seed
            differ, and only in length.

    Returns:
        Labels with our own verdict in `valid`; templates, as all our values.

    Raises:
        CannotGenerate: the schema is none, refers out of itself (nothing is ever fetched), is too large, or
            Schemathesis gives up on it.
        ImportError: the extra is missing.
    """
    if mode not in MODES:
        raise ValueError(f"mode={mode!r} is none of {', '.join(MODES)}")
    plan = compile(schema)
    document = _openapi(plan.schema)
    bodies: list[tuple[Json, str]] = []
    with _contained():
        try:
            _collect(document, mode, count, seed, budget_s, bodies)
        except _Spent:
            pass
        except Exception as error:  # noqa: BLE001 - a stranger's code on a stranger's schema; our own walk goes on
            if not bodies:
                raise CannotGenerate(f"Schemathesis: {type(error).__name__}: {str(error)[:200]}") from None
    return _labelled(plan, mode, count, seed, bodies)


class _Spent(Exception):
    """The time is up."""


# ---- in -------------------------------------------------------------------------------------------

_MAPS = frozenset(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])
_DATA = frozenset(["enum", "const", "default", "examples", "example", "required", "dependentRequired"])
_DROPPED = frozenset(["$schema", "$id", "$comment"])


def _openapi(schema: Json) -> dict[str, Json]:
    """An OpenAPI document with one operation whose body is the schema; all references lead into it."""
    left = [MAX_PARTS]
    body = {"content": {"application/json": {"schema": {"$ref": _HOME}}}, "required": True}
    return {
        "openapi": "3.1.0",
        "info": {"title": "arguments", "version": "1"},
        "paths": {"/call": {"post": {"requestBody": body, "responses": {"200": {"description": "ok"}}}}},
        "components": {"schemas": {"Arguments": _rehomed(schema, left, 0)}},
    }


def _rehomed(schema: Json, left: list[int], depth: int) -> Json:
    left[0] -= 1
    if left[0] < 0 or depth > 64:
        raise CannotGenerate(f"the schema is deeper than 64 levels or larger than the cap of {MAX_PARTS} parts")
    if isinstance(schema, list):
        return [_rehomed(item, left, depth + 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Json] = {}
    for keyword, value in schema.items():
        if keyword in _DROPPED:
            continue
        if keyword in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(value, str):
            made["$ref"] = _reference(value)
        elif keyword in _MAPS and isinstance(value, dict):
            made[keyword] = {name: _rehomed(item, left, depth + 1) for name, item in value.items()}
        elif keyword in _DATA:
            left[0] -= len(value) // 10 if isinstance(value, list | dict | str) else 0
            made[keyword] = value
        else:
            made[keyword] = _rehomed(value, left, depth + 1)
    return made


def _reference(reference: str) -> str:
    if reference == "#" or reference.startswith("#/"):
        return _HOME + reference[1:]
    raise CannotGenerate(f"$ref {reference[:60]!r} is no pointer into the schema; nothing is ever fetched")


# ---- Schemathesis ---------------------------------------------------------------------------------


@contextmanager
def _contained() -> Iterator[None]:
    """Its changes to Hypothesis hold inside only: the printer is the real one again, buffers are as before."""
    from hypothesis import core
    from hypothesis.internal.conjecture import engine
    from hypothesis.strategies._internal import collections
    from hypothesis.vendor import pretty

    places: tuple[Any, ...] = (core, engine, collections)
    before = [getattr(place, "BUFFER_SIZE", None) for place in places]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from schemathesis.generation.hypothesis import setup

        setup()
        try:
            yield
        finally:
            core.RepresentationPrinter = pretty.RepresentationPrinter  # type: ignore[attr-defined]
            for place, size in zip(places, before, strict=True):
                if size is not None:
                    place.BUFFER_SIZE = size


def _collect(
    document: dict[str, Json], mode: Mode, count: int, seed: int, budget_s: float, bodies: list[tuple[Json, str]]
) -> None:
    import schemathesis

    loaded = schemathesis.openapi.from_dict(document)
    operation = loaded["/call"]["POST"]
    end = time.monotonic() + budget_s  # from here: what importing it takes is not the draws' fault
    if mode == "boundary":
        for body, words in _coverage(loaded, operation):
            bodies.append((body, words))
            if time.monotonic() > end:
                raise _Spent
        return
    modes = schemathesis.GenerationMode
    strategy = operation.as_strategy(generation_mode=modes.POSITIVE if mode == "valid" else modes.NEGATIVE)

    def take(case: Any) -> None:
        bodies.append((case.body, "schemathesis" if mode == "valid" else _mutation(case)))
        if time.monotonic() > end:
            raise _Spent

    _draw(take, strategy, count, seed)


def _draw(take: Callable[[Any], None], strategy: Any, count: int, seed: int) -> None:
    """Let Hypothesis draw `count` times: no database, no shrinking, no words."""
    import hypothesis

    settings = hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )

    def drawn(case: Any) -> None:
        take(case)

    given: Any = hypothesis.given(strategy)
    run: Any = hypothesis.seed(seed)(settings(given(drawn)))
    run()


def _mutation(case: Any) -> str:
    mutations = getattr(case.meta.phase.data, "mutations", None) if case.meta else None
    words = [f"{one.operator.value} {one.schema_pointer}".strip() for one in mutations or ()]
    return f"schemathesis {', '.join(words[:3])}".strip()


def _coverage(loaded: Any, operation: Any) -> Iterator[tuple[Json, str]]:
    import schemathesis

    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    config = loaded.config.generation_for(operation=operation)
    cases = loaded.iter_coverage_cases(operation, generation_modes=modes, generation_config=config)
    for case in itertools.islice(cases, MAX_COVERAGE):
        data = case.meta.phase.data
        if case.method == "POST" and getattr(data, "location", "") not in ("Content-Type", "content-type"):
            yield case.body, f"schemathesis {data.description}"


# ---- out ------------------------------------------------------------------------------------------


def _labelled(plan: Plan, mode: Mode, count: int, seed: int, bodies: list[tuple[Json, str]]) -> tuple[Labelled, ...]:
    keep = plan.kit.document.names()
    found: dict[str, Labelled] = {}
    for body, words in bodies:
        text = _text(body)
        if text is None:
            continue
        value = safe(quoted(body), keep=keep)
        label = judged(plan, value, words)
        if mode == "boundary" or label.valid is (mode == "valid"):
            found.setdefault(json.dumps(value), label)
    order = sorted(found, key=lambda text: (len(text), text))
    if mode == "boundary" and len(order) > count:
        choices = RandomChoices("coverage", seed)
        while len(order) > count:
            order.pop(choices.integer(0, len(order) - 1))
    return tuple(found[text] for text in order)


def _text(body: Any) -> str | None:
    """The body as JSON; None where it is no object, not JSON, or too large."""
    if not isinstance(body, dict):
        return None
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
        return text if len(text.encode("utf-8")) <= MAX_BYTES else None
    except (ValueError, TypeError, RecursionError):
        return None
