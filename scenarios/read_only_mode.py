"""Servers that were told to write nothing, and tools that write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcpfuzz.caution import file_writers
from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Operation, Place, Proof, Surface
from mcpfuzz.scenarios.attacks import good_calls
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import readings
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.points import Point, points, put
from mcpfuzz.strategies.relations import changes, makes, reads_only, removes
from mcpfuzz.surface import bind

TEXT = "{canary:1}"
NEW = ("{canary:1}.txt", "{workspace}/{canary:1}.txt", "")
"""Paths of a file that is not there; "": the good value stays."""
OURS = "packed/plain.tar"
"""A file that we laid into the workspace: to be removed."""
MOST_READINGS = 2
EXPECTED = "a server in read-only mode refuses, or changes nothing"


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    assert operation is not None
    if not _writes(operation):
        return None
    return next((case for position, case in enumerate(_cases(surface, operation)) if position == index), None)


def _writes(operation: Operation) -> bool:
    """Whether a tool looks as if it writes; what only looks something up may remember that it was asked."""
    said = makes(operation) or changes(operation) or removes(operation)
    return not reads_only(operation) and (said or bool(file_writers([operation])))


def _cases(surface: Surface, operation: Operation) -> Iterator[Case]:
    """With every flag as it is, then up: something new is written, and shown by others; a file is removed."""
    good = good_calls(surface, operation)[0]
    places = [point for point in points(operation.schema, good) if not point.schema.keys() & {"enum", "const"}]
    paths = [point for point in places if point.rank("path") == 0]
    texts = [point for point in places if point not in paths]
    for start in (good, _raised(operation, good)):
        if start is None:
            continue
        for new in NEW if paths else ("",):
            call = bind(operation, _filled(_filled(start, texts, TEXT), paths[:1], new))
            yield _case(operation, [call], "kept", {"canary": "1", "step": 0, "steps": 1})
            for reading in readings(surface, operation, MOST_READINGS):
                yield _case(operation, [call, reading], "told", {"canary": "1"})
        for point in paths if removes(operation) or changes(operation) else ():
            for ours in (OURS, f"{{workspace}}/{OURS}"):
                call = bind(operation, put(start, point, ours))
                yield _case(operation, [call], "kept", {"removed": OURS, "step": 0, "steps": 1})


def _raised(operation: Operation, good: Mapping[str, Json]) -> Mapping[str, Json] | None:
    """With every flag of the tool up: force, confirm, allow ...; None where it has none."""
    members = operation.members.items()
    flags = [name for name, schema in members if isinstance(schema, Mapping) and schema.get("type") == "boolean"]
    return {**good, **dict.fromkeys(flags, True)} if flags else None


def _filled(arguments: Mapping[str, Json], places: list[Point], text: str) -> Mapping[str, Json]:
    if not text:
        return arguments
    for point in places:
        arguments = put(arguments, point, text)
    return arguments


def _case(operation: Operation, calls: list[Call], kind: str, params: dict[str, Json]) -> Case:
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name),
        conversation=Conversation.of(*calls),
        label="the server was told to write nothing",
        claims=(Claim("read-only-bypass", Proof(kind=kind, expected=EXPECTED, params=params)),),
        keep=() if "removed" in params else (TEXT,),
        control=Conversation.of(calls[1]) if len(calls) > 1 else None,
    )


SCENARIO = Scenario(
    id="read-only-mode",
    title="Read-only mode that is not",
    about="A server whose command or environment tells it to write nothing is called by tools that look as if they "
    "write. A normal answer and a canary in a file of the workspace, or in what other tools show, prove that one does.",
    draw=draw,
    rules=("read-only-bypass",),
    kinds=("tool",),
    cases=24,
    rounds=1,
    early=True,
    alone=True,
    needs=("read-only",),
    references=("CWE-184", "CWE-269", "OWASP-LLM08"),
)
