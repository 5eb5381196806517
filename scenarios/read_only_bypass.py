"""Tools that say they only read, and statements that write."""

from __future__ import annotations

import re

from mcpfuzz.model import Case, Claim, Conversation, Operation, Place, Proof, Surface
from mcpfuzz.scenarios.attacks import good_calls
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.points import Point, aim, points, put
from mcpfuzz.strategies.queries import is_statement, writes
from mcpfuzz.surface import bind

_NAME = re.compile(r"^(read|select|get|list|show|describe|search|find|explain)|_?(read|select)(_|$)", re.IGNORECASE)
_WORDS = re.compile(r"read.?only|only reads?|\bselect (query|statement)|\b(reading|read) (sql|query|queries|statement)",
                    re.IGNORECASE)  # fmt: skip


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """A statement that writes, then one that shows what is there."""
    assert operation is not None
    if not promises(operation):
        return None
    good = good_calls(surface, operation)
    turn, which = divmod(index, len(good))
    found = aim(tuple(item for item in points(operation.schema, good[which]) if _takes(item)), "sql", turn)
    if found is None:
        return None
    point, rank = found
    choice = writes(point.text)
    if rank >= len(choice):
        return None
    payload, reading = choice[rank]
    write, shown = (bind(operation, put(good[which], point, text)) for text in (payload.text, reading))
    proof = Proof(kind="told", expected="nothing is made by what only reads", params={"canary": "1"})
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind=operation.kind, name=operation.name, argument=point.pointer),
        conversation=Conversation.of(write, shown),
        label=f"{payload.why} at {point.pointer}",
        claims=(Claim(payload.rule, proof),),
        keep=(*payload.keep, reading),
        control=Conversation.of(shown),
    )


def promises(operation: Operation) -> bool:
    """Whether an operation says that it only reads."""
    if operation.annotations.get("readOnlyHint") is True or operation.kind != "tool":
        return True
    return _NAME.search(operation.name) is not None or _WORDS.search(operation.description) is not None


def _takes(point: Point) -> bool:
    """Whether a place takes statements, as far as can be told."""
    return is_statement(point.text) or point.rank("sql") <= 1


SCENARIO = Scenario(
    id="read-only-bypass",
    title="Statements that write where only reading is promised",
    about="A tool that says it only reads is given statements that make a table whose name is this case's canary. A "
    "later reading that shows the table proves it.",
    draw=draw,
    rules=("read-only-bypass",),
    kinds=("tool",),
    cases=32,
    early=True,
    alone=True,
    references=("CWE-184", "CWE-269", "OWASP-LLM08"),
)
