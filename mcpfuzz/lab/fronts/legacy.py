"""Streamable HTTP with sessions (2025-03-26 to 2025-11-25): POST, the GET stream, resumption, DELETE."""

from __future__ import annotations

import time

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.core import Connection
from mcpfuzz.lab.eras import LEGACY
from mcpfuzz.lab.fronts.delivery import COMMENT_S, TICK_S, Delivery, accepted, pump
from mcpfuzz.lab.fronts.exchange import Exchange
from mcpfuzz.lab.fronts.guard import Refused
from mcpfuzz.lab.fronts.outlets import Outlet, is_answer
from mcpfuzz.lab.fronts.reading import Gone, Request, Stream
from mcpfuzz.lab.fronts.replying import Events, Fields, Response, refusal
from mcpfuzz.lab.fronts.sessions import Session, Sessions

__all__ = ["SESSION", "Legacy"]

SESSION = "mcp-session-id"

_PRIMED = "2025-11-25"
"""Since then a stream begins with an empty event, so that a client knows where to come back to."""
_VERSIONED = "2025-06-18"
"""Since then requests carry MCP-Protocol-Version."""


class Legacy:
    """The era of `initialize`."""

    def __init__(self, exchange: Exchange, delivery: Delivery) -> None:
        self.lab = exchange.lab
        self._exchange = exchange
        self._delivery = delivery
        self.sessions = Sessions(exchange.lab)

    # ---- POST ----

    def post(self, request: Request, stream: Stream, value: Json, identity: str, fields: Fields) -> Response | None:
        """Answer one body.

        Raises:
            Refused: 400 without a session or with a version that is not spoken, 404 for a session that is not there.
            Gone: the client left; what it asked for is done all the same, and kept for it.
        """
        if self.lab.on("malformed-init-poison"):
            # malformed-init-poison: how many of each client there are, before every request
            self.sessions.census()
        if not request.all(SESSION) or self._asks_for_one(request, value):
            return self._without(request, value, identity, fields)
        session = self._session(request, identity)
        outlet = Outlet()
        answers = self._exchange.say(
            request.body, session.connection, lambda text, answer: outlet.put(text, answer=answer)
        )
        asked = isinstance(value, dict) and "method" in value and "id" in value
        pending = asked and not any(is_answer(answer) for answer in answers)
        if not answers and not pending:
            return Response(202, fields=fields) if value is not None else refusal(400, "Parse error", -32700)
        session.keep(outlet)
        revision = session.connection.revision
        return self._delivery.out(
            request,
            stream,
            answers,
            outlet,
            pending=pending,
            status=_status(answers),
            fields=fields,
            prime=revision is not None and revision.date >= _PRIMED,
        )

    def _asks_for_one(self, request: Request, value: Json) -> bool:
        """Whether this begins a session under an id of the client's own."""
        # session-fixation: clients that come back after a restart should find their session
        known = self.sessions.peek(request.get(SESSION) or "") is not None
        return (
            self.lab.on("session-fixation")
            and not known
            and isinstance(value, dict)
            and value.get("method") == "initialize"
        )

    def _without(self, request: Request, value: Json, identity: str, fields: Fields) -> Response:
        """A body that names no session: it starts one, or it is in the wrong place."""
        message = value if isinstance(value, dict) else {}
        starting = message.get("method") == "initialize" and "id" in message
        if not starting and (isinstance(message.get("method"), str) or "result" in message or "error" in message):
            known = {"id": message["id"]} if type(message.get("id")) in (str, int) else {}
            return refusal(400, "Mcp-Session-Id is required", **known)
        self._check_version(request)
        params = message.get("params")
        client = params.get("clientInfo") if isinstance(params, dict) else None
        session: Session | None = None
        if starting and self.lab.on("malformed-init-poison"):
            # malformed-init-poison: the session is entered first, and its client when initialize has gone well
            session = self.sessions.new(identity, None)
        connection, own = Connection(identity=identity), Outlet(ends_with_answer=False)
        if self._delivery.streams:
            connection.told = lambda message: own.put(self._exchange.text(message), answer=False)
        answers = self._exchange.say(request.body, connection, lambda text, answer: None)
        if connection.revision is None:
            text = self._exchange.text(answers[-1]).encode() if answers else b""
            return Response(400, text, fields) if text else refusal(400, "Parse error", -32700)
        if session is None:
            session = self.sessions.new(identity, client, request.get(SESSION))
        session.client, session.connection, session.own = client, connection, own
        body = self._exchange.text(answers[-1]).encode()
        # cookie-bare: for the page that shows the sessions; its script reads the id from there
        cookie = (("Set-Cookie", f"session={session.key}; Path=/"),) if self.lab.on("cookie-bare") else ()
        return Response(200, body, (*fields, ("Mcp-Session-Id", session.key), *cookie))

    def _session(self, request: Request, identity: str) -> Session:
        keys = request.all(SESSION)
        if len(keys) != 1:
            raise Refused(refusal(400, "There is one Mcp-Session-Id header"))
        session = self.sessions.find(keys[0], identity)
        if session is None:
            raise Refused(refusal(404, "There is no such session"))
        revision = session.connection.revision
        if revision is not None and revision.date >= _VERSIONED:
            self._check_version(request)
        return session

    def _check_version(self, request: Request) -> None:
        for version in request.all("mcp-protocol-version"):
            if version not in LEGACY:
                raise Refused(refusal(400, f"MCP-Protocol-Version is one of {', '.join(LEGACY)}"))

    # ---- GET ----

    def get(self, request: Request, stream: Stream, identity: str, fields: Fields) -> Response | None:
        """The session's own stream, or one that was broken off (Last-Event-ID). Raises Refused, Gone."""
        if not accepted(request) & {"text/event-stream", "text/*", "*/*"}:
            return refusal(406, "Accept names text/event-stream")
        if not request.all(SESSION):
            return refusal(400, "Mcp-Session-Id is required")
        session = self._session(request, identity)
        last = request.get("last-event-id")
        broken = self.sessions.taken_up(session, last) if last is not None else None
        if broken is not None:
            outlet, count = broken
            pump(Events(stream, request, fields), stream, outlet, count, keyed=True)
            return None
        if not session.listening.acquire(blocking=False):
            return refusal(409, "The session's stream is being read")
        try:
            self._listen(request, stream, session, fields)
        finally:
            session.listening.release()
        return None

    def _listen(self, request: Request, stream: Stream, session: Session, fields: Fields) -> None:
        """What belongs to no request, until the session ends. It is said once, and not kept."""
        events = Events(stream, request, fields)
        revision = session.connection.revision
        if revision is not None and revision.date >= _PRIMED:
            events.event("", key=f"{Outlet().key}_0")
        said = time.monotonic()
        while not session.ended.is_set():
            texts, full = session.own.after(0, TICK_S)
            for text in texts:
                events.event(text, name="message")
                said = time.monotonic()
            session.own.forget(len(texts))
            if full:
                break  # nobody had read it for long
            if not texts and stream.gone():
                raise Gone
            if time.monotonic() - said > COMMENT_S:
                events.comment()
                said = time.monotonic()
        events.end()

    # ---- DELETE ----

    def delete(self, request: Request, identity: str, fields: Fields) -> Response:
        """End the session."""
        if not request.all(SESSION):
            return refusal(400, "Mcp-Session-Id is required")
        session = self._session(request, identity)
        if not self.lab.on("session-kept"):
            # session-kept: goodbye is answered, and that is all
            self.sessions.end(session)
        return Response(204, fields=fields)


def _status(answers: list[Json]) -> int:
    """400 where the body itself was refused: not JSON, no request, or a batch in which nothing is one."""

    def refused(answer: Json) -> bool:
        if isinstance(answer, list):
            return all(map(refused, answer))
        return answer.get("error", {}).get("code") in (-32700, -32600)

    return 400 if any(map(refused, answers)) else 200
