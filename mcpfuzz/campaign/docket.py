"""The docket: what is suspected, in which order it is proved, and what came of it. A cause is tried a few times and
told once; how a proof is made is the prover's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mcpfuzz.campaign.findings import LETHAL, fingerprint
from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.prover import ONLY_SLOW, REFUTED, Prover
from mcpfuzz.campaign.score import Score
from mcpfuzz.campaign.takings import takes_in
from mcpfuzz.events import Found
from mcpfuzz.model import Case, Finding, Suspicion, replace

__all__ = ["Docket"]

SLOW_PROOF = frozenset({"hang", "no-answer"})
"""Rules whose proof waits for `--timeout`: proved together, when most of the time is spent or all is done."""
ENDS_PAIR = LETHAL | {"oversized-answer", "resource-consumption", "unsafe-consumption", "mass-assignment"}
"""Rules after which a pair is left alone: more of the same costs a start, megabytes or seconds, or is the same."""
ENDS_STORY = frozenset({"cross-talk"})
"""Rules that, once proved, say all that a story about the whole session has to say: the rest is the same again."""
ATTEMPTS = 3
"""Cases that may try to prove one cause; after that, or once it is proved, it costs nothing more."""
SHRINK_S = 1.5
"""For shrinking one finding at first."""
LEAST_LEFT_S = 2.0
"""Of the whole time: with less, nothing is made smaller any more."""
LEAST_STARTS = 50
"""Of the server, that are left to what is still to be found."""
GENEROUS_S = 8.0
"""The same where the case is a whole history."""


class Docket:
    """The suspicions of one campaign.

    Args:
        until: `time.monotonic()` after which nothing more is begun.
        keep: takes what was proved, for later runs.

    Attributes:
        dead_ends: keys of units that are left alone from now on.
    """

    def __init__(
        self, prover: Prover, score: Score, until: float, keep: Callable[[Case, Suspicion, Finding], None]
    ) -> None:
        self._prover = prover
        self._score = score
        self._until = until
        self._keep = keep
        self.dead_ends: set[tuple[str, str, str]] = set()
        self._tried: dict[tuple[str, str], int] = {}
        self._settling = False
        self._share = 0.0
        """Seconds that one of the proofs that were put off may shrink."""
        self._later: list[tuple[Case, Suspicion, Unit]] = []
        self._replaced: set[str] = set()
        self._origin: dict[str, tuple[Case, Suspicion]] = {}

    @property
    def waiting(self) -> bool:
        """Whether proofs were put off, or what was proved may become smaller."""
        return bool(self._later) or any(map(_may_shrink, self._score.findings))

    async def suspect(self, case: Case, suspicion: Suspicion, unit: Unit, *, generous: bool = False) -> None:
        """Prove a new cause once; a known one costs nothing."""
        key = (suspicion.rule, suspicion.cause)
        plainer = self._is_plainer(case, suspicion)
        if self._tried.get(key, 0) >= ATTEMPTS and not plainer:
            if suspicion.rule in LETHAL:
                self.dead_ends.add(unit.key)
            if takes_in(case, suspicion):
                await self._prover.forget()  # others would show it, under rules of their own
            return
        if suspicion.rule in SLOW_PROOF and not self._settling:
            waiting = sum((other.rule, other.cause) == key for _, other, _ in self._later)
            if waiting < ATTEMPTS:
                self._later.append((case, suspicion, unit))
            if unit.operation is not None or waiting + 1 >= ATTEMPTS:  # on the session each case is another message
                self.dead_ends.add(unit.key)
            return
        left = self._until - time.monotonic()
        shrink_s = min(max(GENEROUS_S if generous else SHRINK_S, self._share), left * 0.2)
        case, suspicion = await self._prover.narrowed(case, suspicion)
        finding = await self._prover.prove(case, suspicion, shrink_s=shrink_s)
        self._score.enter("attacking")
        if finding.note == ONLY_SLOW:
            self.dead_ends.discard(unit.key)
            self._tried[key] = self._tried.get(key, 0) + 1
            if self._prover.instead is not None:
                await self.suspect(case, self._prover.instead, unit, generous=generous)
            return
        if suspicion.rule in ENDS_PAIR and unit.operation is not None:
            self.dead_ends.add(unit.key)
        proved = finding.confidence == "proved"
        if proved and suspicion.rule in ENDS_STORY:
            self.dead_ends.add(unit.key)
        self._tried[key] = ATTEMPTS if proved else self._tried.get(key, 0) + 1
        if finding.note == REFUTED and suspicion.rule not in LETHAL:
            return  # the attack did not cause it; (what ends a server by a benign call ends it none the less)
        self._file(finding, (case, suspicion), unit, plainer=plainer)

    def _file(self, finding: Finding, origin: tuple[Case, Suspicion], unit: Unit, *, plainer: bool) -> None:
        """Take a finding in, in place of what was known of its cause; tell it where it is new."""
        proved, findings = finding.confidence == "proved", self._score.findings
        known = [item for item in findings if item.fingerprint == finding.fingerprint]
        if known and (not proved or (known[0].confidence == "proved" and not plainer)):
            return
        findings[:] = [item for item in findings if item.fingerprint != finding.fingerprint] + [finding]
        self._origin[finding.fingerprint] = origin
        if proved:
            self._score.tallies[unit.scenario.id].findings += not plainer
            self._keep(*origin, finding)
        if not plainer:
            self._score.emit(Found(finding=finding))

    def _is_plainer(self, case: Case, suspicion: Suspicion) -> bool:
        """Whether a case says in one step what was proved with several: tried once for a cause."""
        mark = fingerprint(suspicion)
        known = next((item for item in self._score.findings if item.fingerprint == mark), None)
        if known is None or known.confidence != "proved" or known.fingerprint in self._replaced:
            return False
        if len(case.conversation) > 1 or len(known.conversation) == 1:
            return False
        self._replaced.add(known.fingerprint)
        return True

    async def settle(self, within_s: float = float("inf")) -> None:
        """Prove what had to wait, a fair share of the time for each, and then make smaller what was proved in haste, in
        as much time again; what `within_s` seconds do not suffice for goes on waiting."""
        until = time.monotonic() + within_s
        self._settling = True
        while self._later and (now := time.monotonic()) < until:
            self._share = (min(until, self._until) - now) / len(self._later)
            case, suspicion, unit = self._later.pop(0)
            self._score.what = f"{suspicion.rule} of {suspicion.place.name}"
            await self.suspect(case, suspicion, unit)
        self._settling, self._share = False, 0.0
        if within_s < float("inf"):
            hasty = [item for item in self._score.findings if _may_shrink(item)]
            await self._shrink_all(hasty, within_s, LEAST_STARTS)

    async def polish(self) -> None:
        """Time that is left goes into making findings minimal."""
        await self._shrink_all([item for item in self._score.findings if _is_large(item)], float("inf"), 0)

    async def _shrink_all(self, findings: list[Finding], within_s: float, least_starts: int) -> None:
        """Prove these again with a share of the time to shrink each; what is not proved again stays as it was."""
        until = min(self._until, time.monotonic() + within_s)
        for number, finding in enumerate(findings):
            left = until - time.monotonic()
            if left <= 0 or self._until - time.monotonic() < LEAST_LEFT_S:
                return
            if self._prover.supply.starts_left < least_starts:
                return
            case, suspicion = self._origin[finding.fingerprint]
            shorter = replace(case, conversation=finding.conversation)
            suspicion = replace(suspicion, title=finding.title)
            self._score.what = f"{suspicion.rule} of {suspicion.place.name}"
            share = left * 0.5 if number + 1 < len(findings) else left * 0.8
            better = await self._prover.prove(shorter, suspicion, shrink_s=share)
            if better.confidence == "proved":
                self._score.findings[self._score.findings.index(finding)] = better
                self._keep(case, suspicion, better)
        self._score.enter("attacking")


def _is_large(finding: Finding) -> bool:
    return finding.confidence == "proved" and not finding.minimal


def _may_shrink(finding: Finding) -> bool:
    """Whether shrinking it further costs no waits."""
    return _is_large(finding) and finding.rule not in SLOW_PROOF
