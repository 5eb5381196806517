"""Streamable HTTP: one path, both eras; says which of them a request is for. Knows HTTP methods and headers."""

from __future__ import annotations

import threading

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.eras import MODERN, enveloped
from mcpfuzz.lab.fronts.delivery import Delivery, unacceptable
from mcpfuzz.lab.fronts.exchange import Exchange, decoded
from mcpfuzz.lab.fronts.guard import ANONYMOUS, Guard
from mcpfuzz.lab.fronts.legacy import SESSION, Legacy
from mcpfuzz.lab.fronts.modern import Modern, meta_of
from mcpfuzz.lab.fronts.reading import Request, Stream
from mcpfuzz.lab.fronts.replying import Response, refusal

__all__ = ["Streamable"]

_METHODS = "POST, GET, DELETE"
_PLACES, _PATIENCE_S = 64, 1.0
"""Requests at a time, and how long one waits to be among them."""


class Streamable:
    """The endpoint."""

    def __init__(self, exchange: Exchange, guard: Guard, answers: str = "auto") -> None:
        self.lab = exchange.lab
        self.guard = guard
        self._era = exchange.server.era
        self._places = threading.Semaphore(_PLACES)
        delivery = Delivery(exchange, answers)
        self._legacy = Legacy(exchange, delivery)
        self._modern = Modern(exchange, delivery)

    def answer(self, request: Request, stream: Stream) -> Response | None:
        """Answer one request; None where a stream has been written.

        Raises:
            Refused: with its response. Gone: the client left.
        """
        if request.method == "OPTIONS":
            return self.guard.preflight(request, _METHODS)
        self.guard.door(request)
        identity = self._who(request)
        self.guard.limited(request, identity, request.get(SESSION))
        if request.method == "POST":
            return self._post(request, stream, identity)
        sessions = self._era != "modern" and request.get("mcp-protocol-version") != MODERN
        if request.method in ("GET", "DELETE") and sessions:
            fields = self.guard.cors(request)
            if request.method == "GET":
                return self._legacy.get(request, stream, identity, fields)
            return self._legacy.delete(request, identity, fields)
        return refusal(405, "This method is not served").plus(("Allow", _METHODS if sessions else "POST"))

    def _who(self, request: Request) -> str:
        if self.lab.on("auth-missing-on-get") and request.method != "POST":
            # auth-missing-on-get: the decorator is on the handler of POST; the session says whose the rest is
            session = self._legacy.sessions.peek(request.get(SESSION) or "")
            return session.identity if session else ANONYMOUS
        modern = request.get("mcp-protocol-version") == MODERN
        if self.lab.on("auth-missing-on-legacy") and not modern and request.get("authorization") is None:
            # auth-missing-on-legacy: the guard came with the new handler; who speaks the old revisions is let through
            return ANONYMOUS
        if self.lab.on("token-once"):
            # token-once: whoever has the session's id was given it, and showed a token for it
            session = self._legacy.sessions.peek(request.get(SESSION) or "")
            if session is not None:
                return session.identity
        return self.guard.who(request)

    def _post(self, request: Request, stream: Stream, identity: str) -> Response | None:
        if self.lab.on("leak-http-trace"):
            # leak-http-trace: whatever charset the client names is looked up, and may not be found
            charset = (request.get("content-type") or "").partition("charset=")[2]
            request.body.decode(charset or "utf-8", "replace")
        fault = unacceptable(request)
        if fault is not None:
            return fault
        value = decoded(request.body)
        era = self._modern if self._is_modern(request, value) else self._legacy
        if not self.lab.on("places-lost"):
            return era.post(request, stream, value, identity, self.guard.cors(request))
        # places-lost: a place is given back with the answer; a client that leaves before it takes its place along
        if not self._places.acquire(timeout=_PATIENCE_S):
            return refusal(503, "All places are taken")
        response = era.post(request, stream, value, identity, self.guard.cors(request))
        self._places.release()
        return response

    def _is_modern(self, request: Request, value: Json) -> bool:
        """A modern body is never served as a legacy one: without its header it is a modern one with a fault."""
        if self._era != "both":
            return self._era == "modern"
        return request.get("mcp-protocol-version") == MODERN or enveloped(meta_of(value))
