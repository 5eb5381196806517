"""Who comes in, and by which credential: logins are made and tokens minted when somebody is first needed, once more
when their time is over or the server refuses what it gave (once each time, and bounded in all); tickets are fetched
for each connection.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

import trio

from mcpfuzz.errors import Fault, HandshakeError, TargetError
from mcpfuzz.identities import ANONYMOUS, GARBAGE, Identity
from mcpfuzz.logins import Gained, Login, sign_in
from mcpfuzz.model import replace
from mcpfuzz.target import Prepared
from mcpfuzz.tokens import UNTIL, ends
from mcpfuzz.transports.dial import Way
from mcpfuzz.transports.endpoint import Endpoint

__all__ = ["Entry", "Held"]

MOST_LOGINS = 200
"""Of one run, all callers together."""
LONGEST_WAIT_S = 10.0
"""Until a ticket's time is over; one that lives longer is not waited for."""
ANEW = "~anew"
"""Behind a caller's name: they sign in once more, whatever they have."""
SOON = 0.1
"""Share of a credential's life that is left when it is renewed."""

BRIEF: Final = "ends-"
"""Before the leeway of a caller's variant: `alice~ends-5` shows a token that is over in `BRIEF_S` for a server that
takes tokens for five seconds longer than they say."""
BRIEF_S: Final = 4
"""From the first such token of a conversation to its end."""


@dataclass(slots=True)
class Held:
    """What one conversation uses again."""

    tickets: dict[str, Gained] = field(default_factory=dict)
    """Caller -> their ticket."""
    moment: int | None = None
    """Seconds since the epoch at which its brief tokens end."""

    def dated(self, name: str | None) -> str | None:
        """The name of a brief variant with the second in it at which its token ends; any other name as it is."""
        base, mark, variant = (name or "").partition(f"~{BRIEF}")
        if not mark or not variant.isdecimal():
            return name
        self.moment = self.moment or int(time.time()) + BRIEF_S
        return f"{base}~{UNTIL}{self.moment - int(variant)}"


class Entry:
    """The credentials of one run."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._written = dict(prepared.identities)
        self._gained: dict[str, Gained] = {}
        self._since: dict[str, float] = {}
        self._served: set[str] = set()
        self._left = MOST_LOGINS
        self._turn = trio.Lock()  # of many connections that open at once, one asks for the ticket they share

    def forget(self) -> None:
        """The server is another one: what the last one gave may be worth nothing to it."""
        for name in self._gained:
            self._prepared.identities[name] = self._written[name]
        self._gained.clear()
        self._served.clear()

    async def everybody(self, deadline: float) -> None:
        """Sign all callers in, so that a login that does not work is told at the start.

        Raises:
            TargetError, UsageError: one of them is refused, or described wrongly.
        """
        for name in self._written:
            await self._ready(name, deadline)

    @property
    def ending(self) -> bool:
        """Whether the credential of whom the campaign runs as is about to end."""
        return self._over(next(iter(self._written), ""))

    def _over(self, name: str) -> bool:
        gained = self._gained.get(name)
        if gained is None or gained.until is None:
            return False
        return time.monotonic() > self._since[name] + (1 - SOON) * (gained.until - self._since[name])

    def again(self, name: str | None) -> bool:
        """Whether another login may help where a credential was refused that had been good; that one is forgotten."""
        name = next(iter(self._written), "") if name is None else name
        if name not in self._gained or name not in self._served:
            return False
        self._served.discard(name)
        del self._gained[name]
        return True

    def served(self, name: str | None) -> None:
        """A connection came about with what a caller shows."""
        self._served.add(next(iter(self._written), "") if name is None else name)

    async def way(self, name: str | None, deadline: float, held: Held) -> Way:
        """How a server is reached as somebody, signed in where they have to be.

        Args:
            name: a caller; None: whom the campaign runs as.
            held: of the conversation.

        Raises:
            TargetError: signing in is refused, or there is no ticket.
        """
        endpoint = self._prepared.endpoint
        first = next(iter(self._written), "")
        anew, name = name is not None and name.endswith(ANEW), name.removesuffix(ANEW) if name else name
        base = (name or first).partition("~")[0]
        async with self._turn:
            before = self._gained.pop(base, None) if anew else None
            try:
                await self._ready(first if base in (ANONYMOUS, GARBAGE) else base, deadline)
            except TargetError:
                if before is not None:  # what they had is as good as it was
                    self._gained[base] = before
                raise
        who = self._prepared.identity(held.dated(name))
        if who.ticket is None or endpoint is None:
            return self._prepared.way_of(who)
        asker = self._prepared.identity(first) if base == GARBAGE else who
        if asker.name.endswith("~ticket"):
            async with self._turn:
                gained = await self._ticket(endpoint, asker, held, deadline)
        else:
            gained = await self._ticket(endpoint, asker, held, deadline)
        shown = gained.shown.garbage() if base == GARBAGE else gained.shown
        return self._prepared.way_of(replace(shown, name=who.name))

    async def _ready(self, name: str, deadline: float) -> None:
        """Sign a caller in, where they sign in and are not yet, or their time is over."""
        written = self._written.get(name)
        if written is None or (written.login is None and written.claims is None):
            return
        if name in self._gained and not self._over(name):
            return
        if self._left <= 0:
            raise TargetError(f"{MOST_LOGINS} logins were made, and {name} needs another one")
        self._left -= 1
        gained = await self._signed_in(written, deadline)
        self._gained[name], self._since[name] = gained, time.monotonic()
        self._prepared.signed_in(name, written.with_(gained.shown), gained.secrets)

    async def _signed_in(self, who: Identity, deadline: float) -> Gained:
        prepared, endpoint = self._prepared, self._prepared.endpoint
        if endpoint is None:
            raise Fault("callers sign in over the network")
        if who.login is not None:
            login = Login.of(who.name, "login", who.login)
            return await sign_in(endpoint, login, who, deadline, remote=prepared.target.allow_remote)
        if prepared.issuer is None or who.claims is None:
            raise Fault("tokens of the issuer without one")
        scheme = {"ws": "http", "wss": "https"}.get(endpoint.scheme, endpoint.scheme)
        audience = f"{scheme}://{endpoint.authority}{endpoint.target.partition('?')[0]}"
        token = prepared.issuer.token(who.claims, audience)
        moment = ends(token)
        until = None if moment is None else time.monotonic() + moment - time.time()
        header = (("Authorization", f"Bearer {token}"),)
        return Gained(Identity(name=who.name, headers=header, key=prepared.issuer.key), (token,), until)

    async def _ticket(self, endpoint: Endpoint, who: Identity, held: Held, deadline: float) -> Gained:
        """A ticket, fresh for each connection; for `~ticket` the conversation's, for `~stale` one that has ended."""
        base, _, variant = who.name.partition("~")
        if variant == "ticket" and base in held.tickets:
            return held.tickets[base]
        assert who.ticket is not None
        ticket = Login.of(base, "ticket", who.ticket)
        gained = await sign_in(endpoint, ticket, who, deadline, remote=self._prepared.target.allow_remote)
        self._prepared.learn(*gained.secrets)
        life = gained.lifetime
        if life is not None and life <= LONGEST_WAIT_S:
            self._prepared.places["ticket-life"] = f"{life:g}"
        if variant == "ticket":
            held.tickets[base] = gained
        if variant == "stale":
            if life is None or life > LONGEST_WAIT_S:
                raise HandshakeError(f"the ticket of {base} does not end within {LONGEST_WAIT_S:g} s")
            await trio.sleep(1.2 * life + 1)
        return gained
