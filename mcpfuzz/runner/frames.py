"""WebSocket frames below the library, on a connection beside the main one: what came for them, and how that connection
ended. The main connection stands by: it is what another client sees of the server.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcpfuzz.client import Client, Sent
from mcpfuzz.errors import Gone
from mcpfuzz.model import Exchange, Frame, Step, Ws, replace
from mcpfuzz.runner.steps import outgoing, readable_ids, said_by
from mcpfuzz.runner.talk import Talk

__all__ = ["are_frames", "say_frames"]

LISTEN_S = 0.5
"""For a connection to be ended, where nothing else is owed: sound servers do so at once."""
BATCH_BYTES = 4 << 20
"""Of a frame that is said many times over, so much goes out at once."""
NOTHING = ("str", "mcpfuzz: nothing is owed")
"""An id that nobody has: waiting for it is listening."""


def are_frames(steps: Sequence[Step]) -> bool:
    """Whether these steps are for `say_frames`."""
    return all(isinstance(step.action, Ws) and step.on != "c1" for step in steps)


async def say_frames(
    talk: Talk, client: Client, steps: Sequence[Step], indices: Sequence[int], exchanges: list[Exchange]
) -> None:
    """Send them in one write, and listen until their request is answered, the connection ends, or nothing comes. What
    is told as sent is their payload: on the wire it is masked."""
    ended: Gone | None = None
    told: list[Exchange] = []
    things: list[Sent] = []
    others: list[Frame] = []
    for step, index in zip(steps, indices, strict=True):
        told.append(Exchange(step=index, sent=said_by(step, talk.filler), due=False))
        data, left = outgoing(client, step, talk.filler)[0].data, step.times
        part = max(1, BATCH_BYTES // len(data))
        while left > part:
            things, last = [], await client.volley((*things, Sent(data * part, raw=True)), patience=talk.patience)
            others += last.extra
            ended = ended or last.gone
            left = 0 if last.gone is not None or last.late else left - part  # what does not read now will not later
        things.append(Sent(data * left, raw=True))
    keys = readable_ids(b"".join(one.sent for one in told))[:1] or (NOTHING,)
    things.append(Sent(b"", keys, raw=True))
    heard = await client.volley(things, patience=talk.patience if talk.owed else LISTEN_S)
    others += (*heard.answers.values(), *heard.extra)
    ended = ended or heard.gone
    closed, reason = (None, "") if ended is None else (ended.code or 1006, ended.reason)
    told[-1] = replace(told[-1], others=tuple(others), closed=closed, reason=reason, rss=client.resident())
    exchanges += told
