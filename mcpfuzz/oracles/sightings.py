"""Proofs by effect: what an attack shows outside of its own words. A canary read from a decoy, a file made
where nothing should write, a request at the bait, a number that only an evaluator can compute.

Pure, as all proofs; what is seen must not be contained in what was sent.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from mcpfuzz.model import Effect, Exchange, Frame, Json, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import accepted, answered_result, strings

__all__ = ["OUTSIDE", "SIGHTINGS"]

OUTSIDE = frozenset({"file-made", "file-harmed", "listener-hit", "upstream-escape", "upstream-header"})
"""What shows outside of the channel, and so perhaps later than the answer."""

DECOY = "decoy/"


def _answers(trace: Trace) -> Iterator[tuple[Exchange, Frame]]:
    """Every frame that came, with the exchange it came in."""
    for exchange in trace.exchanges:
        for frame in (exchange.answer, *exchange.others):
            if frame is not None:
                yield exchange, frame


def _sent(trace: Trace) -> bytes:
    return b"\n".join(exchange.sent for exchange in trace.exchanges)


@lru_cache(maxsize=64)
def _forms(token: str) -> tuple[bytes, ...]:
    """How a text may stand in an answer: as it is, in base64 (three alignments), in hexadecimal."""
    raw = token.encode()
    packed = [base64.b64encode(b"\0" * shift + raw) for shift in range(3)]
    cut = [form[4 if shift else 0 : len(form) - 4].lstrip(b"=") for shift, form in enumerate(packed)]
    return (raw, *cut, raw.hex().encode())


def _decoy_read(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """An answer holds what only a decoy holds."""
    decoys = {name: value for name, value in trace.canaries.items() if name.startswith(DECOY)}
    if not decoys:
        return None
    token = next(iter(decoys.values()))[:-2]  # what the set has in common
    forms = _forms(token)
    for exchange, frame in _answers(trace):
        if not any(form in frame.raw for form in forms):
            continue
        if token.encode() in _sent(trace):
            return None
        names = [name for name, value in decoys.items() if any(form in frame.raw for form in _forms(value))]
        name = (names or [DECOY + "file"])[0].removeprefix(DECOY)
        return f"the answer to step {exchange.step + 1} shows decoy {name!r}, which lies outside of the workspace"
    return None


def _own(params: Mapping[str, Any], trace: Trace, kind: str) -> Iterator[tuple[Effect, str]]:
    """Effects of a kind that hold the case's own canary."""
    canary = trace.canaries.get(str(params.get("canary")))
    if canary:
        for effect in trace.effects:
            if effect.kind == kind and effect.tells(canary):
                yield effect, canary


def _file_made(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """With `named`: just where the attack's command names it, since a tool that takes the whole text for a file's
    name makes a file, too, and its name holds the canary."""
    for effect, canary in _own(params, trace, "file"):
        if params.get("named") and not effect.detail.startswith(f"{{watch}}/{canary}"):
            continue
        return f"{effect.detail.replace(canary, 'CANARY')} was made"
    return None


def _kept(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The call went through, and a file of the workspace holds its canary, or is gone. A log may hold anything."""
    first = next((exchange for exchange in trace.exchanges if exchange.step == params["step"]), None)
    if first is None or not accepted(first) or len(trace.conversation) != params["steps"]:
        return None
    gone = params.get("removed")
    for effect in trace.effects:
        if effect.kind == "inside" and gone is not None and effect.detail == f"removed {gone}":
            return f"{gone} was removed from the workspace"
    for effect, canary in _own(params, trace, "inside"):
        if not effect.detail.startswith("removed ") and not effect.detail.endswith(".log"):
            what, _, name = effect.detail.partition(" ")
            return f"{name.replace(canary, 'CANARY')} in the workspace was {what}, and holds what the call said"
    return None


def _decoy_harmed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    harmed = sorted(effect.detail for effect in trace.effects if effect.kind == "harm")
    return f"decoy {harmed[0]!r} was changed or removed" if harmed else None


def _bait_hit(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """With a canary: a request that carries it. Without: any connection that speaks TLS to the bait."""
    if "canary" not in params and any(effect.kind == "hit" and effect.data[:1] == ("TLS",) for effect in trace.effects):
        return "the server began a TLS handshake with our listener"
    for effect, canary in _own(params, trace, "hit"):
        return f"the server asked our listener: {effect.detail.replace(canary, 'CANARY')[:200]}"
    return None


def _upstream_escape(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The benign value stands at one place of the upstream's path; the attack's does not stay behind it."""
    benign, canary = trace.canaries.get(str(params.get("benign"))), trace.canaries.get(str(params.get("canary")))
    if not benign or not canary:
        return None
    asked = [effect.data[1] for effect in trace.effects if effect.kind == "upstream" and len(effect.data) > 1]
    prefixes = {path.split(benign)[0] for path in asked if benign in path}
    if not prefixes:
        return None
    for path in asked:
        if canary in path and not any(_settled(path).startswith(prefix) for prefix in prefixes):
            return f"the upstream was asked for {path.replace(canary, 'CANARY')[:160]}"
    return None


def _settled(path: str) -> str:
    """A request path as a server resolves it: dot segments taken out (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    head, mark, query = path.partition("?")
    for part in head.split("/"):
        if part == "..":
            del kept[-1:]
            kept = kept or [""]
        elif part != ".":
            kept.append(part)
    return "/".join(kept) + mark + query


def _upstream_header(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A header of its own came of a value: its name is the canary."""
    for effect, canary in _own(params, trace, "upstream"):
        for line in effect.data[2:]:
            if line.lower().startswith(f"x-{canary}:"):
                return "the upstream was sent a header of ours: " + line.replace(canary, "CANARY")[:100]
    return None


def _computed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The product of two random numbers, which only an evaluator knows."""
    factors = [trace.canaries.get(f"number.{name}") for name in params.get("of", ())]
    if not factors or not all(factors):
        return None
    product = 1
    for factor in factors:
        product *= int(factor or 0)
    wanted = str(product)
    if wanted.encode() in _sent(trace):
        return None
    for exchange, frame in _answers(trace):
        text = strings(frame.value) if frame.value is not None else ""
        if wanted in text or wanted in re.sub(r"(?<=\d)[,_ '](?=\d{3})", "", _numbers(frame.value) + text):
            return f"the answer to step {exchange.step + 1} holds {wanted} = {' * '.join(map(str, factors))}"
    return None


def _numbers(value: Json) -> str:
    """Numbers of an answer, as text."""
    found: list[str] = []
    todo = [value]
    while todo and len(found) < 500:
        item = todo.pop()
        if isinstance(item, bool):
            continue
        if isinstance(item, int | float):
            found.append(str(int(item)) if isinstance(item, int) or item.is_integer() else str(item))
        elif isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return " ".join(found) + " "


def _told(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The last step's answer holds a canary that an earlier step brought in and that it does not name itself."""
    canary = trace.canaries.get(str(params.get("canary")))
    last = trace.exchanges[-1] if trace.exchanges else None
    if not canary or last is None or last.answer is None or last.step != len(trace.conversation) - 1:
        return None
    if canary.encode() in last.sent or canary.encode() not in last.answer.raw or not accepted(last):
        return None
    return f"step {last.step + 1} shows what an earlier step made"


def _differential(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Conditions put behind a value: where they hold the answer is the plain value's, where they do not it is
    another; `true` and `false` are the indices of the steps, `plain` that of the value alone. An answer may
    quote what was asked: that is taken for the plain value."""
    by_step = {exchange.step: exchange for exchange in trace.exchanges}
    first = by_step.get(params.get("plain", -1))
    if first is None or not accepted(first):
        return None
    asked = _said(first)
    results = {step: _shown(exchange, asked) for step, exchange in by_step.items()}
    plain = results[first.step]
    true = [results.get(index) for index in params.get("true", ())]
    false = [results.get(index) for index in params.get("false", ())]
    if any(item != plain for item in true) or any(item is None or item == plain for item in false):
        return None
    return "a condition that holds changes nothing, one that does not hold changes the answer"


def _said(exchange: Exchange) -> list[str]:
    """All text of a request, in order."""
    try:
        return strings(orjson.loads(exchange.sent)).split("\n")
    except ValueError:
        return []


def _shown(exchange: Exchange, plain: list[str]) -> str | None:
    """An answer's text, with the plain request's words for its own; None for no answer or a protocol's error."""
    result = answered_result(exchange)
    if result is None:
        return None
    shown = ("E " if result.get("isError") is True else "R ") + strings(result)
    said = _said(exchange)
    for mine, theirs in zip(said, plain, strict=False) if len(said) == len(plain) else ():
        if mine != theirs and mine:
            shown = shown.replace(mine, theirs)
    return shown


def _repeated(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The same call again and again: the first answer is not the second's, and nothing changes from then on."""
    if len(trace.exchanges) != len(trace.conversation) or len(trace.exchanges) < 3:
        return None
    if not all(accepted(exchange) for exchange in trace.exchanges):
        return None
    first, *rest = (strings(answered_result(exchange)) for exchange in trace.exchanges)
    if first == rest[0] or any(other != rest[0] for other in rest):
        return None
    return f"the first says {first[:80]!r}, all later ones {rest[0][:80]!r}"


def _unescaped(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Markup of ours stands as it was sent in an answer that is HTML, or that is said to be escaped."""
    canary = trace.canaries.get(str(params.get("canary")))
    if not canary:
        return None
    mark = str(params.get("text")).replace(f"{{canary:{params.get('canary')}}}", canary)
    for exchange in trace.exchanges:
        result = answered_result(exchange)
        if result is None or not accepted(exchange):
            continue
        shown = result if params.get("declared") else _html(result)
        if mark in strings(shown):
            return f"the answer to step {exchange.step + 1} holds {mark.replace(canary, 'CANARY')}"
    return None


def _html(value: Json) -> list[Json]:
    """The parts of an answer that are declared text/html."""
    found: list[Json] = []
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            kind = item.get("mimeType")
            if isinstance(kind, str) and kind.lower().startswith(("text/html", "application/xhtml", "image/svg")):
                found.append(item.get("text"))
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return found


def _served(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A step that should have been refused got a normal answer."""
    step = int(params["step"])
    for exchange in trace.exchanges:
        if exchange.step == step and accepted(exchange):
            status = f"HTTP {exchange.status} and " if exchange.status is not None else ""
            return f"step {step + 1} was served: {status}a normal answer"
    return None


def _served_often(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Of several steps at most one should have got a normal answer, and more did."""
    steps = {int(step) for step in params["of"]}
    count = len({exchange.step for exchange in trace.exchanges if exchange.step in steps and accepted(exchange)})
    return f"{count} of {len(steps)} were served" if count > 1 else None


def _turned_away(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A WebSocket was opened, and whatever was asked on it got no answer: the refusal came after the upgrade."""
    if any(exchange.step == params["ask"] and accepted(exchange) for exchange in trace.exchanges):
        return None
    ending = trace.ending
    if ending.kind != "closed" or ending.code is None or ending.at_step != params["ask"]:
        return None
    return f"the upgrade was answered with 101; then {ending.detail}"


_ORIGIN = re.compile(rb"^Origin: ([^\r\n]+)", re.MULTILINE)


def _page_served(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A page of another origin would be served. A WebSocket asks no leave; over HTTP a browser asks first whether it
    may send JSON (the preflight, step `preflight`), and nothing is lost where it may not."""
    told = _served(params, trace, bench)
    if told is None or bench.transport == "ws":
        return told
    for exchange in trace.exchanges:
        if exchange.step == params["preflight"]:
            allowed = {value.strip() for name, value in exchange.headers if name == "access-control-allow-origin"}
            asked = {value.decode("latin-1") for value in _ORIGIN.findall(exchange.sent)}
            if allowed & {"*", params["origin"], *asked}:
                return f"{told}, and a browser is told that it may ask"
    return None


SIGHTINGS: Mapping[str, Seen] = {
    "file-read": _decoy_read,
    "file-made": _file_made,
    "file-harmed": _decoy_harmed,
    "kept": _kept,
    "listener-hit": _bait_hit,
    "upstream-escape": _upstream_escape,
    "upstream-header": _upstream_header,
    "computed": _computed,
    "told": _told,
    "differential": _differential,
    "served": _served,
    "served-often": _served_often,
    "turned-away": _turned_away,
    "page-served": _page_served,
    "repeated": _repeated,
    "unescaped": _unescaped,
}
"""Kind -> how it is seen."""
