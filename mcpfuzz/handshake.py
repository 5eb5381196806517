"""The first words of a connection: drives the session's handshake over a channel, and says in one line why it came
to nothing. What the words are is `mcpfuzz.session`'s business.
"""

from __future__ import annotations

import time

from mcpfuzz.errors import Gone, HandshakeError, Late, LaunchError, TargetError, TooMuch
from mcpfuzz.model import Frame
from mcpfuzz.revisions import Revision
from mcpfuzz.session import Handshake, Session
from mcpfuzz.transports.channel import Channel, Reply, Sent
from mcpfuzz.transports.dial import Way, words_of
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.launch import Launch
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.refusals import refusal
from mcpfuzz.transports.stdio import ending_words
from mcpfuzz.wire import decode

__all__ = ["shake_hands"]

PROBE_PATIENCE_S = 2.5
"""For the modern probe's answer; an old server may drop it in silence, so `initialize` follows then."""
MAX_GREETING = 20
"""Frames of the handshake that are kept."""


async def shake_hands(
    channel: Channel,
    process: Process | None,
    way: Way,
    wanted: Revision | None,
    deadline: float,
    heard: list[Frame],
) -> Session:
    """Come to terms with whoever is at the other end.

    Args:
        process: the server, where mcpfuzz started it: what it said last is told.
        way: how it was reached, for the words of an error.
        wanted: insist on this revision; None negotiates.
        deadline: `time.monotonic()` until which all of it must be done.
        heard: takes the frames that come meanwhile (`MAX_GREETING` at most).

    Raises:
        LaunchError: it ended before its first answer.
        HandshakeError: it answers, but not as an MCP server does.
        NotStreamable: it is no endpoint of Streamable HTTP.
        Late: it never answered.
    """
    handshake = Handshake(wanted)
    try:
        await _negotiate(channel, way, handshake, deadline, heard)
    except Gone as gone:
        raise _stillborn(way, process, gone, heard) from None
    except Late:
        raise Late(_silence(way, process, heard)) from None
    except TooMuch as error:
        raise HandshakeError(f"{words_of(way)} is not usable: {error}") from None
    if handshake.session is None:
        raise HandshakeError(f"{words_of(way)} does not agree on an MCP revision: {handshake.failure}")
    return handshake.session


async def _negotiate(channel: Channel, way: Way, handshake: Handshake, deadline: float, heard: list[Frame]) -> None:
    """Drive the handshake until it has come to an end."""
    # a server of HTTP+SSE is of the legacy era: there is nothing to probe for
    out = (channel.transport == "sse" and handshake.overdue()) or handshake.start()
    probe_until = min(deadline, time.monotonic() + PROBE_PATIENCE_S)
    asked: Reply | None = None
    while True:
        if handshake.session is not None:
            channel.agreed(handshake.session.revision)
        for data in out:
            for reply in await channel.send((Sent(data + b"\n"),), deadline):
                asked = reply if b'"method"' in data else asked
        if handshake.failure is not None:
            return
        if handshake.session is not None:
            await _noted(channel, asked, deadline)
            return
        try:
            lines = await channel.receive(probe_until if handshake.probing else deadline)
        except Late:
            out = handshake.overdue()
            if time.monotonic() >= deadline or not out:
                raise
            continue
        if asked is not None and asked.done:
            lines = [*lines, *channel.waiting()]
        frames = [decode(raw) for raw in lines]
        heard += frames[: MAX_GREETING - len(heard)]
        out = [data for frame in frames for data in handshake.receive(frame)]
        over = asked is not None and (asked.done if channel.acknowledges else asked.refused)
        if over and asked is not None and not out and handshake.session is None and handshake.failure is None:
            out = handshake.overdue()  # what is no answer to the probe says that nobody there knows it
            if not out and isinstance(way, Endpoint):
                raise refusal(way, asked)


async def _noted(channel: Channel, notice: Reply | None, deadline: float) -> None:
    """Wait until the last message was taken note of: over HTTP the next one may overtake it."""
    while notice is not None and not notice.done:
        await channel.receive(deadline)


def _stillborn(way: Way, process: Process | None, gone: Gone, heard: list[Frame]) -> TargetError:
    code = gone.returncode
    how = "closed its output" if isinstance(way, Launch) else "closed the connection"
    if code is not None:
        how = f"ended with {ending_words(code)}"
    said = _last_line(process.stderr() if process is not None else "") or _last_line(_noise(heard))
    return LaunchError(
        f"{words_of(way)} {how} before it answered initialize"
        + (f"; its last words: {said}" if said else "")
        + ("; run the command by hand to see why" if process is not None else ""),
        code=gone.code,
        reason=gone.reason,
    )


def _silence(way: Way, process: Process | None, heard: list[Frame]) -> str:
    said = _last_line(_noise(heard)) or _last_line(process.stderr() if process is not None else "")
    there = "started but never answered" if isinstance(way, Launch) else "accepts connections but never answered"
    kind = "an MCP server on stdio" if isinstance(way, Launch) else "an MCP endpoint"
    return (
        f"{words_of(way)} {there} initialize"
        + (f"; it wrote: {said}" if said else "")
        + f"; is it {kind}? (--start-timeout gives it longer)"
    )


def _noise(heard: list[Frame]) -> str:
    return "\n".join(frame.raw[:300].decode("utf-8", "replace") for frame in heard)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
