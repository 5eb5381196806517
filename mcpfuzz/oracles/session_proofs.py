"""Proofs about sessions: how their ids are made, who chooses them, what their end ends, whose answers they get.

Pure, as all proofs.
"""

from __future__ import annotations

import math
import os.path
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mcpfuzz.model import Exchange, Frame, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import accepted, by_step, strings

__all__ = ["SESSIONS", "bare_cookie", "weakness_of"]


LEAST = 50
"""Ids from which anything is concluded."""
LEAST_BITS = 64.0
"""Chance in an id below which it can be guessed (OWASP, session management)."""
NEAR = 1 << 24
"""Ids that are usually nearer to the one before are counted up."""
MOST_OF_A_PATH = 2_000
_HEADER = "mcp-session-id"


def _done(exchange: Exchange | None) -> bool:
    return exchange is not None and exchange.status is not None and 200 <= exchange.status < 300


def _served(exchange: Exchange | None) -> bool:
    return exchange is not None and accepted(exchange)


def _guessable(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The ids of sessions that were begun one after the other."""
    said = by_step(params, trace)
    if said is None:
        return None
    ids = [_id_of(exchange) for _, exchange in sorted(said.items())]
    # streams that all name the same path have no id in it: the connection is the session
    return None if len(set(ids)) == 1 and ids[0].startswith(("/", "http")) else weakness_of(ids)


def _id_of(exchange: Exchange) -> str:
    """The session that a request began: of a header, or, over HTTP+SSE, of the path that the stream names first."""
    headers = dict(exchange.headers)
    if headers.get("content-type", "").partition(";")[0].strip().lower() == "text/event-stream" and (
        exchange.sent.startswith(b"GET ")
    ):
        return exchange.body[:MOST_OF_A_PATH].decode("utf-8", "replace").strip()
    return headers.get(_HEADER, "")


def weakness_of(given: Sequence[str]) -> str | None:
    """What makes ids guessable, in words; None where nothing does, or where there are too few."""
    ids = [one for one in given if one]
    if len(ids) < LEAST:
        return None
    repeated = len(ids) - len(set(ids))
    if repeated:
        return f"{repeated} of {len(ids)} session ids repeat"
    gap = _usual_gap(ids)
    if gap is not None and gap < NEAR:
        return f"{len(ids)} session ids are counted up: usually {gap} further, as {ids[-2]!r} and {ids[-1]!r}"
    bits = _bits(ids)
    if bits < LEAST_BITS:
        return f"{len(ids)} session ids hold some {bits:.0f} bits of chance"
    return None


def _usual_gap(ids: Sequence[str]) -> int | None:
    """How far one is from the next, what is the same in all left out; None where they are no numbers."""
    head = os.path.commonprefix(list(ids))
    tail = os.path.commonprefix([one[::-1] for one in ids])
    cores = [one[len(head) : max(len(head), len(one) - len(tail))].replace("-", "") or "0" for one in ids]
    for base in (10, 16, 36):
        try:
            values = [int(core, base) for core in cores]
        except ValueError:
            continue
        gaps = sorted(abs(two - one) for one, two in zip(values, values[1:], strict=False))
        return gaps[len(gaps) // 2] if max(values) - min(values) <= len(values) * NEAR else None
    return None


def _bits(ids: Sequence[str]) -> float:
    """Shannon entropy, summed over the positions: never more than there is, but for small samples."""
    total = 0.0
    for position in range(max(map(len, ids))):
        counts = Counter(one[position : position + 1] for one in ids)
        total -= sum(count / len(ids) * math.log2(count / len(ids)) for count in counts.values())
    return total


def _crossed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A connection gets what another one alone had said: a message that holds the other's canary and none of its own.
    What shows both is about both, and no answer that took the wrong way."""
    if len(trace.conversation) != params["steps"]:
        return None
    steps = trace.conversation.steps
    spoken: dict[str, bytes] = {}
    for exchange in trace.exchanges:
        on = steps[exchange.step].on
        spoken[on] = spoken.get(on, b"") + exchange.sent
    own = {
        on: {value for name, value in trace.canaries.items() if "/" not in name and value.encode() in said}
        for on, said in spoken.items()
    }
    for exchange in trace.exchanges:
        on = steps[exchange.step].on
        others = {value for name, values in own.items() if name != on for value in values} - own[on]
        for frame in (exchange.answer, *exchange.others):
            text = frame.raw if frame is not None and _addressed(frame) else b""
            if any(value.encode() in text for value in others) and not any(v.encode() in text for v in own[on]):
                return f"connection {on} got a message that holds what another connection alone had said"
    return None


def _addressed(frame: Frame) -> bool:
    """Whether a message is meant for one client alone: a response, or the progress of a request."""
    value = frame.value
    return isinstance(value, dict) and value.get("method", "notifications/progress") == "notifications/progress"


def _fixed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The id that the client chose is served, one that nobody chose is not."""
    said = by_step(params, trace)
    if said is None or not _done(said.get(params["made"])):
        return None
    if not _served(said.get(params["chosen"])) or _served(said.get(params["unknown"])):
        return None
    return f"step {params['chosen'] + 1} was served in a session whose id we had made up"


_KEPT = re.compile(r"sess|sid$|auth|token|jwt|login", re.IGNORECASE)
_NOT_KEPT = re.compile(r"csrf|xsrf", re.IGNORECASE)
"""A page's own script has to read these."""


def bare_cookie(line: str, *, encrypted: bool) -> str | None:
    """What a session's Set-Cookie lacks, in words; None where it lacks nothing, or is about something else."""
    head, *rest = [part.strip() for part in line.split(";")]
    name, _, value = head.partition("=")
    if not value.strip('"') or not _KEPT.search(name) or _NOT_KEPT.search(name):
        return None
    given = {part.partition("=")[0].strip().lower(): part.partition("=")[2].strip().lower() for part in rest}
    if given.get("max-age") == "0":
        return None  # it is taken away
    lacking = [flag for flag in ("HttpOnly", "SameSite", "Secure") if flag.lower() not in given]
    if not encrypted:
        lacking = [flag for flag in lacking if flag != "Secure"]
    return f"the cookie {name} lacks {' and '.join(lacking)}" if lacking else None


def _cookies(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A session's cookie without its flags, in any answer."""
    for exchange in trace.exchanges:
        for name, value in exchange.headers:
            if name == "set-cookie" and (found := bare_cookie(value, encrypted=bool(params.get("encrypted")))):
                return f"in the answer to step {exchange.step + 1} {found}"
    return None


LEAST_SECRET = 8
"""Characters of a secret below which it may be found by chance."""


def _logged(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A credential in what the server wrote to stderr meanwhile."""
    if len(trace.conversation) != params["steps"]:
        return None
    if any(len(secret) >= LEAST_SECRET and secret in trace.stderr for secret in bench.secrets):
        return "what the server wrote to stderr holds a credential that it was shown"
    return None


def _goes_on(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The session's end was confirmed, and it is served."""
    said = by_step(params, trace)
    if said is None or not _served(said.get(params["before"])) or not _done(said.get(params["end"])):
        return None
    if not _served(said.get(params["after"])):
        return None
    return f"step {params['after'] + 1} was served in the session that step {params['end'] + 1} had ended"


def _outlived(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A connection is served after a token of the same end opens none any more, and a good one does."""
    said = by_step(params, trace)
    if said is None or not _served(said.get(params["own"])):
        return None
    for way in params["ways"]:
        fresh = said.get(way["fresh"])
        over = fresh is not None and fresh.turned_away
        if over and _served(said.get(way["before"])) and _served(said.get(way["after"])):
            refused = f"at step {way['fresh'] + 1} a token of the same end opened nothing any more"
            return f"step {way['after'] + 1} was served, and {refused}"
    return None


def _answered_on(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What somebody else posted to a session is answered on its stream."""
    said = by_step(params, trace)
    heard = said.get(params["heard"]) if said is not None else None
    if said is None or heard is None or not _done(said.get(params["post"])):
        return None
    for frame in heard.others:
        value = frame.value
        if isinstance(value, dict) and value.get("id") == params["id"] and "result" in value:
            return f"what step {params['post'] + 1} posted to another's session was answered on their stream"
    return None


def _ended_by_other(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Somebody without a credential ends a session: its owner is refused from then on."""
    said = by_step(params, trace)
    if said is None or not _served(said.get(params["before"])) or not _done(said.get(params["end"])):
        return None
    after = said.get(params["after"])
    if after is None or after.status is None or _served(after):
        return None
    return f"step {params['end'] + 1}, without a credential, ended the session: its owner gets HTTP {after.status}"


def _replayed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller is given the answer to the first one's request."""
    said, own = by_step(params, trace), trace.canaries.get("own")
    if said is None or not own:
        return None
    for step in (params["asked"], params["replayed"]):
        exchange = said.get(step)
        value = exchange.answer.value if exchange is not None and exchange.answer is not None else None
        if not isinstance(value, dict) or value.get("id") != own or "result" not in value:
            return None
    return f"step {params['replayed'] + 1} brought the answer to the request of step {params['asked'] + 1}"


def _state_believed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A normal answer holds the text that only the state carried, packed."""
    said, canary = by_step(params, trace), trace.canaries.get(params["canary"])
    exchange = said.get(params["step"]) if said is not None else None
    if exchange is None or exchange.answer is None or not canary or not accepted(exchange):
        return None
    if canary.encode() in exchange.sent or canary not in strings(exchange.answer.value):
        return None
    return f"step {params['step'] + 1} is answered with {canary!r}, which only the state held"


SESSIONS: Mapping[str, Seen] = {
    "guessable": _guessable,
    "crossed-answer": _crossed,
    "bare-cookie": _cookies,
    "credential-logged": _logged,
    "fixed": _fixed,
    "goes-on": _goes_on,
    "outlived": _outlived,
    "answered-on": _answered_on,
    "ended-by-other": _ended_by_other,
    "stream-replayed": _replayed,
    "state-believed": _state_believed,
}
"""Kind -> how it is seen."""
