"""The campaign: goes through the plan, screens many cases at a time, blames one when something breaks, and
hands what is suspicious to the prover. It decides what happens next; what a trace means is not its
business, nor how anything is shown.

Its parts: `pace` (how long, how many), `voice` (one conversation to the current server), `vitals` (does it still
serve), `blame` (what did that), `docket` (what is proved, and when), `score` (how it fares).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import filterfalse

import trio

from mcpfuzz.campaign.blame import Blame
from mcpfuzz.campaign.corpus import Corpus
from mcpfuzz.campaign.docket import Docket
from mcpfuzz.campaign.journal import Journal
from mcpfuzz.campaign.novelty import MOST_REST, TRIES, Novelty
from mcpfuzz.campaign.pace import Pace
from mcpfuzz.campaign.plan import Unit, units
from mcpfuzz.campaign.pools import Pools
from mcpfuzz.campaign.prover import Prover
from mcpfuzz.campaign.reach import Reach
from mcpfuzz.campaign.recall import Recall
from mcpfuzz.campaign.score import ScenarioTally, Score
from mcpfuzz.campaign.screening import Screened, screen
from mcpfuzz.campaign.settings import PROFILES, Settings
from mcpfuzz.campaign.sowing import Sowing
from mcpfuzz.campaign.supply import OutOfStarts, Supply
from mcpfuzz.campaign.vitals import Vitals
from mcpfuzz.campaign.voice import Voice
from mcpfuzz.events import Event
from mcpfuzz.model import Case, Effect, Exchange, Finding, Surface, Suspicion
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.judging import judge_trace
from mcpfuzz.scenarios.calls import CannotGenerate
from mcpfuzz.strategies.choices import RandomChoices

__all__ = ["RESERVE_S", "TIME_SPENT", "Engine"]

EXAMINED = 24
"""Cases of one pair that may be looked at alone without anything new coming of it."""
RESERVE_S = 1.0
"""Kept for ending servers and writing reports."""
MOMENT_S = 0.5
"""For the answers of the last volley."""
SETTLE_SHARE = 0.6
"""Of the budget, after which the proofs that were put off are made."""
SETTLE_LIMIT = 0.1
"""Of the budget, at most about, for these proofs then; the others are made when the plan is done."""
TIME_SPENT = "its time was spent"
"""The one reason to stop that says nothing about the server."""
GUARD_CASES = 64
"""Malformed messages between two looks at whether good calls still succeed."""
LOOK_S = 0.1
"""Between two looks at what happened around the server, for effects of earlier cases that come late."""
KNOWN_SILENCE = 1 / 3
"""How much of the wait for what is on the docket already counts as wasted: other stories have other things to say."""
RECALL_SHARE = 0.25
"""Of the time, at most, for what earlier runs found."""


@dataclass(slots=True)
class _Guard:
    """Watches a share of malformed messages for poisoning."""

    mark: tuple[int, int]
    """Where in all that was said the good calls were last known to succeed (`Voice.mark`)."""
    cases: int
    """Of the scenario, until then."""


class Engine:
    """One campaign on one surface.

    Args:
        emit: takes every event; must not wait.
        started: `time.monotonic()` of the run's beginning; its budget counts from there.

    Attributes:
        cut: why it ended before the plan did; None: it did not.
        corpus: what earlier runs left, and where this one leaves its own; None: nowhere.
        journal: notes how far it has come; None: nothing does.
        pools: arguments in the making by another generator; None: there are none.
    """

    def __init__(
        self,
        settings: Settings,
        supply: Supply,
        surface: Surface,
        bench: Bench,
        reach: Reach,
        emit: Callable[[Event], None],
        started: float,
    ) -> None:
        self._settings = settings
        self._supply = supply
        self._surface = surface
        self._bench = bench
        self._reach = reach
        self._until = until = started + settings.max_time - min(RESERVE_S, settings.max_time * 0.1)
        self._examined: dict[tuple[str, str, str], int] = {}
        self._sowing = Sowing()
        self._looked = 0.0
        self._novelty = Novelty()
        self._score = score = Score((item.id for item in settings.scenarios), supply, emit, started)
        self._pace = pace = Pace(settings, reach)
        self._voice = voice = Voice(supply, pace)
        self._vitals = vitals = Vitals(voice, supply, surface, reach)
        prover = Prover(supply, bench, surface, settings.timeout, until, pace.patience, score.enter)
        self._docket = docket = Docket(prover, score, until, self._keep)
        self._blame = Blame(voice, supply, vitals, docket, bench, surface, until)
        self._recall = Recall(settings, voice, supply, docket, bench, surface)
        self.cut: str | None = None
        self.corpus: Corpus | None = None
        self.journal: Journal | None = None
        self.pools: Pools | None = None

    @property
    def findings(self) -> list[Finding]:
        return self._score.findings

    @property
    def tallies(self) -> dict[str, ScenarioTally]:
        """Scenario -> how it fares."""
        return self._score.tallies

    # ---- the whole

    async def run(self) -> None:
        """Until the plan is done, the time is spent, or the server does not come up again."""
        plan = list(units(self._settings.scenarios, self._surface, 1, self._settings.only, self._settings.shard))
        for unit in plan:
            self.tallies[unit.scenario.id].planned += 1
        try:
            self._pace.begin((await self._supply.client()).largest)
            await self._vitals.choose()
            if self.corpus is not None:
                share = RECALL_SHARE * (self._until - time.monotonic())
                await self._recall.say(self.corpus, time.monotonic() + share, self._recalled)
            started = time.monotonic()
            rounds = PROFILES[self._settings.profile].rounds
            chosen = self._settings
            done = self._resume()
            settle_at, settled = started + SETTLE_SHARE * (self._until - started), False
            played = 0  # the last round in which anything was
            work = units(chosen.scenarios, self._surface, rounds, chosen.only, chosen.shard)
            for number, unit in enumerate(work, 1):
                if number <= done:
                    played = unit.round
                    continue
                if unit.round - played > MOST_REST:
                    break  # nothing new is drawn any more
                if time.monotonic() > self._until:
                    self.cut = TIME_SPENT
                    break
                if not settled and self._docket.waiting and time.monotonic() > settle_at:
                    settled = True
                    await self._docket.settle(SETTLE_LIMIT * (self._until - started))
                if await self._unit(unit):
                    played = unit.round
                self._note(number)
            await self._docket.settle()
            await self._docket.polish()
        except OutOfStarts as error:
            self.cut = str(error)

    def _recalled(self, unit: Unit) -> None:
        self._enter(unit)
        self.tallies[unit.scenario.id].cases += 1

    def _keep(self, case: Case, suspicion: Suspicion, finding: Finding) -> None:
        if self.corpus is not None:
            self.corpus.keep(case, suspicion, finding)

    def _resume(self) -> int:
        """Shares that an interrupted run did before."""
        if self.journal is None:
            return 0
        for name, (cases, done) in self.journal.tallies.items():
            if name in self.tallies:
                self.tallies[name].cases += cases
                self.tallies[name].done += done
        return self.journal.done

    def _note(self, number: int) -> None:
        if self.journal is not None and self.journal.due:
            self.journal.note(number, {name: (tally.cases, tally.done) for name, tally in self.tallies.items()})

    # ---- one share of work

    async def _unit(self, unit: Unit) -> bool:
        """One share; whether it had a case."""
        tally = self.tallies[unit.scenario.id]
        before = tally.cases
        self._enter(unit)
        if self.pools is not None:
            drawn = await self.pools.onto(self._surface, unit)
            if drawn is None:
                tally.reasons.setdefault(f"{unit.key[2]}: {self.pools.why}")
                return False
            self._surface = drawn
        if self._novelty.rests(unit.key, unit.round):
            await trio.lowlevel.checkpoint()
        elif unit.key not in self._docket.dead_ends:
            guard = None
            if unit.operation is None and not unit.scenario.alone:
                if not await self._vitals.ok():
                    await self._supply.fresh("a known-good call failed before the share began")
                guard = _Guard(self._voice.mark(), before)
            if not await self._play(unit, tally, guard):
                return tally.cases > before
            await self._guarded(unit, guard)
            if unit.key not in self._docket.dead_ends:
                self._novelty.note(unit.key, unit.round, self._pace.count(unit), tally.cases - before)
        tally.done += unit.round == 0
        return tally.cases > before

    def _enter(self, unit: Unit) -> None:
        """What patience and progress are about from now on."""
        operation = unit.operation
        self._pace.enter(operation)
        self._score.what = unit.scenario.id + (f" · {operation.kind} {operation.name}" if operation else "")

    async def _play(self, unit: Unit, tally: ScenarioTally, guard: _Guard | None) -> bool:
        """Draw the share's cases and send them, together where that may be; whether the share was played."""
        batches: dict[str | None, list[Case]] = {}  # by row: what comes besides must be what all of a volley allow
        for index in range(unit.first, unit.first + self._pace.count(unit)):
            if self._no_time(unit, tally):
                return False
            case = self._draw(unit, index, tally)
            if case is None:
                continue
            if unit.scenario.fresh and self._supply.can_start:
                await self._supply.fresh("a case that begins on an untouched server")
            if unit.scenario.alone or len(case.conversation) != 1 or case.conversation.steps[0].times > 1:
                await self._alone(case, unit)
                tally.cases += 1
                if unit.key in self._docket.dead_ends:
                    return True
                continue
            batch = batches.setdefault(case.row, [])
            batch.append(case)
            if len(batch) < self._pace.together(unit, case.row):
                continue
            tally.cases += await self._volley(batches.pop(case.row), unit)
            await self._guarded(unit, guard, GUARD_CASES)
            if unit.key in self._docket.dead_ends:
                return True
        for position, batch in enumerate(batches.values()):
            if unit.key in self._docket.dead_ends:
                return True
            if position and self._no_time(unit, tally):
                return False
            tally.cases += await self._volley(batch, unit)
            await self._guarded(unit, guard, GUARD_CASES)
        return self.cut is None

    def _no_time(self, unit: Unit, tally: ScenarioTally) -> bool:
        """Whether the time is spent, or what is left of it is not for this operation; the share is left then."""
        left = self._until - time.monotonic()
        if left < 0:
            self.cut = TIME_SPENT
            return True
        why = self._pace.too_dear()
        if why is None and left < self._pace.expected_s():
            why = f"{unit.key[2]}: a call takes up to {self._pace.expected_s():.1f} s, and less was left"
        if why is not None and not unit.round:
            tally.reasons.setdefault(why)
        return why is not None

    async def _guarded(self, unit: Unit, guard: _Guard | None, every: int = 0) -> None:
        """After malformed messages, `every` so many of them: do good calls still succeed?"""
        if guard is None or self.tallies[unit.scenario.id].cases - guard.cases < every:
            return
        if not await self._vitals.ok():
            await self._blame.poison(unit, self._voice.since(guard.mark))
        guard.mark, guard.cases = self._voice.mark(), self.tallies[unit.scenario.id].cases

    def _draw(self, unit: Unit, index: int, tally: ScenarioTally) -> Case | None:
        """One case; None where there is none, or it would take too long: that is told, not hidden."""
        parts = (self._settings.seed, *unit.key, index)
        try:
            case = unit.scenario.draw(RandomChoices(*parts), self._surface, unit.operation, index)
        except CannotGenerate as error:
            tally.reasons.setdefault(f"cannot generate for {unit.key[2]}: {error}"[:200])
            self._docket.dead_ends.add(unit.key)
            return None
        if case is not None and self._novelty.concerns(unit.scenario):
            case = self._new(case, unit, index, parts)
        if case is not None and self._pace.in_vain(case):
            return None
        why = self._pace.too_long(case, unit.operation) if case is not None else None
        if why is not None:
            tally.reasons.setdefault(why)
            return None
        return case

    def _new(self, case: Case | None, unit: Unit, index: int, parts: tuple[object, ...]) -> Case | None:
        """The case, or the first of a few more draws that was not said yet; None where all were."""
        for attempt in range(1, TRIES + 1):
            if case is None or self._novelty.new(case):
                return case
            if attempt < TRIES:
                try:
                    again = RandomChoices(*parts, attempt)
                    case = unit.scenario.draw(again, self._surface, unit.operation, index)
                except CannotGenerate:
                    return None
        return None

    # ---- many at a time

    async def _volley(self, cases: list[Case], unit: Unit) -> int:
        """Send cases together; look closer where the first look doubts. How many were judged."""
        client = await self._supply.client()
        self._voice.remember(client, (case.conversation.steps[0] for case in cases))
        supply, left = self._supply, max(MOMENT_S, self._until - time.monotonic())
        patience = min(self._pace.patience(), left)
        effects = supply.effects if any(case.claims for case in cases) or self._time_to_look() else _nothing
        seen = await screen(client, cases, supply.filler, effects, self._surface, self._bench, patience)
        self._count(seen, unit, cases[0].row)
        if seen.damage and time.monotonic() > self._until:
            self.cut = TIME_SPENT  # nothing can be said of what was not waited for
            return 0
        for case, trace in seen.traces:
            for suspicion in judge_trace(case, trace, self._bench, self._surface):
                await self._docket.suspect(case, suspicion, unit)
        for case, other in self._sowing.doubted(seen, unit):
            if time.monotonic() > self._until:
                break
            self._supply.renew()
            await self._alone(case, other)
        if seen.damage:
            began = time.monotonic()
            await self._blame.damage(cases, seen, unit, self._score.what)
            if seen.lost:
                self._wasted(unit, patience + time.monotonic() - began)
        elif seen.unclear and self._may_examine(unit, cases[0].row):
            for case in filterfalse(self._pace.in_vain, cases):
                if await self._alone(case, unit) or time.monotonic() > self._until:
                    break
        self._score.tell()
        await trio.lowlevel.checkpoint()
        return len(cases)

    def _time_to_look(self) -> bool:
        """Whether it is time to see what happened around the server, where nothing is claimed to have happened."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return False
        self._looked = now
        return True

    def _count(self, seen: Screened, unit: Unit, row: str | None) -> None:
        self._pace.learn(unit, row, 0.0 if seen.damage else seen.slowest_s, seen.largest)
        for case in seen.silent:
            self._pace.unheard(case)
        if unit.operation is not None:
            for value in seen.answers:
                self._reach.count(unit.operation.kind, unit.operation.name, value)

    def _may_examine(self, unit: Unit, row: str | None) -> bool:
        key = (unit.key[0], row or unit.key[1], unit.key[2])
        self._examined[key] = self._examined.get(key, 0) + 1
        return self._examined[key] <= EXAMINED

    # ---- one at a time

    async def _alone(self, case: Case, unit: Unit) -> bool:
        """Say one case and judge it in full; whether it left the server unfit."""
        client = await self._supply.client()
        self._voice.remember(client, case.conversation.steps)
        trace = await self._voice.say(case.conversation, case.row)
        for suspicion in judge_trace(case, trace, self._bench, self._surface):
            await self._docket.suspect(case, suspicion, unit)
        if largest := max((_size(exchange) for exchange in trace.exchanges), default=0):
            self._pace.learn(unit, case.row, 0.0, largest)
        self._wasted(unit, sum(exchange.waited_s for exchange in trace.exchanges))
        self._score.tell()
        if unit.scenario.spoils and self._supply.can_start:
            await self._supply.fresh("what was done may last")
        return trace.ending.kind != "alive"

    def _wasted(self, unit: Unit, seconds: float) -> None:
        """A wait that ended without an answer: nothing is wrong with that, or it is on the docket already and costs
        every other story the same."""
        self._pace.waste(seconds if unit.key not in self._docket.dead_ends else seconds * KNOWN_SILENCE)


def _nothing() -> tuple[Effect, ...]:
    return ()


def _size(exchange: Exchange) -> int:
    """Bytes of the largest frame that came for a step."""
    return max((len(frame.raw) for frame in (exchange.answer, *exchange.others) if frame is not None), default=0)
