"""What of the suspicions is told: nothing that a benign call shows as well, and no echo of what is proved."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio

from mcpfuzz.campaign.docket import Docket
from mcpfuzz.campaign.ending import _worth_telling
from mcpfuzz.campaign.findings import finding_of
from mcpfuzz.campaign.plan import Unit
from mcpfuzz.campaign.prover import REFUTED
from mcpfuzz.campaign.score import Score
from mcpfuzz.events import Event, Found
from mcpfuzz.model import Call, Case, Confidence, Conversation, Finding, Place, Proof, Suspicion
from mcpfuzz.scenarios.catalogue import bundled

NOTHING: Any = None
CASE = Case(
    scenario="ssrf", place=Place(kind="tool", name="tree"), conversation=Conversation.of(Call("tools/call")), label=""
)


def finding(rule: str, proof: str, confidence: Confidence, note: str = "", tool: str = "tree") -> Finding:
    place = Place(kind="tool", name=tool)
    told = Suspicion(
        rule=rule, place=place, title=rule, proof=Proof(kind=proof, expected=""), observed="x", cause=f"{rule} {tool}"
    )
    return finding_of(NOTHING, told, CASE, CASE.conversation, None, False, confidence, note)


class Doubtful:
    """A prover whose control shows whatever is suspected."""

    async def narrowed(self, case: Case, suspicion: Suspicion) -> tuple[Case, Suspicion]:
        return case, suspicion

    async def prove(self, case: Case, suspicion: Suspicion, *, shrink_s: float) -> Finding:
        return finding(suspicion.rule, suspicion.proof.kind, "suspect", REFUTED)


@pytest.mark.parametrize(("rule", "told"), [("ssrf", []), ("path-leak", []), ("crash", ["crash"])])
def test_what_a_benign_call_shows_too_is_told_only_where_it_ends_the_server(rule: str, told: list[str]) -> None:
    events: list[Event] = []
    score = Score(["ssrf"], NOTHING, events.append, 0.0)
    score.tell = lambda **_: None  # type: ignore[method-assign]  # there is no server whose requests to count
    prover: Any = Doubtful()
    docket = Docket(prover, score, math.inf, lambda *_: None)
    unit = Unit(bundled()["ssrf"], None, 0, 1, 0)
    suspicion = Suspicion(
        rule=rule, place=CASE.place, title="", proof=Proof(kind="k", expected=""), observed="", cause="c"
    )
    trio.run(docket.suspect, CASE, suspicion, unit)
    assert [item.rule for item in score.findings] == told
    assert [event.finding.rule for event in events if isinstance(event, Found)] == told


def test_a_decoy_seen_under_another_rule_is_the_echo_of_the_tool_that_took_it_in() -> None:
    proved = finding("path-traversal", "file-read", "proved", tool="move")
    echo = finding("ssrf", "file-read", "suspect", "it did not show again on a fresh server")
    other = finding("ssrf", "listener-hit", "suspect", "it did not show again on a fresh server")
    assert _worth_telling([echo, other, proved]) == [other, proved]
    assert _worth_telling([echo]) == [echo]
