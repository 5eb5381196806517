"""One live MCP connection: a session joined to a channel. It sends what it is told, well-formed or not,
many at a time if wished, and matches answers by exact id and type. It judges nothing.

There is no reader task: whoever waits, reads. Deadlines are total; what moves `volley`'s patience is an
answer that was due, never bytes, comments, progress or strays.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from mcpfuzz.errors import Gone, HandshakeError, Late, LaunchError, TargetError, TooMuch
from mcpfuzz.model import Frame, Json
from mcpfuzz.revisions import Revision
from mcpfuzz.session import Handshake, Session, unagreed
from mcpfuzz.transports.launch import Launch
from mcpfuzz.transports.process import GRACE_S, Process
from mcpfuzz.transports.stdio import StdioChannel, ending_words
from mcpfuzz.wire import decode, encode, id_key, is_answer, is_request

__all__ = ["Client", "Sent", "Volley"]

PROBE_PATIENCE_S = 2.5
"""For the modern probe's answer; an old server may drop it in silence, so `initialize` follows then."""
MAX_EXTRA = 2_000
"""Frames nobody asked for that one volley keeps."""
SLOWEST_READER = 4 << 20
"""Bytes a second that a server is expected to read at least, beyond the patience for its answer."""
MAX_GREETING = 20
"""Frames of the handshake that are kept."""
MAX_STRAYS = 10_000
"""Ids whose answers may still come and are then dropped."""
MAX_REPLIES = 200
"""Server requests that one volley answers: the client must not become the server's amplifier."""

Key = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """One thing to send, framed, and the ids whose answers are due for it."""

    data: bytes
    due: tuple[Key, ...] = ()
    hoped: tuple[Key, ...] = ()
    """Ids that it carries, too, but whose answers nobody owes: they may come late, or never."""


@dataclass(slots=True)
class Volley:
    """What came of sending several things at once."""

    answers: dict[Key, Frame] = field(default_factory=dict)
    """First answer per due id."""
    extra: list[Frame] = field(default_factory=list)
    """All else in order of arrival: notifications, strays, second answers, noise."""
    took: dict[Key, float] = field(default_factory=dict)
    """Seconds to the answer, from the answer before it or from the last byte sent."""
    late: bool = False
    """Patience ended before all due answers came."""
    gone: Gone | None = None
    too_much: TooMuch | None = None

    @property
    def whole(self) -> bool:
        return not self.late and self.gone is None and self.too_much is None


class Client:
    """A connection whose handshake is done. Make it with `Client.connect`.

    Attributes:
        sent: frames sent over its life, for the counters.
        largest: bytes of the largest frame received.
        greeting: the frames of the handshake, noise included (a few at most).
    """

    def __init__(
        self, channel: StdioChannel, session: Session, process: Process, greeting: tuple[Frame, ...] = ()
    ) -> None:
        self._channel = channel
        self.greeting = greeting
        self.session = session
        self.process = process
        self.sent = 0
        self._strays: Counter[Key] = Counter()
        self.largest = 0

    @classmethod
    async def connect(
        cls,
        launch: Launch,
        nursery: trio.Nursery,
        *,
        wanted: Revision | None = None,
        start_timeout: float = 30.0,
        handshake: bool = True,
    ) -> Client:
        """Start a stdio server and come to terms with it.

        Args:
            nursery: where the process's watchers live.
            wanted: insist on this revision; None negotiates.
            start_timeout: seconds from start to the agreed session, in total.
            handshake: False leaves the first word to whoever uses the connection.

        Raises:
            LaunchError: it does not start, or ended before its first answer.
            HandshakeError: it answers, but not as an MCP server does.
            Late: it never answered.
        """
        process = Process.start(launch, nursery)
        channel = StdioChannel(process)
        heard: list[Frame] = []
        if not handshake:
            return cls(channel, unagreed(wanted), process)
        try:
            session = await _shake_hands(channel, process, launch, wanted, time.monotonic() + start_timeout, heard)
        except BaseException:
            await process.stop()
            raise
        return cls(channel, session, process, tuple(heard))

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    async def close(self, grace: float = GRACE_S) -> None:
        """End the server. Bounded; safe to call twice."""
        await self.process.stop(grace)

    def request(self, method: str, params: Json = None) -> tuple[Key, Sent]:
        """A well-formed request, framed, under a new id."""
        request_id = self.session.next_id()
        key = ("int", request_id)
        return key, Sent(encode(self.session.message(method, params, request_id)) + b"\n", (key,))

    async def ask(self, method: str, params: Json = None, *, timeout: float) -> Frame:
        """One request and its answer.

        Raises:
            Late, Gone, TooMuch.
        """
        key, sent = self.request(method, params)
        volley = await self.volley((sent,), patience=timeout)
        if volley.gone is not None:
            raise volley.gone
        if volley.too_much is not None:
            raise volley.too_much
        if volley.late:
            raise Late(f"{method} was not answered within {timeout:g} s")
        return volley.answers[key]

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
            data = b"".join([thing.data for thing in things])
            await self._channel.send(data, self._last + patience + len(data) / SLOWEST_READER)
            self.sent += len(things)
            self._last = time.monotonic()
            deadline = self._last + patience
            replies: list[bytes] = []
            while due:
                for raw in await self._channel.receive(deadline):
                    frame = decode(raw)
                    if self._sort(frame, due, result):
                        deadline = time.monotonic() + patience
                    elif is_request(frame.value) and len(replies) < MAX_REPLIES:
                        replies.append(encode(Session.reply(frame.value)) + b"\n")
                        await self._channel.send(replies[-1], deadline)
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
                if not self._strays[key]:
                    del self._strays[key]
                return False  # the late answer to something said before: not this volley's
            if (meant := _meant(value.get("id"), due)) is not None:
                self._settle(meant, Frame(frame.raw, value, (*frame.faults, "wrong-id")), due, result)
                return True
        elif type(value) is list and any(type(item) is dict for item in value):
            return self._sort_batch(frame, value, due, result)
        if len(result.extra) < MAX_EXTRA:
            result.extra.append(frame)
        return False

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


async def _shake_hands(
    channel: StdioChannel,
    process: Process,
    launch: Launch,
    wanted: Revision | None,
    deadline: float,
    heard: list[Frame],
) -> Session:
    handshake = Handshake(wanted)
    try:
        await _negotiate(channel, handshake, deadline, heard)
    except Gone as gone:
        raise _stillborn(launch, process, gone, heard) from None
    except Late:
        raise Late(_silence(launch, process, heard)) from None
    except TooMuch as error:
        raise HandshakeError(f"{launch.argv[0]!r} is not usable: {error}") from None
    if handshake.session is None:
        raise HandshakeError(f"{launch.argv[0]!r} does not agree on an MCP revision: {handshake.failure}")
    return handshake.session


async def _negotiate(channel: StdioChannel, handshake: Handshake, deadline: float, heard: list[Frame]) -> None:
    """Drive the handshake until it has come to an end."""
    out = handshake.start()
    probe_until = min(deadline, time.monotonic() + PROBE_PATIENCE_S)
    while True:
        for data in out:
            await channel.send(data + b"\n", deadline)
        if handshake.session is not None or handshake.failure is not None:
            return
        try:
            lines = await channel.receive(probe_until if handshake.probing else deadline)
        except Late:
            out = handshake.overdue()
            if time.monotonic() >= deadline or not out:
                raise
            continue
        frames = [decode(raw) for raw in lines]
        heard += frames[: MAX_GREETING - len(heard)]
        out = [data for frame in frames for data in handshake.receive(frame)]


def _meant(value: Json, due: set[Key]) -> Key | None:
    """The due id that a wrongly typed one stands for ("7" or 7.0 for 7): it is a fault, not a hang."""
    if value is None or isinstance(value, dict | list):
        return None
    return next((key for key in due if str(key[1]) == str(value) or (type(value) is float and key[1] == value)), None)


def _stillborn(launch: Launch, process: Process, gone: Gone, heard: list[Frame]) -> TargetError:
    code = gone.returncode
    how = f"ended with {ending_words(code)}" if code is not None else "closed its output"
    said = _last_line(process.stderr()) or _last_line(_noise(heard))
    return LaunchError(
        f"{launch.argv[0]!r} {how} before it answered initialize"
        + (f"; its last words: {said}" if said else "")
        + "; run the command by hand to see why"
    )


def _silence(launch: Launch, process: Process, heard: list[Frame]) -> str:
    said = _last_line(_noise(heard)) or _last_line(process.stderr())
    return (
        f"{launch.argv[0]!r} started but never answered initialize"
        + (f"; it wrote: {said}" if said else "")
        + "; is it an MCP server on stdio? (--start-timeout gives it longer)"
    )


def _noise(heard: list[Frame]) -> str:
    return "\n".join(frame.raw[:300].decode("utf-8", "replace") for frame in heard)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
