"""What showed something in earlier runs is said first, and judged anew by today's oracles."""

from __future__ import annotations

import time
from collections.abc import Callable

from mcpfuzz.campaign.corpus import Corpus, may_recall
from mcpfuzz.campaign.docket import Docket
from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.campaign.voice import Voice
from mcpfuzz.model import Case, Surface, Suspicion, Trace, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.judging import judge_trace
from mcpfuzz.oracles.proofs import observe

__all__ = ["Recall"]


class Recall:
    """Goes through a corpus, newest first."""

    def __init__(
        self, settings: Settings, voice: Voice, supply: Supply, docket: Docket, bench: Bench, surface: Surface
    ) -> None:
        self._settings = settings
        self._voice = voice
        self._supply = supply
        self._docket = docket
        self._bench = bench
        self._surface = surface

    async def say(self, corpus: Corpus, until: float, enter: Callable[[Unit], None]) -> None:
        """Say this shard's part of what may be said again, and hand what still shows to the docket.

        Args:
            until: `time.monotonic()` after which no more is said.
            enter: is told of each case that is said.
        """
        number, total = self._settings.shard
        stories = {story.id: story for story in self._settings.scenarios}
        for case, suspicion in corpus.cases()[number - 1 :: total]:
            if time.monotonic() > until:
                return
            if case.scenario not in stories or not may_recall(case, self._surface, self._settings.only):
                continue
            if stories[case.scenario].spoils:
                continue  # in its own turn, behind the others
            unit = Unit(stories[case.scenario], self._surface.operation(case.place.kind, case.place.name), 0, 1, 0)
            enter(unit)
            self._voice.remember(await self._supply.client(), case.conversation.steps)
            try:
                trace = await self._voice.say(case.conversation, case.row)
                shown = self._judged(case, suspicion, trace)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue  # an entry that somebody changed, or a slot that this run has no value for
            for again in shown:
                await self._docket.suspect(case, again, unit)
        self._docket.dead_ends.clear()  # what is known to break a pair does not keep it from being tried anew

    def _judged(self, case: Case, suspicion: Suspicion, trace: Trace) -> list[Suspicion]:
        """What today's oracles say of what an earlier run found, under the same rule. Poisoning is nobody's but the
        vitals' to see: its proof is looked for as it was."""
        if suspicion.rule == "poisoned":
            seen = observe(suspicion.proof, trace, self._bench)
            return [] if seen is None else [replace(suspicion, observed=seen)]
        today = judge_trace(case, trace, self._bench, self._surface)
        return [replace(one, title=suspicion.title) for one in today if one.rule == suspicion.rule]
