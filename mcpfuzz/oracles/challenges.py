"""Proofs about what a server says to somebody without a credential: the challenge (RFC 9110, 11.6.1), and the document
that it leads to (RFC 9728).

Pure, as all proofs. A document is judged only where its address is the server's own: behind a proxy that is the
public one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mcpfuzz.model import Exchange, Trace
from mcpfuzz.oracles.bench import Bench

__all__ = ["CHALLENGES"]

Seen = Callable[[Mapping[str, Any], Trace, Bench], str | None]

_METADATA = re.compile(r'resource_metadata\s*=\s*"?([^",\s]+)', re.IGNORECASE)
_LINE = re.compile(rb"^[A-Z]+ (\S+) HTTP/1\.1\r\n.*?^host: *([^\r\n]+)", re.IGNORECASE | re.DOTALL | re.MULTILINE)


def _challenges(exchange: Exchange | None) -> list[str] | None:
    """What a 401 asks for; None where it is no 401."""
    if exchange is None or exchange.status != 401:
        return None
    return [value for name, value in exchange.headers if name == "www-authenticate" and value.strip()]


def _unchallenged(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """401, and not a word of what is wanted."""
    asked = {exchange.step: exchange for exchange in trace.exchanges}.get(params["ask"])
    return f"step {params['ask'] + 1}: 401 without WWW-Authenticate" if _challenges(asked) == [] else None


def _astray(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The challenge leads to a document of this server that is not there, or is about another resource."""
    said = {exchange.step: exchange for exchange in trace.exchanges}
    asked = said.get(params["ask"])
    match = _METADATA.search(", ".join(_challenges(asked) or []))
    if asked is None or match is None:
        return None
    endpoint, host = _addressed(asked)
    try:
        address = urlsplit(match[1])
    except ValueError:
        return None
    if not host or address.netloc.lower() != host:
        return None
    for step in params["documents"]:
        exchange = said.get(step)
        if exchange is None or _addressed(exchange)[0] != address.path:
            continue
        if exchange.status != 200:
            return f"resource_metadata leads to {address.path}, which is answered with {exchange.status}"
        return _wrong(exchange.answer.value if exchange.answer is not None else None, endpoint, host)
    return None


def _wrong(document: object, endpoint: str, host: str) -> str | None:
    """What is wrong with the metadata of the resource at this path and host."""
    if not isinstance(document, Mapping):
        return "the metadata is no JSON object"
    resource = document.get("resource")
    if not isinstance(resource, str):
        return "the metadata names no resource"
    try:
        parts = urlsplit(resource)
    except ValueError:
        return "the metadata's resource is no URL"
    path = parts.path.rstrip("/")
    inside = endpoint.rstrip("/") == path or endpoint.startswith(path + "/")
    if parts.netloc.lower() != host or not inside:
        return f"the metadata is about the resource {resource[:120]!r}, not about {endpoint}"
    return None


def _addressed(exchange: Exchange) -> tuple[str, str]:
    """Path and host of a request."""
    match = _LINE.match(exchange.sent)
    if match is None:
        return "", ""
    return match[1].decode("latin-1").partition("?")[0], match[2].decode("latin-1").strip().lower()


CHALLENGES: Mapping[str, Seen] = {"unchallenged": _unchallenged, "metadata-astray": _astray}
"""Kind -> how it is seen."""
