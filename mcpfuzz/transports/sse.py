"""MCP over HTTP+SSE (2024-11-05): a GET whose event stream names where to POST, and brings all answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import trio

from mcpfuzz.errors import Gone, HandshakeError, Late
from mcpfuzz.revisions import Revision
from mcpfuzz.transports.channel import Reply, Sent
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.events import Event
from mcpfuzz.transports.exchanges import Exchange, within
from mcpfuzz.transports.http1 import header_lines
from mcpfuzz.transports.pool import Pool
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.refusals import refusal
from mcpfuzz.transports.stdio import ending_words
from mcpfuzz.transports.streamable import AGENT, merged

__all__ = ["SseChannel"]

IN_ORDER_S = 2.0
"""The longest that a message waits for the one before it to be taken."""


class SseChannel:
    """The channel over one event stream."""

    transport = "sse"
    acknowledges = False

    def __init__(self, endpoint: Endpoint, process: Process | None = None) -> None:
        self.endpoint = endpoint
        self.process = process
        self.posts_to = ""
        """Path and query that the server named; they hold its session."""
        self._foreign = ""
        self._pool = Pool(endpoint, process)
        self._closed = False
        common = (("Host", endpoint.authority), ("User-Agent", AGENT), ("Accept-Encoding", "identity"))
        self._getting = header_lines(merged((*common, ("Accept", "text/event-stream")), endpoint.headers))
        posting = (*common, ("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream"))
        self._posting = header_lines(merged(posting, endpoint.headers))
        self._stream = Exchange("GET", self._get, endpoint.target, body="messages", on_event=self._event, lasting=True)

    @classmethod
    async def open(cls, endpoint: Endpoint, deadline: float, process: Process | None = None) -> SseChannel:
        """Connect, and learn where messages go.

        Raises:
            LaunchError: nobody listens, or TLS fails.
            HandshakeError: there is no event stream, or it does not say where messages go.
            Late: it takes too long.
        """
        channel = cls(endpoint, process)
        try:
            await channel._pool.open(deadline)
            await channel._begin(deadline)
        except BaseException:
            channel._pool.close()
            raise
        return channel

    @property
    def session(self) -> str | None:
        """What names the session here: the path that its messages go to."""
        return self.posts_to or None

    @property
    def alive(self) -> bool:
        return not self._closed and not self._stream.reply.done

    def agreed(self, revision: Revision) -> None:
        """Nothing of it shows in the headers of this transport."""

    async def send(self, messages: Sequence[Sent], deadline: float) -> Sequence[Reply]:
        """POST all of them: at the same time where ids tell the answers apart, else one after the other.

        What is owed no answer by its id is known by what follows it (a barrier). Over a connection of its own the
        barrier would overtake it, so it waits until the server has taken what came before.

        Raises:
            Gone: nobody takes connections any more, or the stream ended.
            Late: it does not read.
        """
        if self._stream.reply.done:
            raise await self._ended()
        made = [self._exchange(message.data) for message in messages]
        together: list[Exchange] = []
        for message, exchange in zip(messages, made, strict=True):
            together.append(exchange)
            if not message.due and exchange is not made[-1]:
                await self._pool.start(together, deadline)
                await self._taken(exchange, min(deadline, time.monotonic() + IN_ORDER_S))
                together = []
        await self._pool.start(together, deadline)
        return [exchange.reply for exchange in made]

    async def _taken(self, exchange: Exchange, deadline: float) -> None:
        """Until its POST was answered, or the time is up: then order is no longer to be had."""
        while not exchange.reply.done and time.monotonic() < deadline:
            await self._pool.step(deadline)

    async def listen(self, message: Sent, deadline: float) -> None:
        """The same as any other request here. Raises Gone, Late."""
        await self.send((message,), deadline)

    async def receive(self, deadline: float) -> list[bytes]:
        """The next messages of the stream; empty where a POST was answered."""
        messages = await self._pool.receive(deadline)
        if not messages and self._stream.reply.done:
            raise await self._ended()
        return messages

    def waiting(self) -> list[bytes]:
        return self._pool.waiting()

    async def aclose(self) -> None:
        """Close the stream, which ends the session."""
        if not self._closed:
            self._closed = True
            self._pool.close()
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()

    # ---- the stream

    async def _begin(self, deadline: float) -> None:
        reply, where = self._stream.reply, self.endpoint.origin + self.endpoint.target.partition("?")[0]
        try:
            await self._pool.start((self._stream,), deadline)
            while not self.posts_to:
                if self._foreign:
                    raise HandshakeError(
                        f"{where} wants messages sent to {self._foreign[:200]!r}, another origin: not done"
                    )
                if reply.done or (reply.status is not None and self._stream.events is None):
                    raise refusal(self.endpoint, reply, "GET")
                await self._pool.step(deadline)
                if time.monotonic() > deadline:
                    raise Late("")
        except Late:
            there = "opens an event stream but never says" if reply.status else "takes connections but never answers"
            raise Late(f"{where} {there} where messages go; is it an MCP endpoint of HTTP+SSE?") from None

    def _event(self, event: Event) -> bytes | None:
        if event.kind == "message":
            return event.data
        if event.kind == "endpoint" and not self.posts_to:
            named = event.data.decode("utf-8", "replace").strip()
            target = within(self.endpoint, self._stream.target, named)
            if target is None:
                self._foreign = named or "nothing"
            else:
                self.posts_to = target
        return None

    async def _ended(self) -> Gone:
        code = None
        if self.process is not None:
            await self.process.settle()
            code = self.process.poll()
        if code is not None:
            return Gone(f"the server ended ({ending_words(code)})", returncode=code)
        return Gone("the server closed its event stream")

    # ---- requests

    def _get(self, target: str) -> bytes:
        return b"GET " + target.encode("ascii", "replace") + b" HTTP/1.1\r\n" + self._getting + b"\r\n"

    def _exchange(self, data: bytes) -> Exchange:
        body = data[:-1] if data.endswith(b"\n") else data
        tail = b" HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (self._posting, len(body), body)
        build: Callable[[str], bytes] = lambda target: b"POST " + target.encode("ascii", "replace") + tail  # noqa: E731
        return Exchange("POST", build, self.posts_to, body="messages")
