"""From one case and its trace to suspicions: which proofs are worth looking for, and under which rule and
cause they would be reported. The universal oracles look at every trace; the ORACLE table and the labels
of generated arguments speak where a case carries them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mcpfuzz.model import Case, Ending, Open, Place, Proof, Surface, Suspicion, Trace, replace
from mcpfuzz.oracles.answer_proofs import CLOSE_REASON
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.leaks import may_leak
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.reading import frames, lost, method_of
from mcpfuzz.oracles.row_proofs import row_verdict
from mcpfuzz.oracles.rules import RULES
from mcpfuzz.oracles.verdicts import asked_of
from mcpfuzz.slots import quote
from mcpfuzz.waits import waits_in

__all__ = ["judge_trace", "normalised"]

_VARIABLE = (
    (re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,}\b"), "<hex>"),
    (re.compile(r"(?:/[\w.@+-]+){2,}/?"), "<path>"),
    (re.compile(r"'[^'\n]{0,400}'|\"[^\"\n]{0,400}\"|`[^`\n]{0,400}`"), "<text>"),
    (re.compile(r"[-+]?\d[\d.,:eE+-]*"), "<n>"),
    (re.compile(r"\s+"), " "),
)
_NUMBERS = re.compile(r"[0-9a-f]*\d[0-9a-f]*")
_TEMPORARY = re.compile(r"/.*/te?mp/[^/]+", re.IGNORECASE)
"""A folder that each process makes anew, under a name of chance."""
_FRAME = re.compile(r'File "([^"]+)", line \d+, in (\S+)')
UNIVERSAL: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("crash", "process-exit", "the server stays alive", {}),
    ("hang", "server-hang", "the server keeps answering", {}),
    ("no-answer", "no-answer", "every request is answered", {}),
    ("server-error", "server-error", "a status that says whose fault it is", {}),
    ("no-shutdown", "no-shutdown", "the process ends with its stdin", {}),
    ("malformed-message", "effect", "no effect: a message without an id asks for nothing to be done", {}),
    ("memory-growth", "memory-growth", "memory that settles", {}),
    ("oversized-answer", "oversized-answer", "an answer in proportion to the request", {}),
    ("wrong-id", "wrong-id", "the same id, in value and type", {}),
    ("duplicate-answer", "duplicate-answer", "one answer", {}),
    ("stdout-pollution", "stdout-noise", "nothing but MCP messages on stdout", {}),
    ("result-shape", "ill-formed", "an answer as the specification shapes it", {}),
    ("stack-trace-leak", "leak", "a message without internals", {"rule": "stack-trace-leak"}),
    ("path-leak", "leak", "a message without the machine's paths", {"rule": "path-leak"}),
    ("secret-leak", "leak", "a message without secrets", {"rule": "secret-leak"}),
)
_PROOFS = {rule: Proof(kind=kind, expected=expected, params=params) for rule, kind, expected, params in UNIVERSAL}
_DAMAGE = frozenset({"crash", "hang", "no-shutdown"})
"""Rules that only an ending tells of."""
_STORIES = frozenset({"malformed-message", "memory-growth"})
"""Universal rules that take several steps to break."""
_LEAKS = frozenset({"stack-trace-leak", "path-leak", "secret-leak"})
_ALIVE = Ending()
_PLAIN = {
    hides: tuple(row for row in UNIVERSAL if row[0] not in _DAMAGE | _STORIES | (frozenset() if hides else _LEAKS))
    for hides in (True, False)
}
"""What is left to ask of one step that left the server as it was: most traces are such. By whether what came may hold
a leak."""
OWN_ANSWER = frozenset({"no-answer", "server-error", "wrong-id", "duplicate-answer", "result-shape"})
"""Rules that presume a well-formed request with an id of its own."""
MAY_WAIT = frozenset({"hang", "no-answer"})
"""Rules about a wait, which may be what the caller asked for."""
OF_ONE_STEP = OWN_ANSWER | {"oversized-answer", "stack-trace-leak", "path-leak", "secret-leak"}
"""Rules that one step's answer, or that there is none, breaks."""
EXPLAINS = frozenset({"unsafe-consumption", "http-server-error", "cross-talk"})
"""Rules whose finding says why the server broke, or an answer did not come: what the universal oracles would say of it
is the same cause."""
POISON = "later good calls succeed as before"
_FABRICATED = frozenset({"P2", "P5", "P7"})
_BY_INVARIANT = {"U3": "wrong-id", "U4": "result-shape", "U7": "duplicate-answer"}


def normalised(text: str) -> str:
    """A message with ids, numbers, paths, quotes and times taken out: equal causes give equal text."""
    for pattern, stand_in in _VARIABLE:
        text = pattern.sub(stand_in, text)
    return text.strip()[:200]


def judge_trace(case: Case, trace: Trace, bench: Bench, surface: Surface) -> Iterator[Suspicion]:
    """All that is suspicious about one trace."""
    for claim in case.claims:
        seen = observe(claim.proof, trace, bench)
        if seen is not None:
            cause = f"{case.place.kind}:{case.place.name} {case.place.argument or ''}"
            yield _suspicion(claim.rule, case, claim.proof, seen, cause)
            if claim.rule in EXPLAINS:
                return
    for rule, kind, expected, params in _askable(trace, bench):
        if _for_others(rule, case, trace, bench):
            continue
        more = _waits(case, surface) if rule in MAY_WAIT else {}
        proof = Proof(kind=kind, expected=expected, params={**params, **more}) if more else _PROOFS[rule]
        seen = observe(proof, trace, bench)
        if seen is not None:
            told = _at_fault(rule, case, proof, trace, bench, surface)
            yield _suspicion(rule, told, proof, seen, _cause(rule, _listed(told, surface), trace, seen))
    if lost(trace) and case.row is not None:
        yield from _by_table(case, trace, bench)
    if trace.ending.kind != "alive":
        return
    yield from _by_schema(case, trace, bench, surface)
    if case.row is not None:
        yield from _by_table(case, trace, bench)


def _askable(trace: Trace, bench: Bench) -> tuple[tuple[str, str, str, dict[str, Any]], ...]:
    """The universal rules that a trace can break at all."""
    if len(trace.exchanges) != 1 or len(trace.conversation) != 1 or trace.ending != _ALIVE:
        return UNIVERSAL
    told = any(exchange.reason for exchange in trace.exchanges)
    return _PLAIN[told or any(may_leak(frame.raw, bench.secrets) for frame in frames(trace))]


def _for_others(rule: str, case: Case, trace: Trace, bench: Bench) -> bool:
    """Whether a universal rule is not to be judged here."""
    if rule == "no-answer" and case.silence_ok:
        return True
    if rule == "result-shape" and _other_era(trace):
        return True  # other revisions have other shapes
    if rule == "stdout-pollution" and bench.transport == "ws" and _unintroduced(trace):
        return True  # what somebody is told who has not come in yet need not be MCP
    return case.row is not None and rule in OWN_ANSWER  # whose answer is whose, what is due: for the table to say


def _waits(case: Case, surface: Surface) -> dict[str, Any]:
    """What of the tool's arguments says how long to wait: a call that waits as it was told does not hang."""
    operation = surface.operation(case.place.kind, case.place.name)
    waits = waits_in(operation.schema) if operation is not None and operation.kind == "tool" else {}
    return {"waits": waits} if waits else {}


def _at_fault(rule: str, case: Case, proof: Proof, trace: Trace, bench: Bench, surface: Surface) -> Case:
    """For what is told: of several steps the one whose answer alone shows it, where it is another tool's than the
    case is about. Its tool is at fault then, however it came to be called."""
    if rule not in OF_ONE_STEP or len(case.conversation) == 1 or trace.ending.reason:
        return case  # what the connection was ended with is no answer to a step
    for exchange in trace.exchanges:
        if observe(proof, replace(trace, exchanges=(exchange,)), bench) is None:
            continue
        method, params = method_of(trace, exchange) or ("", None)
        named = params.get("name") if method == "tools/call" and isinstance(params, dict) else None
        other = next((item for item in surface.operations if item.kind == "tool" and quote(item.name) == named), None)
        if other is None or other.name == case.place.name:
            return case
        return replace(case, place=Place(kind="tool", name=other.name), label="")
    return case


def _listed(case: Case, surface: Surface) -> Case:
    """For causes: whatever answers under a name that is not listed is one and the same."""
    if case.place.kind != "tool" or surface.operation("tool", case.place.name) is not None:
        return case
    return replace(case, place=replace(case.place, name="(not listed)"))


def _other_era(trace: Trace) -> bool:
    """Whether a connection of another revision than the run's was opened."""
    opened = (step.action for step in trace.conversation.steps)
    return any(isinstance(action, Open) and action.revision is not None for action in opened)


def _unintroduced(trace: Trace) -> bool:
    """Whether a connection was opened without the first words of a client."""
    opened = (step.action for step in trace.conversation.steps)
    return any(isinstance(action, Open) and not action.handshake for action in opened)


def _suspicion(rule: str, case: Case, proof: Proof, seen: str, cause: str) -> Suspicion:
    place = case.place
    title = f"{RULES[rule].title}: {case.label}" if case.label else RULES[rule].title
    return Suspicion(rule=rule, place=place, title=title[:200], proof=proof, observed=seen, cause=cause)


def _cause(rule: str, case: Case, trace: Trace, seen: str) -> str:
    where = f"{case.place.kind}:{case.place.name}"
    if "an unknown property:" in case.label and rule in ("hang", "no-answer", "server-error"):
        where = "reader"  # nothing of the operation's own looks at that: whoever reads messages does
    if rule == "crash" and trace.ending.left:
        return "a connection left"  # whatever it had said before
    if rule == "crash":
        at = "transport" if case.place.kind == "transport" else where  # a frame is the reader's, whatever is in it
        return crash_cause(trace) or f"{trace.ending.returncode} {at}"
    if rule in ("hang", "no-answer", "poisoned", "memory-growth", "oversized-answer"):
        return where
    if rule == "result-shape":
        return f"{where if case.place.kind == 'tool' else case.place.kind} {normalised(seen.split(' in ')[0])[:60]}"
    if rule in ("wrong-id", "server-error", "stdout-pollution", "duplicate-answer"):
        return where if case.place.kind == "tool" or where == "reader" else case.place.kind
    if rule == "path-leak":
        folder = seen.rpartition("/")[0]  # one folder, however many operations show it
        return _NUMBERS.sub("<n>", _TEMPORARY.sub("<temporary>", folder))
    if CLOSE_REASON in seen:
        where = "close frame"  # whatever the connection was ended for
    return f"{where} {normalised(seen)[:60]}"


def crash_cause(trace: Trace) -> str:
    """The signature of a crash: exit code, the innermost frames, the last line of stderr."""
    lines = [line.strip() for line in trace.stderr.splitlines() if line.strip()]
    if not lines:
        return ""
    inner = [f"{path.rsplit('/', 1)[-1]}:{name}" for path, name in _FRAME.findall(trace.stderr)[-3:]]
    return f"{trace.ending.returncode} {' '.join(inner)} {normalised(lines[-1]).split(':')[0]}"


def _by_schema(case: Case, trace: Trace, bench: Bench, surface: Surface) -> Iterator[Suspicion]:
    operation = surface.operation(case.place.kind, case.place.name)
    if operation is None or operation.kind != "tool":
        return
    if operation.output_schema and case.valid is not False:
        params: dict[str, Any] = {"tool": operation.name, "schema": dict(operation.output_schema)}
        proof = Proof(kind="output-schema", expected="structuredContent that obeys outputSchema", params=params)
        seen = observe(proof, trace, bench)
        if seen is not None:
            yield _suspicion("output-schema", case, proof, seen, f"{operation.name} {normalised(seen)[:80]}")
    if case.valid is False and (not case.coercible or bench.strict):
        extra = "additionalProperties" in case.label or "unknown argument" in case.label
        rule = "extra-argument-accepted" if extra else "unvalidated-arguments"
        params = {"tool": operation.name, "schema": dict(operation.schema), "extra": extra}
        proof = Proof(kind="accepted", expected="an error: the schema forbids these arguments", params=params)
        seen = observe(proof, trace, bench)
        if seen is not None:
            yield _suspicion(rule, case, proof, seen, operation.name)


def _by_table(case: Case, trace: Trace, bench: Bench) -> Iterator[Suspicion]:
    params = {"row": case.row, "ids": case.ids, "trap": case.trap}
    if str(case.row)[0] == "W":
        params["steps"] = len(case.conversation)  # fewer fragments are another message
    verdict = row_verdict(params, trace, bench)
    if verdict.level != "FAIL" or (case.row == "R11" and "error, " in verdict.because and "id echo" in verdict.because):
        return  # R11 is about the id: a method that is refused under any id says nothing of it
    rule = _row_rule(str(case.row), verdict.rule, trace)
    known = _PROOFS.get(rule) if verdict.rule in _BY_INVARIANT else None
    expected = known.expected if known is not None else asked_of(str(case.row), bench.revision, bench.transport)
    proof = Proof(kind="verdict", expected=expected, params=params)
    cause = f"{case.row} {verdict.rule}"  # not what was seen besides: it differs from one time to the next
    if verdict.rule in _BY_INVARIANT or rule == "answer-to-notification":
        kind = case.place.kind
        kind = "session" if kind in ("transport", "endpoint") else kind  # one reader, whatever was wrong
        cause = f"{kind} {verdict.rule}"  # whichever row brought it out
    yield _suspicion(rule, case, proof, verdict.because, cause)


def _row_rule(row: str, decided: str, trace: Trace) -> str:
    refused = any((exchange.status or 0) >= 400 for exchange in trace.exchanges)  # HTTP's own no, as is its right
    if row in ("N1", "N2") and (decided in (row, "U7") or (decided == "U3" and not refused)):
        return "answer-to-notification"
    if decided == "U4" and row[0] == "F":
        return "malformed-frame"
    if decided in _BY_INVARIANT:
        return _BY_INVARIANT[decided]
    if row in _FABRICATED and "result" in _kinds(trace):
        return "fabricated-success"
    if row == "H11":
        return "header-mismatch"
    by_class = {"F": "malformed-frame", "P": "malformed-params", "H": "malformed-http", "W": "websocket-protocol"}
    return by_class.get(row[0], "malformed-message")


def _kinds(trace: Trace) -> set[str]:
    kinds = set()
    for exchange in trace.exchanges:
        for frame in (exchange.answer, *exchange.others):
            if frame is not None and isinstance(frame.value, dict):
                kinds |= frame.value.keys() & {"result", "error"}
    return kinds
