"""The docket: what was proved in haste is made smaller while there is time for it, and what waits gets its share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import trio

from mcpfuzz.campaign.docket import LEAST_STARTS, SHRINK_S, Docket
from mcpfuzz.campaign.score import Score
from mcpfuzz.model import Call, Case, Conversation, Finding, Operation, Place, Proof, Suspicion, replace

PLACE = Place(kind="tool", name="t")
TOOL = Operation(kind="tool", name="t", schema={})
UNIT: Any = SimpleNamespace(key=("r", "s", "t"), scenario=SimpleNamespace(id="s"), operation=TOOL)


@dataclass
class Haste:
    """A prover that makes nothing minimal in SHRINK_S seconds or less; it tells what it was given."""

    starts_left: int = 1000
    given: list[tuple[str, float]] = field(default_factory=list)
    supply: Any = None
    sure: bool = True

    def __post_init__(self) -> None:
        self.supply = self

    async def narrowed(self, case: Case, suspicion: Suspicion) -> tuple[Case, Suspicion]:
        return case, suspicion

    async def prove(self, case: Case, suspicion: Suspicion, *, shrink_s: float) -> Finding:
        self.given.append((suspicion.rule, shrink_s))
        minimal = shrink_s > SHRINK_S
        return Finding(
            rule=suspicion.rule, cwe=1, severity="high", confidence="proved" if self.sure else "suspect", place=PLACE,
            title="short" if minimal else suspicion.title, proof=suspicion.proof, observed="", receive=(),
            conversation=Conversation(case.conversation.steps[:1] if minimal else case.conversation.steps),
            minimal=minimal, fingerprint=suspicion.rule + suspicion.cause, references=(), scenario="s", stderr="",
            note="",
        )  # fmt: skip


@dataclass
class Desk:
    """A docket with such a prover, and `left_s` seconds."""

    prover: Haste = field(default_factory=Haste)
    left_s: float = 100.0

    def __post_init__(self) -> None:
        supply: Any = SimpleNamespace(requests=0, restarts=0)
        self.score = Score(["s"], supply, lambda event: None, time.monotonic())
        prover: Any = self.prover
        self.docket = Docket(prover, self.score, time.monotonic() + self.left_s, lambda *known: None)

    def suspect(self, rule: str, cause: str = "") -> None:
        case = Case(scenario="s", place=PLACE, label="", conversation=Conversation.of(Call("a"), Call("b")))
        proof = Proof(kind="process-exit", params={}, expected="")
        suspicion = Suspicion(rule=rule, place=PLACE, title="long", proof=proof, observed="", cause=cause)
        trio.run(self.docket.suspect, case, suspicion, UNIT)

    @property
    def told(self) -> list[tuple[str, bool]]:
        return [(item.title, item.minimal) for item in self.score.findings]


def test_what_was_proved_in_haste_waits_to_be_made_smaller_and_then_is() -> None:
    desk = Desk()
    assert not desk.docket.waiting
    desk.suspect("crash")
    assert desk.told == [("long", False)] and desk.docket.waiting
    trio.run(desk.docket.settle, 10.0)
    assert desk.told == [("short", True)] and not desk.docket.waiting


def test_each_gets_a_share_of_what_is_left_and_all_of_them_no_more_than_was_given() -> None:
    desk = Desk()
    for cause in "abc":
        desk.suspect("crash", cause)
    desk.prover.given.clear()
    trio.run(desk.docket.settle, 40.0)
    shares = [seconds for _, seconds in desk.prover.given]
    assert len(shares) == 3 and all(seconds > SHRINK_S for seconds in shares) and max(shares) < 40


def test_what_is_not_proved_again_stays_as_it_was() -> None:
    desk = Desk()
    desk.suspect("crash")
    desk.prover.sure = False
    trio.run(desk.docket.settle, 10.0)
    assert desk.told == [("long", False)]


def test_starts_that_are_scarce_are_left_to_what_is_still_to_be_found() -> None:
    desk = Desk(Haste(starts_left=LEAST_STARTS - 1))
    desk.suspect("crash")
    trio.run(desk.docket.settle, 10.0)
    assert desk.told == [("long", False)]
    trio.run(desk.docket.polish)
    assert desk.told == [("short", True)]


def test_what_costs_waits_is_not_made_smaller_in_the_middle_of_a_run() -> None:
    desk = Desk()
    desk.suspect("hang")
    trio.run(desk.docket.settle, 1.0)  # proved now; its share is too small to shrink it
    desk.prover.given.clear()
    assert desk.told == [("long", False)] and not desk.docket.waiting
    trio.run(desk.docket.settle, 10.0)
    assert desk.prover.given == []


def test_what_waited_shrinks_as_long_as_its_share_allows() -> None:
    desk = Desk()
    desk.suspect("hang")
    trio.run(desk.docket.settle, 10.0)
    assert desk.told == [("short", True)]


def test_nothing_is_begun_where_no_time_is_left() -> None:
    desk = Desk(left_s=1.0)
    desk.suspect("crash")
    desk.prover.given.clear()
    trio.run(desk.docket.settle, 10.0)
    trio.run(desk.docket.polish)
    assert desk.prover.given == [] and desk.told == [("long", False)]


def test_a_finding_that_is_minimal_is_not_proved_again() -> None:
    desk = Desk()
    desk.suspect("crash")
    desk.score.findings[0] = replace(desk.score.findings[0], minimal=True)
    desk.prover.given.clear()
    trio.run(desk.docket.settle, 10.0)
    assert desk.prover.given == []


def test_one_wait_does_not_end_a_story_on_the_session_but_three_do() -> None:
    desk = Desk()
    session: Any = SimpleNamespace(key=("r", "s", ""), scenario=SimpleNamespace(id="s"), operation=None)
    case = Case(scenario="s", place=PLACE, label="", conversation=Conversation.of(Call("a")))
    hang = Suspicion(
        rule="hang", place=PLACE, title="", proof=Proof(kind="server-hang", expected=""), observed="", cause="reader"
    )
    for ended in (False, False, True):
        trio.run(desk.docket.suspect, case, hang, session)
        assert (session.key in desk.docket.dead_ends) is ended


def test_one_wait_ends_a_story_on_its_operation() -> None:
    desk = Desk()
    desk.suspect("hang")
    assert UNIT.key in desk.docket.dead_ends
