"""Proofs that need several steps: what was removed answers still, what works once works again, what only reads
leaves a mark. The params name the steps by their role, so each proof is of one conversation and of no shorter one.

Pure, as all proofs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mcpfuzz.harvest import members
from mcpfuzz.model import Exchange, Json, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.leaks import leaks_in
from mcpfuzz.oracles.reading import accepted, answered_result, bare, by_step, text_of

__all__ = ["STATEFUL", "masked"]


LARGE_ANSWER = 512 << 10
"""Bytes of an answer to a small request that are a cost."""
LONG_S = 0.25
"""Seconds of an answer that are a cost ..."""
TIMES_LONGER = 20
"""... where they are so many times what the same size takes without the hostile part."""
UNPACK_S = 0.03
_VOLATILE = re.compile(
    r"time|date|modif|access|last|etag|version|elapsed|duration|took|uptime|rev|seq|count(?:er)?$|_at$", re.IGNORECASE
)
_CLOCK = (
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d?:\d\d(?::\d\d(?:\.\d+)?)?\b"), "<time>"),
    (re.compile(r"\b1[6-9]\d{8}(?:\d{3})?(?:\.\d+)?\b"), "<time>"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|µs|seconds?|secs?|minutes?|s)\b"), "<time>"),
)


def _steps(params: Mapping[str, Any], trace: Trace) -> dict[int, Exchange] | None:
    """Exchanges by step, where the whole conversation was said and every step was answered."""
    found = by_step(params, trace)
    return found if found is not None and len(found) == params["steps"] else None


def _shown(exchange: Exchange, limit: int) -> str:
    """The beginning of what an answer tells people."""
    result = answered_result(exchange) or {}
    content = result.get("content")
    told = [item.get("text") for item in content if isinstance(item, dict)] if isinstance(content, list) else []
    return repr(next((text for text in told if isinstance(text, str)), "")[:limit])


def _form(exchange: Exchange) -> str:
    """An answer's words, numbers and ids taken out: what it says, not of what."""
    return bare(text_of(exchange))


def masked(exchange: Exchange) -> str:
    """What an answer says, times and what counts them taken out."""
    result = answered_result(exchange)
    if result is None:
        return "an error"
    text = json.dumps(_still(result), sort_keys=True)
    for pattern, stand_in in _CLOCK:
        text = pattern.sub(stand_in, text)
    return text


def _still(value: Json, depth: int = 0) -> Json:
    if depth > 12:
        return None
    if isinstance(value, dict):
        return {key: _still(item, depth + 1) for key, item in value.items() if not _VOLATILE.search(str(key))}
    if isinstance(value, list):
        return [_still(item, depth + 1) for item in value]
    if isinstance(value, str) and value[:1] in ("{", "[") and len(value) < 1 << 18:
        try:
            return _still(json.loads(value), depth + 1)
        except (ValueError, RecursionError):
            return value
    return value


# ---- what was there -------------------------------------------------------------------------------


def _outlives(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A thing is shown, removed, and shown again as it was; its contents are a canary that only its making names."""
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary:
        return None
    shown, gone, again = said[params["shown"]], said[params["gone"]], said[params["again"]]
    if not (accepted(shown) and accepted(gone) and accepted(again)) or canary.encode() in again.sent:
        return None
    if canary not in text_of(again) or text_of(shown) != text_of(again):
        return None
    return f"step {params['again'] + 1} shows what step {params['gone'] + 1} removed, its contents unchanged"


def _stale(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A thing is shown, changed, and shown again as it was before."""
    said = _steps(params, trace)
    before, after = trace.canaries.get(str(params["before"])), trace.canaries.get(str(params["after"]))
    if said is None or not before or not after:
        return None
    shown, changed, again = said[params["shown"]], said[params["changed"]], said[params["again"]]
    if not (accepted(shown) and accepted(changed) and accepted(again)) or before.encode() in again.sent:
        return None
    if before not in text_of(shown) or before not in text_of(again) or after in text_of(again):
        return None
    other, took = said[params["other"]], trace.canaries.get(str(params["took"]))
    if not took or not accepted(other) or took not in text_of(other):
        return None  # such a change is not shown at all, or later
    return f"step {params['again'] + 1} shows what stood there before step {params['changed'] + 1} changed it"


# ---- once ----------------------------------------------------------------------------------------


def _replayed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What is good for one time works twice, in the same words, and does not for an id that nobody gave out."""
    said = _steps(params, trace)
    if said is None:
        return None
    first, again, unknown = said[params["first"]], said[params["again"]], said[params["unknown"]]
    if not (accepted(first) and accepted(again)) or accepted(unknown) or _form(first) != _form(again):
        return None
    return f"step {params['again'] + 1} did once more what step {params['first'] + 1} had done: {_shown(again, 120)}"


def _raced(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Calls that went out together succeed more than once; one that comes after them is refused."""
    said = _steps(params, trace)
    if said is None or accepted(said[params["last"]]) or accepted(said[params["unknown"]]):
        return None
    done = [said[step] for step in params["together"] if accepted(said[step])]
    if len(done) < 2 or len({_form(item) for item in done}) > 1:
        return None
    return f"{len(done)} of {len(params['together'])} calls that went out together succeeded; a later one is refused"


# ---- before and after -----------------------------------------------------------------------------


def _changed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Readings, each taken twice, that are settled before a call and settled after it, and differ."""
    said = _steps(params, trace)
    if said is None or not all(accepted(said[step]) for step in params["acts"]):
        return None
    if params.get("same") and len({_form(said[step]) for step in params["acts"]}) > 1:
        return None  # the repetition did something else, and says so
    one, two = params["before"]
    three, four = params["after"]
    for first, second, third, fourth in zip(one, two, three, four, strict=True):
        old, new = masked(said[second]), masked(said[third])
        if old != new and masked(said[first]) == old and masked(said[fourth]) == new:
            return f"step {third + 1} shows another state than step {second + 1}: {_difference(old, new)}"
    return None


def _difference(old: str, new: str) -> str:
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, start - 30)
    return f"{new[start : start + 80]!r}, before {old[start : start + 80]!r}"


def _answers_anew(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The same call, three times after something was added, twice over: the first answer of each three differs from
    the second, the second is the third's. So the first call had an effect, and neither clock nor counter is it."""
    said = _steps(params, trace)
    if said is None:
        return None
    for first, second, third in params["rounds"]:
        if not all(accepted(said[step]) for step in (first, second, third)):
            return None
        one, two, three = (masked(said[step]) for step in (first, second, third))
        if one == two or two != three:
            return None
    first, second, _ = params["rounds"][0]
    old, new = _shown(said[first], 60), _shown(said[second], 60)
    return f"step {first + 1} had an effect: the same call answers {new} after {old}"


# ---- what nobody offered ---------------------------------------------------------------------------


def _hidden(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A name that is not listed answers normally; a made-up one is refused."""
    said = {exchange.step: exchange for exchange in trace.exchanges}
    unknown = said.get(params["unknown"])
    if len(trace.conversation) != params["steps"] or unknown is None or unknown.answer is None or accepted(unknown):
        return None
    for step in params["tries"]:
        exchange = said.get(step)
        if exchange is not None and accepted(exchange):
            return f"{params['name']} is not listed and answers {_shown(exchange, 120)}"
    return None


def _assigned(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A member that nobody declared is told by a later reading under its own name; one with a made-up name is not.
    With a `value` that anybody could think of, the same reading told another one before."""
    said = _steps(params, trace)
    other = trace.canaries.get(str(params["plain"]))
    value = params.get("value", trace.canaries.get(str(params.get("canary"))))
    if said is None or value is None or not accepted(said[params["act"]]):
        return None
    before = dict(zip(params["reads"], params.get("before", ()), strict=False))
    for step in params["reads"]:
        exchange = said[step]
        if not accepted(exchange) or ("value" not in params and value.encode() in exchange.sent):
            continue
        if other and other in text_of(exchange):
            return None  # it keeps whatever it is given
        if step in before and _tells(said[before[step]], params["member"], value) is not False:
            continue
        if _tells(exchange, params["member"], value):
            return f"step {step + 1} tells {params['member']} as step {params['act'] + 1} had set it"
    return None


def _tells(exchange: Exchange, member: str, value: Json) -> bool | None:
    """Whether an answer has a member of this value; None where it has no such member, or is a refusal."""
    found = [item for name, item in members(answered_result(exchange)) if name == member]
    if not found or not accepted(exchange):
        return None
    return any(str(item) == str(value) for item in found)


# ---- the price of a call ---------------------------------------------------------------------------


def _dose_size(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The answer grows with a number in the request, and nothing bounds it."""
    said = _steps(params, trace)
    if said is None or not all(accepted(item) for item in said.values()):
        return None
    sizes = [len(said[step].answer.raw) for step in params["at"]]  # type: ignore[union-attr]
    small, middle, large = params["doses"]
    slope = (sizes[1] - sizes[0]) / max(1, middle - small)
    if sizes[2] < LARGE_ANSWER or slope <= 0 or sizes[2] - sizes[1] < 0.5 * slope * (large - middle):
        return None
    return f"{sizes[0]:,}, {sizes[1]:,}, {sizes[2]:,} bytes are answered to {small:,}, {middle:,}, {large:,}"


def _dose_time(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The hostile steps take long, each of them; benign ones of the same size do not, none of them."""
    said = _steps(params, trace)
    if said is None or any(item.answer is None for item in said.values()):
        return None
    if params.get("accepted") and not all(accepted(said[step]) for step in (*params["benign"], *params["hostile"])):
        return None
    least, times = float(params.get("least", LONG_S)), float(params.get("times", TIMES_LONGER))
    long = sorted(said[step].took_s for step in params["hostile"])
    short = sorted(said[step].took_s for step in params["benign"])
    usual = _middle(short)
    if long[0] < least or long[0] < times * max(usual, 0.001):
        return None
    return f"{long[0] * 1000:.0f} ms where {usual * 1000:.1f} ms are usual for a request of this size"


def _middle(values: Sequence[float]) -> float:
    return values[len(values) // 2]


def _told_size(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The answer tells how much was unpacked, a number that the request does not hold."""
    said = _steps(params, trace)
    if said is None or not accepted(said[params["step"]]) or not accepted(said[params["small"]]):
        return None
    exchange, size = said[params["step"]], str(params["size"])
    told = re.sub(r"(?<=\d)[,_'. ](?=\d{3})", "", text_of(exchange))
    if size.encode() in exchange.sent or re.search(rf"(?<!\d){size}(?!\d)", told) is None:
        return None
    return f"{len(exchange.sent):,} bytes were unpacked to {int(size):,}"


# ---- what an upstream can do -----------------------------------------------------------------------


def _upstream_harm(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The upstream answered at its worst, and the server ended, fell silent or showed its innards."""
    word = f"mf-{params['mode']}"
    if not any(effect.kind == "upstream" and effect.tells(word) for effect in trace.effects):
        return None
    how = f"when the upstream's answer was {params['mode']}"
    if trace.ending.kind in ("exited", "silent"):
        return f"{how}, {'it ended' if trace.ending.kind == 'exited' else 'it fell silent'}: {trace.ending.detail}"
    for exchange in trace.exchanges:
        if exchange.due and exchange.answer is None and exchange.sent:
            return f"{how}, the call was never answered"
        text = text_of(exchange)
        sent = exchange.sent.decode("utf-8", "replace")
        for leak, found in leaks_in(text, error=False, sent=sent, known=bench.known, roots=bench.roots):
            if leak.rule == "stack-trace-leak":
                return f"{how}, it shows {leak.name}: {found[:120]!r}"
    return None


STATEFUL: Mapping[str, Seen] = {
    "outlives": _outlives,
    "stale": _stale,
    "replayed": _replayed,
    "raced": _raced,
    "changed": _changed,
    "answers-anew": _answers_anew,
    "hidden": _hidden,
    "assigned": _assigned,
    "dose-size": _dose_size,
    "dose-time": _dose_time,
    "told-size": _told_size,
    "upstream-harm": _upstream_harm,
}
"""Kind -> how it is seen."""
