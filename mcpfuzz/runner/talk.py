"""One conversation under way: where its connections are and what its slots are filled with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from mcpfuzz.client import Client
from mcpfuzz.model import Effect, Open, Step
from mcpfuzz.slots import Filler

__all__ = ["Opener", "Talk"]


Opener = Callable[[Step, Open], Awaitable[Client]]
"""(step, how) -> a new connection for the step's identity; the caller closes it."""


@dataclass(slots=True)
class Talk:
    """One conversation under way: where its connections are and what its slots are filled with."""

    main: Client
    filler: Filler
    patience: float
    """Seconds for one owed answer."""
    opener: Opener | None = None
    barrier_patience: float = 0.0
    """Seconds for a barrier's answer; 0: `patience`."""
    effects: Callable[[], tuple[Effect, ...]] = tuple
    """Takes what happened around the server since it was last asked."""
    linger: float = 0.0
    """Seconds to wait at the end for an effect that holds one of the conversation's own canaries."""
    owed: bool | None = None
    """Whether what is sent as it stands is owed an answer; None: as far as its form says."""
    start_s: float = 0.0
    """Seconds a server of this run takes to start: over stdio a connection without a handshake is a process that may
    not be up yet, so its first answer is waited for twice as long beside `patience`."""
    cold: set[str] = field(default_factory=set)
    """Names of such connections that nothing was said on yet."""
    turn: trio.Lock = field(default_factory=trio.Lock)
    """Held by whoever asks the first connection how the server is."""
