"""The supply of live servers for one run: one is current, damage makes a new one, and a budget bounds how
often. Every start and every frame is counted here, so that the report's figures have one source.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import trio

from mcpfuzz.campaign.entry import Entry, Held
from mcpfuzz.client import Client
from mcpfuzz.errors import Late, LaunchError, TargetError
from mcpfuzz.events import Event, Restarted
from mcpfuzz.identities import NOBODIES
from mcpfuzz.model import Effect, Open, Step
from mcpfuzz.revisions import BY_DATE, Revision
from mcpfuzz.runner import Opener
from mcpfuzz.slots import Filler
from mcpfuzz.target import Prepared
from mcpfuzz.transports.launch import Launch
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.refusals import turned_away
from mcpfuzz.transports.stdio import ending_words

__all__ = ["OutOfStarts", "Supply"]

DROP_GRACE_S = 0.1
"""For a server that is replaced: it is damaged, or its state is not wanted any more."""
AGAIN_S = 3.0
"""For another client of a running server to connect and be answered."""
CONNECT_AGAIN_S = 0.05
"""Between two tries to connect to a server that is just starting."""
NOBODY_S, SLOWER = 2.5, 20
"""For a server to serve or refuse somebody without a good credential: these seconds, or so many times as long as
others took at most; one that does neither would be waited for again and again."""
LISTEN_S = 2.0
"""For the request that subscribes to be taken."""
STILLBORN_LIMIT = 3
"""Starts in a row that may fail before the target is given up."""


USUAL = Open()


class OutOfStarts(TargetError):
    """The budget of starts is spent, or the server does not come up again."""


class Supply:
    """Gives clients of running servers.

    Args:
        wanted: revision to insist on; None negotiates at first and then stays with what was agreed.
        starts: how often the server may be started in all.
        tell: takes news of further starts, where somebody wants any; must not wait.
    """

    def __init__(
        self,
        prepared: Prepared,
        nursery: trio.Nursery,
        *,
        wanted: Revision | None,
        start_timeout: float,
        starts: int,
        tell: Callable[[Event], None] | None = None,
    ) -> None:
        self._prepared = prepared
        self._entry = Entry(prepared)
        self._nursery = nursery
        self._wanted = wanted
        self._start_timeout = start_timeout
        self.starts_left = starts
        self._closed_requests = 0
        self._tell = tell
        self.starts = 0
        self.current: Client | None = None
        self.transport = "stdio"
        """As the last connection spoke it: stdio, http, sse or ws."""
        self._process: Process | None = None
        """Of a networked server that we start; over stdio it belongs to the client."""
        self.quiet = False
        """Whether the current server has heard nothing but the proofs of harmless findings since its start:
        then it is fresh enough to confirm another on."""
        self._took_s = 0.0
        """Seconds that a further client took to come in, at most."""
        self.start_s = 1.0
        """Seconds the last start took."""

    @property
    def requests(self) -> int:
        """Frames sent in all."""
        return self._closed_requests + (self.current.sent if self.current is not None else 0)

    @property
    def can_start(self) -> bool:
        """Whether another server may be started: it is ours, and the budget has a start left for it."""
        return self._prepared.launch is not None and self.starts_left > 1

    @property
    def restarts(self) -> int:
        return max(0, self.starts - 1)

    def filler(self) -> Filler:
        """Slots for one conversation, with fresh canaries."""
        return Filler(self._prepared.places, known=self._prepared.scene.canaries)

    def effects(self) -> tuple[Effect, ...]:
        """What happened around the server since the last look."""
        return self._prepared.scene.take()

    def renew(self) -> None:
        """Fresh canaries in the decoys."""
        self._prepared.scene.refresh()

    async def first(self) -> Client:
        """The first server of the run.

        Raises:
            TargetError: it does not come up.
        """
        client = await self._start()
        self._wanted = client.session.revision
        return client

    async def client(self) -> Client:
        """The current server, started anew should it be gone."""
        if self.current is not None and self.current.alive:
            if self._entry.ending:
                return await self.regained("its credential ends")
            return self.current
        return await self.regained("it was gone")

    async def regained(self, reason: str) -> Client:
        """Another client of the same server, where it still serves one; a new server where it does not.

        Raises:
            OutOfStarts: as `fresh`.
        """
        running = self._process is None or self._process.poll() is None
        if self._prepared.endpoint is not None and running and self.starts:
            await self._hang_up()
            with contextlib.suppress(TargetError):
                client = await self._client_of(None, time.monotonic() + AGAIN_S)
                if (await client.barrier(AGAIN_S)).whole:
                    self.current = client
                    return client
                await client.close(DROP_GRACE_S)
        return await self.fresh(reason)

    async def fresh(self, reason: str) -> Client:
        """A new server in place of the current one.

        Raises:
            OutOfStarts: no more starts are left, or it does not come up again.
        """
        await self.drop()
        if self._tell is not None:
            self._tell(Restarted(reason=reason))
        why: TargetError | None = None
        for _ in range(STILLBORN_LIMIT):
            try:
                return await self._start()
            except OutOfStarts:
                raise
            except TargetError as error:
                why = error
        raise OutOfStarts(f"the server does not come up again: {why}")

    async def _start(self) -> Client:
        if self._prepared.launch is not None:
            if self.starts_left <= 0:
                raise OutOfStarts(f"the server was started {self.starts} times; the profile allows no more")
            self.starts_left -= 1
        self.starts += 1
        if self.starts > 1 and self._prepared.launch is not None:
            self._prepared.restore()
        else:
            self._prepared.lay()
        began = time.monotonic()
        self.current = await self._connected(began + self._start_timeout)
        self.transport = self.current.transport
        self.start_s = time.monotonic() - began
        with contextlib.suppress(TargetError):  # what that means for the server shows at the next thing said
            await self.current.listen(LISTEN_S)
        self.quiet = True
        if self.starts == 1:
            await self._entry.everybody(began + self._start_timeout)
        return self.current

    async def _connected(self, deadline: float) -> Client:
        """A client of a new server; of the one that runs already where we start none.

        Raises:
            TargetError: it does not come up, or nobody serves there.
        """
        prepared = self._prepared
        if prepared.endpoint is None or prepared.served is None:
            return await self._client_of(None, deadline)
        self._entry.forget()
        self._process = Process.start(prepared.served, self._nursery, talks=False)
        while True:
            try:
                return await self._client_of(None, deadline)
            except LaunchError as error:  # nobody listens yet
                if turned_away(error):
                    raise
                if self._process.poll() is not None:
                    raise _stillborn(self._process, prepared.served) from None
                if time.monotonic() > deadline - CONNECT_AGAIN_S:
                    raise LaunchError(f"{error}; the command was started {self._start_timeout:g} s ago") from None
                await trio.sleep(CONNECT_AGAIN_S)

    async def _client_of(
        self, name: str | None, deadline: float, how: Open = USUAL, held: Held | None = None
    ) -> Client:
        """A client of a running server (over stdio, of a new one) as somebody. Where a credential is refused that had
        been good, they sign in once more."""
        try:
            client = await self._opened(name, deadline, how, held)
        except TargetError as error:
            if not turned_away(error) or not self._entry.again(name):
                raise
            client = await self._opened(name, deadline, how, held)
        if how.handshake:
            self._entry.served(name)
        return client

    async def _opened(self, name: str | None, deadline: float, how: Open, held: Held | None) -> Client:
        way = await self._entry.way(name, deadline, Held() if held is None else held)
        if not isinstance(way, Launch):
            way = way.with_headers(how.headers)
            if self.current is not None and self.current.http_target is not None:
                way = way.moved(self.current.http_target)
        return await Client.connect(
            way,
            self._nursery,
            wanted=BY_DATE.get(how.revision, self._wanted) if how.revision is not None else self._wanted,
            start_timeout=max(0.1, deadline - time.monotonic()),
            handshake=how.handshake,
            process=self._process,
        )

    async def drop(self) -> None:
        """End the current server."""
        await self._hang_up()
        process, self._process = self._process, None
        if process is not None:
            await process.stop(DROP_GRACE_S)

    async def _hang_up(self) -> None:
        """Close the current client; a networked server lives on."""
        client, self.current = self.current, None
        if client is not None:
            self._closed_requests += client.sent
            await client.close(DROP_GRACE_S)

    def opener(self) -> Opener:
        """Opens further connections of a conversation: over stdio each is a process of its own, over a network
        another client of the same."""

        held = Held()

        async def open_one(step: Step, how: Open) -> Client:
            if self._prepared.endpoint is None:
                if self.starts_left <= 0:
                    raise OutOfStarts("no starts left for a second connection")
                self.starts_left -= 1
                self.starts += 1
            if step.as_ in NOBODIES and self._prepared.endpoint is not None:
                return await self._nobody(step.as_, how, held)
            began = time.monotonic()
            client = await self._client_of(step.as_, began + self._start_timeout, how, held)
            if how.handshake:
                self._took_s = max(self._took_s, time.monotonic() - began)
            return client

        return open_one

    async def _nobody(self, name: str, how: Open, held: Held) -> Client:
        """A client of somebody without a good credential. Where they are neither served nor refused they are waited for
        a short while only, if others are served in that time now: then it is they who are left waiting."""
        patience = min(self._start_timeout, max(NOBODY_S, SLOWER * self._took_s))
        try:
            return await self._client_of(name, time.monotonic() + patience, how, held)
        except Late:
            if patience == self._start_timeout or await self._serves(patience / 2):
                raise
        return await self._client_of(name, time.monotonic() + self._start_timeout, how, held)

    async def _serves(self, seconds: float) -> bool:
        """Whether whom the campaign runs as is served in so many seconds."""
        try:
            client = await self._client_of(None, time.monotonic() + seconds)
        except TargetError:
            return False
        await client.close(DROP_GRACE_S)
        return True


def _stillborn(process: Process, launch: Launch) -> LaunchError:
    """It ended before it listened."""
    lines = [line.strip() for line in process.stderr().splitlines() if line.strip()]
    return LaunchError(
        f"{launch.argv[0]!r} ended with {ending_words(process.returncode or 0)} before it listened"
        + (f"; its last words: {lines[-1][:200]}" if lines else "")
        + "; run the command by hand to see why"
    )
