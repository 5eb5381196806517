"""How the server is when something was said: the barrier's verdict, how a connection ended, and what happened around
the server meanwhile.
"""

from __future__ import annotations

import time

import trio

from mcpfuzz import host
from mcpfuzz.client import Client
from mcpfuzz.errors import Gone, TargetError
from mcpfuzz.model import STANDING, Effect, Ending, Frame, Open, Step, replace
from mcpfuzz.runner.talk import Talk
from mcpfuzz.transports.stdio import ending_words

__all__ = ["ending_of", "gone_ending", "hang_up", "listening_of", "what_ended", "what_happened"]

LEAVE_S = 3.0
"""For a server to leave once its stdin is closed (FR-06)."""
EFFECT_POLL_S = 0.02


async def ending_of(talk: Talk, client: Client, index: int) -> tuple[Ending, list[Frame]]:
    """How the server is now: alive, silent or gone; and what else came meanwhile."""
    patience = talk.barrier_patience or talk.patience
    started = time.monotonic()
    volley = await client.barrier(patience)
    ending = Ending()
    if volley.gone is not None:
        ending = gone_ending(client, index, volley.gone)
    elif volley.too_much is not None:
        ending = Ending(kind="closed", at_step=index, detail=str(volley.too_much))
    elif volley.refused:
        status = next(iter(volley.refused.values()))
        ending = Ending(kind="closed", at_step=index, detail=f"it answers {status} to whatever it is asked")
    elif volley.late and client.acknowledges and volley.replies and all(reply.done for reply in volley.replies):
        ending = Ending(
            kind="closed",
            at_step=index,
            detail=f"it answers {volley.replies[0].status} and no message to whatever it is asked",
        )
    elif volley.late:
        barrier = client.session.revision.barrier
        waited = time.monotonic() - started
        ending = Ending(kind="silent", at_step=index, detail=f"{barrier} unanswered for {waited:.1f} s")
    return ending, volley.extra


def gone_ending(client: Client, index: int, gone: Gone) -> Ending:
    """The ending of a client whose other end is gone."""
    if gone.returncode is not None:
        return Ending(kind="exited", at_step=index, returncode=gone.returncode, detail=ending_words(gone.returncode))
    detail = "it closed its output but lives" if gone.code is None else str(gone)
    return Ending(kind="closed", at_step=index, detail=detail, code=gone.code, reason=gone.reason)


def listening_of(client: Client) -> tuple[str, ...]:
    """Where a networked server that we started listens, at the port it is spoken to."""
    if client.endpoint is None or client.process is None:
        return ()
    return host.listening(client.process.pid, client.endpoint.port)


async def what_ended(talk: Talk, ending: Ending) -> Ending:
    """Over a network a closed connection may be all that ended: a fresh client is served or not."""
    client = talk.main
    if client.transport == "stdio" or ending.kind == "exited" or ending.serves or talk.opener is None:
        return ending
    if client.process is not None and client.process.poll() is not None:
        code = client.process.returncode
        return replace(ending, kind="exited", returncode=code, detail=ending_words(code or 0))
    if ending.kind != "closed":
        return ending
    try:
        other = await talk.opener(Step(action=Open()), Open())
    except TargetError:
        return ending
    try:
        served = (await other.barrier(talk.barrier_patience or talk.patience)).whole
    finally:
        await other.close()
    closed = "it closed the connection" if ending.code is None else ending.detail
    return replace(ending, serves=served, detail=closed if served else ending.detail)


async def hang_up(client: Client, index: int) -> Ending:
    """Close the connection. Over stdio its end is the server's: see whether it leaves."""
    if client.process is None or client.transport != "stdio":
        await client.close()
        return Ending(kind="closed", at_step=index, detail="closed by us", serves=True)
    if await client.process.leaves(LEAVE_S):
        return Ending(kind="closed", at_step=index, detail="stdin closed, it left")
    return Ending(kind="closed", at_step=index, detail=f"still running {LEAVE_S:g} s after stdin was closed")


async def what_happened(talk: Talk) -> tuple[Effect, ...]:
    """What happened around the server; what comes late is waited for, in bounds."""
    found = talk.effects()
    own = [value for name, value in talk.filler.canaries.items() if not name.startswith(STANDING)]
    until = time.monotonic() + talk.linger
    while own and time.monotonic() < until and not any(e.tells(value) for e in found for value in own):
        await trio.sleep(EFFECT_POLL_S)
        found += talk.effects()
    return found
