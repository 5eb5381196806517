"""Arguments as templates (`mcpfuzz.slots`): what has slots, long texts as `{repeat:N:X}`.

`FILL` fills slots with stand-ins, so that a template can be judged without a run.
"""

from __future__ import annotations

from mcpfuzz.model import Json
from mcpfuzz.slots import Filler, has_slots
from mcpfuzz.strategies.arguments.limits import PLAIN_TEXT

__all__ = ["FILL", "slotted", "stretched"]

_PLACES = {"scratch": "scratch", "workspace": "workspace", "listener": "http://127.0.0.1:1", "port": "1"}
FILL = Filler(_PLACES, fresh=lambda: "c0").fill
"""A value with stand-ins in its slots; the same object where there is none."""


def slotted(value: Json) -> bool:
    """Whether a text in it has slots; names of properties do not count."""
    if isinstance(value, str):
        return has_slots(value)
    if isinstance(value, dict):
        return any(slotted(item) for item in value.values())
    return isinstance(value, list) and any(slotted(item) for item in value)


def stretched(seed: str, length: int) -> str:
    """`seed` over and over, `length` characters when filled; a slot where that is long."""
    if length <= PLAIN_TEXT:
        return (seed * length)[:length]
    return f"{seed}{{repeat:{length - len(seed)}:{seed[-1]}}}" if seed[-1] not in "{}" else "a"
