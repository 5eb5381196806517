"""What one exchange came to, as a small value, and the little language in which the ORACLE table
(`oracles.table`) says which outcomes it accepts. It knows no row, no revision and no transport.

The language, one cell:  `B: OK answered echo x2; FAIL any 2xx; WEAK error -32602/-32700 void, silence`
    group  = [LETTERS ":"] LEVEL form {"," form}     separated by ";"; the first form that fits decides
    form   = kind [codes] [ids] [status] [count]     or  form "+" form: exactly these two, in any order
    kind   = one of `KINDS`, or served (result, is-error), answered (served, error), response
             (answered, input-required), nothing (silence, notification), any
    codes  = -32700/-32600 error codes, or 1002/1009 WebSocket close codes
    ids    = echo | null | absent | void (null or absent) | due (echo where the id could be read, else void)
    status = 400 | 400/404 | 2xx | 4xx ...           an exchange without a status does not fit
    count  = x2 exactly so many outcomes, each fitting; x* one or more. Without it: exactly one
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from mcpfuzz.errors import Fault
from mcpfuzz.model import Frame, Json

__all__ = [
    "KINDS",
    "Form",
    "IdFate",
    "Kind",
    "Level",
    "Outcome",
    "Outcomes",
    "Rule",
    "broken_invariant",
    "outcome_of",
    "parse_cell",
]

Level = Literal["OK", "WEAK", "FAIL"]
Kind = Literal[
    "silence",  # nothing before the barrier's answer; over HTTP: no JSON-RPC message in the body
    "result",
    "is-error",  # a tool result with isError true
    "input-required",  # a modern result that asks the client for something
    "error",
    "notification",  # notifications/message, and nothing else
    "request",  # the server asks the client something, and nothing else came
    "obeyed",  # the bad value was taken at its word: its version confirmed, progress sent with its token
    "noise",  # something that is no JSON-RPC message at all; over HTTP 4xx a plain or HTML body
    "malformed",  # meant as an answer, but not valid JSON-RPC or not valid JSON (U4)
    "closed",  # the channel ended; `code` is the WebSocket close code, where there is one
    "selected",  # WebSocket upgrade: a subprotocol was selected
]
KINDS: tuple[Kind, ...] = get_args(Kind)
IdFate = Literal["echo", "null", "absent", "invented", "none"]
"""What became of the id in an answer. `none`: there is no answer, or nobody looked."""

RESPONSES = frozenset({"result", "is-error", "error", "input-required", "obeyed", "malformed"})
"""Kinds that are an answer on the wire."""

MACROS: dict[str, frozenset[str]] = {
    "served": frozenset({"result", "is-error"}),
    "answered": frozenset({"result", "is-error", "error"}),
    "response": frozenset({"result", "is-error", "error", "input-required"}),
    "nothing": frozenset({"silence", "notification"}),
    "any": frozenset(KINDS),
}

UNCLEAN = frozenset({"not-utf8", "not-json", "nan", "too-deep", "result-and-error", "error-shape"})
"""Faults of a received frame (`wire.FAULTS`) that U4 forbids in an answer. An escaped lone surrogate is not among
them: its bytes are valid UTF-8 and valid JSON (row F5, served by the TypeScript SDK)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one message. Several messages at once, or several answers: a tuple of these."""

    kind: Kind
    code: int | None = None
    """JSON-RPC error code of an `error`, WebSocket close code of a `closed`."""
    id: IdFate = "none"
    status: int | None = None
    """HTTP status, also of a WebSocket upgrade; None: there is none."""
    readable: bool = False
    """Whether the message carried an id that can be read, so that an answer owes it."""

    def __str__(self) -> str:
        parts: list[str] = [self.kind]
        if self.code is not None:
            parts.append(str(self.code))
        if self.id != "none":
            parts.append(f"id {self.id}")
        if self.status is not None:
            parts.append(f"HTTP {self.status}")
        return ", ".join(parts)


Outcomes: TypeAlias = Outcome | tuple[Outcome, ...]


# ---- from an exchange to its outcome ---------------------------------------------------------------


def outcome_of(
    sent: Json,
    answer: Frame | Json = None,
    others: Sequence[Frame | Json] = (),
    *,
    status: int | None = None,
    closed: int | bool = False,
    elsewhere: Collection[Json] = (),
    trap: Json = None,
) -> Outcomes:
    """What one exchange came to.

    Args:
        sent: the id the message carried; None where none can be read; a tuple where it carried several.
        answer: the frame, or decoded value, that was matched to the message; None where there is none.
        others: what else came before the barrier's answer: notifications, strays, noise.
        status: HTTP status.
        closed: True where the channel ended, or the WebSocket close code.
        elsewhere: ids of other requests of this connection: answers to those are not this message's.
        trap: a bad value that the message carried (a version, a progress token); an answer that takes it
            at its word is `obeyed`.

    Returns:
        One outcome, or a tuple where several answers came, or an answer and then the end.
    """
    ids = sent if isinstance(sent, tuple) else () if sent is None else (sent,)
    found: list[Outcome] = []
    quiet: Kind = "silence"
    for frame in (*(() if answer is None else (answer,)), *others):
        for value, clean in _values(frame):
            kind, code = _kind(value, clean, trap)
            if kind in ("notification", "request") and (quiet == "silence" or kind == "request"):
                quiet = kind
            if kind == "noise" or kind in RESPONSES:
                fate = "none" if kind == "noise" else _fate(value, ids)
                if fate == "invented" and _among(value["id"], elsewhere):
                    continue
                found.append(Outcome(kind, code, fate, status, bool(ids)))
    if closed is not False and not (found and status is not None):  # HTTP may close behind its answer
        found.append(Outcome("closed", None if closed is True else closed, "none", status, bool(ids)))
    if not found:
        return Outcome(quiet, None, "none", status, bool(ids))
    return found[0] if len(found) == 1 else tuple(found)


def _values(frame: Frame | Json) -> Iterator[tuple[Json, bool]]:
    """The messages of a frame (an array is several), each with whether the frame was clean."""
    clean, value = True, frame
    if isinstance(frame, Frame):
        clean, value = UNCLEAN.isdisjoint(frame.faults), frame.value
        if frame.faults == ("blank",):
            return
        if value is None and frame.faults:
            yield None, False
            return
    if isinstance(value, list):
        for item in value:
            yield item, clean
    else:
        yield value, clean


def _kind(value: Json, clean: bool, trap: Json) -> tuple[Kind, int | None]:
    if not isinstance(value, dict):
        return "noise", None
    if "method" in value:
        return _unasked(value, trap), None
    if "result" not in value and "error" not in value:
        return ("malformed" if "jsonrpc" in value else "noise"), None
    if not clean or value.get("jsonrpc") != "2.0" or ("result" in value and "error" in value):
        return "malformed", None
    if "error" in value:
        code = value["error"].get("code") if isinstance(value["error"], dict) else None
        return ("error", code) if type(code) is int else ("malformed", None)
    result = value["result"]
    if not isinstance(result, dict):
        return "result", None  # a schema's business (JR-03), not JSON-RPC's
    if trap is not None and "protocolVersion" in result and _same(result["protocolVersion"], trap):
        return "obeyed", None
    if result.get("resultType") == "input_required":
        return "input-required", None
    return ("is-error" if result.get("isError") is True else "result"), None


def _unasked(value: Json, trap: Json) -> Kind:
    """A frame with a method: `silence` stands for a notification that has nothing to do with the message."""
    method, params = value["method"], value.get("params")
    if value.get("id") is not None:
        return "request"
    if method == "notifications/progress" and isinstance(params, dict):
        token = params.get("progressToken")
        if trap is not None and _same(token, trap):
            return "obeyed"
    return "notification" if method == "notifications/message" else "silence"


def _same(one: Json, other: Json) -> bool:
    """Equal in value and type (JR-01): 1, 1.0, true and "1" are four ids."""
    return type(one) is type(other) and bool(one == other)


def _among(value: Json, ids: Collection[Json]) -> bool:
    return any(_same(value, item) for item in ids)


def _fate(value: Json, ids: tuple[Json, ...]) -> IdFate:
    if "method" in value:
        return "none"
    if "id" not in value:
        return "absent"
    if value["id"] is None:
        return "null"
    return "echo" if _among(value["id"], ids) else "invented"


def broken_invariant(outcome: Outcome, *, piped: bool, modern: bool) -> str | None:
    """The invariant (U1 .. U12) that this outcome breaks by itself, whatever the row; None: none.

    Args:
        piped: stdio or WebSocket, not HTTP.
        modern: revision E.
    """
    kind, status = outcome.kind, outcome.status
    if outcome.id == "invented":
        return "U3"
    if kind == "malformed":
        return "U4"
    if status is not None and status >= 500:
        return "U5"
    if modern and kind == "error" and outcome.code is not None and _reserved(outcome.code):
        return "U12"
    if kind == "noise":
        return "U4" if piped or (status is not None and status < 300) else None
    if kind == "closed" and status is None:
        if not piped or outcome.code in (1006, 1011):
            return "U2"
        return "U1" if outcome.code is None else None
    return "U9" if kind == "silence" and status is None and not piped else None


def _reserved(code: int) -> bool:
    """Retired codes, and those of the reserved range that the specification has not given a meaning."""
    return code in (-32002, -32042) or (-32099 <= code <= -32020 and code not in (-32020, -32021, -32022))


# ---- the table's language ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A pattern over outcomes; None means: not looked at."""

    kinds: frozenset[str]
    codes: frozenset[int] | None = None
    ids: frozenset[str] | None = None
    statuses: tuple[tuple[int, int], ...] | None = None
    """Inclusive ranges."""
    count: int | None = 1
    """How many outcomes; None: one or more."""
    second: Form | None = None
    """The other half of a pair."""

    def fits(self, outcomes: tuple[Outcome, ...]) -> bool:
        """Whether the outcomes, all of them, are what this form says."""
        if self.second is not None:
            if len(outcomes) != 2:
                return False
            one, two = outcomes
            return (self._one(one) and self.second._one(two)) or (self._one(two) and self.second._one(one))
        if self.count is not None and len(outcomes) != self.count:
            return False
        return all(self._one(outcome) for outcome in outcomes)

    def _one(self, outcome: Outcome) -> bool:
        kind: str = outcome.kind
        if kind == "noise" and outcome.status is not None and 400 <= outcome.status < 500:
            kind = "silence"  # an HTTP error page is no JSON-RPC message, and need not be one
        if kind not in self.kinds or (self.codes is not None and outcome.code not in self.codes):
            return False
        if self.ids is not None and outcome.id != "none" and not self._id_fits(self.ids, outcome):
            return False
        if self.statuses is None:
            return True
        return outcome.status is not None and any(low <= outcome.status <= high for low, high in self.statuses)

    @staticmethod
    def _id_fits(ids: frozenset[str], outcome: Outcome) -> bool:
        if "due" in ids:
            return outcome.id == "echo" if outcome.readable else outcome.id in ("null", "absent")
        return outcome.id in ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One group of a cell: these forms, in these revisions, have this level."""

    level: Level
    letters: str
    forms: tuple[Form, ...]
    text: str
    """As the table writes it."""


_GROUP = re.compile(r"(?:([A-E]+): )?(OK|WEAK|FAIL) (.+)")
_IDS = {"echo": {"echo"}, "null": {"null"}, "absent": {"absent"}, "void": {"null", "absent"}, "due": {"due"}}


def parse_cell(text: str) -> tuple[Rule, ...]:
    """The rules of one cell; none for a cell that asks nothing.

    Raises:
        Fault: the cell is not written in the language above.
    """
    rules = []
    for group in filter(None, (part.strip() for part in text.split(";"))):
        match = _GROUP.fullmatch(group)
        if match is None:
            raise Fault(f'ORACLE table: cannot read "{group}"')
        letters, level, forms = match.groups()
        parsed = tuple(_form(form.strip()) for form in forms.split(","))
        rules.append(Rule(level=_level(level), letters=letters or "ABCDE", forms=parsed, text=forms))
    return tuple(rules)


def _level(word: str) -> Level:
    return "OK" if word == "OK" else "WEAK" if word == "WEAK" else "FAIL"


def _form(text: str) -> Form:
    first, plus, rest = text.partition(" + ")
    kinds: frozenset[str] | None = None
    codes: frozenset[int] | None = None
    ids: frozenset[str] | None = None
    statuses: tuple[tuple[int, int], ...] | None = None
    count: int | None = 1
    for word in first.split():
        if word in MACROS:
            kinds = MACROS[word]
        elif word in KINDS:
            kinds = frozenset({word})
        elif word in _IDS:
            ids = frozenset(_IDS[word])
        elif re.fullmatch(r"x[2-9]|x\*", word):
            count = None if word == "x*" else int(word[1])
        elif re.fullmatch(r"-\d{5}(/-\d{5})*|\d{4}(/\d{4})*", word):
            codes = frozenset(int(code) for code in word.split("/"))
        elif re.fullmatch(r"\d(\d\d|xx)(/\d(\d\d|xx))*", word):
            statuses = tuple(_status(part) for part in word.split("/"))
        else:
            raise Fault(f'ORACLE table: "{word}" in "{text}" is no word of its language')
    if kinds is None:
        raise Fault(f'ORACLE table: "{text}" names no kind of outcome')
    second = _form(rest) if plus else None
    return Form(kinds=kinds, codes=codes, ids=ids, statuses=statuses, count=count, second=second)


def _status(word: str) -> tuple[int, int]:
    return (int(word[0]) * 100, int(word[0]) * 100 + 99) if word.endswith("xx") else (int(word), int(word))
