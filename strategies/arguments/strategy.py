"""The public Hypothesis strategy: the same makers, with Hypothesis choosing, so that values shrink.

Hypothesis is imported only when a strategy is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.breaking import break_once
from mcpfuzz.strategies.arguments.kit import Kit
from mcpfuzz.strategies.arguments.plans import Plan, compile
from mcpfuzz.strategies.arguments.stretching import stretch_once
from mcpfuzz.strategies.arguments.walk import Walk
from mcpfuzz.strategies.choices import HypothesisChoices, RandomChoices
from mcpfuzz.strategies.schemas import CannotGenerate, shown

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["Mode", "arguments"]

Mode = Literal["valid", "invalid", "any"]
_MODES = ("valid", "invalid", "any")


def arguments(schema: Mapping[str, Any], mode: Mode = "valid") -> SearchStrategy[Any]:
    """A Hypothesis strategy of arguments for a tool with this input schema; shrinks, holds no slots.

    Args:
        schema: a JSON Schema of an object.
        mode: "valid" keeps it, "invalid" breaks it at one place, "any" draws both and extreme values too.

    Raises (when drawn):
        InvalidArgument: no such arguments can be made; the message says why.
    """
    from hypothesis import strategies as st

    memo: list[Plan] = []

    def arguments(draw: DrawFn, schema: _Recipe, mode: str) -> Any:
        from hypothesis.errors import InvalidArgument

        if mode not in _MODES:
            raise InvalidArgument(f"mode={mode!r} is none of {', '.join(_MODES)}")
        try:
            if not memo:
                memo.append(compile(schema.schema, slots=False))
            walk = Walk(HypothesisChoices(draw), lambda text: draw(st.from_regex(text)))
            return _drawn(memo[0].kit, walk, mode)
        except (CannotGenerate, RecursionError) as error:
            reason = error.reason if isinstance(error, CannotGenerate) else "the schema is nested too deeply"
            if memo and _possible(memo[0], mode):
                from hypothesis import reject

                reject()
            raise InvalidArgument(f"arguments({schema!r}, mode={mode!r}): {reason}") from None

    return st.composite(arguments)(_Recipe(schema), mode)


class _Recipe:
    """A schema that can be shown, however large: Hypothesis prints it with every failure."""

    __slots__ = ("schema",)

    def __init__(self, schema: Json) -> None:
        self.schema = schema

    def __repr__(self) -> str:
        return shown(self.schema, levels=6, limit=2_000)


def _drawn(kit: Kit, walk: Walk, mode: str) -> Json:
    if mode == "any":
        mode = walk.choices.pick(("valid", "boundary", "invalid"))
        if mode == "boundary":
            return stretch_once(kit, walk, False).value
        if mode == "invalid":
            try:
                return break_once(kit, walk).value
            except CannotGenerate:
                mode = "valid"
    return kit.finished(kit.draw(walk)) if mode == "valid" else break_once(kit, walk).value


def _possible(plan: Plan, mode: str) -> bool:
    """Whether a few seeded walks find what one draw did not."""
    for seed in range(5):
        try:
            _drawn(plan.kit, Walk(RandomChoices(seed)), mode)
        except (CannotGenerate, RecursionError):
            continue
        return True
    return False
