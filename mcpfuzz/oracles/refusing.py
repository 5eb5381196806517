"""In which words a request is refused, what differs from one request to the next taken out: who is refused in other
words is told something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpfuzz.model import Exchange, Json
from mcpfuzz.oracles.reading import accepted, answered_result, bare, params_of, strings

__all__ = ["other_words", "refusal"]


def other_words(absent: Exchange | None, foreign: Exchange | None) -> str | None:
    """Where both are refused: in which words each is, where they differ."""
    if absent is None or foreign is None or accepted(absent) or accepted(foreign):
        return None
    one, two = refusal(absent), refusal(foreign)
    if not one or not two or one == two:
        return None
    return f"to another caller {two[:80]!r} is said of what exists, {one[:80]!r} of what does not"


def refusal(exchange: Exchange) -> str:
    """The words of a refusal, ids and numbers taken out, and what was asked for."""
    value = exchange.answer.value if exchange.answer is not None else None
    error = value.get("error") if isinstance(value, dict) else None
    result = answered_result(exchange) or {}
    text = f"{error.get('code')} {error.get('message')}" if isinstance(error, dict) else strings(result.get("content"))
    for name in _asked(exchange):
        text = text.replace(name, "#")
    text = re.sub(r"^(?:type|text)\n", "", text, flags=re.MULTILINE)
    return bare(text)


def _asked(exchange: Exchange) -> list[str]:
    """The texts in a request's params, longest first: a refusal may repeat them."""
    given = {name: value for name, value in params_of(exchange).items() if name != "_meta"}
    found = {line for value in (given, given.get("arguments")) for line in _leaves(value)}
    return sorted((one for one in found if len(one) > 3), key=len, reverse=True)


def _leaves(value: Json) -> Iterator[str]:
    for item in value.values() if isinstance(value, dict) else ():
        if isinstance(item, str):
            yield item
