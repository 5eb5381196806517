"""What came of a conversation: per step what came back, how the server was at the end, what happened around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcpfuzz.model.conversations import Conversation
from mcpfuzz.model.values import Json

__all__ = ["STANDING", "Effect", "EffectKind", "Ending", "EndingKind", "Exchange", "Frame", "Trace"]

STANDING = ("decoy/", "packed/")
"""How the names of canaries begin that no case brings along: of decoys, and of archives in the workspace."""
EndingKind = Literal["alive", "exited", "silent", "closed"]
EffectKind = Literal["file", "inside", "harm", "hit", "upstream", "argv"]
"""file: something was made in a watched folder. inside: a file of the workspace was made, changed or removed (looked at
only where a server says that it does not write). harm: a decoy was changed or removed. hit: the bait listener
was asked. upstream: the listener that plays the server's upstream was asked. argv: a stand-in was run."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it arrived, and what was wrong with it."""

    raw: bytes
    value: Json
    """The decoded value, None where it could not be decoded (then `faults` says why)."""
    faults: tuple[str, ...] = ()
    """Names from `wire.FAULTS`, in the order seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One step and all that came back for it."""

    step: int
    """Index into the conversation."""
    sent: bytes
    """As it went out, slots filled; empty for Open, Close, Wait."""
    id: Json = None
    """The id the message carried, where it could be read."""
    answer: Frame | None = None
    """The response with this step's id (typed comparison), or None."""
    others: tuple[Frame, ...] = ()
    """What else arrived between this step and the next: notifications, strays, noise."""
    took_s: float = 0.0
    """From the last byte sent to the answer; 0 without one."""
    waited_s: float = 0.0
    """How long an answer that was owed was waited for in vain; 0 where it came, or none was owed."""
    status: int | None = None
    """HTTP status, where there is one."""
    headers: tuple[tuple[str, str], ...] = ()
    """Of the HTTP response, names in lower case, in order of arrival."""
    lost: bool = False
    """HTTP: the connection ended before there was a status."""
    due: bool = True
    """Whether an answer was owed and waited for."""
    rss: int = 0
    """Resident bytes of the server's tree after a step done many times over; 0 where not looked at."""
    turned_away: bool = False
    """An `Open` of a group: its credential was refused (HTTP 401, a close code that says so)."""
    closed: int | None = None
    """WebSocket: the step's own connection, not the main one, ended with this close code."""
    reason: str = ""
    """What the server said with that code."""
    body: bytes = b""
    """Of an `Http` step: the response's body as it came, at most 256 KiB of it."""
    bound: tuple[str, ...] = ()
    """Of an `Open` on the first connection: the addresses that a networked server of ours listens on, at the port
    it is spoken to (Linux only)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the server was after the last step: the barrier's verdict."""

    kind: EndingKind = "alive"
    at_step: int | None = None
    """Index of the last step that was sent before it happened."""
    returncode: int | None = None
    detail: str = ""
    code: int | None = None
    """WebSocket close code of a `closed`."""
    reason: str = ""
    """WebSocket: what the server said with its close code, also where it refused a connection so."""
    serves: bool = False
    """Only this connection ended: a fresh client was served afterwards."""
    left: bool = False
    """The conversation's further connections had taken their leave just before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Something that happened outside the channel, seen by what stands around the server (`effects.scene`)."""

    kind: EffectKind
    detail: str
    """The file's path below the scratch tree, the request line, the words of the command."""
    data: tuple[str, ...] = ()
    """hit, upstream: method, path and the header lines. argv: the words, the program's name first.
    inside: the file's text."""

    def tells(self, canary: str) -> bool:
        """Whether a canary is to be seen in it."""
        return canary in self.detail or any(canary in item for item in self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All that one conversation brought to light on one server."""

    conversation: Conversation
    exchanges: tuple[Exchange, ...]
    ending: Ending = Ending()
    stderr: str = ""
    """What the server wrote to stderr meanwhile, bounded."""
    canaries: Mapping[str, str] = field(default_factory=dict)
    """Slot name -> the value that was filled in, for this run only; those that stand around the server
    before anything is said begin with one of STANDING."""
    effects: tuple[Effect, ...] = ()
    """What happened outside the channel meanwhile."""
