"""What is said to a server: actions, steps, and the conversation that they make.

Templates: every string inside a step may hold slots, filled only when the step is sent (`mcpfuzz.slots`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mcpfuzz.model.values import Json

__all__ = ["Action", "Call", "Close", "Conversation", "Http", "Open", "Raw", "Send", "Step", "Wait", "Ws"]


@dataclass(frozen=True, slots=True)
class Call:
    """A well-formed request: the session adds the id and, in the modern era, the envelope."""

    method: str
    params: Json = None


@dataclass(frozen=True, slots=True)
class Send:
    """One JSON message, sent exactly as it stands (its id too; nothing is added)."""

    message: Json


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes, sent exactly as they stand; `str` may hold slots and is sent as UTF-8. The framing's line
    end is part of the data: over stdio the transport adds none."""

    data: bytes | str


@dataclass(frozen=True, slots=True)
class Http:
    """One HTTP request below the MCP session (networked targets only)."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | bytes | None = None


@dataclass(frozen=True, slots=True)
class Ws:
    """One WebSocket frame below the library (ws and wss only); nothing of it is checked."""

    opcode: int
    """Four bits; 0x10, 0x20 and 0x40 above them set RSV3, RSV2 and RSV1."""
    payload: bytes | str
    fin: bool = True
    masked: bool = True
    """Clients mask (RFC 6455, 5.3)."""
    length: int | None = None
    """What the header says of the payload's length; None: the truth."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open the step's connection. Without it a connection opens, handshake included, at its first use."""

    handshake: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of every HTTP request of it (of the upgrade, over WebSocket); one that we send ourselves is
    replaced. May hold slots; `{session}` is the session id of the connection that was opened last."""
    revision: str | None = None
    """Insist on this MCP revision; None: the one that the run agreed on."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the step's connection."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


Action: TypeAlias = Call | Send | Raw | Http | Ws | Open | Close | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action, by one identity, on one connection."""

    action: Action
    as_: str | None = None
    """Identity's name; None is whoever the campaign runs as."""
    on: str = "c1"
    """Connection's name."""
    group: str | None = None
    """Neighbouring steps of one group go out together, without waiting for each other; on one connection in their
    order, on several at the same time."""
    times: int = 1
    """How often the step is done; a Call is sent again and again, each time under a new id."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Steps in order: the unit that is sent, confirmed, shortened, replayed and written into a report."""

    steps: tuple[Step, ...]

    @classmethod
    def of(cls, *actions: Action) -> Conversation:
        """A conversation of one identity on one connection."""
        return cls(tuple(Step(action=action) for action in actions))

    def __len__(self) -> int:
        return len(self.steps)
