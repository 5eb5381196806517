"""Proofs about what else a networked server serves: pages, redirects, what browsers are told, where it listens.

Pure, as all proofs. That a page is there proves nothing: what counts is what stands on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcpfuzz.model import Exchange, Http, Trace
from mcpfuzz.onward import REDIRECTS
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.leaks import leaks_in
from mcpfuzz.oracles.reading import accepted, answered_result, by_step

__all__ = ["OWN", "PAGES", "leads_to", "sensitive_in"]

OWN = ("{endpoint}", "{address}")
"""The endpoint itself, as steps name it."""
_SLOT = re.compile(r"\{canary:([\w.-]+)\}")


def _pages(trace: Trace) -> Iterator[Exchange]:
    """What came for plain HTTP requests, as far as it came."""
    for exchange in trace.exchanges:
        if isinstance(trace.conversation.steps[exchange.step].action, Http) and exchange.status is not None:
            yield exchange


def _filled(template: str, trace: Trace) -> str:
    """A text of ours as it went out."""
    return _SLOT.sub(lambda match: trace.canaries.get(match[1], match[0]), template)


# ---- what browsers are told ------------------------------------------------------------------------


def _readable(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """An origin that nobody can have listed may send requests with credentials and read what comes. A browser wants
    one value, the very origin; it never takes `*` together with credentials."""
    origin = _filled(params["origin"], trace)
    for exchange in _pages(trace):
        allowed = [value.strip() for name, value in exchange.headers if name == "access-control-allow-origin"]
        lent = [value.strip() for name, value in exchange.headers if name == "access-control-allow-credentials"]
        if allowed == [origin] and lent == ["true"] and exchange.status is not None and 200 <= exchange.status < 300:
            named = _SLOT.sub("CANARY", params["origin"])
            return f"Access-Control-Allow-Origin: {named}, with Access-Control-Allow-Credentials: true"
    return None


# ---- where a browser is sent -----------------------------------------------------------------------

_ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?/{2,}([^/?#]*)", re.IGNORECASE)


def leads_to(location: str) -> str:
    """The host that a browser goes to for a Location; "" where it stays where it is."""
    text = re.sub(r"[\t\r\n]", "", location).strip(" \x00\x0b\x0c").replace("\\", "/")  # as browsers read URLs
    found = _ELSEWHERE.match(text)
    return found.group(1).rpartition("@")[2].partition(":")[0].lower().rstrip(".") if found else ""


def _redirected(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A redirect to the host that the request named."""
    canary = trace.canaries.get(str(params["canary"]))
    if not canary:
        return None
    for exchange in _pages(trace):
        if exchange.status not in REDIRECTS:
            continue
        for name, value in exchange.headers:
            host = leads_to(value) if name == "location" else ""
            if canary in host and host.endswith(".example"):
                told = value.replace(canary, "CANARY")[:160]
                return f"step {exchange.step + 1} is answered with {exchange.status} and Location: {told}"
    return None


# ---- what stands on a page -------------------------------------------------------------------------

_SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSW|API_?KEY|PRIVATE|CREDENTIAL|_DSN|DATABASE_URL")
_SETTING = re.compile(r"^(?:export )?([A-Z][A-Z0-9_]{2,60})=[\"']?([^\s\"'#]+)", re.MULTILINE)
_PLACEHOLDER = re.compile(r"change|your|example|replace|xxx|\*\*\*|<|\$\{|dummy|secret$|password$", re.IGNORECASE)
_PATH_VARIABLE = re.compile(r"\bPATH\b(?:</t[dh]>\s{0,20}<t[dh]>|[^\w/\n]{1,24})(?:/[\w.+-]+)+:/[\w.+-]")
_OTHER_VARIABLE = re.compile(r"\b(?:HOME|PWD|USER|HOSTNAME|LANG|LOGNAME|TMPDIR)\b")
_FORMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the head of a git repository", (r"\Aref: refs/heads/[\w./-]+\s*\Z",)),
    ("the configuration of a git repository", (r"\A\s*\[core\]", r"\n\s*repositoryformatversion\s*=")),
    ("the console of a debugger", (r"\bEVALEX\s*=\s*true\b",)),
    ("the command line and memory of the process (expvar)", (r"\A\s*\{", r"\"cmdline\"\s*:\s*\[", r"\"memstats\"\s*:")),
    ("the environment as Spring Boot tells it", (r"\A\s*\{", r"\"propertySources\"\s*:\s*\[\s*\{")),
)
"""What it is, and the patterns that all stand on such a page."""
_SOURCE = ("the server's source", (r"^(?:from [\w.]+ import |import [\w.]+)", r"^(?:async )?(?:def|class) \w+.*:$"))
"""The same, where a file of Python was asked for."""
_ANY_PAGE = frozenset({"secret-leak", "stack-trace-leak"})


def sensitive_in(text: str, bench: Bench, sent: str = "") -> str | None:
    """What nobody should be shown, in words that do not repeat it; None where there is nothing of the kind.

    Args:
        sent: the request: what it said itself is nothing.
    """
    if bench.mark and bench.mark in text and bench.mark not in sent:
        return "the environment of the server's process"
    if any(secret in text and secret not in sent for secret in bench.secrets):
        return "a configured secret"
    if _PATH_VARIABLE.search(text) and _OTHER_VARIABLE.search(text):
        return "environment variables"
    for name, forms in (*_FORMS, _SOURCE) if re.match(r"GET \S*\.py ", sent) else _FORMS:
        if all(re.search(form, text, re.MULTILINE) for form in forms):
            return name
    if "<html" not in text[:2000].lower():
        settings = dict(_SETTING.findall(text))
        secret = [name for name, value in settings.items() if _SECRET_NAME.search(name)]
        secret = [name for name in secret if len(settings[name]) >= 6 and not _PLACEHOLDER.search(settings[name])]
        if len(settings) >= 2 and secret:
            return f"settings, {secret[0]} among them"
    for leak, found in leaks_in(text, error=False, sent=sent, known=bench.known, roots=bench.roots):
        if leak.rule not in _ANY_PAGE or leak.name == "a password in a URL":
            continue
        if leak.rule == "secret-leak" and "KEY" not in found and sum(map(str.isdigit, found)) < 3:
            continue  # sk-your-key-goes-here
        return leak.name
    return None


def _shown(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A page holds what nobody should be shown: values, not the look of a page."""
    for exchange in _pages(trace):
        if exchange.status != 200 or not exchange.body:
            continue
        text = exchange.body.decode("utf-8", "replace")
        sent = exchange.sent.decode("utf-8", "replace")
        canary = trace.canaries.get(str(params.get("canary")), "")
        if canary and canary in text and canary not in sent:
            return f"step {exchange.step + 1} shows what another client had said"
        found = sensitive_in(text, bench, sent)
        if found is not None:
            return f"step {exchange.step + 1}, without a credential, shows {found}"
    return None


# ---- what was forgotten ----------------------------------------------------------------------------


def _still_there(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Without a credential the endpoint refuses, however it is asked, and another one begins a session."""
    if trace.ending.kind != "alive":
        return None
    own = [exchange.status for exchange in _pages(trace) if _path(trace, exchange) in OWN]
    if not {401, 403} & set(own) or 200 in own:
        return None
    for exchange in _pages(trace):
        how = _begins(exchange) if _path(trace, exchange) not in OWN else None
        if how:
            return f"step {exchange.step + 1} {how}; the endpoint itself refuses"
    return None


def _path(trace: Trace, exchange: Exchange) -> str:
    action = trace.conversation.steps[exchange.step].action
    return action.path if isinstance(action, Http) else ""


def _begins(exchange: Exchange) -> str | None:
    """How an answer begins a session: with a result, or with a stream that names where to send to."""
    if exchange.status != 200:
        return None
    result = answered_result(exchange)
    if accepted(exchange) and result is not None and "protocolVersion" in result:
        return "begins a session"
    kind = dict(exchange.headers).get("content-type", "")
    if kind.startswith("text/event-stream") and re.fullmatch(rb"(?:/|https?://)[^\s]{1,300}", exchange.body.strip()):
        return "opens a stream and names where to send to"
    return None


# ---- where it listens ------------------------------------------------------------------------------


def _bound(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """It listens on every address of the machine, and serves who has no credential."""
    said = by_step(params, trace)
    if said is None:
        return None
    listens, served = said.get(params["listens"]), said.get(params["served"])
    if listens is None or served is None or not accepted(served):
        return None
    every = [address for address in listens.bound if address in ("0.0.0.0", "::")]
    return f"it listens on {' and '.join(every)}, and nobody asked it to" if every else None


PAGES: Mapping[str, Seen] = {
    "readable-by-any-site": _readable,
    "redirected": _redirected,
    "page-shows": _shown,
    "still-there": _still_there,
    "bound": _bound,
}
"""Kind -> how it is seen."""
