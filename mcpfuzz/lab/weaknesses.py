"""The table of weaknesses: one row per switch. Knows names and references; the mistakes themselves are in the code.

Every mistake is marked where it is made with a comment or docstring that begins with its name. `expected` are the
rules that must report it; `implied` are further rules that may rightly report it too, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from mcpfuzz.lab.attacks import ATTACKS

__all__ = ["MASKS", "TABLE", "Weakness", "by_name"]

Kind = Literal["tool", "resource", "prompt", "completion", "transport", "session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakness:
    """One mistake that can be switched on."""

    name: str
    title: str
    cwe: int
    expected: tuple[str, ...]
    """Rules of which at least the first must report it."""
    kind: Kind
    """What kind of operation it sits on."""
    where: str
    """Canonical name of the tool, or the method, or the framing; `served_names` maps tools of a shuffled lab."""
    argument: str | None = None
    """Canonical name of the argument that triggers it."""
    trigger: str
    """What brings it out, in words."""
    implied: Mapping[str, str] = field(default_factory=dict)
    """Other rules that it truly breaks -> why."""
    group: Literal["robustness", "attack"] = "robustness"
    toolset: str = "core"


def _rows(group: Literal["robustness", "attack"], rows: Iterable[Mapping[str, object]]) -> tuple[Weakness, ...]:
    return tuple(Weakness(group=group, **row) for row in rows)  # type: ignore[arg-type]


_DEAD: Final = {"no-answer": "a server that is gone answers nothing"}
_HUNG: Final = {"no-answer": "nothing is answered while it hangs"}

ROBUSTNESS: Final[tuple[Mapping[str, object], ...]] = (
    # ---- the server dies, hangs or is spoilt ----
    dict(
        name="crash-number",
        title="A number that the schema allows ends the process",
        cwe=248,
        expected=("crash",),
        kind="tool",
        where="order_article",
        argument="quantity",
        trigger="the greatest (or least) quantity; the journal's field or the division cannot take it",
        implied=_DEAD,
    ),
    dict(
        name="crash-depth",
        title="Nested input is read and walked by recursion without a limit",
        cwe=674,
        expected=("crash",),
        kind="tool",
        where="render_outline",
        argument="outline",
        trigger="an outline of some 300 levels, or any message nested deeper than Python's decoder goes",
        implied=_DEAD,
    ),
    dict(
        name="crash-frame",
        title="A line that is not UTF-8 ends the read loop",
        cwe=248,
        expected=("crash",),
        kind="transport",
        where="frame",
        trigger="a line with an invalid UTF-8 byte",
        implied=_DEAD,
    ),
    dict(
        name="crash-surrogate",
        title="A lone surrogate is let in and cannot be written out",
        cwe=248,
        expected=("crash",),
        kind="transport",
        where="frame",
        trigger="a text argument with \\ud800 that is answered as it came (echo)",
        implied=_DEAD,
    ),
    dict(
        name="crash-exit",
        title="A library function that ends the process is called on user input",
        cwe=382,
        expected=("crash",),
        kind="tool",
        where="list_articles",
        argument="options",
        trigger="any option that argparse does not know",
        implied=_DEAD,
    ),
    dict(
        name="batch-crash",
        title="An array is taken for a batch of requests before anybody looks into it",
        cwe=248,
        expected=("crash",),
        kind="transport",
        where="frame",
        trigger="an array that holds something else than requests, such as [1,2,3]",
        implied=_DEAD,
    ),
    dict(
        name="hang-regex",
        title="A pattern with nested repetition is run on user text",
        cwe=1333,
        expected=("hang",),
        kind="tool",
        where="check_tags",
        argument="tags",
        trigger="30 or more allowed letters and then one that is not allowed",
        implied=_HUNG | {"resource-consumption": "the processor is busy for years"},
    ),
    dict(
        name="hang-call",
        title="A queue's worker forgets to answer when there is nothing to do",
        cwe=833,
        expected=("no-answer",),
        kind="tool",
        where="export_notes",
        argument="tag",
        trigger="a tag that no note carries",
    ),
    dict(
        name="poison-malformed",
        title="A refused request keeps the slot it took",
        cwe=772,
        expected=("poisoned",),
        kind="tool",
        where="tools/call",
        trigger="tools/call whose arguments are no object, once to three times",
    ),
    dict(
        name="memory-leak",
        title="A cache keeps a copy of all text for each call",
        cwe=401,
        expected=("memory-growth",),
        kind="tool",
        where="search_notes",
        trigger="any search; some 90 KB stay behind",
    ),
    dict(
        name="no-shutdown",
        title="The end of input is taken for a pause",
        cwe=772,
        expected=("no-shutdown",),
        kind="session",
        where="stdin",
        trigger="closing stdin",
    ),
    # ---- it tells too much ----
    dict(
        name="leak-trace",
        title="A stack trace is the error message",
        cwe=209,
        expected=("stack-trace-leak",),
        kind="tool",
        where="convert_units",
        argument="to",
        trigger="units of different kinds",
        implied={"path-leak": "a stack trace names source files by their absolute path"},
    ),
    dict(
        name="leak-path",
        title="An error names an absolute path",
        cwe=209,
        expected=("path-leak",),
        kind="tool",
        where="render_report",
        argument="template",
        trigger="a template that does not exist",
    ),
    dict(
        name="leak-secret",
        title="An error shows the server's settings, token and password among them",
        cwe=209,
        expected=("secret-leak",),
        kind="tool",
        where="stock_lookup",
        argument="sku",
        trigger="an article that does not exist",
    ),
    dict(
        name="huge-answer",
        title="A small request is answered with 20 MB",
        cwe=770,
        expected=("oversized-answer",),
        kind="tool",
        where="label_sheet",
        argument="copies",
        trigger="the greatest number of copies",
        implied={"memory-growth": "the answer is held in memory several times", "resource-consumption": "nothing bounds it"},
    ),
    # ---- it breaks the protocol ----
    dict(
        name="stdout-noise",
        title="A print() was left in",
        cwe=1295,
        expected=("stdout-pollution",),
        kind="tool",
        where="list_notes",
        argument="tag",
        trigger="a tag that no note carries",
    ),
    dict(
        name="nan-out",
        title="NaN is read and written, which is not JSON",
        cwe=20,
        expected=("malformed-frame",),
        kind="tool",
        where="add",
        argument="a",
        trigger="NaN or Infinity for a number",
    ),
    dict(
        name="id-type",
        title="A late answer carries the id as text or as a fraction",
        cwe=704,
        expected=("wrong-id",),
        kind="tool",
        where="restock_forecast",
        trigger="any call with a numeric id",
        implied={"no-answer": "nothing with the request's own id arrives"},
    ),
    dict(
        name="duplicate-answer",
        title="A cached answer is followed by a fresh one",
        cwe=675,
        expected=("duplicate-answer",),
        kind="resource",
        where="resources/read",
        argument="uri",
        trigger="reading a resource for the second time",
    ),
    dict(
        name="answers-notification",
        title="Unknown notifications are answered",
        cwe=436,
        expected=("answer-to-notification",),
        kind="transport",
        where="notifications",
        trigger="a notification that the server does not know",
        implied={"malformed-message": "rows N1 and N2 ask for silence"},
    ),
    dict(
        name="executes-notification",
        title="A request without an id is carried out",
        cwe=841,
        expected=("malformed-message",),
        kind="transport",
        where="notifications",
        trigger="tools/call of create_note without an id; the note is there afterwards (row N2)",
    ),
    dict(
        name="unknown-method-result",
        title="An unknown method succeeds",
        cwe=394,
        expected=("malformed-message",),
        kind="session",
        where="unknown method",
        trigger="a method that does not exist (rows M1 and N3)",
    ),
    dict(
        name="error-shape",
        title="The error's code is text, or missing",
        cwe=436,
        expected=("result-shape",),
        kind="completion",
        where="completion/complete",
        trigger="a completion for something that does not exist",
        implied={"malformed-params": "no row allows such a code"},
    ),
    dict(
        name="result-and-error",
        title="An answer has a result and an error",
        cwe=436,
        expected=("result-shape",),
        kind="prompt",
        where="prompts/get",
        trigger="a prompt that does not exist, or lacks an argument",
        implied={"malformed-params": "row P7 asks for an error alone", "fabricated-success": "the result looks like success"},
    ),
    dict(
        name="output-schema",
        title="The structured answer breaks its own schema for empty input",
        cwe=393,
        expected=("output-schema",),
        kind="tool",
        where="text_statistics",
        argument="text",
        trigger="a text without words",
    ),
    dict(
        name="unvalidated-arguments",
        title="A schema is declared and never checked",
        cwe=20,
        expected=("unvalidated-arguments",),
        kind="tool",
        where="set_reminder",
        argument="minutes",
        trigger="any arguments that break the schema",
        implied={"malformed-params": "rows P3 and P4 ask for a refusal"},
    ),
    dict(
        name="fabricated-success",
        title="A default answers for tools and notes that do not exist",
        cwe=394,
        expected=("fabricated-success",),
        kind="tool",
        where="tools/call",
        argument="name",
        trigger="an unknown tool, or note:// with an unknown id",
        implied={"malformed-params": "rows P2 and P5 ask for an error"},
    ),
)

TABLE: Final[tuple[Weakness, ...]] = _rows("robustness", ROBUSTNESS) + _rows("attack", ATTACKS)

MASKS: Final[Mapping[str, tuple[str, ...]]] = {}
"""Weakness -> those it hides when all are on. None does: each sits on a tool or a path of its own."""


def by_name() -> Mapping[str, Weakness]:
    """The table as a mapping, in its order."""
    return {weakness.name: weakness for weakness in TABLE}
