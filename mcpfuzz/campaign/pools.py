"""Arguments that Schemathesis makes, a small pool for each tool: drawn in a process of its own while the campaign does
other things, since a draw takes it milliseconds, and handed in when the story that uses them comes to the tool.

Nothing but `schemathesis-arguments` draws from them, so that neither its absence nor its slowness changes another case.
What a pool holds follows from seed, schema and profile; the clock only decides whether it is there in time, and where
it is not, that is told.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import trio

from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.workers import TROUBLE, Worker
from mcpfuzz.model import Json, Operation, Surface, replace
from mcpfuzz.strategies import schema_adapter

__all__ = ["SCENARIO", "Pools"]

SCENARIO = "schemathesis-arguments"
SHARE = 0.4
"""Of the time, after which nothing more is drawn."""
WAIT_SHARE = 0.03
"""Of the time, that may be waited in all for pools where other stories could be played instead."""
DRAWS = {"quick": 24, "standard": 64, "nightly": 400}
"""For one tool, by profile."""
ALL_DRAWS = {"quick": 1_200, "standard": 3_000, "nightly": 40_000}
"""For all of them: many tools get fewer draws each. About 300 a second."""
FEWEST = 8
LATE = "Schemathesis drew nothing for it in time"


class Pools:
    """The pools of one target, in the making.

    Args:
        state: folder for what Hypothesis keeps.
        until: `time.monotonic()` after which nothing more is drawn.

    Attributes:
        why: a pool is not there.
    """

    def __init__(self, settings: Settings, surface: Surface, state: str, until: float) -> None:
        self._until = until
        self._patience = settings.max_time * (SHARE if len(settings.scenarios) == 1 else WAIT_SHARE)
        self._state = state
        self._pools: dict[tuple[str, str], tuple[tuple[str, Json], ...]] = {}
        self._news = trio.Condition()
        self._ended = False
        self.why = LATE
        wanted = [one for one in surface.operations if _takes(one, settings)]
        draws = max(FEWEST, min(DRAWS[settings.profile], ALL_DRAWS[settings.profile] // max(1, len(wanted))))
        self._order: dict[str, Any] = {
            "seed": settings.seed,
            "operations": [{"name": one.name, "schema": dict(one.schema), "draws": draws} for one in wanted],
        }

    @classmethod
    def begin(
        cls, settings: Settings, surface: Surface, state: str, began: float, nursery: trio.Nursery
    ) -> tuple[Surface, Pools | None]:
        """Start drawing, in `nursery`, where Schemathesis is there and asked for; the surface with its place for it.

        Args:
            began: `time.monotonic()` of the beginning of the time that `settings.max_time` is.
        """
        if SCENARIO not in {story.id for story in settings.scenarios} or not schema_adapter.available():
            return surface, None
        pools = cls(settings, surface, state, began + SHARE * settings.max_time)
        nursery.start_soon(pools._make)
        return replace(surface, places=surface.places | {"schemathesis"}), pools

    async def _make(self) -> None:
        seconds = self._until - time.monotonic()
        with trio.move_on_after(max(0.0, seconds)):
            try:
                async with Worker.open("pool_worker", self._state) as worker:
                    await worker.tell({**self._order, "seconds": seconds})
                    async for told in worker.messages():
                        await self._heard(told)
            except (*TROUBLE, OSError, RecursionError) as error:
                self.why = f"Schemathesis ended early ({type(error).__name__})"
            if self.why == LATE and len(self._pools) < len(self._order["operations"]):
                self.why = "Schemathesis ended early"
        with trio.CancelScope(shield=True):
            async with self._news:
                self._ended = True
                self._news.notify_all()

    async def _heard(self, told: Mapping[str, Any]) -> None:
        values = tuple((str(words), value) for words, value in told["values"])
        async with self._news:
            self._pools["tool", told["name"]] = values
            self._news.notify_all()

    async def onto(self, surface: Surface, unit: Unit) -> Surface | None:
        """The surface with the pool that a share of work draws from, as soon as it is there; the same surface for any
        other share; None where the pool is not there in time."""
        if unit.scenario.id != SCENARIO or unit.operation is None or unit.operation.key in surface.pools:
            return surface
        key, began = unit.operation.key, time.monotonic()
        with trio.move_on_after(max(0.0, min(self._patience, self._until - began))):
            async with self._news:
                while key not in self._pools and not self._ended:
                    await self._news.wait()
        self._patience -= time.monotonic() - began
        return replace(surface, pools={**surface.pools, key: self._pools[key]}) if key in self._pools else None


def _takes(operation: Operation, settings: Settings) -> bool:
    chosen = not settings.only or operation.key in settings.only
    return operation.kind == "tool" and operation.skipped is None and chosen
