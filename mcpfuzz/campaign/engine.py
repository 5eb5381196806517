"""The campaign: goes through the plan, screens many cases at a time, blames one when something breaks, and
hands what is suspicious to the prover. It decides what happens next; what a trace means is not its
business, nor how anything is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import trio

from mcpfuzz.campaign.corpus import Corpus, may_recall
from mcpfuzz.campaign.journal import Journal
from mcpfuzz.campaign.plan import Unit, units
from mcpfuzz.campaign.prover import LETHAL, Prover, fingerprint
from mcpfuzz.campaign.reach import Reach, good_answer
from mcpfuzz.campaign.screening import Screened, screen
from mcpfuzz.campaign.settings import PROFILES, Settings
from mcpfuzz.campaign.supply import OutOfStarts, Supply
from mcpfuzz.client import Client
from mcpfuzz.events import Event, Found, Progress
from mcpfuzz.model import (
    Call,
    Case,
    Conversation,
    Finding,
    Operation,
    Place,
    Proof,
    Step,
    Surface,
    Suspicion,
    Trace,
    replace,
)
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.judging import POISON, judge_trace
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.reading import lost
from mcpfuzz.oracles.rules import RULES
from mcpfuzz.oracles.table import ROWS
from mcpfuzz.runner import Talk, converse
from mcpfuzz.scenarios.calls import CannotGenerate
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.surface import bind

__all__ = ["TIME_SPENT", "Engine", "ScenarioTally"]

VOLLEY = 16
"""Cases in flight together while all goes well."""
SLOW_S = 0.25
"""An operation that takes longer is called one at a time, and less often."""
SLOW_CASES = 6
SLOW_SHARE = 0.03
"""Of the budget, at most about, for one share of a slow operation; one case is always played."""
BULKY = 1 << 20
"""A pair that draws larger answers is played one case at a time, so that they are not held together."""
EXAMINED = 24
"""Cases of one pair that may be looked at alone without anything new coming of it."""
HISTORY = 2_000
"""Steps since the last start that are kept for damage that needs a history."""
REPEAT_SHARE = 0.05
"""Of the budget, at most, for one repetition."""
UNTRIED_S = 60.0
"""What a tally says of an operation that was never called (`reach.Tally`)."""
RESERVE_S = 1.0
"""Kept for ending servers and writing reports."""
SLOW_PROOF = frozenset({"hang", "no-answer"})
"""Rules whose proof waits for `--timeout`: proved together, when most of the time is spent or all is done."""
SETTLE_SHARE = 0.6
"""Of the budget, after which those are proved."""
ENDS_PAIR = LETHAL | {"oversized-answer", "resource-consumption", "unsafe-consumption", "mass-assignment"}
"""Rules after which a pair is left alone: more of the same costs a start, megabytes or seconds, or is the same."""
SOWN = 20_000
"""Canaries of cases that are remembered for effects that come late."""
ATTEMPTS = 3
"""Cases that may try to prove one cause; after that, or once it is proved, it costs nothing more."""
TIME_SPENT = "its time was spent"
"""The one reason to stop that says nothing about the server."""
PROGRESS_S = 0.25
RECALL_SHARE = 0.25
"""Of the time, at most, for what earlier runs found."""


@dataclass(slots=True)
class ScenarioTally:
    """How one scenario fares."""

    cases: int = 0
    planned: int = 0
    """Units of the first round."""
    done: int = 0
    findings: int = 0
    reasons: dict[str, None] = field(default_factory=dict)
    """Why something was not done, in order of appearance."""


@dataclass(slots=True)
class _Guard:
    """Watches a share of malformed messages for poisoning."""

    mark: int
    """Where in the history the good calls were last known to succeed."""


class Engine:
    """One campaign on one surface.

    Args:
        emit: takes every event; must not wait.
        started: `time.monotonic()` of the run's beginning; its budget counts from there.
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
        self._emit = emit
        self._started = started
        self._until = started + settings.max_time - min(RESERVE_S, settings.max_time * 0.1)
        self._slowest: dict[tuple[str, str] | None, float] = {}
        self._operation: tuple[str, str] | None = None
        self._tried: dict[tuple[str, str], int] = {}
        self._dead_ends: set[tuple[str, str, str]] = set()
        self._bulky: set[tuple[str, str, str]] = set()
        self._examined: dict[tuple[str, str, str], int] = {}
        self._history: list[Step] = []
        self._history_start = -1
        self._vitals: list[Call] = []
        self._sown: dict[str, tuple[Case, Unit]] = {}
        self._phase = "attacking"
        self._what = ""
        self._settling = False
        self._later: list[tuple[Case, Suspicion, Unit]] = []
        self._told = 0.0
        self.findings: list[Finding] = []
        self._replaced: set[str] = set()
        self._origin: dict[str, tuple[Case, Suspicion]] = {}
        self.tallies: dict[str, ScenarioTally] = {item.id: ScenarioTally() for item in settings.scenarios}
        self.cut: str | None = None
        self.corpus: Corpus | None = None
        self.journal: Journal | None = None
        self._prover = Prover(supply, bench, surface, settings.timeout, self._until, self.patience, self._set_phase)

    # ---- the whole

    async def run(self) -> None:
        """Until the plan is done, the time is spent, or the server does not come up again."""
        plan = list(units(self._settings.scenarios, self._surface, 1, self._settings.only, self._settings.shard))
        for unit in plan:
            self.tallies[unit.scenario.id].planned += 1
        try:
            await self._choose_vitals()
            await self._recall()
            started = time.monotonic()
            rounds = PROFILES[self._settings.profile].rounds
            chosen = self._settings
            done = self._resume()
            work = units(chosen.scenarios, self._surface, rounds, chosen.only, chosen.shard)
            for number, unit in enumerate(work, 1):
                if number <= done:
                    continue
                if time.monotonic() > self._until:
                    self.cut = TIME_SPENT
                    break
                if self._later and time.monotonic() - started > SETTLE_SHARE * (self._until - started):
                    await self._settle()
                await self._unit(unit)
                self._note(number)
            await self._settle()
            await self._polish()
        except OutOfStarts as error:
            self.cut = str(error)

    async def _recall(self) -> None:
        """What showed something in earlier runs, said first: a share of the time, newest first."""
        remembered = self.corpus.cases() if self.corpus is not None else []
        until = time.monotonic() + RECALL_SHARE * (self._until - time.monotonic())
        number, total = self._settings.shard
        stories = {story.id: story for story in self._settings.scenarios}
        for case, suspicion in remembered[number - 1 :: total]:
            if time.monotonic() > until:
                return
            if case.scenario not in stories or not may_recall(case, self._surface, self._settings.only):
                continue
            operation = self._surface.operation(case.place.kind, case.place.name)
            unit = Unit(stories[case.scenario], operation, 0, 1, 0)
            self._enter(unit)
            self.tallies[case.scenario].cases += 1
            self._remember(await self._supply.client(), case.conversation.steps)
            try:
                trace = await self._say(case.conversation, self.patience(), case.row)
                seen = observe(suspicion.proof, trace, self._bench)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue  # an entry that somebody changed, or a slot that this run has no value for
            if seen is not None:
                await self._suspect(case, replace(suspicion, observed=seen), unit)
        self._dead_ends.clear()  # what is known to break a pair does not keep it from being tried anew

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
        if self.journal is not None:
            self.journal.note(number, {name: (tally.cases, tally.done) for name, tally in self.tallies.items()})

    async def _settle(self) -> None:
        """Prove what had to wait, a fair share of the time for each."""
        self._settling = True
        while self._later:
            case, suspicion, unit = self._later.pop(0)
            self._what = f"{suspicion.rule} of {suspicion.place.name}"
            self._tried[(suspicion.rule, suspicion.cause)] = 0
            await self._suspect(case, suspicion, unit)
        self._settling = False

    async def _polish(self) -> None:
        """Time that is left goes into making findings minimal."""
        for position, finding in enumerate(self.findings):
            if finding.minimal or finding.confidence != "proved" or time.monotonic() > self._until - 2:
                continue
            case, suspicion = self._origin[finding.fingerprint]
            shorter = replace(case, conversation=finding.conversation)
            better = await self._prover.prove(shorter, suspicion, shrink_s=(self._until - time.monotonic()) * 0.5)
            if better.confidence == "proved":
                self.findings[position] = better
                self._keep(case, suspicion, better)

    def patience(self) -> float:
        """Seconds one answer may take, learned from this operation's own answers; `--timeout` bounds it."""
        return min(self._settings.timeout, max(1.0, 8 * self._slowest.get(self._operation, 0.1) + 0.5))

    # ---- one share of work

    async def _unit(self, unit: Unit) -> None:
        tally = self.tallies[unit.scenario.id]
        self._enter(unit)
        if unit.key not in self._dead_ends:
            guard = _Guard(len(self._history)) if unit.operation is None and not unit.scenario.alone else None
            if guard is not None and not await self._vital_ok():
                await self._supply.fresh("a known-good call failed before the share began")
            await self._play(unit, tally, guard)
            if self.cut is not None:
                return
            await self._guarded(unit, guard)
        tally.done += unit.round == 0

    def _enter(self, unit: Unit) -> None:
        """What patience and progress are about from now on."""
        operation = unit.operation
        self._operation = operation.key if operation is not None else None
        if operation is not None and self._operation not in self._slowest:
            self._slowest[self._operation] = self._reach.tally(*operation.key).slowest_s
        self._what = unit.scenario.id + (f" · {operation.kind} {operation.name}" if operation else "")

    async def _play(self, unit: Unit, tally: ScenarioTally, guard: _Guard | None) -> None:
        """Draw the share's cases and send them, together where that may be."""
        slow = unit.operation is not None and self._reach.tally(*unit.operation.key).slowest_s > SLOW_S
        client = await self._supply.client()
        size = 1 if slow or unit.key in self._bulky or client.largest > BULKY else VOLLEY
        batch: list[Case] = []
        for index in range(unit.first, unit.first + (self._slow_count(unit) if slow else unit.count)):
            if time.monotonic() > self._until:
                self.cut = TIME_SPENT
                return
            case = self._draw(unit, index, tally)
            if case is None or self._too_long(case, unit, tally):
                continue
            if unit.scenario.alone or len(case.conversation) != 1 or case.conversation.steps[0].times > 1:
                await self._alone(case, unit)
                tally.cases += 1
                if unit.key in self._dead_ends:
                    return
                continue
            if batch and (case.row != batch[0].row or len(batch) >= size):
                tally.cases += await self._volley(batch, unit)
                await self._guarded(unit, guard)
                batch = []
            batch.append(case)
            if unit.key in self._dead_ends:
                return
        if batch:
            tally.cases += await self._volley(batch, unit)

    def _slow_count(self, unit: Unit) -> int:
        """Cases of one share of an operation whose calls take long."""
        assert unit.operation is not None
        each = max(SLOW_S, self._reach.tally(*unit.operation.key).slowest_s)
        return min(unit.count, SLOW_CASES, max(1, int(self._settings.max_time * SLOW_SHARE / each)))

    async def _guarded(self, unit: Unit, guard: _Guard | None) -> None:
        """After malformed messages: do good calls still succeed?"""
        if guard is None or not self._vitals or await self._vital_ok():
            return
        await self._blame_poison(unit, guard.mark)
        guard.mark = len(self._history)

    def _draw(self, unit: Unit, index: int, tally: ScenarioTally) -> Case | None:
        choices = RandomChoices(self._settings.seed, *unit.key, index)
        try:
            return unit.scenario.draw(choices, self._surface, unit.operation, index)
        except CannotGenerate as error:
            tally.reasons.setdefault(f"cannot generate for {unit.key[2]}: {error}"[:200])
            self._dead_ends.add(unit.key)
            return None

    def _too_long(self, case: Case, unit: Unit, tally: ScenarioTally) -> bool:
        """Whether a repetition would take more than its share; that is told, not hidden."""
        operation, steps = unit.operation, case.conversation.steps
        if operation is None:
            return False
        times = sum(step.times for step in steps if step.times > 1)
        tally_of = self._reach.tally(*operation.key)
        if (
            not times and len(steps) > 1 and tally_of.fastest_s < UNTRIED_S
        ):  # a story that calls the same slow thing again and again
            times = sum(_calls(step, operation) for step in steps)
        if not times:
            return False
        seconds = times * tally_of.fastest_s
        if seconds <= self._settings.max_time * REPEAT_SHARE:
            return False
        tally.reasons.setdefault(f"{operation.name}: {times} calls would take {seconds:.0f} s")
        return True

    # ---- many at a time

    async def _volley(self, cases: list[Case], unit: Unit) -> int:
        """Send cases together; look closer where the first look doubts. How many were judged."""
        client = await self._supply.client()
        self._remember(client, (case.conversation.steps[0] for case in cases))
        supply = self._supply
        seen = await screen(client, cases, supply.filler, supply.effects, self._surface, self._bench, self.patience())
        self._count(seen, unit)
        if seen.largest > BULKY:
            self._bulky.add(unit.key)
        for case, trace in seen.traces:
            for suspicion in judge_trace(case, trace, self._bench, self._surface):
                await self._suspect(case, suspicion, unit)
        await self._late_effects(seen, unit)
        if seen.damage:
            await self._blame(cases, seen, unit)
        elif seen.unclear and self._may_examine(unit, cases[0].row):
            for case in cases:
                if await self._alone(case, unit) or time.monotonic() > self._until:
                    break
        self._tell()
        await trio.lowlevel.checkpoint()
        return len(cases)

    async def _late_effects(self, seen: Screened, unit: Unit) -> None:
        """Effects that came after their case's answer, or that name no case: say those cases again, alone."""
        if seen.sown:
            if len(self._sown) > SOWN:
                self._sown.clear()
            self._sown.update((canary, (case, unit)) for canary, case in seen.sown.items())
        doubted: dict[int, tuple[Case, Unit]] = {}
        for effect in seen.late:
            if effect.kind == "harm" or effect.data[:1] == ("TLS",):
                doubted.update((id(case), (case, unit)) for case in seen.sown.values())
            for canary, (case, other) in self._sown.items():
                if effect.tells(canary):
                    doubted[id(case)] = (case, other)
        for case, other in list(doubted.values())[:VOLLEY]:
            if time.monotonic() > self._until:
                return
            self._supply.renew()
            await self._alone(case, other)

    def _count(self, seen: Screened, unit: Unit) -> None:
        if seen.slowest_s and not seen.damage:
            self._slowest[self._operation] = max(self._slowest.get(self._operation, 0.0), seen.slowest_s)
        if unit.operation is not None:
            for value in seen.answers:
                self._reach.count(unit.operation.kind, unit.operation.name, value)

    def _may_examine(self, unit: Unit, row: str | None) -> bool:
        key = (unit.key[0], row or unit.key[1], unit.key[2])
        self._examined[key] = self._examined.get(key, 0) + 1
        return self._examined[key] <= EXAMINED

    # ---- one at a time

    async def _say(self, conversation: Conversation, patience: float, row: str | None = None) -> Trace:
        client = await self._supply.client()
        talk = Talk(
            client,
            self._supply.filler(),
            patience,
            opener=self._supply.opener(),
            effects=self._supply.effects,
            barrier_patience=min(3.0, patience),
            owed=None if row is None else ROWS[row].due,
        )
        trace = await converse(talk, conversation)
        if trace.ending.kind != "alive":
            await (self._supply.regained("its connection was closed") if trace.ending.serves else self._supply.drop())
        return trace

    async def _alone(self, case: Case, unit: Unit) -> bool:
        """Say one case and judge it in full; whether it left the server unfit."""
        client = await self._supply.client()
        self._remember(client, case.conversation.steps)
        trace = await self._say(case.conversation, self.patience(), case.row)
        for suspicion in judge_trace(case, trace, self._bench, self._surface):
            await self._suspect(case, suspicion, unit)
        self._tell()
        return trace.ending.kind != "alive"

    def _remember(self, client: Client, steps: Iterable[Step]) -> None:
        self._supply.quiet = False
        if self._history_start != self._supply.starts:
            self._history, self._history_start = [], self._supply.starts
        self._history += steps
        if len(self._history) > HISTORY:
            del self._history[: HISTORY // 4]

    # ---- blame

    async def _blame(self, cases: list[Case], seen: Screened, unit: Unit) -> None:
        """The server is unfit, or calls were lost: find the one case that does it, or the history."""
        history = tuple(self._history)
        if seen.unfit:
            await self._supply.regained(f"{seen.damage} during {self._what}")
        explained = False  # one case alone ended its connection: that was the damage, and its finding tells it
        for case in cases if not seen.lost else seen.lost:
            if time.monotonic() > self._until:
                return
            trace = await self._say(case.conversation, self.patience(), case.row)
            explained = explained or lost(trace)
            found = list(judge_trace(case, trace, self._bench, self._surface))
            for suspicion in found:
                await self._suspect(case, suspicion, unit)
            if any(suspicion.rule in LETHAL for suspicion in found):
                return
        if seen.unfit and not explained:
            await self._blame_history(cases[-1], history, unit)

    async def _blame_history(self, last: Case, history: tuple[Step, ...], unit: Unit) -> None:
        """No case does it alone: all that was said since the start, said again."""
        await self._supply.fresh("to say the whole history again")
        conversation = Conversation(history)
        trace = await self._say(conversation, self.patience())
        case = Case(
            scenario=last.scenario, place=last.place, conversation=conversation,
            label=f"after {len(history)} messages, the last of them {last.label}",
        )  # fmt: skip
        for suspicion in judge_trace(case, trace, self._bench, self._surface):
            if suspicion.rule in LETHAL:
                await self._suspect(case, suspicion, unit, generous=True)

    async def _choose_vitals(self) -> None:
        """Known-good calls that still succeed when repeated: what poisoning is noticed by."""
        client = await self._supply.client()
        ready = [item for item in self._surface.operations if item.key in self._surface.good and item.kind == "tool"]
        ready.sort(key=lambda item: item.annotations.get("readOnlyHint") is not True)
        for operation in ready:
            if self._reach.tally(*operation.key).slowest_s > SLOW_S or len(self._vitals) >= 2:
                continue
            call = bind(operation, self._surface.good[operation.key][0])
            trace = await self._say(Conversation.of(call, call), self.patience())
            answers = [exchange.answer for exchange in trace.exchanges]
            if all(answer is not None and good_answer(answer.value) for answer in answers):
                self._vitals.append(call)
            if client is not self._supply.current:
                break

    async def _vital_ok(self) -> bool:
        if not self._vitals:
            return True
        trace = await self._say(Conversation.of(*self._vitals), self.patience())
        return all(
            exchange.answer is not None and good_answer(exchange.answer.value) for exchange in trace.exchanges
        ) and len(trace.exchanges) == len(self._vitals)

    async def _blame_poison(self, unit: Unit, mark: int) -> None:
        """The process lives but a known-good call fails: find what spoilt it among what was malformed."""
        said = tuple(self._history[mark:]) if mark < len(self._history) else tuple(self._history)
        await self._supply.fresh("a known-good call failed")
        if not await self._vital_ok():
            self._vitals = []
            return
        for vital in self._vitals:
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
            await self._suspect(case, suspicion, unit, generous=True)

    # ---- proof

    async def _suspect(self, case: Case, suspicion: Suspicion, unit: Unit, *, generous: bool = False) -> None:
        """Prove a new cause once; a known one costs nothing."""
        key = (suspicion.rule, suspicion.cause)
        plainer = self._is_plainer(case, suspicion)
        if self._tried.get(key, 0) >= ATTEMPTS and not plainer:
            if suspicion.rule in LETHAL:
                self._dead_ends.add(unit.key)
            return
        if suspicion.rule in SLOW_PROOF and not self._settling:
            self._dead_ends.add(unit.key)
            if key not in self._tried:
                self._tried[key] = 1
                self._later.append((case, suspicion, unit))
            return
        left = self._until - time.monotonic()
        finding = await self._prover.prove(case, suspicion, shrink_s=min(8.0 if generous else 1.5, left * 0.2))
        self._set_phase("attacking")
        if suspicion.rule in ENDS_PAIR and unit.operation is not None:
            self._dead_ends.add(unit.key)
        proved = finding.confidence == "proved"
        self._tried[key] = ATTEMPTS if proved else self._tried.get(key, 0) + 1
        known = [item for item in self.findings if item.fingerprint == finding.fingerprint]
        if known and (not proved or (known[0].confidence == "proved" and not plainer)):
            return
        self.findings = [item for item in self.findings if item.fingerprint != finding.fingerprint] + [finding]
        self._origin[finding.fingerprint] = (case, suspicion)
        if proved:
            self.tallies[unit.scenario.id].findings += not plainer
            self._keep(case, suspicion, finding)
        if not plainer:
            self._emit(Found(finding=finding))

    def _keep(self, case: Case, suspicion: Suspicion, finding: Finding) -> None:
        if self.corpus is not None:
            self.corpus.keep(case, suspicion, finding)

    def _is_plainer(self, case: Case, suspicion: Suspicion) -> bool:
        """Whether a case says in one step what was proved with several: tried once for a cause."""
        known = next((item for item in self.findings if item.fingerprint == fingerprint(suspicion)), None)
        if known is None or known.confidence != "proved" or known.fingerprint in self._replaced:
            return False
        if len(case.conversation) > 1 or len(known.conversation) == 1:
            return False
        self._replaced.add(known.fingerprint)
        return True

    # ---- telling

    def _set_phase(self, phase: str) -> None:
        self._phase = phase
        self._tell(force=phase != "attacking")

    def _tell(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._told < PROGRESS_S:
            return
        self._told = now
        self._emit(
            Progress(
                phase=self._phase,  # type: ignore[arg-type]
                elapsed_s=now - self._started,
                requests=self._supply.requests,
                cases=sum(tally.cases for tally in self.tallies.values()),
                restarts=self._supply.restarts,
                findings=len(self.findings),
                what=self._what,
            )
        )


def _calls(step: Step, operation: Operation) -> bool:
    """Whether a step calls a tool."""
    params = step.action.params if isinstance(step.action, Call) else None
    return isinstance(params, dict) and params.get("name") == operation.name
