"""Arithmetic on a text, without evaluating it as code: numbers, + - * / and brackets. Knows nothing else.

Operator precedence by two stacks, so that no bracket costs a stack frame.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

__all__ = ["NotArithmetic", "evaluate"]

_TOKEN = re.compile(r"\s*(?:(\d{1,15}(?:\.\d{1,9})?)|([-+*/()]))")
_OPERATORS: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, operator.truediv),
    "pos": (3, operator.add),
    "neg": (3, operator.sub),
}
"""Sign -> (how tightly it binds, what it does). A leading sign is 0 pos x or 0 neg x, and binds to the right."""

_LIMIT = 1e15
"""Results beyond this are refused: up to here doubles count every integer."""


class NotArithmetic(ValueError):
    """The text is something else, divides by zero, or leaves the numbers counted exactly."""


def _apply(values: list[float], sign: str) -> None:
    if len(values) < 2:
        raise NotArithmetic("an operator lacks a number")
    right, left = values.pop(), values.pop()
    try:
        value = _OPERATORS[sign][1](left, right)
    except ZeroDivisionError:
        raise NotArithmetic("that divides by zero") from None
    if abs(value) > _LIMIT:
        raise NotArithmetic("the result is too large")
    values.append(value)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotArithmetic(f"character {position + 1} belongs to no number and no operator")
        token = match[1] or match[2]
        if token in "+-" and (not tokens or tokens[-1] in _OPERATORS or tokens[-1] == "("):
            tokens += ["0", "neg" if token == "-" else "pos"]
        else:
            tokens.append(token)
        position = match.end()
    return tokens


def evaluate(text: str) -> float | int:
    """The value of an expression such as `7 * (2 - 0.5)`; an int where it is whole.

    Raises:
        NotArithmetic: the text is no expression, or has no value here.
    """
    values: list[float] = []
    waiting: list[str] = []
    wanted = "number"
    for token in _tokens(text):
        if (token in _OPERATORS or token == ")") is (wanted == "number"):
            raise NotArithmetic("numbers and operators must alternate")
        if token == "(":
            waiting.append(token)
        elif token == ")":
            while waiting and waiting[-1] != "(":
                _apply(values, waiting.pop())
            if not waiting:
                raise NotArithmetic("a bracket is closed that was not opened")
            waiting.pop()
        elif token in _OPERATORS:
            binds = _OPERATORS[token][0]
            while waiting and waiting[-1] != "(" and _OPERATORS[waiting[-1]][0] >= binds and binds < 3:
                _apply(values, waiting.pop())
            waiting.append(token)
            wanted = "number"
        else:
            values.append(float(token))
            wanted = "operator"
    while waiting:
        _apply(values, waiting.pop())
    if len(values) != 1 or wanted == "number":
        raise NotArithmetic("the expression is not complete")
    return int(values[0]) if values[0].is_integer() else values[0]
