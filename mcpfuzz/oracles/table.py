"""The ORACLE for malformed input, as data: which outcome of which class of message is sound (OK), tolerated
and told as a warning (WEAK), or a violation (FAIL). Source: facts on the specification, section 4, whose
row ids these are. It is about outcomes only: what a process, a log or a file showed is for other oracles.
Verdicts are made in `verdicts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mcpfuzz.oracles.outcomes import Rule, parse_cell

__all__ = ["DROPPED", "INVARIANTS", "ROWS", "Column", "Invariant", "Row"]

Column = Literal["stdio", "http-legacy", "http-modern"]
"""stdio: also WebSocket, all revisions. http-legacy: HTTP+SSE and Streamable HTTP, A to D. http-modern: E."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One class of malformed message and what may come of it."""

    id: str
    title: str
    cells: Mapping[str, tuple[Rule, ...]]
    """Column -> rules in order, the first that fits decides. No rules: the table asks nothing there."""
    references: tuple[str, ...]
    due: bool
    """A well-formed request with a readable id: JSON-RPC owes it exactly one answer."""
    answers: int
    """Most answers that one such case may bring; more is U7."""

    def rules(self, column: Column, letter: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.cells[column] if letter in rule.letters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """Always a violation: every class, revision and transport."""

    id: str
    sentence: str
    rule: str
    """Rule id of the harness, as reports carry it."""
    references: tuple[str, ...]


_INVARIANTS = (
    ("U1", "The process exits or crashes, or a barrier stays unanswered for 10 s.", "server-down", "CWE-248 CWE-400"),
    ("U2", "TCP reset, WebSocket close 1006 or 1011, or an SSE stream that ends without the due response.",
     "answer-lost", "CWE-755 SH-06"),
    ("U3", "A response's id differs from the readable id in value or type, or is invented.",
     "response-id", "JR-01 JR-26"),
    ("U4", "Output that is not valid JSON, UTF-8 or JSON-RPC; both result and error; a code that is no integer.",
     "invalid-output", "FR-01 FR-03 FR-05 JR-02 JR-04"),
    ("U5", "An HTTP 5xx status.", "http-5xx", "CWE-755"),
    ("U6", "A leak: traceback, file path, source line, SQL, environment, seeded canary.",
     "information-leak", "CWE-209 LG-09"),
    ("U7", "More than one response per id, or a response to a notification.", "extra-response", "JR-06"),
    ("U8", "A tool's side effect although the message was malformed or not authorised.",
     "effect-of-malformed", "CWE-20 TL-12 AU-24"),
    ("U9", "An HTTP request without any status in 10 s.", "http-no-status", "CWE-835"),
    ("U10", "Memory or CPU grows beyond the budget after at most 1 MiB of input.",
     "resource-growth", "CWE-400 CWE-770"),
    ("U11", "Another id's or user's data in the answer.", "cross-talk", "CWE-488"),
    ("U12", "Modern: a code from -32020 to -32099 with a foreign meaning, or the retired -32002 or -32042.",
     "reserved-code", "JR-11 JR-12"),
)  # fmt: skip
INVARIANTS: Mapping[str, Invariant] = {
    key: Invariant(id=key, sentence=sentence, rule=rule, references=tuple(
        word if word.startswith("CWE") else f"MCP {word}" for word in references.split()
    ))
    for key, sentence, rule, references in _INVARIANTS
}  # fmt: skip


DROPPED = frozenset({"W2a", "W2c", "W2d", "H12", "H13", "H14"})
"""Rows after which a connection may end without a word: a close frame, or a 400, is only what it SHOULD say (RFC 6455,
7.1.7; RFC 9112, 6.3), and who waits for the rest of half a body waits with reason."""


def _row(
    key: str, title: str, stdio: str, legacy: str, modern: str, references: str, *, due: bool = False, answers: int = 1
) -> Row:
    cells = {"stdio": parse_cell(stdio), "http-legacy": parse_cell(legacy), "http-modern": parse_cell(modern)}
    named = tuple(f"MCP {word}" for word in references.split())
    return Row(id=key, title=title, cells=cells, references=named, due=due, answers=answers)


# Cells that the table uses more than once ("same", "as F1", "as R9").
_F1 = "OK error -32700 void; WEAK nothing, error -32700/-32600; FAIL error, served"
_F1_LEGACY = "OK error -32700 void 4xx, silence 4xx; FAIL any 2xx; WEAK error -32700/-32600; FAIL error"
_F1_MODERN = "OK error -32700 void 400; FAIL any 2xx; WEAK silence 400, error -32700/-32600; FAIL error"
_R9 = "OK error -32600 void; WEAK silence; FAIL served"
_R9_HTTP = "OK error -32600 void 400; FAIL served; WEAK silence 202"
_P3 = "FAIL result, error -32603; OK is-error; D: WEAK error -32602; OK error -32602"
_P7 = "OK error -32602; FAIL served; WEAK error"

_ROWS = (
    # ---- frames: what the bytes are ----
    _row("F1", "not JSON", _F1, _F1_LEGACY, _F1_MODERN, "JR-17"),
    _row("F2", "blank line or body",
         "OK silence, error -32700 void; FAIL served",
         "OK error -32700 void 400; FAIL any 2xx", "OK error -32700 void 400; FAIL any 2xx", "JR-17"),
    _row("F3", "NaN or Infinity",
         "OK error -32700 void; WEAK served, silence",
         "OK error 400, silence 400; WEAK served", "OK error 400, silence 400; WEAK served", "JR-17"),
    _row("F4", "bytes that are not UTF-8",
         "OK error -32700 void, closed 1007; WEAK served",
         "OK error -32700 void 400; WEAK served", "OK error -32700 void 400; WEAK served", "JR-17 FR-03"),
    _row("F5", "a lone surrogate",
         "OK error -32700 void, error -32602, served; FAIL nothing",
         "OK error -32700 void, error -32602, served; FAIL nothing 2xx",
         "OK error -32700 void, error -32602, served; FAIL nothing 2xx", "FR-03"),
    _row("F6", "a byte order mark", "OK error -32700 void, served", "OK error -32700 void, served",
         "OK error -32700 void, served", "JR-17"),
    _row("F7", "duplicate keys",
         "OK error -32700 void, error -32600, served",
         "OK error -32700 void, error -32600, served", "OK error 4xx, silence 4xx, served", "JR-17 SE-26"),
    _row("F8", "deep nesting",
         "OK error -32700/-32600/-32602, served",
         "OK error -32700/-32600/-32602, any 4xx, served",
         "OK error -32700/-32600/-32602, any 4xx, served", "JR-17"),
    _row("F9", "a string of megabytes",
         "OK served, error -32600/-32602, closed 1009",
         "OK served, error -32600/-32602, any 413", "OK served, error -32600/-32602, any 413", "JR-18"),
    _row("F10", "a message split over two lines, or two in one",
         _F1, _F1_LEGACY, _F1_MODERN, "FR-02 JR-17", answers=2),
    # ---- JSON-RPC: what the envelope says ----
    _row("R1", "JSON, but not an object",
         "OK error -32600 void; WEAK error -32700 void, silence; FAIL served",
         "OK error -32600 void 400; FAIL any 2xx; WEAK error -32700/-32602 void",
         "OK error -32600 void 400; FAIL any 2xx", "JR-18 SH-03"),
    _row("R2", "an object without a method",
         "OK error -32600 due; WEAK error -32600, silence; FAIL served",
         "OK error -32600 due 400; FAIL any 2xx; WEAK error -32600/-32602/-32700",
         "OK error -32600 400; FAIL any 2xx", "JR-18 JR-26"),
    _row("R3", "an empty batch",
         "OK error -32600 void; WEAK error -32700 void, silence; FAIL served",
         "OK error -32600 void 400; WEAK silence 202, error -32700/-32602 void; FAIL served",
         "OK error -32600 void 400; FAIL served", "JR-09 JR-18"),
    _row("R4", "a batch of two valid requests",
         "B: FAIL error -32600/-32700/-32602 x*; B: OK answered echo x2; B: FAIL any; "
         "OK error -32600 void; WEAK silence; ACD: WEAK served, served x2; E: FAIL served, served x2",
         "B: FAIL error -32600/-32700/-32602 x*; B: OK answered echo 200 x2; B: FAIL any; "
         "ACD: OK any 400; ACD: WEAK served, served x2",
         "OK error -32600 void 400; FAIL served, served x2", "JR-09 JR-10 FR-04", answers=2),
    _row("R5", "a batch of what are no messages",
         "OK error -32600 void; B: OK error -32600 void x*; WEAK error -32700 void, silence; FAIL served",
         "OK any 400, any 400 x*; B: WEAK error -32600 void 200, error -32600 void 200 x*; FAIL any 2xx",
         "OK error -32600 void 400; FAIL any 2xx", "JR-09 JR-18", answers=999),
    _row("R6", "jsonrpc is not the string 2.0",
         "OK error -32600; WEAK silence, served",
         "OK error -32600 400; WEAK error -32602/-32700, served", "OK error -32600 400; WEAK served", "JR-18 FR-05"),
    _row("R7", "method is not a string",
         "OK error -32600; WEAK silence; FAIL served",
         "OK error -32600 400; FAIL any 2xx", "OK error -32600 400; FAIL any 2xx", "JR-18"),
    _row("R8", "method is the empty string",
         "OK error -32601/-32600; FAIL silence, served",
         "OK error -32601/-32600 200/4xx; FAIL silence 2xx, served",
         "OK error -32601 404, error 400; FAIL silence 2xx, served", "JR-15 JR-16"),
    _row("R9", "id is null", _R9, _R9_HTTP, _R9_HTTP, "JR-18"),
    _row("R10", "id is neither string nor integer",
         f"FAIL error echo; {_R9}", f"FAIL error echo; {_R9_HTTP}", f"FAIL error echo; {_R9_HTTP}", "JR-01 JR-18"),
    _row("R11", "a legal but odd id",
         "OK served echo; FAIL any", "OK served echo; FAIL any", "OK served echo; FAIL any", "JR-01", due=True),
    _row("R12", "an integer id beyond 2^53",
         "OK served echo; WEAK error -32600, silence; FAIL served",
         "OK served echo; WEAK any 400; FAIL served", "OK served echo; WEAK any 400; FAIL served", "JR-01"),
    _row("R13", "one id twice in flight",
         *(("OK served echo x2, served echo + error -32600; WEAK any, any x*",) * 3), "JR-01", answers=2),
    _row("R14", "params is neither object nor absent",
         "OK error -32602/-32600; WEAK silence; FAIL result",
         "OK error -32602/-32600 200/4xx; WEAK error -32700; FAIL result",
         "OK error -32600/-32602 400; FAIL result", "JR-19"),
    _row("R15", "params is null",
         "OK error -32602/-32600; ABCD: OK served; E: FAIL served", "OK error -32602/-32600, served",
         "OK error -32602; FAIL served", "JR-19 LM-02"),
    _row("R16", "members that a request does not have",
         "OK served, error -32600; FAIL silence",
         "OK served, error -32600; FAIL any 202", "OK served, error -32600; FAIL any 202", "JR-18"),
    # ---- methods ----
    _row("M1", "an unknown method",
         "OK error -32601; WEAK error -32602/-32600; FAIL nothing, served, error -32603",
         "OK error -32601 200/4xx; WEAK error -32602; FAIL nothing 2xx, served, error -32603",
         "OK error -32601 404; FAIL any", "JR-15 JR-16", due=True),
    _row("M2", "a method that was not declared, or was removed",
         "OK error -32601; FAIL served", "OK error -32601; FAIL served",
         "OK error -32601 404, error -32602 400; FAIL served", "LC-08 JR-16", due=True),
    # ---- parameters ----
    _row("P1", "tools/call with a wrong shape",
         "OK error -32602; FAIL result; WEAK error -32600/-32603, is-error",
         "OK error -32602; FAIL result; WEAK error -32600/-32603, is-error",
         "OK error -32602 200/400, error -32020 400; FAIL result; WEAK error -32600/-32603, is-error",
         "JR-19", due=True),
    _row("P2", "an unknown tool", *(("OK error -32602; FAIL result; WEAK is-error, error -32601",) * 3),
         "TL-16", due=True),
    _row("P3", "arguments that violate inputSchema", _P3, _P3, _P3, "TL-12 TL-18", due=True),
    _row("P4", "an argument that an open schema does not name", *(("OK served; WEAK error",) * 3), "TL-12", due=True),
    _row("P5", "an unknown resource",
         "ABCD: OK error -32002; E: OK error -32602; ABCD: WEAK error, result; E: FAIL error -32002, result",
         "OK error -32002; WEAK error, result", "OK error -32602; FAIL error -32002, result",
         "RS-03 RS-04 RS-05", due=True),
    _row("P6", "a malformed URI",
         "OK error -32602; ABCD: OK error -32002; WEAK error -32603", "OK error -32602/-32002; WEAK error -32603",
         "OK error -32602; WEAK error -32603", "RS-07", due=True),
    _row("P7", "an unknown prompt, or a prompt without a required argument", _P7, _P7, _P7, "PR-03 PR-04", due=True),
    _row("P8", "a bogus cursor", *(("OK error -32602; WEAK result",) * 3), "PG-02 PG-03", due=True),
    _row("P9", "a progress token that is neither string nor integer",
         *(("FAIL obeyed, obeyed x*, answered + obeyed; OK error -32602/-32600, served; WEAK silence",) * 3), "PS-01"),
    _row("P10", "a bad log level",
         "OK error -32602; ABCD: OK error -32601; FAIL obeyed", "OK error -32602/-32601; FAIL obeyed",
         "OK error -32602; FAIL obeyed", "LG-02 LG-03", due=True),
    _row("P11", "a modern request without its envelope",
         "E: OK error -32602; E: FAIL served", "",
         "OK error -32602 400; WEAK any 4xx; FAIL served", "LM-02 LM-03", due=True),
    _row("P12", "an unsupported protocol version",
         "FAIL obeyed; ABCD: OK result, error -32602; E: OK error -32022; E: FAIL served",
         "FAIL obeyed; OK result, error -32602",
         "FAIL obeyed; OK error -32022/-32020 400; FAIL served", "LC-03 LM-05 LM-06", due=True),
    _row("P13", "a client capability that is needed, undeclared",
         "E: OK error -32021; E: FAIL input-required, request", "",
         "OK error -32021 400; FAIL input-required, request", "LM-09 LM-10 EL-06", due=True),
    # ---- notifications ----
    _row("N1", "an odd notification",
         "OK silence; FAIL response, response x*",
         "FAIL served, error 2xx, noise 2xx; OK silence 202, any 4xx",
         "FAIL served, error 2xx, noise 2xx; OK silence 202, any 4xx", "JR-06 CN-02 SH-02 SE-02"),
    _row("N2", "a request method without an id",
         "OK silence; FAIL response, response x*",
         "FAIL served, error 2xx; OK silence 202, any 4xx",
         "FAIL served, error 2xx; OK silence 202, any 4xx", "JR-06"),
    _row("N3", "a notification method with an id",
         "OK error -32601/-32600/-32602; FAIL silence",
         "OK error -32601/-32600/-32602; FAIL silence 2xx",
         "OK error -32601 404, error 400; FAIL silence 2xx", "JR-07", due=True),
    # ---- responses that nobody asked for ----
    _row("S1", "an unsolicited response",
         "OK silence; FAIL response, response x*",
         "FAIL served, error 2xx; OK silence 202, any 4xx",
         "FAIL served, error 2xx; OK any 400; WEAK silence 202", "SH-02 SH-03"),
    _row("S2", "a response with both result and error",
         "OK silence; FAIL served", "FAIL served; OK any 4xx; WEAK silence 202", "FAIL served; OK any 400", "JR-02"),
    # ---- lifecycle ----
    _row("L1", "a request before initialize",
         "ABCD: OK error; ABCD: WEAK served", "OK any 400/401/404; WEAK served", "", "SS-03"),
    _row("L2", "a second initialize",
         "OK error -32600; E: OK error -32601; WEAK served",
         "OK error -32600; WEAK served", "OK error -32601 404", "LC-01 JR-16"),
    # ---- HTTP ----
    _row("H1", "Content-Type missing or text/plain",
         "", "OK any 415/400; WEAK any 2xx", "OK any 415/400; WEAK any 2xx", "TS-01"),
    _row("H2", "Accept lacks a type", "", "OK any 406/400/2xx", "OK any 406/400/2xx", "SH-04 SE-04"),
    _row("H3", "a foreign Origin",
         "FAIL served, any 101/2xx; OK any 403", "FAIL any 2xx; ABC: OK any 4xx; D: OK any 403",
         "FAIL any 2xx; OK any 403", "TS-01 TS-02"),
    _row("H4", "a foreign Host", "", "OK any 421/403/400; WEAK any 2xx", "OK any 421/403/400; WEAK any 2xx", "TS-01"),
    _row("H5", "PUT or PATCH", "", "OK any 405; WEAK any 404; FAIL any 2xx", "OK any 405; FAIL any 2xx", "SH-01"),
    _row("H6", "GET", "", "FAIL response; OK any 2xx/405/406; WEAK any 409", "FAIL response 2xx; OK any 405",
         "SH-08 SH-09 SE-23"),
    _row("H7", "DELETE", "", "OK any 2xx/405", "OK any 405", "SE-23"),
    _row("H8", "a session id missing or not in use", "", "OK any 400/404; FAIL any 2xx", "OK any", "SS-03 SS-04"),
    _row("H8a", "a session id that is missing", "", "OK any 400; FAIL any 2xx", "OK any", "SS-03"),
    _row("H8b", "a session id that was never issued", "", "OK any 404; WEAK any 400; FAIL any 2xx", "OK any", "SS-04"),
    _row("H8c", "a session id that was terminated", "", "OK any 404; WEAK any 401/403; FAIL any", "OK any", "SS-04"),
    _row("H9", "a bad MCP-Protocol-Version", "", "AB: OK any; CD: OK any 400; CD: FAIL any 2xx",
         "OK error -32020/-32022 400; FAIL any 2xx", "PV-02 SE-09"),
    _row("H10", "no MCP-Protocol-Version", "", "OK any 2xx", "OK error -32020 400", "PV-01 SE-10"),
    _row("H11", "Mcp-Method or Mcp-Name missing or wrong", "", "", "OK error -32020 400; WEAK any 4xx; FAIL served",
         "SE-11 SE-12 SE-13 SE-14 SE-16 SE-26"),
    _row("H12", "a body that its headers do not tell the end of", "",
         "FAIL served; OK silence, any 4xx; WEAK any", "FAIL served; OK silence, any 4xx; WEAK any", "SH-03"),
    _row("H13", "headers that say two things", "", "OK any 4xx; WEAK any", "OK any 4xx; WEAK any", "SH-03"),
    _row("H14", "headers that are large or odd", "", "OK any 4xx/2xx; WEAK any", "OK any 4xx/2xx; WEAK any", "SH-03"),
    # ---- WebSocket ----
    _row("W1", "a binary frame", "OK served, error -32700 void, closed 1003", "", "", "FR-08"),
    _row("W2", "frames that RFC 6455 forbids", "OK closed 1002/1007/1009, served", "", "", "FR-08"),
    _row("W2a", "frames that must end the connection",
         "FAIL served; OK closed 1002/1003/1007/1008/1009; WEAK any", "", "", "FR-08"),
    _row("W2b", "frames that are odd and allowed",
         "OK served; WEAK closed 1008/1009/1013, error; FAIL any", "", "", "FR-08", due=True),
    _row("W2c", "what is not at its end",
         "FAIL served; OK silence, closed 1002/1003/1007/1008/1009; WEAK any", "", "", "FR-08"),
    _row("W2d", "pings in numbers", "OK any", "", "", "FR-08"),  # a server that has enough of them may hang up
    _row("W3", "a subprotocol that was not offered", "FAIL selected; OK silence, any 4xx", "", "", "FR-08"),
    _row("W4", "no valid credential",
         "OK any 401/403, closed 1008/4401, error + closed 1008/4401, noise + closed 1008/4401; "
         "FAIL served, served x*, result + closed, is-error + closed", "", "", "AU-01 AU-06 TS-04"),
    _row("W5", "an upgrade that is none", "FAIL any 101; OK any 4xx; WEAK any", "", "", "FR-08"),
)  # fmt: skip
ROWS: Mapping[str, Row] = {row.id: row for row in _ROWS}
"""Every row of the table; H8a, H8b and H8c are the three cases that its row H8 names, W2a to W2d the kinds of
frames that W2 throws together. H12 to H14 are RFC 9112 (6.3) and 9110 (5.3, 5.4); W5 is RFC 6455, 4.2.1."""
