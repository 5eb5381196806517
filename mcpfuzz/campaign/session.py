"""One prepared target kept open: its surface learned once, and scenarios played on it as often as asked, one
at a time. The pytest plugin's items and `mcp_fuzz` share one of these, so that an item costs no start and no
discovery of its own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from typing import Literal, Self

import trio

from mcpfuzz.campaign.corpus import Corpus, folder_of
from mcpfuzz.campaign.ending import lacking
from mcpfuzz.campaign.engine import RESERVE_S, TIME_SPENT, Engine
from mcpfuzz.campaign.facts import bench_of
from mcpfuzz.campaign.knowing import LEARN_SHARE, discovered, explored, learned
from mcpfuzz.campaign.merging import NOT_APPLICABLE
from mcpfuzz.campaign.pools import SCENARIO as POOLED
from mcpfuzz.campaign.pools import Pools
from mcpfuzz.campaign.reach import Reach
from mcpfuzz.campaign.score import ScenarioTally
from mcpfuzz.campaign.settings import PROFILES, Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.errors import TargetError
from mcpfuzz.events import Event
from mcpfuzz.model import Conversation, Finding, Operation, OperationStats, Proof, Surface, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.revisions import revision
from mcpfuzz.runner import Talk, converse
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.catalogue import catalogue
from mcpfuzz.target import Prepared

__all__ = ["CampaignSession", "Played"]

LINGER_S = 1.0
"""For an effect that comes after the last answer of a replay."""
OVERTIME_S = 5.0
"""How long a play may outlast its time before it is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one scenario on one operation."""

    status: Literal["clean", "findings", "partial", "not-run"]
    reason: str | None = None
    """Why it is partial or was not run."""
    cases: int = 0
    findings: tuple[Finding, ...] = ()
    """Suspects too; whether one counts is `campaign.ending.counts`' business."""
    lost: bool = False
    """The server does not come up again: nothing more can be tested."""


class CampaignSession:
    """Make it with `open`; it is used by one task at a time.

    Attributes:
        surface: what the server offers; good calls are learned before the first play.
        foreseen: ids of scenarios that will be played, as far as that is known.
    """

    def __init__(
        self, prepared: Prepared, settings: Settings, supply: Supply, surface: Surface, nursery: trio.Nursery
    ) -> None:
        self._prepared = prepared
        self._settings = settings
        self._supply = supply
        self.surface = surface
        self._reach = Reach()
        self._learned = False
        self.foreseen: Collection[str] = ()
        self._nursery = nursery
        self._pools: Pools | None = None
        self._corpus: Corpus | None = None
        if settings.remember != "no":
            folder = folder_of(prepared.target.state, prepared.target.record)
            self._corpus = Corpus(folder, prepared.places, read=settings.remember == "read")

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, prepared: Prepared, settings: Settings) -> AsyncIterator[Self]:
        """Start the server and discover; leaving it ends all that was started.

        Raises:
            TargetError: it does not start, or offers nothing to test.
        """
        failure: TargetError | None = None  # raised outside the nursery, which would wrap it in a group
        async with trio.open_nursery() as nursery:
            wanted = None if settings.revision in ("auto", "all") else revision(settings.revision)
            starts = PROFILES[settings.profile].restarts
            supply = Supply(prepared, nursery, wanted=wanted, start_timeout=settings.start_timeout, starts=starts)
            try:
                surface = await discovered(prepared, settings, await supply.first())
            except TargetError as error:
                failure = error
            else:
                yield cls(prepared, settings, supply, surface, nursery)
            finally:
                with trio.CancelScope(shield=True):
                    await supply.drop()
                prepared.sweep()
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    @property
    def requests(self) -> int:
        return self._supply.requests

    @property
    def restarts(self) -> int:
        return self._supply.restarts

    @property
    def operations(self) -> tuple[OperationStats, ...]:
        """Reach so far, in the order of discovery."""
        return self._reach.stats(self.surface)

    async def play(
        self,
        scenario: Scenario,
        operation: Operation | None,
        *,
        max_time: float,
        emit: Callable[[Event], None] = lambda event: None,
    ) -> Played:
        """Play one scenario on one operation (None: on the session).

        Args:
            max_time: seconds; bounded a little above it, whatever the server does.
        """
        began = time.monotonic()
        only = () if operation is None else (operation.key,)
        settings = replace(self._settings, scenarios=(scenario,), only=only)
        with trio.move_on_after(max_time + OVERTIME_S) as overall:
            try:
                await self._learn()
            except TargetError as error:
                return Played(status="not-run", reason=str(error), lost=self._supply.starts_left > 0)
            self._foresee(scenario)
            since = self._as_if_since(began, max_time)
            engine = Engine(settings, self._supply, self.surface, self._bench(), self._reach, emit, since)
            engine.corpus, engine.pools = self._corpus, self._pools
            await engine.run()
        if overall.cancelled_caught:
            await self._supply.drop()  # it was cut off in the middle of something
            if not self._learned:
                return Played(status="not-run", reason="its time was spent on finding good calls")
            engine.cut = TIME_SPENT
        return self._played(engine, engine.tallies[scenario.id], self._why_none(scenario, operation))

    def _foresee(self, scenario: Scenario) -> None:
        """Pools for all tools at once, as soon as it is known that they will be asked for."""
        if self._pools is None and POOLED in {scenario.id, *self.foreseen}:
            settings = replace(self._settings, scenarios=(catalogue()[POOLED],), only=())
            state, now = self._prepared.target.state, time.monotonic()
            self.surface, self._pools = Pools.begin(settings, self.surface, state, now, self._nursery)

    def _why_none(self, scenario: Scenario, operation: Operation | None) -> str:
        """Why a scenario draws no case at all, should that come to pass."""
        missing = lacking(scenario, self.surface)
        if missing is not None:
            return missing
        if operation is None or operation.key in self.surface.good:
            return f"{NOT_APPLICABLE} to what is offered"
        return "no good call is known to build on; give one with --example"

    async def show(self, conversation: Conversation, proof: Proof) -> str | None:
        """Say a recorded conversation to a fresh server: what is observed of the proof's effect, None for nothing.

        Raises:
            TargetError: the server does not come up.
        """
        timeout = self._settings.timeout
        client = await self._supply.fresh("to replay")
        talk = Talk(
            client, self._supply.filler(), timeout, opener=self._supply.opener(), effects=self._supply.effects,
            linger=LINGER_S, barrier_patience=min(3.0, timeout),
        )  # fmt: skip
        try:
            return observe(proof, await converse(talk, conversation), self._bench())
        finally:
            with trio.CancelScope(shield=True):
                await self._supply.drop()

    def _bench(self) -> Bench:
        return bench_of(
            self._prepared,
            revision=self.surface.revision,
            capabilities=self.surface.capabilities,
            transport=self._supply.transport,
            strict=self._settings.strict,
        )

    def _as_if_since(self, began: float, max_time: float) -> float:
        """When the whole run would have begun for the play to end in time: the engine takes its shares (how long a
        repetition may be ...) of the whole budget, which a play's own time is too small for."""
        whole = self._settings.max_time
        return began + max_time - whole + min(RESERVE_S, whole * 0.1)

    def _played(self, engine: Engine, tally: ScenarioTally, none: str) -> Played:
        findings = tuple(engine.findings)
        reason = engine.cut or "; ".join(tally.reasons) or None
        lost = engine.cut is not None and self._supply.current is None and self._supply.starts_left > 0
        lost = lost and engine.cut != TIME_SPENT
        if tally.findings:
            return Played(status="findings", reason=reason, cases=tally.cases, findings=findings, lost=lost)
        if not tally.cases:
            return Played(status="not-run", reason=reason or none, findings=findings, lost=lost)
        status: Literal["clean", "partial"] = "clean" if tally.done >= tally.planned else "partial"
        return Played(status=status, reason=reason, cases=tally.cases, findings=findings, lost=lost)

    async def _learn(self) -> None:
        """Good calls, once; a server that dies meanwhile is started again and goes on without."""
        if self._learned:
            return
        prepared, settings, supply = self._prepared, self._settings, self._supply
        until = time.monotonic() + settings.max_time * LEARN_SHARE
        surface = await learned(prepared, settings, supply, self._reach, self._corpus, self.surface, until)
        self.surface = await explored(prepared, settings, supply, surface)
        self._learned = True
