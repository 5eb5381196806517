"""How a proof is told: the finding's place, title and fingerprint, and what came back per step, cut to a size that can
be read.
"""

from __future__ import annotations

import hashlib

from mcpfuzz.campaign.shrink import found_in_passing
from mcpfuzz.campaign.telling import said
from mcpfuzz.model import (
    Case,
    Confidence,
    Conversation,
    Exchange,
    Finding,
    Frame,
    Http,
    Json,
    Place,
    Suspicion,
    Trace,
    replace,
)
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.page_proofs import OWN
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.rules import RULES

__all__ = ["ANYTHING_GOES", "LETHAL", "finding_of", "fingerprint"]

LETHAL = frozenset({"crash", "hang", "poisoned", "no-answer"})
"""Rules whose proof leaves the server unfit: every try costs a start, or a wait."""
ANYTHING_GOES = LETHAL | {
    "stack-trace-leak", "path-leak", "secret-leak", "oversized-answer", "stdout-pollution", "wrong-id",
    "duplicate-answer", "result-shape", "output-schema",
}  # fmt: skip
"""Rules that hold whatever is said, so that shrinking may change what is said."""
SHOWN_BYTES = 64 << 10
"""A longer answer is shown by its beginning."""


def fingerprint(suspicion: Suspicion) -> str:
    """Stable across seeds, runs and payloads: the rule and its normalised cause, which names the place
    where it matters; never ids, bytes or times."""
    text = "\x1f".join((suspicion.rule, suspicion.cause))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def finding_of(
    bench: Bench,
    suspicion: Suspicion,
    case: Case,
    conversation: Conversation,
    trace: Trace | None,
    minimal: bool,
    confidence: Confidence,
    note: str,
) -> Finding:
    """The finding, in the words that fit what is left of its case.

    Args:
        trace: of the proof; None: there is none, and it is a suspect.
        note: what besides is to be known of it.
    """
    rule = RULES[suspicion.rule]
    observed = observe(suspicion.proof, trace, bench) if trace is not None else None
    place, title = suspicion.place, suspicion.title
    if suspicion.proof.kind == "accepted" and observed:  # shrinking may have found a plainer flaw
        place, title = replace(place, argument=None), f"{rule.title}: {observed.split(';')[0]}"[:200]
    elif suspicion.rule in ANYTHING_GOES and (_changed(case, conversation) or found_in_passing(case, suspicion.rule)):
        title = f"{rule.title}: {said(conversation)}"[:200]
    page = _page(place, conversation)
    if page is not None:  # one of many that were asked for together
        place, title = replace(place, name=page), f"{rule.title}: {case.label or page}"[:200]
    return Finding(
        rule=rule.id,
        cwe=rule.cwe,
        severity=rule.severity,
        confidence=confidence,
        place=place,
        title=title,
        proof=suspicion.proof,
        observed=observed or suspicion.observed,
        conversation=conversation,
        receive=_received(conversation, trace),
        minimal=minimal,
        fingerprint=fingerprint(suspicion),
        references=(f"CWE-{rule.cwe}", *(item for item in rule.references if item != f"CWE-{rule.cwe}")),
        scenario=case.scenario,
        stderr=trace.stderr[-4000:] if trace is not None else "",
        note=note,
    )


def _changed(case: Case, conversation: Conversation) -> bool:
    """Whether shrinking changed what the case's label tells: what is said, or how much is said before."""
    first = case.conversation.steps
    same = all(step in first for step in conversation.steps)
    return not same or (case.label.startswith("after ") and len(conversation) < len(first))


def _page(place: Place, conversation: Conversation) -> str | None:
    """The page that a finding is about: the last that is asked for beside the endpoint."""
    if place.kind != "endpoint" or " ... " not in place.name:
        return None
    paths = [step.action.path for step in conversation.steps if isinstance(step.action, Http)]
    return next((path.partition("?")[0] for path in reversed(paths) if path not in OWN), None)


def _received(conversation: Conversation, trace: Trace | None) -> tuple[Json, ...]:
    """Per step what came back, as JSON where it was JSON."""
    by_step: dict[int, Exchange] = {exchange.step: exchange for exchange in trace.exchanges} if trace else {}
    return tuple(_answer(by_step.get(index)) for index in range(len(conversation)))


def _answer(exchange: Exchange | None) -> Json:
    if exchange is None:
        return None
    frames = [frame for frame in (exchange.answer, *exchange.others) if frame is not None]
    shown = [_frame(frame) for frame in frames[:5]]
    return shown[0] if len(shown) == 1 else (shown or None)


def _frame(frame: Frame) -> Json:
    if len(frame.raw) > SHOWN_BYTES:
        start = frame.raw[:2000].decode("utf-8", "replace")
        return {"bytes": {"utf8": f"{start}... ({len(frame.raw):,} bytes in all)"}}
    if frame.value is not None:
        return frame.value
    return {"bytes": {"utf8": frame.raw[:2000].decode("utf-8", "replace")}}
