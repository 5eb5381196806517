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
        self._later: list[tuple[Case, Suspicion, Unit]] = []
        self._replaced: set[str] = set()
        self._origin: dict[str, tuple[Case, Suspicion]] = {}

    @property
    def waiting(self) -> bool:
        """Whether proofs were put off."""
        return bool(self._later)

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
            self.dead_ends.add(unit.key)
            if sum((other.rule, other.cause) == key for _, other, _ in self._later) < ATTEMPTS:
                self._later.append((case, suspicion, unit))
            return
        left = self._until - time.monotonic()
        shrink_s = min(GENEROUS_S if generous else SHRINK_S, left * 0.2)
        finding = await self._prover.prove(case, suspicion, shrink_s=shrink_s)
        self._score.enter("attacking")
        if finding.note == ONLY_SLOW:
            self.dead_ends.discard(unit.key)
            self._tried[key] = self._tried.get(key, 0) + 1
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
        """Prove what had to wait, a fair share of the time for each; what `within_s` seconds do not suffice for goes
        on waiting."""
        until = time.monotonic() + within_s
        self._settling = True
        while self._later and time.monotonic() < until:
            case, suspicion, unit = self._later.pop(0)
            self._score.what = f"{suspicion.rule} of {suspicion.place.name}"
            await self.suspect(case, suspicion, unit)
        self._settling = False

    async def polish(self) -> None:
        """Time that is left goes into making findings minimal."""
        for position, finding in enumerate(self._score.findings):
            if finding.minimal or finding.confidence != "proved" or time.monotonic() > self._until - 2:
                continue
            case, suspicion = self._origin[finding.fingerprint]
            shorter = replace(case, conversation=finding.conversation)
            suspicion = replace(suspicion, title=finding.title)
            better = await self._prover.prove(shorter, suspicion, shrink_s=(self._until - time.monotonic()) * 0.5)
            if better.confidence == "proved":
                self._score.findings[position] = better
                self._keep(case, suspicion, better)
