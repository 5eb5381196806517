"""What came of sending several things at once, and which of the things an odd answer was meant for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mcpfuzz.errors import Gone, TooMuch
from mcpfuzz.model import Frame, Json
from mcpfuzz.transports.channel import Key, Reply, Sent

__all__ = ["Volley", "meant", "refused"]


@dataclass(slots=True)
class Volley:
    """What came of sending several things at once."""

    answers: dict[Key, Frame] = field(default_factory=dict)
    """First answer per due id."""
    extra: list[Frame] = field(default_factory=list)
    """All else in order of arrival: notifications, strays, second answers, noise."""
    took: dict[Key, float] = field(default_factory=dict)
    """Seconds to the answer, from the answer before it or from the last byte sent."""
    late: bool = False
    """Patience ended before all due answers came."""
    refused: dict[Key, int] = field(default_factory=dict)
    """Due ids whose message was refused by the transport itself: HTTP's status, and no message with it."""
    gone: Gone | None = None
    too_much: TooMuch | None = None
    replies: Sequence[Reply] = ()
    """One per thing that was sent, where the transport has replies (HTTP)."""

    @property
    def whole(self) -> bool:
        return not self.late and not self.refused and self.gone is None and self.too_much is None


def refused(due: set[Key], things: Sequence[Sent], replies: Sequence[Reply]) -> dict[Key, int]:
    """Due ids whose reply's status says that nothing will come."""
    told = {}
    for thing, reply in zip(things, replies, strict=False):
        if reply.refused and reply.status is not None:
            told.update(dict.fromkeys(due.intersection(thing.due), reply.status))
    return told


def meant(value: Json, due: set[Key]) -> Key | None:
    """The due id that a wrongly typed one stands for ("7" or 7.0 for 7): it is a fault, not a hang."""
    if value is None or isinstance(value, dict | list):
        return None
    return next((key for key in due if str(key[1]) == str(value) or (type(value) is float and key[1] == value)), None)
