"""Makers of numbers within bounds: mostly small ones near zero or the nearer bound, one in five from anywhere."""

from __future__ import annotations

import math

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.kit import Kit
from mcpfuzz.strategies.arguments.walk import Maker, Walk
from mcpfuzz.strategies.schemas import CannotGenerate, Shape, is_multiple, shown

__all__ = ["finite", "integer", "real"]


def finite(bound: float | int | None) -> float | int | None:
    """A bound that is one; None for infinity."""
    return None if bound is None or abs(bound) == math.inf else bound


def integer(kit: Kit, shape: Shape, name: str) -> Maker:
    """Raises CannotGenerate where no integer is between the bounds."""
    low, high = finite(shape.low), finite(shape.high)
    bottom = None if low is None else math.floor(low) + 1 if shape.low_open else math.ceil(low)
    top = None if high is None else math.ceil(high) - 1 if shape.high_open else math.floor(high)
    step = _step(shape.multiples)
    if step is None:
        bottom, top, step = max(bottom or 0, 0), min(top or 0, 0), 1  # 0 is a multiple of everything
    first = None if bottom is None else -(-bottom // step)
    last = None if top is None else top // step
    if first is None:
        first = 0 if last is None else min(0, last - 100)
    if last is None:
        last = max(first + 100, 100)
    if first > last:
        raise CannotGenerate(f"no integer is between {shown(shape.low)} and {shown(shape.high)} as asked")
    near_first, near_last = max(first, 0) if last >= 0 else first, last
    near_last = min(near_last, near_first + 100)
    far = near_first != first or near_last != last

    def make(walk: Walk) -> Json:
        walk.left -= 1
        if far and walk.choices.chance(20):
            return walk.choices.integer(first, last) * step
        return walk.choices.integer(near_first, near_last) * step

    return make


def _step(multiples: list[float | int]) -> int | None:
    """The smallest step between integers that are multiples of all, 1 where there are none, None: not found."""
    if all(isinstance(one, int) or one.is_integer() for one in multiples):
        return math.lcm(*map(int, multiples)) if multiples else 1
    step: int
    for step in (*range(1, 101), 200, 250, 500, 1_000, 10_000):
        if all(is_multiple(step * k, one) for one in multiples for k in (1, 2, 3, 7)):
            return step
    return None


def _fits(shape: Shape, value: float | int) -> bool:
    if shape.low is not None and (value < shape.low or (value == shape.low and shape.low_open)):
        return False
    if shape.high is not None and (value > shape.high or (value == shape.high and shape.high_open)):
        return False
    return math.isfinite(value) and all(is_multiple(value, one) for one in shape.multiples)


def real(kit: Kit, shape: Shape, name: str) -> Maker:
    """Numbers that need not be whole, at most 15 digits before the point."""
    limit = 10**15
    low = None if shape.low is None else max(-limit, min(limit, shape.low))
    high = None if shape.high is None else max(-limit, min(limit, shape.high))
    if low is None:
        low = 0 if high is None or high > 0 else high - 100
    if high is None:
        high = low + 100
    spare = [one for one in (low, high, (low + high) / 2, 0) if _fits(shape, one)]
    steps = [step for step in shape.multiples if step > 1e-9]

    def make(walk: Walk) -> Json:
        walk.left -= 1
        for _ in range(4):
            if walk.choices.chance(40) or high - low < 2:
                value = low + (high - low) * walk.choices.integer(0, 1000) / 1000
            else:  # whole: what takes any number mostly counts something
                value = math.ceil(low) + walk.choices.integer(0, math.floor(min(high - low, 101)) - 1)
            if steps:
                value = round(value / steps[0]) * steps[0]
            if _fits(shape, value):
                return value
        if spare:
            return spare[0]
        raise CannotGenerate(f"no number found between {shown(shape.low)} and {shown(shape.high)} as asked")

    return make
