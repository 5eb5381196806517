"""Small requests that cost much: numbers without a bound, a client's pattern, packed data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mcpfuzz.model import Case, Claim, Conversation, Json, Operation, Place, Proof, Surface, pointer
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import plain
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.doses import DOSES, FORMS, PATTERNS, UNPACKED, packed, unpack_form
from mcpfuzz.surface import bind

_PATTERN = re.compile(r"pattern|regex|regexp|expression|match|mask|filter|query|search|grep", re.IGNORECASE)
_TEXT = re.compile(r"text|subject|content|input|string|word|body|value|data|message|line|source", re.IGNORECASE)
_PACKED = re.compile(r"pack|zip|compress|archive|inflate|base64|bundle|blob", re.IGNORECASE)
_NO_AMOUNT = re.compile(
    r"duration|seconds|minutes|hours|delay|timeout|wait|sleep|interval|ttl|port|year|month|time|stamp|lat|lon|price|cents|(?:^|_)(?:id|ms|pid)$",
    re.IGNORECASE,
)
"""Numbers that are no amount of anything; to wait as long as one is told is no fault."""
REPEATS = 3


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    good = plain(surface, operation)
    if good is None:
        return None
    for position, case in enumerate(_cases(operation, good)):
        if position == index:
            return case
    return None


def _cases(operation: Operation, good: Mapping[str, Json]) -> Iterator[Case]:
    members = {name: schema for name, schema in operation.members.items() if isinstance(schema, Mapping)}
    for name, schema in members.items():
        if schema.get("type") not in ("integer", "number") or _NO_AMOUNT.search(name):
            continue
        if _bound(schema) >= DOSES[-1] and "enum" not in schema:
            yield _sized(operation, good, name)
    texts = [
        name
        for name, schema in members.items()
        if schema.get("type", "string") == "string" and "enum" not in schema and "pattern" not in schema
    ]
    for name in texts:
        form = unpack_form(good.get(name))
        says = _PACKED.search(f"{name} {operation.name} {members[name].get('description', '')} {operation.description}")
        if _longest(members[name]) > 100_000 and (form or says):
            yield from (_unpacked(operation, good, name, item) for item in ((form,) if form else FORMS))
    for name in texts:
        others = [other for other in texts if other != name and _TEXT.search(other)] or [o for o in texts if o != name]
        if others and (_PATTERN.search(name) or _PATTERN.search(str(members[name].get("description", "")))):
            yield from (_matched(operation, good, name, others[0], *dose) for dose in PATTERNS)


def _bound(schema: Mapping[str, Json]) -> float:
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    return float(most) if isinstance(most, int | float) and not isinstance(most, bool) else float("inf")


def _longest(schema: Mapping[str, Json]) -> float:
    most = schema.get("maxLength")
    return float(most) if isinstance(most, int) else float("inf")


def _sized(operation: Operation, good: Mapping[str, Json], name: str) -> Case:
    calls = [bind(operation, {**good, quote(name): dose}) for dose in DOSES]
    params = {"steps": 3, "at": [0, 1, 2], "doses": list(DOSES)}
    expected = "a bound on what one call may ask for"
    return _case(
        operation, name, Conversation.of(*calls), Conversation.of(calls[0], calls[0], calls[0]),
        f"{name}: {DOSES[-1]:,}",
        Claim("resource-consumption", Proof(kind="dose-size", expected=expected, params=params)),
    )  # fmt: skip


def _matched(
    operation: Operation, good: Mapping[str, Json], pattern: str, text: str, hostile: str, subject: str, benign: str
) -> Case:
    mild = bind(operation, {**good, quote(text): subject, quote(pattern): benign})
    cruel = bind(operation, {**good, quote(text): subject, quote(pattern): hostile})
    params = {"steps": REPEATS + 1, "benign": list(range(REPEATS)), "hostile": [REPEATS], "accepted": True}
    expected = "a pattern's cost is bounded"
    return _case(
        operation, pattern, Conversation.of(*[mild] * REPEATS, cruel), Conversation.of(*[mild] * (REPEATS + 1)),
        f"a nested repetition against {len(subject)} letters",
        Claim("resource-consumption", Proof(kind="dose-time", expected=expected, params=params)),
    )  # fmt: skip


def _unpacked(operation: Operation, good: Mapping[str, Json], name: str, form: str) -> Case:
    small = bind(operation, {**good, quote(name): packed(form, hostile=False)})
    large = bind(operation, {**good, quote(name): packed(form, hostile=True)})
    expected = "a bound on what is unpacked"
    times = {
        "steps": 2 * REPEATS, "benign": list(range(REPEATS)), "hostile": list(range(REPEATS, 2 * REPEATS)),
        "least": 0.03, "times": 10, "accepted": True,
    }  # fmt: skip
    told = {"steps": 2 * REPEATS, "small": 0, "step": REPEATS, "size": UNPACKED}
    return _case(
        operation, name, Conversation.of(*[small] * REPEATS, *[large] * REPEATS),
        Conversation.of(*[small] * REPEATS * 2),
        f"{form}: {len(packed(form, hostile=True)):,} characters that unpack to {UNPACKED:,} bytes",
        Claim("resource-consumption", Proof(kind="told-size", expected=expected, params=told)),
        Claim("resource-consumption", Proof(kind="dose-time", expected=expected, params=times)),
    )  # fmt: skip


def _case(
    operation: Operation, argument: str, conversation: Conversation, control: Conversation, label: str, *claims: Claim
) -> Case:
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=pointer(argument)),
        conversation=conversation,
        label=label,
        claims=claims,
        control=control,
    )


SCENARIO = Scenario(
    id="resource-consumption",
    title="Small requests, large bills",
    about="One number, pattern or packed block of a good call grows dose by dose, up to some two seconds or 48 MB. An "
    "answer that grows with the number, or takes many times what a benign one of the same size takes, proves that "
    "nothing bounds the work.",
    draw=draw,
    rules=("resource-consumption",),
    kinds=("tool",),
    cases=16,
    early=True,
    alone=True,
    references=("CWE-770", "CWE-1333", "CWE-409", "OWASP-API4", "OWASP-LLM04"),
)
