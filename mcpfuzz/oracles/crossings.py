"""Proofs about what was there already: what one caller alone is told of is shown to another; an operation is served
to whom no listing, or its own description, leaves it. The params name the steps by their role, as in `ownership`.

Pure, as all proofs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcpfuzz.harvest import gained, members
from mcpfuzz.model import Exchange, Json, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import accepted, answered_result, bare, by_step, stands_in, text_of

__all__ = ["CROSSINGS"]


_DENIED = re.compile(
    r"denied|forbidden|not (?:allowed|permitted|authori[sz]ed|found)|unauthori[sz]ed|permission|privilege|unknown"
    r"|no such|\badmins?\b|administrator|only|must be|require|access|error|fail|cannot|can't",
    re.IGNORECASE,
)
_DATA = re.compile(r"^[ \t]*[\[{]", re.MULTILINE)
"""A line that begins an object or a list."""
SHORT = 300
"""Characters of an answer that may be no more than a refusal, though it is none by its form."""
_NEXT = frozenset({"nextcursor", "hasmore", "nextpage", "nexttoken", "nextpagetoken", "next", "more"})
"""Members of a page that is not the last."""
TELLING = 8
"""Characters of a line that hardly stands in two answers by chance."""


def _crossed_content(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What the first caller's listing names, and another's does not, that other one is shown as the first is; a made-up
    id is answered otherwise."""
    said = by_step(params, trace)
    if said is None:
        return None
    told, own, listing, absent, foreign = (
        said.get(params[name]) for name in ("told", "own", "listing", "absent", "foreign")
    )
    if not told or not own or not listing or not absent or not foreign or told.answer is None or absent.answer is None:
        return None
    if not all(accepted(exchange) for exchange in (told, own, listing, foreign)):
        return None
    try:
        key = str(params["key"] if "key" in params else gained(told.answer.value, params["argument"]))
    except KeyError:
        return None
    if not stands_in(_whole(told), key) or stands_in(_whole(listing), key) or _more(listing):
        return None
    content, nobodys = text_of(own), text_of(absent)
    if text_of(foreign) != content or bare(content) == bare(nobodys):
        return None
    if all(len(line) < TELLING or line in _whole(listing) or line in nobodys for line in content.split("\n")):
        return None
    return f"step {params['foreign'] + 1}, by another caller, shows the same as step {params['own'] + 1}"


def _whole(exchange: Exchange) -> str:
    return exchange.answer.raw.decode("utf-8", "replace") if exchange.answer is not None else ""


def _more(listing: Exchange) -> bool:
    """Whether there is another page."""
    found = [*members(answered_result(listing)), *(answered_result(listing) or {}).items()]
    return any(bool(value) for name, value in found if re.sub(r"[^a-z]", "", name.lower()) in _NEXT)


def _served_by_name(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A normal answer, not a refusal in words, to one whose own whole listing does not name the operation (`told`), or
    to one whom its description leaves out."""
    said, step = by_step(params, trace), int(params["step"])
    act = said.get(step) if said is not None else None
    if said is None or act is None or not accepted(act):
        return None
    text = text_of(act)
    data = _DATA.search(text) and "error" not in text.lower()
    if not data and len(text) < SHORT and _DENIED.search(text):
        return None
    names, cursor = set[str](), None
    for page in params.get("told", ()):
        result = answered_result(said[page]) if page in said else None
        if result is None or not accepted(said[page]):
            return None
        names, cursor = names | _names(result), result.get("nextCursor")
    if "told" in params and (cursor is not None or params["name"] in names):
        return None
    return f"step {step + 1} was served, a normal answer"


def _names(listing: Mapping[str, Json]) -> set[str]:
    """What a listing names."""
    entries = [item for value in listing.values() if isinstance(value, list) for item in value]
    told = (entry.get(key) for entry in entries if isinstance(entry, dict) for key in ("name", "uri", "uriTemplate"))
    return {name for name in told if isinstance(name, str)}


CROSSINGS: Mapping[str, Seen] = {
    "crossed-content": _crossed_content,
    "served-by-name": _served_by_name,
}
"""Kind -> how it is seen."""
