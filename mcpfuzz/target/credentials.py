"""What callers prove themselves with, as the target has it: what of it is secret, what scenarios may aim at in it, and
whether a login that is described goes with the target.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mcpfuzz.errors import UsageError
from mcpfuzz.identities import Identity
from mcpfuzz.logins import Login
from mcpfuzz.tokens import find
from mcpfuzz.transports.endpoint import Endpoint

__all__ = ["OF_CALLERS", "SECRET_NAME", "TICKETS", "check_logins", "credentials", "told_of_callers"]

SECRET_NAME = re.compile(r"token|secret|passw|api_?key|credential|cookie|auth|dsn|private", re.IGNORECASE)
TICKETS: Final = ("ticket", "stale")
"""Variants of a caller who has tickets: one that is used again, and one whose time is over (`campaign.entry`)."""
OF_CALLERS: Final = (
    "credential", "jwt", "jwt-key", "ticket", "bearer", "upgrade-credential", "second", "first-message",
    "false-message", "within",
)  # fmt: skip
"""Slots that `told_of_callers` makes; another login may change them."""
SHORTEST: Final = 6
"""Characters of a secret that is looked for in what a server says."""


def credentials(identities: Iterable[Identity]) -> Iterator[str]:
    """What nobody should ever see in an answer: the callers' secrets."""
    for who in identities:
        for name, value in (*who.headers, *who.query, *who.env):
            secret = value.split(" ", 1)[-1] if name.lower() == "authorization" else value
            if len(secret) >= SHORTEST:
                yield secret
        if isinstance(who.key, str) and len(who.key) >= SHORTEST:
            yield who.key
        for given in (who.login, who.ticket):
            yield from _secret_leaves("", given)


def _secret_leaves(name: str, value: object) -> Iterator[str]:
    """What a request for a credential sends under a secret's name."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in ("token", "use"):  # a place in the answer, and a form with a hole
                yield from _secret_leaves(str(key), item)
    elif isinstance(value, str) and len(value) >= SHORTEST and SECRET_NAME.search(name):
        yield value


def told_of_callers(identities: Mapping[str, Identity]) -> dict[str, str]:
    """Slots that say which callers there are, and what the first one shows (`model.Surface.places`)."""
    if not identities:
        return {}
    first = next(iter(identities.values()))
    made = {"credential": first.name}
    if any(map(find, first.said)):
        made |= {"jwt": first.name} | ({"jwt-key": first.name} if first.key else {})
    if first.ticket is not None:
        made["ticket"] = first.name
    elif any(name.lower() == "authorization" and value[:7].lower() == "bearer " for name, value in first.headers):
        made["bearer"] = first.name
    if first.first_message is None:
        made["upgrade-credential"] = first.name
    else:
        made |= {"first-message": first.first_message, "false-message": first.garbage().first_message or ""}
        made |= {"within": f"{first.within:g}"} if first.within is not None else {}
    if len(identities) > 1:
        made["second"] = list(identities)[1]
    return made


def check_logins(identities: Iterable[Identity], endpoint: Endpoint | None) -> None:
    """Raises UsageError for a login or a ticket that is described wrongly, or does not go with the transport."""
    for who in identities:
        if endpoint is None and (who.login or who.ticket or who.claims):
            raise UsageError(f"--identity {who.name}: login, ticket and issuer go with --url URL")
        if who.login is not None:
            Login.of(who.name, "login", who.login)
        if who.ticket is not None and endpoint is not None and endpoint.transport != "ws":
            raise UsageError(f"--identity {who.name}=ticket:...: tickets are for one WebSocket; --url ws://...")
        if who.ticket is not None:
            Login.of(who.name, "ticket", who.ticket)
