"""The voice: says one conversation at a time to the current server, and remembers all that was said to it."""

from __future__ import annotations

from collections.abc import Iterable

from mcpfuzz.campaign.pace import Pace
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.client import Client
from mcpfuzz.model import Conversation, Step, Trace
from mcpfuzz.oracles.process_proofs import begins_anew
from mcpfuzz.oracles.table import ROWS
from mcpfuzz.runner import Talk, converse

__all__ = ["Voice"]

HISTORY = 2_000
"""Steps since the last start that are kept for damage that needs a history."""
BARRIER_S = 3.0


class Voice:
    """Speaks to whatever server is current.

    Attributes:
        history: the steps of cases said since the last start, volleys included; the oldest are forgotten.
        anew: whether a handshake was begun since then and not ended (`begins_anew`).
    """

    def __init__(self, supply: Supply, pace: Pace) -> None:
        self._supply = supply
        self._pace = pace
        self.history: list[Step] = []
        self.anew = False
        self._since = -1
        self._said = 0

    def patience(self) -> float:
        """Seconds one answer may take now."""
        return self._pace.patience()

    async def say(self, conversation: Conversation, row: str | None = None) -> Trace:
        """One conversation, alone; a server that it left unfit is dropped.

        Args:
            row: of the ORACLE table, where that says whether an answer is owed.

        Raises:
            OutOfStarts: no server is to be had any more.
        """
        client = await self._supply.client()
        patience = self.patience()
        talk = Talk(
            client,
            self._supply.filler(),
            patience,
            opener=self._supply.opener(),
            start_s=self._supply.start_s,
            effects=self._supply.effects,
            barrier_patience=min(BARRIER_S, patience),
            owed=None if row is None else ROWS[row].due,
        )
        trace = await converse(talk, conversation)
        if trace.ending.kind != "alive":
            await (self._supply.regained("its connection was closed") if trace.ending.serves else self._supply.drop())
        return trace

    def remember(self, client: Client, steps: Iterable[Step]) -> None:
        """Before a case is said: what it says."""
        self._supply.quiet = False
        if self._since != self._supply.starts:
            self.history, self._since, self.anew = [], self._supply.starts, False
        steps = tuple(steps)
        self.anew = begins_anew([step.action for step in steps], self.anew)
        self.history += steps
        self._said += len(steps)
        if len(self.history) > HISTORY:
            del self.history[: HISTORY // 4]

    def mark(self) -> tuple[int, int]:
        """Where in all that is said this is, for `since`."""
        return self._since, self._said

    def since(self, mark: tuple[int, int]) -> tuple[Step, ...]:
        """The steps since a mark that the current server heard, as far as they are kept."""
        said = self._said - mark[1] if mark[0] == self._since else len(self.history)
        return tuple(self.history[max(0, len(self.history) - said) :])
