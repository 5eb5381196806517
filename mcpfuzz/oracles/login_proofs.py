"""Proofs about signing in: names that are told apart, passwords that can be tried without end.

Pure, as all proofs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mcpfuzz.model import Exchange, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import accepted, bare, by_step
from mcpfuzz.oracles.refusing import refusal

__all__ = ["LOGINS"]

_SLOWED = re.compile(r"too many|too often|wait|locked|blocked|later|limit|slow down|throttl", re.IGNORECASE)
WRONG_PASSWORD = frozenset({302, 303, 400, 401, 403, 404, 422})
"""Statuses of a login that is refused for what it says; 423, 429 and 503 are those of one that is slowed."""
SLOWER_S = 0.1
"""By which a slowed answer comes later, at least."""


def _told_apart(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """All are refused: known names in one way, made-up ones in another, every time."""
    said = by_step(params, trace)
    if said is None or len(said) < params["steps"] or any(accepted(exchange) for exchange in said.values()):
        return None
    name = str(params["name"])
    known = {refusal(said[step]).replace(name, "#") for step in params["known"]}
    unknown = {refusal(said[step]).replace(name, "#") for step in params["unknown"]}
    if len(known) != 1 or len(unknown) != 1 or known == unknown or "" in known | unknown:
        return None
    if any(map(_SLOWED.search, known | unknown)):
        return None  # one of them was tried too often
    return f"{known.pop()[:80]!r} is said of a known name, {unknown.pop()[:80]!r} of a made-up one"


def _unthrottled(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """So many refusals in a row, in the same words and in no more time."""
    said = by_step(params, trace)
    if said is None or len(said) < params["steps"] or any(accepted(exchange) for exchange in said.values()):
        return None
    words = {refusal(exchange) for exchange in said.values()}
    if (
        len(words) != 1
        or "" in words
        or _SLOWED.search("".join(words))
        or any(exchange.status == 429 for exchange in said.values())
    ):
        return None
    late = _no_later([exchange.took_s for _, exchange in sorted(said.items())])
    if late is None:
        return None
    return f"{len(said)} wrong passwords in a row: {words.pop()[:80]!r} each time, after {late * 1000:.0f} ms"


def _no_later(times: Sequence[float]) -> float | None:
    """Seconds that the last answers took; None where that is clearly more than the first ones did."""
    third = max(1, len(times) // 3)
    early, late = (sorted(part)[third // 2] for part in (times[:third], times[-third:]))
    return None if late > 3 * early + SLOWER_S else late


def _never_slowed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The same over HTTP; that the right password is taken behind them is the last step: it opens a connection."""
    said, tries = by_step(params, trace), int(params["tries"])
    if said is None or any(step not in said or said[step].status is None for step in range(tries)):
        return None
    tried = [said[step] for step in range(tries)]
    status, words = {exchange.status for exchange in tried}, {_page_words(exchange) for exchange in tried}
    if len(status) != 1 or len(words) != 1 or not status & WRONG_PASSWORD or _SLOWED.search(words.pop()):
        return None
    if any(name == "retry-after" for exchange in tried for name, _ in exchange.headers):
        return None
    late = _no_later([exchange.took_s for exchange in tried])
    if late is None:
        return None
    return (
        f"{tries} wrong passwords in a row: HTTP {status.pop()} each time, after {late * 1000:.0f} ms; the right one "
        "is taken after them"
    )


def _page_words(exchange: Exchange) -> str:
    """What a page says and where it leads, ids and numbers taken out."""
    led = [value for name, value in exchange.headers if name == "location"]
    return bare(" ".join((*led, exchange.body[:4_000].decode("utf-8", "replace"))))


LOGINS: Mapping[str, Seen] = {
    "told-apart": _told_apart,
    "unthrottled": _unthrottled,
    "never-slowed": _never_slowed,
}
"""Kind -> how it is seen."""
