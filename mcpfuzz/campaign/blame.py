"""Blame: when a server is unfit or serves nobody any more, which of the things that were said to it did that."""

from __future__ import annotations

import time

from mcpfuzz.campaign.docket import Docket
from mcpfuzz.campaign.findings import LETHAL
from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.screening import Screened
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.campaign.vitals import Vitals
from mcpfuzz.campaign.voice import Voice
from mcpfuzz.model import Case, Conversation, Place, Proof, Step, Surface, Suspicion
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.judging import POISON, judge_trace
from mcpfuzz.oracles.reading import lost
from mcpfuzz.oracles.rules import RULES

__all__ = ["Blame"]


class Blame:
    """Finds causes on fresh servers, and hands them to the docket.

    Args:
        until: `time.monotonic()` after which nothing more is begun.
    """

    def __init__(
        self, voice: Voice, supply: Supply, vitals: Vitals, docket: Docket, bench: Bench, surface: Surface, until: float
    ) -> None:
        self._voice = voice
        self._supply = supply
        self._vitals = vitals
        self._docket = docket
        self._bench = bench
        self._surface = surface
        self._until = until

    async def damage(self, cases: list[Case], seen: Screened, unit: Unit, what: str) -> None:
        """The server is unfit, or calls were lost: find the one case that does it, or the history.

        Args:
            cases: the volley.
            what: was being done, for people.
        """
        history = tuple(self._voice.history)
        if seen.unfit:
            await self._supply.regained(f"{seen.damage} during {what}")
        explained = False  # one case alone ended its connection: that was the damage, and its finding tells it
        wait_s = self._voice.patience() if seen.lost else 0.0  # a lost answer may take that long to be lost again
        for case in cases if not seen.lost else seen.lost:
            if time.monotonic() + wait_s > self._until:
                return
            trace = await self._voice.say(case.conversation, case.row)
            explained = explained or lost(trace)
            found = list(judge_trace(case, trace, self._bench, self._surface))
            for suspicion in found:
                await self._docket.suspect(case, suspicion, unit)
            if any(suspicion.rule in LETHAL for suspicion in found):
                return
        if seen.unfit and not explained:
            await self._history(cases[-1], history, unit)

    async def _history(self, last: Case, history: tuple[Step, ...], unit: Unit) -> None:
        """No case does it alone: all that was said since the start, said again."""
        await self._supply.fresh("to say the whole history again")
        conversation = Conversation(history)
        trace = await self._voice.say(conversation)
        case = Case(
            scenario=last.scenario, place=last.place, conversation=conversation,
            label=f"after {len(history)} messages, the last of them {last.label}",
        )  # fmt: skip
        for suspicion in judge_trace(case, trace, self._bench, self._surface):
            if suspicion.rule in LETHAL:
                await self._docket.suspect(case, suspicion, unit, generous=True)

    async def poison(self, unit: Unit, said: tuple[Step, ...]) -> None:
        """The process lives but a known-good call fails: find what spoilt it among what was malformed.

        Args:
            said: since the good calls were last known to succeed.
        """
        await self._supply.fresh("a known-good call failed")
        if not await self._vitals.ok():
            self._vitals.calls = []
            return
        for vital in self._vitals.calls:
            proof = Proof(kind="poisoned", expected=POISON, params={"method": vital.method, "params": vital.params})
            place = Place(kind="session", name=unit.scenario.id)
            case = Case(
                scenario=unit.scenario.id, place=place, conversation=Conversation((*said, Step(action=vital))),
                label="a malformed message, then a known-good call", control=Conversation.of(vital),
            )  # fmt: skip
            suspicion = Suspicion(
                rule="poisoned", place=place, title=f"{RULES['poisoned'].title}: {case.label}", proof=proof,
                observed="a known-good call failed", cause="poisoned",
            )  # fmt: skip
            await self._docket.suspect(case, suspicion, unit, generous=True)
