"""The supply of live servers for one run: one is current, damage makes a new one, and a budget bounds how
often. Every start and every frame is counted here, so that the report's figures have one source.
"""

from __future__ import annotations

import time

import trio

from mcpfuzz.client import Client
from mcpfuzz.errors import TargetError
from mcpfuzz.events import Restarted
from mcpfuzz.model import Effect, Step
from mcpfuzz.revisions import Revision
from mcpfuzz.runner import Opener
from mcpfuzz.slots import Filler
from mcpfuzz.target import Prepared

__all__ = ["OutOfStarts", "Supply"]

DROP_GRACE_S = 0.1
"""For a server that is replaced: it is damaged, or its state is not wanted any more."""
STILLBORN_LIMIT = 3
"""Starts in a row that may fail before the target is given up."""


class OutOfStarts(TargetError):
    """The budget of starts is spent, or the server does not come up again."""


class Supply:
    """Gives clients of running servers.

    Args:
        wanted: revision to insist on; None negotiates at first and then stays with what was agreed.
        starts: how often the server may be started in all.
    """

    def __init__(
        self,
        prepared: Prepared,
        nursery: trio.Nursery,
        *,
        wanted: Revision | None,
        start_timeout: float,
        starts: int,
        tell: object = None,
    ) -> None:
        self._prepared = prepared
        self._nursery = nursery
        self._wanted = wanted
        self._start_timeout = start_timeout
        self.starts_left = starts
        self._closed_requests = 0
        self._tell = tell
        self.starts = 0
        self.current: Client | None = None
        self.quiet = False
        """Whether the current server has heard nothing but the proofs of harmless findings since its start:
        then it is fresh enough to confirm another on."""
        self.start_s = 1.0
        """Seconds the last start took."""

    @property
    def requests(self) -> int:
        """Frames sent in all."""
        return self._closed_requests + (self.current.sent if self.current is not None else 0)

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
            return self.current
        return await self.fresh("it was gone")

    async def fresh(self, reason: str) -> Client:
        """A new server in place of the current one.

        Raises:
            OutOfStarts: no more starts are left, or it does not come up again.
        """
        await self.drop()
        if isinstance(self._tell, trio.MemorySendChannel):
            self._tell.send_nowait(Restarted(reason=reason))
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
        if self.starts_left <= 0:
            raise OutOfStarts(f"the server was started {self.starts} times; the profile allows no more")
        self.starts_left -= 1
        self.starts += 1
        self.renew()
        began = time.monotonic()
        self.current = await Client.connect(
            self._prepared.launch, self._nursery, wanted=self._wanted, start_timeout=self._start_timeout
        )
        self.start_s = time.monotonic() - began
        self.quiet = True
        return self.current

    async def drop(self) -> None:
        """End the current server."""
        client, self.current = self.current, None
        if client is not None:
            self._closed_requests += client.sent
            await client.close(DROP_GRACE_S)

    def opener(self) -> Opener:
        """Opens further connections of a conversation: over stdio each is a process of its own."""

        async def open_one(step: Step, handshake: bool) -> Client:
            if self.starts_left <= 0:
                raise OutOfStarts("no starts left for a second connection")
            self.starts_left -= 1
            self.starts += 1
            return await Client.connect(
                self._prepared.launch,
                self._nursery,
                wanted=self._wanted,
                start_timeout=self._start_timeout,
                handshake=handshake,
            )

        return open_one
