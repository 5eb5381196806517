"""Proofs about an authorization server: where it leads a browser, what it gives a token for, what stands on its pages.

Pure, as all proofs.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mcpfuzz.model import Exchange, Http, Trace
from mcpfuzz.onward import CODE, REDIRECTS
from mcpfuzz.oracles.bench import Bench, Seen

__all__ = ["AUTHORIZATION", "has_code", "token_of"]

ANSWERS = frozenset(
    {"code", "state", "error", "error_description", "error_uri", "iss", "session_state", "access_token", "id_token"}
)
"""Parameters that an authorization server adds (RFC 6749, 4.1.2; RFC 9207)."""
_SLOT = re.compile(r"\{canary:([\w.-]+)\}")


def _steps(trace: Trace) -> dict[int, Exchange]:
    """What was answered, by step; nothing where the server did not live through it."""
    if trace.ending.kind != "alive":
        return {}
    return {exchange.step: exchange for exchange in trace.exchanges if exchange.status is not None}


def _filled(template: str, trace: Trace) -> str:
    return _SLOT.sub(lambda match: trace.canaries.get(match[1], match[0]), template)


def _hidden(text: str, trace: Trace) -> str:
    """For people: the same in every run."""
    for name, value in trace.canaries.items():
        if not name.startswith("decoy"):
            text = text.replace(value, f"CANARY-{name}")
    return re.sub(r"\b(code|id_token|access_token)=[^&#]+", r"\1=...", text)[:200]


def _led(exchanges: Mapping[int, Exchange]) -> Iterator[tuple[int, str]]:
    """(step, Location) of every redirect."""
    for step, exchange in sorted(exchanges.items()):
        if exchange.status in REDIRECTS:
            for name, value in exchange.headers:
                if name == "location":
                    yield step, value


def _answers_to(location: str) -> tuple[str, ...] | None:
    """The redirect URI that a Location answers to, taken apart; None where it brings neither code nor error."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    pairs = parse_qsl(parts.query, keep_blank_values=True) + parse_qsl(parts.fragment)
    if not {"code", "error"} & {name for name, _ in pairs}:
        return None
    return _apart(location)


def _apart(uri: str) -> tuple[str, ...]:
    parts = urlsplit(uri)
    query = sorted(f"{name}={value}" for name, value in parse_qsl(parts.query) if name not in ANSWERS)
    fragment = "" if {name for name, _ in parse_qsl(parts.fragment)} & ANSWERS else parts.fragment
    return parts.scheme.lower(), parts.netloc.lower(), parts.path or "/", "&".join(query), fragment


def _answered_elsewhere(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A browser is sent, with a code or an error, to the very URI that was asked for, which is not a registered one."""
    pairs = [(_filled(wanted, trace), _filled(known, trace), words) for wanted, known, words in params["pairs"]]
    registered = {_apart(known) for _, known, _ in pairs}
    for step, location in _led(_steps(trace)):
        found = _answers_to(location)
        for wanted, known, words in pairs:
            if found and found == _apart(wanted) and found not in registered:
                return f"{words}: step {step + 1} leads to {_hidden(location, trace)}, not to {_hidden(known, trace)}"
    return None


def _script_led(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A redirect to a script that a client registered."""
    said, uri = _steps(trace), _filled(str(params["uri"]), trace)
    for step, location in _led(said):
        if location.lower().startswith(uri.lower()):
            return f"step {step + 1} leads to {_hidden(location, trace)}"
    return None


def _script_linked(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A link of a page is a script that a client registered."""
    said, uri = _steps(trace), _filled(str(params["uri"]), trace)
    link = re.compile(rf"(?:href|action|src)\s*=\s*[\"']?{re.escape(uri)}", re.IGNORECASE)
    for step, text in _html(said):
        if link.search(html.unescape(text)):
            return f"the page of step {step + 1} links to {_hidden(uri, trace)}"
    return None


def _html(said: Mapping[int, Exchange]) -> Iterator[tuple[int, str]]:
    for step, exchange in sorted(said.items()):
        kind = next((value for name, value in exchange.headers if name == "content-type"), "")
        if kind.startswith("text/html"):
            yield step, exchange.body.decode("utf-8", "replace")


def _page_marked(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """An element of ours stands on a page as it was sent."""
    said = _steps(trace)
    mark = _filled(str(params["mark"]), trace)
    for step, text in _html(said):
        if mark in text:
            return f"the page of step {step + 1} holds {_hidden(mark, trace)} as an element"
    return None


def token_of(exchange: Exchange) -> str:
    """The access token that an answer gives; "" where it gives none."""
    value = exchange.answer.value if exchange.answer is not None else None
    found = value.get("access_token") if exchange.status == 200 and isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def has_code(trace: Trace) -> bool:
    """Whether a redirect brings a code."""
    return any(CODE.search(location) for _, location in _led(_steps(trace)))


def _given(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Tokens are given, so many of them, where a code was."""
    said = _steps(trace)
    given = [step for step, exchange in sorted(said.items()) if token_of(exchange)]
    codes = {found[1] for _, location in _led(said) if (found := CODE.search(location))}
    if not codes or len(given) < params["tokens"]:
        return None
    return f"step {given[-1] + 1} is answered with an access token" + (", as was one before" if len(given) > 1 else "")


def _unasked(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A browser comes back from another server's sign-in, where it was for another client, and has the code for ours:
    no page was shown on the whole way."""
    said, known = _steps(trace), _apart(_filled(str(params["registered"]), trace))
    if any(True for _ in _html(said)):
        return None
    own, passed = _client(said.get(0)), ""
    for step, location in _led(said):
        try:
            parts = urlsplit(location)
        except ValueError:
            continue  # it leads nowhere
        query = dict(parse_qsl(parts.query))
        there = query.get("client_id")
        if own and there and there != own and query.get("response_type") == "code" and _away(parts.netloc, said[step]):
            passed = f"step {step + 1} leads to {parts.path} of another server for the client {there[:60]!r}"
        elif passed and "code" in query and _answers_to(location) == known:
            return f"{passed}, step {step + 1} on to the registered client with a code; no page was shown"
    return None


def _away(netloc: str, exchange: Exchange) -> bool:
    """Whether a Location leads to another server than the one that gave it."""
    host = re.search(rb"^host: *([^\r\n]+)", exchange.sent, re.IGNORECASE | re.MULTILINE)
    return bool(netloc) and (host is None or host[1].decode("latin-1").strip().lower() != netloc.lower())


def _client(exchange: Exchange | None) -> str:
    value = exchange.answer.value if exchange is not None and exchange.answer is not None else None
    found = value.get("client_id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _unbound(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A browser that agreed to nothing brings the other server's answer, and is sent on with a code."""
    said = _steps(trace)
    last = said.get(len(trace.conversation) - 1)
    if last is None or b"\r\ncookie:" in last.sent.lower():
        return None
    steps = trace.conversation.steps
    agreed = any(step > 0 and isinstance(act := steps[step].action, Http) and act.method == "POST" for step in said)
    known = _apart(_filled(str(params["registered"]), trace))
    for step, location in _led({last.step: last}):
        if agreed and "code=" in location and _answers_to(location) == known:
            return f"step {step + 1}, without the cookies of who agreed, leads to {_hidden(location, trace)}"
    return None


AUTHORIZATION: Mapping[str, Seen] = {
    "answered-elsewhere": _answered_elsewhere,
    "script-led": _script_led,
    "script-linked": _script_linked,
    "page-marked": _page_marked,
    "token-given": _given,
    "consent-unasked": _unasked,
    "consent-unbound": _unbound,
}
"""Kind -> how it is seen."""
