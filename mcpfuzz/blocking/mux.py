"""Many calls on one channel: answers are told apart by id. Whoever waits reads for all (leader and followers), so a
single caller needs no second thread and an answer's instant is that of its arrival, whoever read it.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic

from mcpfuzz.blocking.outcome import Outcome, classify
from mcpfuzz.errors import Gone, HandshakeError, Late, TargetError
from mcpfuzz.model import Frame, Json
from mcpfuzz.revisions import Revision
from mcpfuzz.session import Handshake, Session
from mcpfuzz.wire import decode, encode, id_key

__all__ = ["Mux"]

PROBE_S = 3.0
"""How long an old server may be silent about the modern probe."""
MAX_STRAYS = 1_000


class _Slot:
    __slots__ = ("at", "frame")

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self.at = 0.0


class Mux(ABC):
    """A session on a channel that carries whole messages.

    A subclass says how bytes go out (`write`), how a message comes in (`read`) and how the channel ends (`shut`).
    """

    transport = ""

    def __init__(
        self, *, wanted: Revision | None = None, timeout: float = 10.0, clock: Callable[[], float] = monotonic
    ) -> None:
        self._wanted = wanted
        self._timeout = timeout
        self._clock = clock
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._slots: dict[tuple[str, Json] | None, _Slot] = {}
        self._gone: TargetError | None = None
        self._last = 0.0
        self.session: Session | None = None
        self.session_id: str | None = None
        self.strays = 0
        """Messages that answered nothing we asked."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send one message. Raises Gone, Late."""

    @abstractmethod
    def read(self, deadline: float) -> bytes:
        """The next message. Raises Gone, Late."""

    @abstractmethod
    def shut(self) -> None:
        """End the channel; a second time does nothing."""

    def open(self) -> Outcome:
        """Come to terms. Raises HandshakeError, Gone, Late."""
        began = monotonic()
        shake = Handshake(self._wanted)
        for data in shake.start():
            self.write(data)
        deadline = began + self._timeout
        while shake.session is None:
            patience = min(deadline, began + PROBE_S) if shake.probing else deadline
            try:
                more = shake.receive(decode(self.read(patience)))
            except Late:
                more = shake.overdue()
                if not more:
                    raise
            for data in more:
                self.write(data)
            if shake.failure is not None:
                raise HandshakeError(f"no MCP session: {shake.failure}")
        self.session = shake.session
        return Outcome("ok", took_s=monotonic() - began)

    def call(self, method: str, params: Json = None, *, due: float | None = None, **_: object) -> Outcome:
        """One request and what came of it; never raises for what the server did."""
        if self.session is None:
            raise Gone("the session is not open")
        request_id = self.session.next_id()
        return self.run(encode(self.session.message(method, params, request_id)), request_id, due=due)

    def run(self, message: bytes, request_id: Json, *, due: float | None = None) -> Outcome:
        """An encoded request and what came of it."""
        began = self._clock() if due is None else due
        slot = _Slot()
        self._slots[id_key(request_id)] = slot
        try:
            self.post(message)
            self._await(slot, monotonic() + self._timeout)
        except Late as error:
            return Outcome("late", "no answer in time", self._clock() - began, value=str(error))
        except TargetError as error:
            return Outcome("broken", "connection broken", self._clock() - began, value=str(error))
        finally:
            self._slots.pop(id_key(request_id), None)
        assert slot.frame is not None
        outcome = classify(slot.frame.value)
        outcome.took_s = slot.at - began
        outcome.size = len(slot.frame.raw)
        return outcome

    def notify(self, method: str, params: Json = None) -> Outcome:
        """One notification; nothing comes back."""
        message: dict[str, Json] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        began = self._clock()
        try:
            self.post(encode(message))
        except TargetError:
            return Outcome("broken", "connection broken", self._clock() - began)
        return Outcome("ok", took_s=self._clock() - began)

    def post(self, message: bytes) -> None:
        """Write one message, whole, whoever else writes. Raises Gone, Late."""
        with self._writing:
            self.write(message)

    def _await(self, slot: _Slot, deadline: float) -> None:
        while slot.frame is None:
            # without contention no timer is armed: under gevent that is a good part of a call
            if not self._reading.acquire(blocking=False) and not self._reading.acquire(
                timeout=max(deadline - monotonic(), 0.001)
            ):
                raise Late(f"no answer within {self._timeout:g} s")
            try:
                while slot.frame is None:
                    if self._gone is not None:
                        raise self._gone
                    self._take(deadline)
            finally:
                self._reading.release()

    def _take(self, deadline: float) -> None:
        try:
            frame = decode(self.read(deadline))
        except Gone as gone:
            self._gone = gone
            raise
        value = frame.value
        if isinstance(value, dict) and "method" not in value:
            found = self._slots.get(id_key(value.get("id")))
            if found is not None and found.frame is None:
                found.frame, found.at = frame, self._clock()
                return
        elif isinstance(value, dict) and value.get("id") is not None:
            self.post(encode(Session.reply(value)))
            return
        self.strays += 1

    def drop(self) -> None:
        """Close the channel without a word."""
        self.shut()

    def close(self) -> None:
        """End the session."""
        self.shut()
