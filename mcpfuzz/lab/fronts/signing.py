"""Signing in beside MCP, as the guide's servers have it: a password for a token at `/login`, and the token for a ticket
at `/api/ws-ticket`, which opens one WebSocket, soon. Knows HTTP and nothing of MCP.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from typing import Final

from mcpfuzz.lab.codec import dumps
from mcpfuzz.lab.fronts.exchange import decoded
from mcpfuzz.lab.fronts.guard import Guard, Known
from mcpfuzz.lab.fronts.reading import Request
from mcpfuzz.lab.fronts.replying import Response, refusal
from mcpfuzz.lab.fronts.tokens import mint
from mcpfuzz.lab.tries import SLOWED_S, Tries

__all__ = ["LOGIN", "TICKET", "Signing"]

LOGIN: Final = "/login"
TICKET: Final = "/api/ws-ticket"
KEPT: Final = 1_000
"""Tickets; the oldest go first."""
LOOK_S: Final = 0.05
"""That the race's gap is wide."""


class Signing:
    """Both endpoints, and the tickets that were given."""

    def __init__(self, guard: Guard) -> None:
        self.lab = guard.lab
        self.guard = guard
        self._lock = threading.Lock()
        self._tickets: OrderedDict[str, tuple[Known, float]] = OrderedDict()
        # login-unlimited: passwords are long, and hashing takes its time
        self._tries = Tries(endless=guard.lab.on("login-unlimited"))

    def answers(self, request: Request) -> bool:
        """Whether the request is for one of them."""
        return bool(self.guard.access.passwords) and request.path in (LOGIN, TICKET)

    def answer(self, request: Request) -> Response:
        """Raises Refused as the guard does."""
        self.guard.door(request)
        if request.method != "POST":
            return refusal(405, "This method is not served").plus(("Allow", "POST"))
        if request.path == TICKET:
            return self._ticket(self.guard.known(request))
        self.guard.admit(f"attempts from {self.guard.address(request)}")
        given = decoded(request.body)
        name, password = (given.get("username"), given.get("password")) if isinstance(given, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(password, str):
            return refusal(400, "It takes username and password")
        return self._login(name, password)

    def _login(self, name: str, password: str) -> Response:
        access = self.guard.access
        if self._tries.too_many(name):
            return refusal(429, "Too many tries").plus(("Retry-After", f"{SLOWED_S:.0f}"))
        known = access.passwords.get(name, "")
        right = hmac.compare_digest(known.encode(), password.encode("utf-8", "surrogatepass"))
        if not known or not right:
            return refusal(401, "The name or the password is wrong")
        self._tries.forget(name)
        token = mint(name, access.jwt_key, access.life_s) if access.jwt_key else access.tokens.get(name, "")
        told = {"access_token": token, "token_type": "bearer"}
        return Response(200, dumps({**told, "expires_in": access.life_s} if access.jwt_key else told).encode())

    # ---- tickets ----

    def _ticket(self, known: Known) -> Response:
        life = self.guard.access.ticket_s
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[ticket] = (known, time.monotonic() + life)
            while len(self._tickets) > KEPT:
                self._tickets.popitem(last=False)
        return Response(200, dumps({"ticket": ticket, "expires_in": life}).encode())

    def redeem(self, ticket: str) -> Known | None:
        """Whose ticket this is, and until when what it was given for is good; it is worth nothing from then on."""
        if self.lab.on("ticket-race"):
            # ticket-race: looked up, the user's account looked up, too, and only then marked as used
            found = self._tickets.get(ticket)
            time.sleep(LOOK_S)
            self._tickets.pop(ticket, None)
        elif self.lab.on("ticket-reuse"):
            # ticket-reuse: they end by themselves soon enough
            found = self._tickets.get(ticket)
        else:
            with self._lock:
                found = self._tickets.pop(ticket, None)
        if found is None:
            return None
        known, until = found
        # ticket-kept: used once, so why look at the time as well
        return known if time.monotonic() < until or self.lab.on("ticket-kept") else None
