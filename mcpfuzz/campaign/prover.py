"""From a suspicion to a finding: shrink it, confirm it on a fresh server with a benign control beside it,
or say honestly that it is only a suspect. The only place where "proved" is written.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from mcpfuzz.campaign.findings import ANYTHING_GOES, LETHAL, finding_of
from mcpfuzz.campaign.narrowing import narrowed
from mcpfuzz.campaign.shrink import keeps, single_readings
from mcpfuzz.campaign.sizes import CLOSE
from mcpfuzz.campaign.smallest import Smallest
from mcpfuzz.campaign.supply import OutOfStarts, Supply
from mcpfuzz.campaign.takings import STORY_S, shortest_taking, takes_in
from mcpfuzz.campaign.walks import is_walk, shortest
from mcpfuzz.model import (
    Call,
    Case,
    Conversation,
    Finding,
    Operation,
    Step,
    Surface,
    Suspicion,
    Trace,
    replace,
)
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.judging import judge_trace
from mcpfuzz.oracles.network_rules import NETWORK_RULES
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.sightings import OUTSIDE
from mcpfuzz.oracles.table import ROWS
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.runner import Talk, converse
from mcpfuzz.surface import bind

__all__ = ["ONLY_SLOW", "REFUTED", "Prover"]

INTRINSIC = {rule.id for rule in NETWORK_RULES if rule.id not in ("server-error", "client-cut")} | {
    "malformed-frame",
    "malformed-message",
    "malformed-params",
    "answer-to-notification",
    "fabricated-success",
    "wrong-id",
    "duplicate-answer",
    "result-shape",
    "output-schema",
    "stdout-pollution",
    "data-exposure",
}
"""Rules about the answer itself, wrong under any stimulus: the control only shows that the server serves."""
SHRINK_STARTS = 30
"""Starts that shrinking one finding may spend; a third of what is left, at most."""
MAX_SHOWN = 12
"""Tools whose good calls may show a secret by design."""
MAX_PRELUDE = 40
"""Good calls of other tools that are said before one that may be good only after them."""
REFUTED = "a benign call shows the same"
"""The note of what its control shows, too: the attack did not cause it."""
TOO_BOLD = "what is smaller did not show on a fresh server"
"""Why the case is told as it was first said, or twice over."""
ONLY_SLOW = "asked again, it was answered in time"
"""The note of an answer, or an end, that did not come soon enough and came in time when it was asked for again: that
is no finding."""
WAITS = frozenset({"hang", "no-answer"})
"""Rules about an answer that does not come, of which a busy machine may be the cause."""
ADDS_UP = frozenset({"poisoned"})
"""Rules about what adds up: on a server that heard the rest, less seems to be enough."""
BEAT_SHARE = 0.02
"""Of `--timeout`: a heartbeat that takes longer tells of a busy machine."""
MOST_SLOW = 3.0
BARRIER_S = 3.0
LINGER_S = 1.0
"""For an effect that comes after the answer; while shrinking a tenth of it."""


_Shown = tuple[Conversation, Trace | None, str, bool, bool]
"""Conversation, its trace or why there is none, whether it is minimal, and whether only roughly so."""


@dataclass(slots=True)
class Prover:
    """Confirms and shrinks for one run.

    Args:
        patience: seconds an answer may take while shrinking, learned from the server.
        timeout: seconds at confirmation (`--timeout`).
        until: `time.monotonic()` after which nothing more is begun.
    """

    supply: Supply
    bench: Bench
    surface: Surface
    timeout: float
    until: float
    patience: Callable[[], float]
    phase: Callable[[str], None]
    instead: Suspicion | None = None
    """What the last wait that was asked for again came to, where the process ended of it: it is no hang but a crash."""
    _showing: set[tuple[str, str]] = field(default_factory=set)
    """(proof, action): benign calls that show it by themselves."""

    async def prove(self, case: Case, suspicion: Suspicion, *, shrink_s: float) -> Finding:
        """Shrink within `shrink_s` seconds, then confirm; never raises for what the server does.

        Where the control is several calls and some of them show it by themselves, it is tried without those.
        """
        self.instead = None
        finding: Finding | None = None
        why = REFUTED
        try:
            while (lean := self._lean(case, suspicion)) is not None:
                if (finding is not None or lean is not case) and not await self._still(
                    suspicion, lean.conversation, lean
                ):
                    break
                finding = await self._prove(lean, suspicion, shrink_s)
                if finding.note != REFUTED or self._lean(lean, suspicion) is lean:
                    return finding
        except OutOfStarts as error:
            why = str(error)
        return finding or finding_of(self.bench, suspicion, case, case.conversation, None, False, "suspect", why)

    async def narrowed(self, case: Case, suspicion: Suspicion) -> tuple[Case, Suspicion]:
        """With one reading around an act in place of many, where that shows it, too."""
        with contextlib.suppress(OutOfStarts):
            for fewer, told in narrowed(case, suspicion):
                if time.monotonic() > self.until:
                    break
                if await self._still(told, fewer.conversation, fewer):
                    return fewer, told
        return case, suspicion

    def _lean(self, case: Case, suspicion: Suspicion) -> Case | None:
        """The case without the benign calls at its end that are known to show it by themselves; None: none is left."""
        control = case.control
        if control is None or not self._showing or case.conversation.steps[-len(control) :] != control.steps:
            return case
        kept = tuple(step for step in control.steps if _shown_by(suspicion, step) not in self._showing)
        if len(kept) == len(control):
            return case
        attack = case.conversation.steps[: -len(control)]
        return replace(case, conversation=Conversation((*attack, *kept)), control=Conversation(kept)) if kept else None

    def _note_showing(self, suspicion: Suspicion, trace: Trace) -> None:
        """Which of the calls of a control show it."""
        for exchange in trace.exchanges:
            if observe(suspicion.proof, replace(trace, exchanges=(exchange,)), self.bench) is not None:
                self._showing.add(_shown_by(suspicion, trace.conversation.steps[exchange.step]))

    async def _prove(self, case: Case, suspicion: Suspicion, shrink_s: float) -> Finding:
        search = self._secured if suspicion.rule in WAITS else self._shortest
        try:
            best, trace, why, minimal, rough = await search(case, suspicion, shrink_s)
        except OutOfStarts as error:
            best, trace, why, minimal, rough = case.conversation, None, str(error), False, False
        if trace is None:
            return finding_of(self.bench, suspicion, case, best, None, False, "suspect", why)
        note = ""
        if not minimal:
            note = f"not minimal: {why if why == TOO_BOLD else 'the time to shrink it was spent'}"
        elif rough:
            note = f"its size is the least to within {CLOSE:.0%}"
        if len(best) > 1:
            note = f"needs {len(best)} steps" + (f"; {note}" if note else "")
        return finding_of(self.bench, suspicion, case, best, trace, minimal, "proved", note)

    async def _shortest(self, case: Case, suspicion: Suspicion, shrink_s: float) -> _Shown:
        """Shrunk, then confirmed."""
        self.phase("shrinking")
        best, minimal, rough = await self._shrink(case, suspicion, min(self.until, time.monotonic() + shrink_s))
        self.phase("confirming")
        trace, why = await self._confirm(case, suspicion, best)
        for other in self._wider(case, suspicion, best):
            if trace is not None:
                break
            best, minimal, rough = other, False, False
            trace, why = await self._confirm(case, suspicion, best)
            why = why if trace is None else TOO_BOLD
        return best, trace, why, minimal, rough

    async def _secured(self, case: Case, suspicion: Suspicion, shrink_s: float) -> _Shown:
        """Confirmed, then shrunk and confirmed again: how long an answer takes depends on a text's size, and what is
        smaller may be answered within `timeout` although it was not while shrinking."""
        self.phase("confirming")
        trace, why = await self._confirm(case, suspicion, case.conversation)
        known = case.conversation, trace, why, False, False
        if trace is None:
            return known
        with contextlib.suppress(OutOfStarts):
            self.phase("shrinking")
            until = min(self.until - 2 * self.timeout, time.monotonic() + shrink_s)
            best, minimal, rough = await self._shrink(case, suspicion, until)
            if best == case.conversation:
                return best, trace, why, minimal, rough
            self.phase("confirming")
            trace, why = await self._confirm(case, suspicion, best)
            if trace is not None:
                return best, trace, why, minimal, rough
        return known

    def _wider(self, case: Case, suspicion: Suspicion, best: Conversation) -> Iterator[Conversation]:
        """What may show it where the shortest does not: as it was first said, and said twice over."""
        if best is not case.conversation:
            yield case.conversation
        if suspicion.rule not in LETHAL and case.row is None and len(case.conversation) == 1:
            yield Conversation(case.conversation.steps * 2)

    # ---- confirming

    async def _confirm(self, case: Case, suspicion: Suspicion, conversation: Conversation) -> tuple[Trace | None, str]:
        """Control and probe on a fresh server; the probe's trace where it shows and the control does not."""
        if time.monotonic() > self.until:
            return None, "not confirmed: the time was spent"
        keeps = case.control is not None and len(case.control) > 1  # what was taken in before, others show now
        if suspicion.rule in LETHAL or keeps or not self.supply.quiet:
            await self.supply.fresh(f"to confirm {suspicion.rule}")
        timeout = self.timeout * (await self._slowness() if suspicion.rule in WAITS else 1.0)
        shown = False
        for control in self._controls(case, suspicion.rule):
            trace = await self._say(control, timeout)
            if trace.ending.kind != "alive":  # what was said before may have ended it: on a fresh one it may show yet
                await self.supply.fresh("the control found it ended")
                trace = await self._say(control, timeout)
            shown = suspicion.rule not in INTRINSIC and observe(suspicion.proof, trace, self.bench) is not None
            if trace.ending.kind != "alive":
                await self.supply.fresh("the control ended it")
            if not shown:
                break
            self._note_showing(suspicion, trace)
        if shown:
            return None, REFUTED
        trace = await self._say(conversation, timeout, case.row, _linger(case, suspicion))
        seen = observe(suspicion.proof, trace, self.bench)
        if trace.ending.kind != "alive" or suspicion.rule in LETHAL or (keeps and seen is not None):
            await self.supply.drop()  # what it took in is not shown to what follows
        if seen is None:
            if suspicion.rule in WAITS and trace.ending.kind == "exited":
                judged = judge_trace(case, trace, self.bench, self.surface)
                self.instead = next((one for one in judged if one.rule == "crash"), None)
            slow = suspicion.rule in WAITS or suspicion.rule == "no-shutdown"
            return None, ONLY_SLOW if slow else "it did not show again on a fresh server"
        return trace, seen

    async def _slowness(self) -> float:
        """By how much more than `--timeout` an answer may take now, told by how long a heartbeat takes: a machine that
        is busy with other things is not the server's fault."""
        client, began = await self.supply.client(), time.monotonic()
        await client.barrier(self.timeout)
        beat = time.monotonic() - began
        return min(MOST_SLOW, max(1.0, beat / (BEAT_SHARE * self.timeout)))

    def _controls(self, case: Case, rule: str) -> Iterator[Conversation]:
        """The benign twins, of which one that does not show it is enough. There is one; where the rule is about an
        answer that does not come, also the same behind good calls of the other tools, and the operation's other good
        calls: it may be good only after what was said before it."""
        control = self.control(case, rule)
        if control is None:
            return
        yield control
        known = self.surface.good.get((case.place.kind, case.place.name), ())
        operation = self.surface.operation(case.place.kind, case.place.name)
        if rule not in WAITS or operation is None or not known:
            return
        others = [one for one in self.surface.operations if one.kind == "tool" and one.skipped is None]
        prelude = [bind(one, made) for one in others if one != operation for made in self.surface.good.get(one.key, ())]
        if prelude:
            yield Conversation.of(*prelude[:MAX_PRELUDE], bind(operation, known[0]))
        for arguments in known:
            if (other := Conversation.of(bind(operation, arguments))) != control:
                yield other

    def control(self, case: Case, rule: str = "") -> Conversation | None:
        """The benign twin: the case's own, where the rule is one that it claims (or it claims none); else the good
        call of the operation that is meant; else a request that does nothing. A secret that a tool shows
        when it is used as it should be is told once, by such a use."""
        if rule == "secret-leak" and case.valid is not True:
            good = [(item, self.surface.good.get(item.key)) for item in self.surface.operations]
            calls = [bind(item, known[0]) for item, known in good if known and item.skipped is None][:MAX_SHOWN]
            if calls:
                return Conversation.of(*calls)
        claimed = {claim.rule for claim in case.claims}
        operation = self.surface.operation(case.place.kind, case.place.name) or self._named(case)
        known_good = self.surface.good.get(operation.key) if operation is not None else None
        good_first = rule in LETHAL and known_good  # what ends a server may be an attack's benign twin as well
        if case.control is not None and not good_first and (not claimed or not rule or rule in claimed):
            return case.control
        if known_good and operation is not None:
            return Conversation.of(bind(operation, known_good[0]))
        if case.valid is True:
            return None  # the case is itself a benign call: what it shows is the finding
        return Conversation.of(Call(BY_DATE[self.bench.revision].barrier, None))

    def _named(self, case: Case) -> Operation | None:
        """The tool that a malformed message names all the same: what its good call shows is no finding."""
        said = repr(case.conversation.steps[-1].action)
        named = [item for item in self.surface.operations if item.kind == "tool" and f'"{item.name}"' in said]
        named += [item for item in self.surface.operations if item.kind == "tool" and f"'{item.name}'" in said]
        return max(named, key=lambda item: len(item.name), default=None)

    async def _say(
        self, conversation: Conversation, patience: float, row: str | None = None, linger: float = 0.0
    ) -> Trace:
        client = await self.supply.client()
        talk = Talk(
            client,
            self.supply.filler(),
            patience,
            opener=self.supply.opener(),
            start_s=self.supply.start_s,
            effects=self.supply.effects,
            linger=linger,
            barrier_patience=min(BARRIER_S, patience),
            owed=None if row is None else ROWS[row].due,
        )
        return await converse(talk, conversation)

    # ---- shrinking

    async def _shrink(self, case: Case, suspicion: Suspicion, until: float) -> tuple[Conversation, bool, bool]:
        """The lightest conversation found that still shows it, whether all neighbours were tried, and whether a size
        was found only up to `sizes.CLOSE`."""
        best = case.conversation
        inside = suspicion.rule in ANYTHING_GOES or suspicion.proof.kind == "accepted" or bool(case.claims)
        starts_until = self.supply.starts + max(4, min(SHRINK_STARTS, self.supply.starts_left // 3))

        def spent() -> bool:
            return time.monotonic() > until or self.supply.starts >= starts_until

        if is_walk(best):
            trace = await self._say(best, self.patience(), case.row)
            best, minimal = await shortest(best, trace, partial(self._still, suspicion, case=case), spent)
            return best, minimal, False
        if takes_in(case, suspicion):
            spent_at = min(self.until, time.monotonic() + STORY_S)
            now = await self._say(case.control or best, self.patience())
            fresh = partial(self._untouched, case)
            best, minimal = await shortest_taking(
                case, suspicion, self.bench, now, fresh,
                lambda: time.monotonic() > spent_at or not self.supply.can_start,
            )  # fmt: skip
            return best, minimal, False
        roles = "steps" in suspicion.proof.params  # it is of this conversation and of no shorter one
        if suspicion.proof.kind == "effect":
            for candidate in single_readings(best):
                if spent():
                    return best, False, False
                if await self._still(suspicion, candidate, case):
                    return candidate, True, False
            return best, len(best) <= 3, False
        if roles or suspicion.proof.kind in ("memory-growth", "differential", "repeated"):
            return best, True, False

        async def shows(candidate: Conversation) -> bool:
            if not keeps(case, candidate, suspicion.rule):
                return False
            if suspicion.rule in ADDS_UP:
                await self.supply.fresh("to try less on a server that heard nothing")
            return await self._still(suspicion, candidate, case)

        search = Smallest(best, shows, spent, inside=inside)
        await search.find()
        return search.best, search.minimal, search.rough

    async def _untouched(self, case: Case, conversation: Conversation) -> Trace:
        """On a fresh server, as if nothing had been taken in before."""
        await self.supply.fresh("what was taken in may last")
        return await self._say(conversation, self.patience(), case.row)

    async def forget(self) -> None:
        """What the current server took in: the next thing is said to a fresh one."""
        await self.supply.drop()

    async def _still(self, suspicion: Suspicion, candidate: Conversation, case: Case) -> bool:
        trace = await self._say(candidate, self.patience(), case.row, _linger(case, suspicion) / 10)
        shown = observe(suspicion.proof, trace, self.bench) is not None
        if trace.ending.kind != "alive" or (shown and suspicion.rule in LETHAL):
            await self.supply.drop()
        return shown


def _shown_by(suspicion: Suspicion, step: Step) -> tuple[str, str]:
    return (f"{suspicion.proof.kind} {dict(suspicion.proof.params)!r}", repr(step.action))


def _linger(case: Case, suspicion: Suspicion) -> float:
    """Seconds to wait for an effect: only where one outside of the channel is what is claimed."""
    claimed = any(claim.proof == suspicion.proof for claim in case.claims)
    return LINGER_S if claimed and suspicion.proof.kind in OUTSIDE else 0.0
