"""Verdicts: what the ORACLE table (`table`) says of what came of one message.

How one comes about: the invariants that an outcome can show (U2-U5, U7, U9, U12), then the first fitting form of the
row's cell, then "an answer was due", then WEAK: what the table does not list is not called a violation. Over stdio
silence after F* and R* is never more than WEAK, because no deployed SDK answers there; `strict` turns every WEAK
into FAIL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from mcpfuzz.errors import Fault
from mcpfuzz.oracles.outcomes import RESPONSES, Level, Outcome, Outcomes, broken_invariant
from mcpfuzz.oracles.table import DROPPED, INVARIANTS, ROWS, Column, Row
from mcpfuzz.revisions import BY_DATE

__all__ = ["Verdict", "asked_of", "column_of", "judge", "letter_of"]

_WORDS = {
    "error": "an error", "is-error": "a result with isError", "result": "a result", "served": "a normal answer",
    "answered": "an answer", "silence": "no answer", "nothing": "no answer", "any": "any answer",
    "void": "without an id", "echo": "under its id", "due": "under the id that is due", "closed": "a close",
    "x2": "to each", "x*": "to each", "+": "and",
}  # fmt: skip
"""Words of the table's cells, for people."""
_STATUS = re.compile(r"[1-5](?:\d\d|xx)(?:/[1-5](?:\d\d|xx))*")
_LETTERS = {item.date: item.letter for item in BY_DATE.values()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the table says of one outcome."""

    level: Level
    because: str
    """In words, with the outcome and what the cell lists."""
    rule: str = ""
    """The row, or the invariant (U1 .. U12) or specification row that decided."""


def letter_of(revision: str) -> str:
    """A to E, for a revision's date or letter. Raises Fault for what is neither."""
    letter = _LETTERS.get(revision, revision)
    if letter not in _LETTERS.values():
        raise Fault(f"{revision!r} is no MCP revision: a letter A to E, or one of {', '.join(_LETTERS)}")
    return letter


def column_of(transport: str, letter: str) -> Column:
    """The table's column. Takes a transport (stdio, ws, http, sse) or a column's own name."""
    if transport in ("stdio", "ws", "wss"):
        return "stdio"
    if transport in ("http", "sse", "http-legacy", "http-modern"):
        return "http-modern" if letter == "E" else "http-legacy"
    raise Fault(f"{transport!r} is no transport of the ORACLE table: stdio, ws, http or sse")


def asked_of(row_id: str, revision: str, transport: str) -> str:
    """What the table asks for where it is sound, in words: "an error -32602, or a normal answer"."""
    rules = ROWS[row_id].rules(column_of(transport, letter_of(revision)), letter_of(revision))
    forms = [form for rule in rules if rule.level == "OK" for form in rule.text.split(", ")]
    told = [" ".join(map(_word, form.split())) for form in dict.fromkeys(forms)]
    return ", or ".join(told) or "nothing that breaks an invariant"


def _word(word: str) -> str:
    if _STATUS.fullmatch(word):
        return "with HTTP " + word.replace("/", " or ")
    return _WORDS.get(word, word)


@lru_cache(maxsize=4096)
def judge(
    row_id: str, outcome: Outcomes, revision: str, transport: str, *, strict: bool = False, logging: bool | None = None
) -> Verdict:
    """What the table says of what came of one message.

    Args:
        row_id: F1 .. W4.
        outcome: one, or a tuple where several answers or several messages belong to the case.
        revision: a letter A to E, or the date.
        transport: stdio, ws, http, sse, or a column of the table.
        strict: the `strict` profile: WEAK is FAIL.
        logging: whether the server declared the logging capability; None: not known.

    Raises:
        Fault: no such row, revision or transport; or no outcome at all.
    """
    row = ROWS.get(row_id)
    outcomes = outcome if isinstance(outcome, tuple) else (outcome,)
    if row is None or not outcomes:
        raise Fault(f"{row_id!r} is no row of the ORACLE table" if row is None else f"{row_id}: no outcome to judge")
    letter = letter_of(revision)
    column = column_of(transport, letter)
    broken = _invariant(row, outcomes, letter, column)
    if broken is not None:
        key, words = broken
        return Verdict("FAIL", f"{row.id} ({row.title}): {words}: {INVARIANTS[key].sentence}", key)
    if logging is False and any(item.kind == "notification" for item in outcomes):
        return Verdict("FAIL", f"{row.id}: a log message without the logging capability (LG-01)", "LG-01")
    verdict = _by_cell(row, outcomes, letter, column)
    if verdict.level == "FAIL" and _excused(row, outcomes, column):
        verdict = replace(verdict, level="WEAK", because=verdict.because + "; tolerated over stdio, as no SDK answers")
    if strict and verdict.level == "WEAK":
        return replace(verdict, level="FAIL", because=verdict.because + " (strict)")
    return verdict


def _excused(row: Row, outcomes: tuple[Outcome, ...], column: Column) -> bool:
    """The default profile's consequence: over stdio silence after F* and R* is no violation."""
    quiet = all(item.kind in ("silence", "notification") for item in outcomes)
    return quiet and column == "stdio" and row.id[0] in "FR"


def _by_cell(row: Row, outcomes: tuple[Outcome, ...], letter: str, column: Column) -> Verdict:
    if column == "http-legacy" and letter == "A" and _came_by_sse(outcomes):
        column = "stdio"  # HTTP+SSE: the POST only says "received", the answer is a message of the stream
    rules = row.rules(column, letter)
    shown = " and ".join(map(str, outcomes))
    if not rules:
        return Verdict("OK", f"{row.id}: the table asks nothing of {column} in revision {letter} ({shown})", row.id)
    for rule in rules:
        if any(form.fits(outcomes) for form in rule.forms):
            told = "a violation" if rule.level == "FAIL" else f"{rule.level}: {rule.text}"
            return Verdict(rule.level, f"{row.id} ({row.title}): {shown}; {told}", row.id)
    if len(outcomes) > 1:
        verdicts = [_by_cell(row, (item,), letter, column) for item in outcomes]
        return max(verdicts, key=lambda verdict: ("OK", "WEAK", "FAIL").index(verdict.level))
    if row.due and _unanswered(outcomes[0]):
        return Verdict("FAIL", f"{row.id} ({row.title}): {shown}; an answer was due", row.id)
    return Verdict("WEAK", f"{row.id} ({row.title}): {shown}; not listed for {column} in revision {letter}", row.id)


def _came_by_sse(outcomes: tuple[Outcome, ...]) -> bool:
    return all(item.kind in RESPONSES and (item.status is None or item.status < 300) for item in outcomes)


def _unanswered(outcome: Outcome) -> bool:
    """An HTTP error status is an answer, though a poor one."""
    return outcome.kind in ("silence", "notification") and (outcome.status is None or outcome.status < 300)


def _invariant(row: Row, outcomes: tuple[Outcome, ...], letter: str, column: Column) -> tuple[str, str] | None:
    """The invariant that an outcome breaks, with the outcome in words."""
    for outcome in outcomes:
        key = broken_invariant(outcome, piped=column == "stdio", modern=letter == "E")
        if key is None or (outcome.kind == "noise" and row.id[0] in "HW"):  # below MCP
            continue
        if key in ("U2", "U9") and row.id in DROPPED:
            continue
        if outcome.code == 1006 and row.id == "F4":  # over WebSocket it is a broken frame (RFC 6455, 8.1), as in W2a
            continue
        return key, str(outcome)
    responses = sum(item.kind in RESPONSES and item.kind != "obeyed" for item in outcomes)
    return ("U7", f"{responses} responses") if responses > row.answers else None
