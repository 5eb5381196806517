"""What a scenario or strategy of your own is written with: the names here are stable, those of the modules that they
come from are not. docs/extending.md shows them at work.

    SCENARIO = Scenario(id=..., title=..., about=..., draw=draw, rules=("...",), kinds=("tool",))
    RULES = (Rule(id=..., title=..., cwe=..., severity=..., about=..., proof=..., mend=...),)
    PROOFS = {"name": seen}       seen(params, trace, bench) -> what was observed, in words, or None
    VALUES = {"coupon*": coupon}  in strategies/: coupon(choices) -> a value for arguments of that name
"""

from __future__ import annotations

from mcpfuzz.model import (
    Call,
    Case,
    Claim,
    Conversation,
    Exchange,
    Json,
    Operation,
    Place,
    Proof,
    Send,
    Step,
    Surface,
    Trace,
    pointer,
)
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.reading import accepted, answered_result, strings
from mcpfuzz.oracles.rule import Rule
from mcpfuzz.scenarios.attacks import good_calls
from mcpfuzz.scenarios.base import Draw, Scenario
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices, strategy_of
from mcpfuzz.strategies.points import Point, points, put
from mcpfuzz.surface import bind

__all__ = [
    "Bench",
    "Call",
    "Case",
    "Choices",
    "Claim",
    "Conversation",
    "Draw",
    "Exchange",
    "Json",
    "Operation",
    "Place",
    "Point",
    "Proof",
    "Rule",
    "Scenario",
    "Send",
    "Step",
    "Surface",
    "Trace",
    "accepted",
    "answered_result",
    "bind",
    "good_calls",
    "pointer",
    "points",
    "put",
    "quote",
    "strategy_of",
    "strings",
]
