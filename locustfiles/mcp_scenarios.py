"""What `mcpfuzz load` starts: users that act out phase after phase, a bystander that watches, and a shape that keeps
them until the director is done. The orders come as a file, named by MCPFUZZ_LOAD.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
from gevent.pool import Group
from locust import LoadTestShape, User, task

from mcpfuzz.blocking import Client, Outcome, Stdio, StreamableHttp, dial
from mcpfuzz.errors import Late, TargetError
from mcpfuzz.identities import Identity
from mcpfuzz.load_support.survey import LoadCall
from mcpfuzz.locustfiles import director
from mcpfuzz.locustfiles.behaviours import BEHAVIOURS
from mcpfuzz.locustfiles.prober import probe
from mcpfuzz.locustfiles.state import STATE

__all__ = ["Actor", "Bystander", "UntilDone"]

WATCH_CAP = 200
"""Calls of the bystander that may be under way at once; more are not sent, and counted as late."""

_pool: list[Client] = []
"""stdio: the processes of this pool, shared by all users, the bystander too: all of them are the first identity."""


class _Client(User):
    """Somebody with a session."""

    abstract = True
    role = "load"
    identity = 0
    address = 0

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._work: Group | None = None
        self._client: Client | None = None
        self._tried = 0.0

    @property
    def who(self) -> Identity:
        return STATE.orders.who(self.identity)

    @property
    def source(self) -> str | None:
        addresses = STATE.orders.addresses
        return addresses[self.address] if self.address < len(addresses) else None

    @property
    def client(self) -> Client:
        """The session; opened when first needed."""
        if self._client is None:
            self._client = self._dial()
        return self._client

    def _dial(self) -> Client:
        endpoint = STATE.orders.endpoint
        if endpoint.kind != "stdio":
            return dial(endpoint, who=self.who, source=self.source)
        size = min(STATE.orders.users, 4)
        if len(_pool) < size:
            _pool.append(dial(endpoint, who=STATE.orders.who(0)))
            return _pool[-1]
        return _pool[STATE.dice.randrange(size)]

    def connect(self) -> None:
        """Have an open session, whatever it takes."""
        while True:
            with contextlib.suppress(TargetError):
                if self.client.session is None:
                    self.client.open()
                return
            if self._client is not None and self._client not in _pool:
                self._client.drop()
            self._client = None
            gevent.sleep(0.3)

    def revive(self) -> None:
        """A new session where the old one is lost; at most twice a second."""
        if monotonic() - self._tried < 0.5:
            return
        self._tried = monotonic()
        old, self._client = self._client, None
        if old in _pool:
            _pool.remove(old)
        if old is not None:
            old.drop()
        with contextlib.suppress(TargetError):
            self.client.open()
            return
        self._client = None if self._client is None or self._client.session is None else self._client

    def say(self, call: LoadCall, due: float | None = None) -> Outcome:
        """A call, counted."""
        phase = STATE.phase
        try:
            client = self.client
            if client.session is None:
                client.open()
            outcome = client.call(call.method, dict(call.params), due=due)
        except TargetError:
            outcome = Outcome("broken", "no connection", 0.0)
        STATE.count(self.environment, self.role, call.row, outcome, phase)
        if outcome.kind == "limited":
            gevent.sleep(0.01)
        elif outcome.kind in ("broken", "late") or (outcome.kind == "http-error" and outcome.status in (400, 404)):
            gevent.sleep(0.05)
            self.revive()
        return outcome

    def count(self, row: str, outcome: Outcome) -> None:
        """Something that is no call."""
        STATE.count(self.environment, self.role, row, outcome)

    def handshake(self) -> Outcome:
        """A session from nothing, left open."""
        began = monotonic()
        try:
            client = dial(STATE.orders.endpoint, who=self.who, source=self.source)
            client.open()
            outcome = Outcome("ok", took_s=monotonic() - began)
            old, self._client = self._client, client
            if old is not None and old not in _pool:
                old.drop()
        except TargetError as error:
            limited = "refused: " in str(error)
            outcome = Outcome("limited" if limited else "broken", str(error).rpartition(": ")[2][:60])
        self.count("handshake", outcome)
        return outcome

    def raw(self, body: bytes, request_id: int) -> Outcome:
        """A body as it stands."""
        client = self.client
        message = client.bytes_around(body) if isinstance(client, StreamableHttp) else body
        return client.run(message, request_id)

    def spawn(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Beside the others; ends with the phase."""
        if self._work is None:
            self._work = Group()
        if len(self._work) < WATCH_CAP:
            self._work.start(gevent.Greenlet(function, *arguments))
        else:
            self.count("not sent: too many under way", Outcome("late", "too many under way"))

    def end_work(self, patience: float | None) -> None:
        """End what was spawned; None: without waiting for it."""
        if self._work is not None:
            self._work.kill(block=patience is not None, timeout=patience)

    def on_stop(self) -> None:
        self.end_work(None)
        if self._client is not None:
            self._client.drop()


class Actor(_Client):
    """One of the users: does in each phase what its behaviour says, or nothing."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.number = STATE.born()

    def on_start(self) -> None:
        self.connect()

    def on_stop(self) -> None:
        STATE.gone(self.number)
        super().on_stop()

    @task
    def act(self) -> None:
        """One phase."""
        over = STATE.changed
        if self.number >= STATE.taking_part:
            over.wait()
            return
        with STATE.while_it_lasts():
            self._behave(BEHAVIOURS[STATE.phase.doing])
        self.end_work(1.0)

    def _behave(self, behaviour: Callable[[Actor], None]) -> None:
        while True:  # a session that breaks in the storm is part of it
            try:
                self.connect()
                behaviour(self)
            except TargetError as error:
                self.count("session", Outcome("broken", str(error)[:60]))
                self.revive()
                gevent.sleep(0.1)


class Bystander(_Client):
    """Somebody else, who calls the cheapest tool at a steady pace, whatever the others do (open model), and who finds
    out about rate limits in the phase for it."""

    fixed_count = 1
    role = "watch"
    identity = 1
    address = 1

    def on_start(self) -> None:
        self.connect()

    @task
    def watch(self) -> None:
        over = STATE.changed
        if STATE.phase.doing == "probe":
            prober = gevent.spawn(probe, self.environment, STATE.phase.seconds)
            over.wait()
            prober.kill(timeout=1)
            return
        if not STATE.phase.scenario:
            over.wait()
            return
        gap = 1.0 / STATE.watch_per_s
        due, number = monotonic() + gap, 0
        while not over.wait(max(0.0, due - monotonic())):
            number += 1
            # who is connected already may be served while nobody new gets in
            self.spawn(self.newcomer if number % 2 else self.say, STATE.orders.survey.cheap, due)
            due += gap
        gevent.sleep(0)

    def newcomer(self, call: LoadCall, due: float) -> None:
        """A call on a connection of its own; over channels whose connection is the session, a session of its own."""
        phase, client = STATE.phase, self._client
        if isinstance(client, Stdio) or client is None or client.session is None:
            self.say(call, due)
            return
        if isinstance(client, StreamableHttp):
            outcome = client.call(call.method, dict(call.params), due=due, fresh=True)
        else:
            outcome = self._whole(call, due)
        STATE.count(self.environment, self.role, call.row, outcome, phase)

    def _whole(self, call: LoadCall, due: float) -> Outcome:
        try:
            client = dial(STATE.orders.endpoint, who=self.who, source=self.source)
            try:
                client.open()
                return client.call(call.method, dict(call.params), due=due)
            finally:
                client.drop()
        except Late:
            return Outcome("late", "no session in time", monotonic() - due)
        except TargetError:
            return Outcome("broken", "no session", monotonic() - due)


class UntilDone(LoadTestShape):
    """All users, until the director is done."""

    def tick(self) -> tuple[int, float] | None:
        if director.is_done():
            return None
        users = STATE.orders.users + 1
        return users, float(max(users, 10))


director.install()
