"""Sessions of the legacy revisions over HTTP: made by `initialize`, owned by an identity, ended, forgotten.

Knows the core's connections; knows no HTTP.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from mcpfuzz.lab.core import Connection
from mcpfuzz.lab.fronts.outlets import Outlet
from mcpfuzz.lab.kit import World

__all__ = ["Session", "Sessions"]

MOST: Final = 1000
"""Sessions of one identity; the one unused for longest makes room."""
IDLE_S: Final = 1800.0
BUFFER: Final = 32 << 10
KEPT_STREAMS: Final = 16
"""Streams of a session that can be taken up again."""


class Session:
    """One client's session."""

    def __init__(self, key: str, identity: str, client: Mapping[str, object] | None) -> None:
        self.key = key
        self.identity = identity
        self.client = client
        """What `initialize` said of the client, where it said it well."""
        self.own = Outlet(ends_with_answer=False)
        """What belongs to no request."""
        self.connection = Connection(identity=identity)
        self.used = time.monotonic()
        self.ended = threading.Event()
        self.listening = threading.Lock()
        """Held by the one who reads the session's own stream."""
        self._streams: OrderedDict[str, Outlet] = OrderedDict()

    def keep(self, outlet: Outlet) -> None:
        """Remember a stream, so that it can be taken up again."""
        self._streams[outlet.key] = outlet
        while len(self._streams) > KEPT_STREAMS:
            self._streams.popitem(last=False)

    def resumed(self, event: str) -> tuple[Outlet, int] | None:
        """The stream that an event id belongs to, and how many of its messages had come by then."""
        key, _, number = event.partition("_")
        outlet = self._streams.get(key)
        if outlet is None or not number.isascii() or not number.isdecimal() or len(number) > 6:
            return None
        return outlet, int(number)


class Sessions:
    """All sessions of one front."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self._all: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()
        self._count = 41_000
        self._buffers: list[bytes] = []

    def _key(self) -> str:
        if self.lab.on("guessable-session"):
            # guessable-session: ids are unique, which is all that was asked
            self._count += 1
            return self.lab.draw.of("session id", f"{self._count}", f"session-{self._count:08x}", f"{self._count:032d}")
        return secrets.token_urlsafe(24)

    def new(self, identity: str, client: Mapping[str, object] | None, wish: str | None = None) -> Session:
        """A session under a fresh id; under the client's wish where that was granted before (session-fixation)."""
        with self._lock:
            session = Session(wish or self._key(), identity, client)
            self._all[session.key] = session
            self._sweep(identity)
            return session

    def _sweep(self, identity: str) -> None:
        if self.lab.on("session-leak"):
            # session-leak: clients say goodbye, says the specification; until then each has its buffer for resuming
            self._buffers.append(b" " * BUFFER)
            return
        now = time.monotonic()
        for session in [one for one in self._all.values() if now - one.used > IDLE_S]:
            self._drop(session)
        own = [one for one in self._all.values() if one.identity == identity]
        for session in own[: max(0, len(own) - MOST)]:
            self._drop(session)

    def _drop(self, session: Session) -> None:
        self._all.pop(session.key, None)
        session.ended.set()
        for cancelled in list(session.connection.running.values()):
            cancelled.set()

    def find(self, key: str, identity: str) -> Session | None:
        """The session with this id, if it is this identity's."""
        with self._lock:
            session = self._all.get(key)
            if session is None:
                return None
            if session.identity != identity and not self.lab.on("session-hijack"):
                # session-hijack: who knows the id must be the one who was given it
                return None
            self._all.move_to_end(key)
            session.used = time.monotonic()
            return session

    def taken_up(self, session: Session, event: str) -> tuple[Outlet, int] | None:
        """The stream of this session that an event id belongs to, and how many of its messages had come by then."""
        found = session.resumed(event)
        if found is None and self.lab.on("stream-replay"):
            # stream-replay: one store of events for all, since their ids are unique anyway
            with self._lock:
                others = list(self._all.values())
            found = next((one for one in (other.resumed(event) for other in others) if one is not None), None)
        return found

    def peek(self, key: str) -> Session | None:
        """The session with this id, whosever it is."""
        with self._lock:
            return self._all.get(key)

    def end(self, session: Session) -> None:
        with self._lock:
            self._drop(session)

    def census(self) -> dict[str, int]:
        """Sessions per name of client, for whoever wonders who they are."""
        counts: dict[str, int] = {}
        with self._lock:
            for session in self._all.values():
                name = str(session.client["name"])  # type: ignore[index]
                counts[name] = counts.get(name, 0) + 1
        return counts

    def __len__(self) -> int:
        return len(self._all)
