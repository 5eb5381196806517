"""The smallest conversation that still shows it: sizes bisected, then plain neighbours as long as one is lighter, then
sizes again. What "shows" means, on which server, and what it may cost is the prover's business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mcpfuzz.campaign.shrink import simpler, weight
from mcpfuzz.campaign.sizes import Bisection, dials
from mcpfuzz.model import Conversation

__all__ = ["Smallest"]


class _Spent(Exception):
    """What the search may cost is spent."""


class Smallest:
    """One search.

    Args:
        shows: whether a conversation still shows it.
        spent: whether no more is to be tried.
        inside: what the steps say may change, too; False only leaves steps out.

    Attributes:
        best: the lightest that is known to show it.
        minimal: all its neighbours were tried.
        rough: one of its sizes is the least up to `sizes.CLOSE` only.
    """

    def __init__(
        self,
        start: Conversation,
        shows: Callable[[Conversation], Awaitable[bool]],
        spent: Callable[[], bool],
        *,
        inside: bool,
    ) -> None:
        self.best = start
        self.minimal = False
        self.rough = False
        self._shows = shows
        self._spent = spent
        self._inside = inside
        self._tried = {repr(start)}

    async def find(self) -> None:
        """Until nothing smaller shows it, or enough was spent."""
        try:
            await self._sizes()
            await self._neighbours()
            await self._sizes()
        except _Spent:
            return
        self.minimal = True

    async def _try(self, candidate: Conversation) -> bool:
        if self._spent():
            raise _Spent
        self._tried.add(repr(candidate))
        if await self._shows(candidate):
            self.best = candidate
            return True
        return False

    async def _neighbours(self) -> None:
        while True:
            for candidate in simpler(self.best, inside=self._inside):
                if repr(candidate) in self._tried or weight(candidate) >= weight(self.best):
                    continue
                if await self._try(candidate):
                    break
            else:
                return

    async def _sizes(self) -> None:
        self.rough, position = False, 0
        while position < len(known := list(dials(self.best, inside=self._inside))):
            dial = known[position]
            search, position = Bisection(dial), position + 1
            while (count := search.next()) is not None:
                search.tell(count, await self._try(dial.turned(count)))
            self.rough = self.rough or search.rough
