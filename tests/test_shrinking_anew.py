"""What adds up on a server is shrunk with a fresh one for each try: else less seems to be enough."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from mcpfuzz.campaign.prover import Prover
from mcpfuzz.model import Call, Case, Conversation, Place, Proof, Suspicion


class Leaky:
    """A server that is spoilt by the second message since its start."""

    def __init__(self) -> None:
        self.starts, self.starts_left, self.heard = 0, 100, 0

    async def fresh(self, why: str) -> None:
        self.starts, self.heard = self.starts + 1, 0


@pytest.mark.parametrize(("rule", "steps"), [("poisoned", 2), ("crash", 1)])
def test_a_server_that_heard_the_rest_does_not_make_less_seem_enough(
    rule: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    supply: Any = Leaky()

    async def still(self: Prover, suspicion: Suspicion, candidate: Conversation, case: Case) -> bool:
        supply.heard += len(candidate)
        return supply.heard >= 2

    monkeypatch.setattr(Prover, "_still", still)
    nothing: Any = SimpleNamespace()
    until = time.monotonic() + 20
    prover = Prover(supply, nothing, nothing, 1.0, until, lambda: 1.0, lambda phase: None)
    place = Place(kind="session", name="s")
    said = Conversation.of(*(Call(f"m{number}") for number in range(6)))
    case = Case(scenario="s", place=place, conversation=said, label="")
    proof = Proof(kind="poisoned", params={}, expected="")
    suspicion = Suspicion(rule=rule, place=place, title="", proof=proof, observed="", cause="")
    best, minimal, _ = trio.run(prover._shrink, case, suspicion, until)
    assert (len(best), minimal) == (steps, True)
    assert (supply.starts > 0) == (rule == "poisoned")
