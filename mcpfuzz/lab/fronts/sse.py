"""HTTP+SSE (2024-11-05): a GET stream that names an endpoint, and POSTs to it that are answered on the stream."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import parse_qs

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.fronts.delivery import COMMENT_S, TICK_S, accepted
from mcpfuzz.lab.fronts.exchange import Exchange, decoded
from mcpfuzz.lab.fronts.guard import Guard
from mcpfuzz.lab.fronts.outlets import Outlet, is_answer
from mcpfuzz.lab.fronts.reading import Gone, Request, Stream
from mcpfuzz.lab.fronts.replying import Events, Response, refusal
from mcpfuzz.lab.fronts.sessions import Session, Sessions

__all__ = ["MESSAGES", "STREAM", "Sse"]

STREAM: Final = "/sse"
MESSAGES: Final = "/messages"


class Sse:
    """The two endpoints, which share their sessions."""

    def __init__(self, exchange: Exchange, guard: Guard) -> None:
        self.lab = exchange.lab
        self.guard = guard
        self._exchange = exchange
        self._sessions = Sessions(exchange.lab)
        self._outlets: dict[str, Outlet] = {}

    # ---- the stream ----

    def stream(self, request: Request, stream: Stream) -> Response | None:
        """GET: a session, for as long as it is read. Raises Refused, Gone."""
        if request.method == "OPTIONS":
            return self.guard.preflight(request, "GET")
        self.guard.door(request)
        identity = self.guard.who(request)
        self.guard.limited(request, identity, None)
        if request.method != "GET":
            return refusal(405, "This method is not served").plus(("Allow", "GET"))
        if not accepted(request) & {"text/event-stream", "text/*", "*/*", ""}:
            return refusal(406, "Accept names text/event-stream")
        session = self._sessions.new(identity, None)
        outlet = self._outlets[session.key] = Outlet(ends_with_answer=False)
        session.connection.told = lambda message: outlet.put(self._exchange.text(message), answer=False)
        try:
            self._carry(Events(stream, request, self.guard.cors(request)), stream, session, outlet)
        finally:
            self._sessions.end(session)
            del self._outlets[session.key]
            for cancelled in list(session.connection.running.values()):
                cancelled.set()
        return None

    def _carry(self, events: Events, stream: Stream, session: Session, outlet: Outlet) -> None:
        events.event(f"{MESSAGES}?sessionId={session.key}", name="endpoint")
        said = time.monotonic()
        while not session.ended.is_set():
            texts, done = outlet.after(0, TICK_S)
            for text in texts:
                events.event(text, name="message")
                said = time.monotonic()
            outlet.forget(len(texts))
            if done:
                break  # nobody reads it
            if not texts and stream.gone():
                raise Gone
            if time.monotonic() - said > COMMENT_S:
                events.comment()
                said = time.monotonic()
        events.end()

    # ---- what is said ----

    def messages(self, request: Request, stream: Stream) -> Response | None:
        """POST: one message; its answer is told on the stream. Raises Refused."""
        if request.method == "OPTIONS":
            return self.guard.preflight(request, "POST")
        self.guard.door(request)
        identity = self.guard.who(request)
        keys = parse_qs(request.query).get("sessionId", [])
        self.guard.limited(request, identity, keys[0] if keys else None)
        if request.method != "POST":
            return refusal(405, "This method is not served").plus(("Allow", "POST"))
        if (request.get("content-type") or "").partition(";")[0].strip().lower() != "application/json":
            return refusal(415, "Content-Type is application/json")
        if len(keys) != 1:
            return refusal(400, "sessionId is required")
        session = self._sessions.find(keys[0], identity)
        outlet = self._outlets.get(keys[0])
        if session is None or outlet is None:
            return refusal(404, "There is no such session")
        return self._said(request, session, outlet)

    def _said(self, request: Request, session: Session, outlet: Outlet) -> Response:
        value = decoded(request.body)
        answers = self._exchange.say(
            request.body, session.connection, lambda text, answer: outlet.put(text, answer=answer)
        )
        if _unread(value, answers):
            body = self._exchange.text(answers[-1]).encode() if answers else b""
            return Response(400, body) if body else refusal(400, "Parse error", -32700)
        for answer in answers:
            outlet.put(self._exchange.text(answer), answer=is_answer(answer))
        return Response(202, fields=self.guard.cors(request))


def _unread(value: Json, answers: list[Json]) -> bool:
    """Whether the body itself was refused: nobody waits for an answer to that on the stream."""
    codes = {answer["error"].get("code") for answer in answers if isinstance(answer, dict) and "error" in answer}
    return value is None or bool(codes & {-32700, -32600})
