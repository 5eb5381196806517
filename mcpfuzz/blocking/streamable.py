"""Streamable HTTP on blocking sockets, both eras. One session, as many connections as calls are under way at once:
an idle connection is taken, or a new one opened, so that an open model never waits for a free one.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping
from time import monotonic

import orjson

from mcpfuzz.blocking.http1 import Connection, Place, Response, events_in, request_bytes
from mcpfuzz.blocking.outcome import Outcome, classify
from mcpfuzz.errors import Gone, HandshakeError, Late, TargetError
from mcpfuzz.model import Frame, Json
from mcpfuzz.revisions import Revision
from mcpfuzz.session import Handshake, Session
from mcpfuzz.wire import decode, encode

__all__ = ["StreamableHttp"]

ACCEPT = "application/json, text/event-stream"
MAX_IDLE = 256
"""Idle connections kept by one session."""
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Methods whose subject a modern request names in a header too (SE-13)."""


class StreamableHttp:
    """A session over Streamable HTTP; `open` first. Thread- and greenlet-safe once it is open.

    Args:
        headers: go with every request (identity, for one).
        source: local address to connect from.
    """

    transport = "http"

    def __init__(
        self,
        place: Place,
        *,
        headers: Mapping[str, str] | None = None,
        wanted: Revision | None = None,
        timeout: float = 10.0,
        source: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.place = place
        self._wanted = wanted
        self._timeout = timeout
        self._source = source
        self._tls = tls
        self._idle: list[Connection] = []
        self.session: Session | None = None
        self.session_id: str | None = None
        self._base = {
            "Host": place.authority,
            "Content-Type": "application/json",
            "Accept": ACCEPT,
            "User-Agent": "mcpfuzz",
            **(headers or {}),
        }
        self._head = b""

    # ---- the session

    def open(self) -> Outcome:
        """Come to terms; the outcome of the handshake as one.

        Raises:
            HandshakeError: it answers, but not as an MCP server does; `outcome` of the error tells more.
            Gone, Late: it is out of reach.
        """
        try:
            return self._open()
        except BaseException:
            self.drop()
            raise

    def _open(self) -> Outcome:
        began = monotonic()
        shake = Handshake(self._wanted)
        todo = shake.start()
        last: Outcome | None = None
        while todo and shake.session is None:
            body = todo.pop(0)
            response = self._post(body, self._handshake_headers(body))
            last = self._handshake_answer(shake, response, todo)
        if shake.session is None:
            why = shake.failure or (last.detail if last else "it never answered")
            raise HandshakeError(f"{self.place.authority}{self.place.path}: no MCP session: {why}")
        self.session = shake.session
        self._settle()
        for frame in todo:  # notifications/initialized
            self._post(frame, self._session_headers())
        return Outcome("ok", took_s=monotonic() - began)

    def _handshake_answer(self, shake: Handshake, response: Response, todo: list[bytes]) -> Outcome:
        frame = self._answer(response, None)
        outcome = classify(frame.value if frame else None, response.status, response.header(b"retry-after"))
        if outcome.kind == "limited":
            raise Gone(f"the handshake was refused: {outcome.detail}")
        self.session_id = response.header(b"mcp-session-id") or self.session_id
        if frame is not None and isinstance(frame.value, dict) and frame.value.get("id") is not None:
            todo += shake.receive(frame)
        else:  # an HTTP error without an answer to our id: an old server that does not know the probe
            todo += shake.overdue()
        return outcome

    def _handshake_headers(self, body: bytes) -> dict[str, str]:
        value = decode(body).value
        meta = value["params"].get("_meta") if isinstance(value.get("params"), dict) else None
        if not meta:
            return self._base
        date = next((str(item) for key, item in meta.items() if key.endswith("protocolVersion")), "")
        return {**self._base, "MCP-Protocol-Version": date, "Mcp-Method": value["method"]}

    def _session_headers(self) -> dict[str, str]:
        made = dict(self._base)
        if self.session is not None and self.session.revision.version_header:
            made["MCP-Protocol-Version"] = self.session.revision.date
        if self.session_id is not None:
            made["Mcp-Session-Id"] = self.session_id
        return made

    def _settle(self) -> None:
        """The head that every request of this session shares, made once."""
        whole = request_bytes("POST", self.place.path, self._session_headers())
        self._head = whole[:-2]

    # ---- requests

    def bytes_of(self, message: Mapping[str, Json], extra: Mapping[str, str] | None = None) -> bytes:
        """A message as the request that carries it."""
        return self.bytes_around(encode(message), message.get("method"), message.get("params"), extra)

    def bytes_around(
        self, body: bytes, method: Json = None, params: Json = None, extra: Mapping[str, str] | None = None
    ) -> bytes:
        """A body as the request that carries it, in the modern era with the headers that repeat it."""
        more = b""
        if self.session is not None and self.session.revision.era == "modern" and isinstance(method, str):
            more = b"Mcp-Method: " + method.encode() + b"\r\n"
            named = params.get(_NAMED.get(method, "")) if isinstance(params, dict) else None
            if isinstance(named, str) and named.isascii() and named.isprintable():
                more += b"Mcp-Name: " + named.encode() + b"\r\n"
        for name, value in (extra or {}).items():
            more += f"{name}: {value}\r\n".encode("latin-1", "replace")
        return b"%bContent-Length: %d\r\n%b\r\n%b" % (self._head, len(body), more, body)

    def call(
        self,
        method: str,
        params: Json = None,
        *,
        due: float | None = None,
        extra: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Outcome:
        """One request and what came of it; never raises for what the server did.

        Args:
            due: the instant it was due, monotonic; None: now.
            extra: further headers.
            fresh: on a connection of its own, opened and closed for it.
        """
        session = self.session
        if session is None:
            raise Gone("the session is not open")
        request_id = session.next_id()
        message = session.message(method, params, request_id)
        return self.run(self.bytes_of(message, extra), request_id, due=due, fresh=fresh)

    def run(self, request: bytes, request_id: Json, *, due: float | None = None, fresh: bool = False) -> Outcome:
        """A request of `bytes_of` and what came of it."""
        began = monotonic() if due is None else due
        try:
            response = self._once(request) if fresh else self.exchange(request)
        except Late as error:
            return Outcome("late", "no answer in time", monotonic() - began, value=str(error))
        except TargetError as error:
            return Outcome("broken", _short(error), monotonic() - began, value=str(error))
        done = monotonic()
        value, status = self._value(response, request_id), response.status
        result = value.get("result") if status == 200 and isinstance(value, dict) and "error" not in value else None
        if isinstance(result, dict) and result.get("isError") is not True:  # as `classify` says, without asking it
            outcome = Outcome("ok", "", done - began, status=200, value=value)
        else:
            outcome = classify(value, status, response.header(b"retry-after") if status >= 400 else None)
            outcome.took_s = done - began
        outcome.size = len(response.body)
        if response.first_at is not None and response.is_sse:
            outcome.first_s = response.first_at - began
        return outcome

    def notify(self, method: str, params: Json = None) -> Outcome:
        """One notification; the outcome is that of the HTTP exchange."""
        message: dict[str, Json] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        return self.run(self.bytes_of(message), None)

    def exchange(self, request: bytes) -> Response:
        """Send on an idle connection, or a new one; one that the server closed while it idled is replaced."""
        while True:
            connection = self._idle.pop() if self._idle else self.connect()
            reused = not connection.fresh
            try:
                response = connection.exchange(request)
            except Gone:
                connection.close()
                if not reused:
                    raise
                continue
            except BaseException:
                connection.close()
                raise
            if connection.socket.fileno() >= 0 and len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
            else:
                connection.close()
            return response

    def _once(self, request: bytes) -> Response:
        connection = self.connect()
        try:
            return connection.exchange(request)
        finally:
            connection.close()

    def connect(self) -> Connection:
        """A connection of its own to the server."""
        return Connection(self.place, timeout=self._timeout, source=self._source, tls=self._tls)

    def listening(self) -> bytes:
        """The request for the session's event stream."""
        headers = {**self._session_headers(), "Accept": "text/event-stream"}
        del headers["Content-Type"]
        return request_bytes("GET", self.place.path, headers)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Response:
        return self.exchange(request_bytes("POST", self.place.path, headers, body))

    @classmethod
    def _value(cls, response: Response, request_id: Json) -> Json:
        """The answer's value, read without looking for faults: those are the campaign's business."""
        if response.is_sse:
            frame = cls._answer(response, request_id)
            return None if frame is None else frame.value
        try:
            return orjson.loads(response.body) if response.body else None
        except ValueError:
            return None

    @staticmethod
    def _answer(response: Response, request_id: Json) -> Frame | None:
        """The answer in a response: the body, or the event that holds it."""
        if not response.is_sse:
            return decode(response.body) if response.body else None
        for _, data in reversed(events_in(response.body)):
            frame = decode(data)
            value = frame.value
            if (
                isinstance(value, dict)
                and "method" not in value
                and (request_id is None or value.get("id") == request_id)
            ):
                return frame
        return None

    def drop(self) -> None:
        """Close the connections; the session lives on at the server."""
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """End the session, where there is one, and the connections."""
        if self.session_id is not None and self._idle:
            with contextlib.suppress(TargetError):  # it is over either way
                self.exchange(request_bytes("DELETE", self.place.path, self._session_headers()))
        self.drop()


def _short(error: TargetError) -> str:
    """The error as a row of a table: nothing in it that differs from one request to the next."""
    text = str(error)
    for words, told in _WORDS.items():
        if words in text:
            return told
    return f"connection broken: {text.rpartition(': ')[2][:60]}"


_WORDS = {"no connection": "no connection", "closed the connection": "closed before the answer", "no HTTP": "no HTTP"}
