"""MCP over Streamable HTTP (2025-03-26 and later, both eras): each message is a POST of its own.

One message at a time costs one write and one read on a kept connection; several go out over several connections.
The legacy era's session and its stream for the server's own messages live here, the modern era's mirrored headers
in `headers`.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Sequence

import orjson
import trio

from mcpfuzz.errors import TargetError
from mcpfuzz.model import Json
from mcpfuzz.revisions import Revision
from mcpfuzz.transports.channel import Reply, Sent
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.exchanges import Exchange
from mcpfuzz.transports.headers import VERSION, mirrored
from mcpfuzz.transports.http1 import header_lines
from mcpfuzz.transports.pool import Pool
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.resumption import Resumption

__all__ = ["StreamableChannel", "merged"]

AGENT = "mcpfuzz"
CLOSE_S = 1.0
"""For the server to take note of the session's end."""
_SESSION = re.compile(r"[\x21-\x7e]{1,4096}")


class StreamableChannel:
    """The channel over one URL."""

    transport = "http"
    acknowledges = True

    def __init__(self, endpoint: Endpoint, process: Process | None = None) -> None:
        self.endpoint = endpoint
        self.session: str | None = None
        """The server's `Mcp-Session-Id`."""
        self._pool = Pool(endpoint, process)
        self._target = endpoint.target
        self._revision: Revision | None = None
        self._listen_after = -1
        """Messages until the server's own stream is asked for; -1: never."""
        self._closed = False
        self._lines()

    @classmethod
    async def open(cls, endpoint: Endpoint, deadline: float, process: Process | None = None) -> StreamableChannel:
        """Connect; nothing is sent yet.

        Raises:
            LaunchError: nobody listens, or TLS fails.
            Late: it takes too long.
        """
        channel = cls(endpoint, process)
        await channel._pool.open(deadline)
        return channel

    @property
    def target(self) -> str:
        """Where messages go: where a redirect led before the session stood, else what the user gave."""
        return self._target

    @property
    def alive(self) -> bool:
        return not self._closed and self._pool.dead is None

    def agreed(self, revision: Revision) -> None:
        """From now on requests name the revision; in a legacy session the server's own stream is listened to."""
        self._revision = revision
        if revision.era == "modern":
            self.session = None
        elif self.session is not None:
            self._listen_after = 1  # notifications/initialized comes first
        self._lines()

    async def send(self, messages: Sequence[Sent], deadline: float) -> Sequence[Reply]:
        """POST all of them, each on a connection of its own where there are several.

        Raises:
            Gone: nobody takes connections any more.
            Late: it does not read.
        """
        made = [self._exchange(message) for message in messages]
        if self._listen_after >= 0:
            if not self._listen_after:
                made.insert(0, self._listening())
            self._listen_after -= 1
        await self._pool.start(made, deadline)
        return [exchange.reply for exchange in made[-len(messages) :]] if messages else []

    async def listen(self, message: Sent, deadline: float) -> None:
        """POST it; the event stream that answers it is read along with all else. Raises Gone, Late."""
        opened = self._exchange(message)
        opened.body, opened.lasting, opened.resumption = "none", True, None
        await self._pool.start((opened,), deadline)

    async def receive(self, deadline: float) -> list[bytes]:
        """The next messages of any answer; empty where one ended without."""
        return await self._pool.receive(deadline)

    def waiting(self) -> list[bytes]:
        return self._pool.waiting()

    async def aclose(self) -> None:
        """End the session (DELETE, bounded) and close the connections."""
        if self._closed:
            return
        self._closed = True
        with trio.CancelScope(shield=True):
            if self.session is not None and self._pool.dead is None:
                with contextlib.suppress(TargetError):
                    until = time.monotonic() + CLOSE_S
                    leaving = Exchange("DELETE", self._bodiless("DELETE"), self._target)
                    await self._pool.start((leaving,), until)
                    while not leaving.reply.done:
                        await self._pool.receive(until)
            self._pool.close()

    # ---- requests

    def _lines(self) -> None:
        """Headers that are the same on every request of this state."""
        revision = self._revision
        ours = [("Host", self.endpoint.authority), ("User-Agent", AGENT), ("Accept-Encoding", "identity")]
        if revision is not None and revision.era == "legacy" and revision.version_header:
            ours.append(("MCP-Protocol-Version", revision.date))
        if self.session is not None:
            ours.append(("Mcp-Session-Id", self.session))
        self._common = merged(ours, self.endpoint.headers)
        self._given = {name.lower() for name, _ in self.endpoint.headers}
        kinds = (("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream"))
        self._posting = header_lines(merged(kinds, self._common))

    def _exchange(self, sent: Sent) -> Exchange:
        body = sent.data[:-1] if sent.data.endswith(b"\n") else sent.data
        lines, starts = self._posting, False
        if self._revision is None or self._revision.era == "modern":
            message = _read(body)
            starts = isinstance(message, dict) and message.get("method") == "initialize"
            if not starts and (self._revision is not None or _is_modern(message)):
                version = self._revision.date if self._revision is not None else None
                extra = mirrored(message, version, self.endpoint.learned)
                lines += header_lines([pair for pair in extra if pair[0].lower() not in self._given])
        tail = b" HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)

        def build(target: str) -> bytes:
            return b"POST " + target.encode("ascii", "replace") + tail

        made = Exchange("POST", build, self._target)
        if self._revision is None:
            made.on_response = self._greeted if starts else self._led
        elif self._revision.sessions and sent.due:
            made.resumption = Resumption(self._coming_back, owed=len(sent.due))
        return made

    def _led(self, exchange: Exchange) -> None:
        """Before the session stands: where a redirect led is where the server is."""
        if self._revision is None and (exchange.reply.status or 500) < 300:
            self._target = exchange.target

    def _greeted(self, exchange: Exchange) -> None:
        """The answer to `initialize` may give a session."""
        if self._revision is not None or (exchange.reply.status or 500) >= 300:
            return
        self._led(exchange)
        for name, value in exchange.reply.headers:
            if name == "mcp-session-id" and _SESSION.fullmatch(value):
                self.session = value
                self._lines()

    def _bodiless(self, method: str, *headers: tuple[str, str]) -> Callable[[str], bytes]:
        lines = header_lines(merged(headers, self._common))

        def build(target: str) -> bytes:
            return method.encode() + b" " + target.encode("ascii", "replace") + b" HTTP/1.1\r\n" + lines + b"\r\n"

        return build

    def _coming_back(self, last: str) -> Callable[[str], bytes]:
        """A GET for the stream that broke off after the event `last`, or, without one, for the server's own."""
        where = (("Last-Event-ID", last),) if last else ()
        return self._bodiless("GET", ("Accept", "text/event-stream"), *where)

    def _listening(self) -> Exchange:
        """The stream of the server's own requests and notifications. 405 says that there is none, and whatever
        else it says is no matter of the conversation's."""
        plan = Resumption(self._coming_back, own=True)
        return Exchange("GET", plan.build(""), self._target, body="none", lasting=True, resumption=plan)


def merged(ours: Sequence[tuple[str, str]], given: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers of ours and the user's, whose word is the last."""
    names = {name.lower() for name, _ in given}
    return (*[pair for pair in ours if pair[0].lower() not in names], *given)


def _read(body: bytes) -> Json:
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _is_modern(message: Json) -> bool:
    params = message.get("params") if isinstance(message, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    return isinstance(meta, dict) and VERSION in meta
