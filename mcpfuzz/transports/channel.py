"""What every transport is to a client: a channel that takes messages, exact bytes each, and gives messages
back. It matches nothing and judges nothing; it has deadlines (total, `time.monotonic()`) and caps.

Two kinds of channel. Over stdio, WebSocket and HTTP+SSE whatever arrives, arrives on one stream, and only an
id says what it answers. Over Streamable HTTP each message has an exchange of its own (`acknowledges`): what
its body holds belongs to it, whatever the ids say, and its status ends the wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from mcpfuzz.revisions import Revision

__all__ = ["Channel", "Key", "Reply", "Sent"]

Key: TypeAlias = tuple[str, Any]
"""`wire.id_key` of an id."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One thing to send, and the ids whose answers are due for it."""

    data: bytes
    """Framed for a pipe, with its line end. A transport that frames in another way takes one line end off."""
    due: tuple[Key, ...] = ()
    hoped: tuple[Key, ...] = ()
    """Ids that it carries, too, but whose answers nobody owes: they may come late, or never."""
    raw: bool = False
    """Below the transport's framing: it goes out as it stands (a WebSocket frame, right or wrong)."""


@dataclass(slots=True)
class Reply:
    """What a transport itself said to one message: HTTP's status. It fills while the channel is read."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    messages: list[bytes] = field(default_factory=list)
    """What its body brought; the same objects that `Channel.receive` gives."""
    page: bytes = b""
    """How an error's body begins where that is no message; at most 200 bytes."""
    problem: str = ""
    """Why no status came, or why its body ended too early."""
    done: bool = False
    """Nothing more comes because of this message."""

    @property
    def refused(self) -> bool:
        """No answer comes elsewhere, either."""
        return self.done and (self.status is None or self.status >= 400)


class Channel(Protocol):
    """A connection, or the connections, to one server.

    Attributes:
        transport: stdio, http, sse or ws, as reports name it.
        acknowledges: every message is answered in an exchange of its own.
    """

    transport: str
    acknowledges: bool

    @property
    def alive(self) -> bool:
        """Whether it can still be used, as far as is known without trying."""

    async def send(self, messages: Sequence[Sent], deadline: float) -> Sequence[Reply]:
        """Send all of them, in order.

        Returns:
            One reply each, where the transport has replies; else an empty sequence.

        Raises:
            Gone: the server ended, or closed the connection.
            Late: it does not take what is sent.
        """

    async def listen(self, message: Sent, deadline: float) -> None:
        """Send a request that stays open: what the server says because of it is received like all else, and its end is
        no news. Raises Gone, Late."""

    async def receive(self, deadline: float) -> list[bytes]:
        """The next messages, one JSON text each. Empty where a reply was done without any.

        Raises:
            Gone: the server ended, or closed the connection.
            Late: nothing came by `deadline`.
            TooMuch: a message passed a cap.
        """

    def waiting(self) -> list[bytes]:
        """Messages that are there already; never waits. Raises TooMuch."""

    def agreed(self, revision: Revision) -> None:
        """The handshake came to this revision: what is sent from now on looks like it."""

    async def aclose(self) -> None:
        """Close. Bounded in time, shielded from cancellation, safe to call twice. Leaves the process alone."""
