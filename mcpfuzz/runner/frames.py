"""WebSocket frames below the library, on a connection beside the main one: what came for them, and how that connection
ended. The main connection stands by: it is what another client sees of the server.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcpfuzz.client import Client, Sent
from mcpfuzz.model import Exchange, Step, Ws, replace
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
    """Send them, and listen until their request is answered, the connection ends, or nothing comes. What is told as
    sent is their payload: on the wire it is masked."""
    payload, closed, told = b"", None, []
    for step, index in zip(steps, indices, strict=True):
        frame, said = outgoing(client, step, talk.filler)[0], said_by(step, talk.filler)
        payload += said
        told.append(Exchange(step=index, sent=said, due=False))
        closed = closed or await _send(talk, client, frame.data, step.times)
    keys = readable_ids(payload)[:1] or (NOTHING,)
    listened = await client.volley((Sent(b"", keys, raw=True),), patience=talk.patience if talk.owed else LISTEN_S)
    if listened.gone is not None:
        closed = closed or listened.gone.code or 1006
    others = (*listened.answers.values(), *listened.extra)
    told[-1] = replace(told[-1], others=others, closed=closed, rss=client.resident())
    exchanges += told


async def _send(talk: Talk, client: Client, data: bytes, times: int) -> int | None:
    """The close code, where the connection ended meanwhile."""
    while times > 0:
        part = min(times, max(1, BATCH_BYTES // len(data)))
        times -= part
        volley = await client.volley((Sent(data * part, raw=True),), patience=talk.patience)
        if volley.gone is not None:
            return volley.gone.code or 1006
        if volley.late:  # it does not read: what is left would wait as long
            return None
    return None
