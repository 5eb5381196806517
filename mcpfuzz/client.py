"""One live MCP connection: a session joined to a channel. It sends what it is told, well-formed or not,
many at a time if wished, and matches answers by exact id and type. It judges nothing.

There is no reader task: whoever waits, reads. Deadlines are total; what moves `volley`'s patience is an
answer that was due, never bytes, comments, progress or strays.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import trio

from mcpfuzz.errors import Gone, Late, TargetError, TooMuch
from mcpfuzz.handshake import shake_hands
from mcpfuzz.model import Frame, Json
from mcpfuzz.revisions import META, Revision
from mcpfuzz.rounds import MAX_ROUNDS, asks, following
from mcpfuzz.session import Session, unagreed
from mcpfuzz.transports.channel import Channel, Key, Reply, Sent
from mcpfuzz.transports.dial import Way, open_channel
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.launch import Launch
from mcpfuzz.transports.process import GRACE_S, Process
from mcpfuzz.transports.refusals import NotStreamable
from mcpfuzz.volley import Volley, meant, refused
from mcpfuzz.wire import decode, encode, id_key, is_answer, is_request

__all__ = ["Client", "Sent", "Volley"]

MAX_EXTRA = 2_000
"""Frames nobody asked for that one volley keeps."""
SLOWEST_READER = 4 << 20
"""Bytes a second that a server is expected to read at least, beyond the patience for its answer."""
MAX_STRAYS = 10_000
"""Ids whose answers may still come and are then dropped."""
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
SUBSCRIPTION = META + "subscriptionId"
MAX_REPLIES = 200
"""Server requests that one volley answers: the client must not become the server's amplifier."""


class Client:
    """A connection whose handshake is done. Make it with `Client.connect`.

    Attributes:
        sent: frames sent over its life, for the counters.
        largest: bytes of the largest frame received.
        greeting: the frames of the handshake, noise included (a few at most).
        endpoint: where it listens and how it is spoken to; None over stdio.
        subscribed: the changes that the server agreed to tell (`listen`); None where it did not.
    """

    def __init__(
        self,
        channel: Channel,
        session: Session,
        process: Process | None,
        greeting: tuple[Frame, ...] = (),
        endpoint: Endpoint | None = None,
    ) -> None:
        self._channel = channel
        self.greeting = greeting
        self.endpoint = endpoint
        self.session = session
        self.process = process
        self._owns = channel.transport == "stdio"
        self.sent = 0
        self._strays: Counter[Key] = Counter()
        self.largest = 0
        self.subscribed: Mapping[str, Json] | None = None
        self._listening: Key | None = None
        self._opening: set[Key] = set()
        """Further subscriptions that neither were acknowledged yet nor refused."""

    @classmethod
    async def connect(
        cls,
        way: Way,
        nursery: trio.Nursery,
        *,
        wanted: Revision | None = None,
        start_timeout: float = 30.0,
        handshake: bool = True,
        process: Process | None = None,
    ) -> Client:
        """Start a stdio server, or connect to one that listens, and come to terms with it.

        Args:
            nursery: where the process's watchers live.
            wanted: insist on this revision; None negotiates.
            start_timeout: seconds from start to the agreed session, in total.
            handshake: False leaves the first word to whoever uses the connection.
            process: the one that listens, where mcpfuzz started it; it outlives the client.

        Raises:
            LaunchError: it does not start, or ended before its first answer; nobody listens.
            HandshakeError: it answers, but not as an MCP server does.
            Late: it never answered.
        """
        deadline = time.monotonic() + start_timeout
        channel, process = await open_channel(way, nursery, deadline, process)
        endpoint = way if isinstance(way, Endpoint) else None
        if not handshake:
            if wanted is not None:
                channel.agreed(wanted)
            return cls(channel, unagreed(wanted), process, endpoint=endpoint)
        heard: list[Frame] = []
        try:
            try:
                session = await shake_hands(channel, process, way, wanted, deadline, heard)
            except NotStreamable as refused:
                if endpoint is None or endpoint.forced or endpoint.transport != "http":
                    raise
                await channel.aclose()
                way = endpoint = replace(endpoint, transport="sse")
                try:
                    channel, process = await open_channel(way, nursery, deadline, process)
                except TargetError:
                    raise refused from None
                session = await shake_hands(channel, process, way, wanted, deadline, heard)
        except BaseException:
            await channel.aclose()
            if process is not None and isinstance(way, Launch):
                await process.stop()
            raise
        return cls(channel, session, process, _greeting(heard, endpoint), endpoint)

    @property
    def alive(self) -> bool:
        return self._channel.alive and (self.process is None or self.process.poll() is None)

    @property
    def transport(self) -> str:
        """stdio, http, sse or ws."""
        return self._channel.transport

    @property
    def http_session(self) -> str | None:
        """`Mcp-Session-Id` of a Streamable HTTP session, over HTTP+SSE the path that it posts to; None where there is
        none."""
        found = getattr(self._channel, "session", None)
        return found if isinstance(found, str) else None

    @property
    def http_target(self) -> str | None:
        """Path and query that a Streamable HTTP server was found at, behind a redirect perhaps; None elsewhere."""
        found = getattr(self._channel, "target", None)
        return found if isinstance(found, str) else None

    @property
    def acknowledges(self) -> bool:
        """Every message is answered in an exchange of its own: no barrier is needed to end the wait for it."""
        return self._channel.acknowledges

    async def close(self, grace: float = GRACE_S) -> None:
        """Close the connection; over stdio that ends the server. Bounded; safe to call twice."""
        await self._channel.aclose()
        if self.process is not None and self._owns:
            await self.process.stop(grace)

    # ---- the process behind it; all of it does nothing where there is none of ours

    def forget_stderr(self) -> None:
        """Begin a new record of what it writes to stderr."""
        if self.process is not None:
            self.process.forget_stderr()

    def stderr(self) -> str:
        """The last of what it wrote to stderr."""
        return self.process.stderr() if self.process is not None else ""

    async def settle(self) -> None:
        """Give a dying process's last words and exit code a moment to arrive."""
        if self.process is not None:
            await self.process.settle()

    def resident(self) -> int:
        """Resident bytes of the whole tree; 0 where it is not ours."""
        return self.process.resident() if self.process is not None else 0

    # ---- talking

    def request(self, method: str, params: Json = None) -> tuple[Key, Sent]:
        """A well-formed request, framed, under a new id."""
        request_id = self.session.next_id()
        key = ("int", request_id)
        return key, Sent(encode(self.session.message(method, params, request_id)) + b"\n", (key,))

    async def ask(self, method: str, params: Json = None, *, timeout: float) -> Frame:
        """One request and its answer; where that asks for input (2026-07-28), the answer of the last round.

        Args:
            timeout: of one round, seconds.

        Raises:
            Late, Gone, TooMuch.
            TargetError: an HTTP status refused it, and no message came with that.
        """
        for _ in range(MAX_ROUNDS):
            frame = await self._ask(method, params, timeout)
            result = asks(frame.value)
            further = following(self.session.message(method, params, 0).get("params"), result) if result else None
            if further is None:
                break
            params = further
        return frame

    async def _ask(self, method: str, params: Json, timeout: float) -> Frame:
        key, sent = self.request(method, params)
        volley = await self.volley((sent,), patience=timeout)
        if volley.gone is not None:
            raise volley.gone
        if volley.too_much is not None:
            raise volley.too_much
        if volley.late:
            raise Late(f"{method} was not answered within {timeout:g} s")
        if volley.refused:
            raise TargetError(f"{method} was answered with HTTP {volley.refused[key]} and no message")
        return volley.answers[key]

    async def listen(self, timeout: float) -> None:
        """Subscribe to every change that the server declares to tell, where it declares any. What it tells then is
        found among what nobody asked for; its acknowledgement, and the end of the subscription, are not.

        Raises:
            Gone, Late: as of sending.
        """
        params = self.session.subscription()
        if params is not None and self._listening is None:
            self._listening, sent = self.request("subscriptions/listen", params)
            self._strays[self._listening] += 1
            await self._channel.listen(sent, time.monotonic() + timeout)
            self.sent += 1

    async def subscribe(self, params: Json, *, timeout: float) -> tuple[Sent, list[Frame]]:
        """A further subscription (`subscriptions/listen`); returns once it is acknowledged or refused, or time is up.
        What it tells then is found among what nobody asked for.

        Returns:
            What was sent, and what else came meanwhile.

        Raises:
            Gone, TooMuch: as of receiving.
        """
        key, sent = self.request("subscriptions/listen", params)
        self._strays[key] += 1
        self._opening.add(key)
        deadline = time.monotonic() + timeout
        result = Volley()
        try:
            await self._channel.listen(sent, deadline)
            self.sent += 1
            while key in self._opening and time.monotonic() < deadline:
                for raw in await self._channel.receive(deadline):
                    self._sort(decode(raw), set(), result)
        except Late:
            pass
        self._opening.discard(key)
        return sent, result.extra

    async def barrier(self, timeout: float) -> Volley:
        """Whether the server still answers: a request that changes nothing."""
        request_id = self.session.next_id()
        sent = Sent(encode(self.session.barrier(request_id)) + b"\n", (("int", request_id),))
        return await self.volley((sent,), patience=timeout)

    async def volley(self, things: Sequence[Sent], *, patience: float) -> Volley:
        """Send all, then read until every due answer is there, patience ends, or the server does.

        Args:
            patience: seconds between one due answer and the next (and before the first).
        """
        result = Volley()
        self._last = time.monotonic()
        due = {key for thing in things for key in thing.due}
        try:
            size = sum(len(thing.data) for thing in things)
            result.replies = await self._channel.send(things, self._last + patience + size / SLOWEST_READER)
            self.sent += len(things)
            self._last = time.monotonic()
            deadline = self._last + patience
            replies = 0
            while self._unfinished(due, things, result.replies):
                for raw in await self._channel.receive(deadline):
                    frame = decode(raw)
                    if self._sort(frame, due, result):
                        deadline = time.monotonic() + patience
                    elif is_request(frame.value) and replies < MAX_REPLIES:
                        replies += 1
                        await self._channel.send((Sent(encode(Session.reply(frame.value)) + b"\n"),), deadline)
            result.refused = refused(due, things, result.replies)
            due.difference_update(result.refused)
            result.late = bool(due)
        except Gone as gone:
            result.gone = gone
        except Late:
            result.late = True
        except TooMuch as error:
            result.too_much = error
        self._take_waiting(due, result)
        owed = Counter(key for thing in things for key in (*thing.due, *thing.hoped))
        came = Counter(id_key(frame.value.get("id")) for frame in result.extra if is_answer(frame.value))
        for key in (*result.answers, *came.elements()):
            if key is not None and owed[key]:
                owed[key] -= 1
        self._strays.update(+owed)
        if len(self._strays) > MAX_STRAYS:
            self._strays.clear()
        return result

    def _unfinished(self, due: set[Key], things: Sequence[Sent], replies: Sequence[Reply]) -> bool:
        """Whether anything can still come that is worth the wait."""
        if not replies:
            return bool(due)
        for thing, reply in zip(things, replies, strict=True):
            unheard = self._channel.acknowledges and not reply.messages  # another message may bear the same id
            if not reply.done and (unheard or not thing.due or not due.isdisjoint(thing.due)):
                return True
        if self._channel.acknowledges:
            return False
        refused = {key for thing, reply in zip(things, replies, strict=True) if reply.refused for key in thing.due}
        return bool(due - refused)

    def _sort(self, frame: Frame, due: set[Key], result: Volley) -> bool:
        """File a frame; True where it is an answer that was due."""
        value = frame.value
        self.largest = max(self.largest, len(frame.raw))
        if type(value) is dict and "method" not in value:
            key = id_key(value.get("id"))
            if key in due:
                self._settle(key, frame, due, result)
                return True
            if key is not None and key in self._strays:
                self._strays[key] -= 1
                self._opening.discard(key)
                if not self._strays[key]:
                    del self._strays[key]
                return False  # the late answer to something said before: not this volley's
            if (stood_for := meant(value.get("id"), due)) is not None:
                self._settle(stood_for, Frame(frame.raw, value, (*frame.faults, "wrong-id")), due, result)
                return True
        elif type(value) is list and any(type(item) is dict for item in value):
            return self._sort_batch(frame, value, due, result)
        elif type(value) is dict and value["method"] == ACKNOWLEDGED and self._acknowledged(value):
            return False
        elif type(value) is dict and value["method"] == ACKNOWLEDGED and self._listening is not None:
            params = value.get("params")
            agreed = params.get("notifications") if isinstance(params, dict) else None
            self.subscribed = agreed if isinstance(agreed, dict) else {}
            return False
        if len(result.extra) < MAX_EXTRA:
            result.extra.append(frame)
        return False

    def _acknowledged(self, value: Mapping[str, Json]) -> bool:
        """Whether this is about a further subscription; one that does not say which is taken for the only one."""
        params = value.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        key = id_key(meta.get(SUBSCRIPTION)) if isinstance(meta, dict) else None
        if key is None and len(self._opening) == 1:
            key = next(iter(self._opening))
        if key not in self._opening:
            return False
        self._opening.discard(key)
        return True

    def _settle(self, key: Key, frame: Frame, due: set[Key], result: Volley) -> None:
        now = time.monotonic()
        due.discard(key)
        result.answers[key] = frame
        result.took[key] = now - self._last
        self._last = now

    def _sort_batch(self, frame: Frame, values: list[Json], due: set[Key], result: Volley) -> bool:
        """An array of messages: each is filed, with the fault told once."""
        hit = False
        for value in (item for item in values[:MAX_EXTRA] if type(item) is dict):
            hit = self._sort(Frame(encode(value), value, frame.faults), due, result) or hit
        return hit

    def _take_waiting(self, due: set[Key], result: Volley) -> None:
        """What already lies in the pipe belongs to this volley rather than to the next."""
        try:
            for raw in self._channel.waiting():
                self._sort(decode(raw), due, result)
        except TooMuch as error:
            result.too_much = error


def _greeting(heard: Sequence[Frame], endpoint: Endpoint | None) -> tuple[Frame, ...]:
    """What was heard in the handshake, but for what answers a first message: that is no MCP, nor meant to be."""
    if endpoint is None or endpoint.first_message is None:
        return tuple(heard)
    return tuple(frame for frame in heard if isinstance(frame.value, dict) and "jsonrpc" in frame.value)
