"""Who wants to be told of what, until they leave or cancel: `subscriptions/listen` (2026-07-28), `resources/subscribe`
(before). Nobody is told of what they may not read. Knows requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mcpfuzz.lab.calls import PENDING, Pending
from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.eras import PREFIX, Refusal
from mcpfuzz.lab.kit import World
from mcpfuzz.lab.listing import Listing

if TYPE_CHECKING:  # core imports us; the request is its
    from mcpfuzz.lab.core import Request

__all__ = ["Subscriptions"]

MOST: Final = 200
"""Subscriptions at the same time; more are refused."""
MOST_URIS: Final = 100
SUBSCRIPTION: Final = PREFIX + "subscriptionId"
_LISTS: Final = ("toolsListChanged", "promptsListChanged", "resourcesListChanged")
"""Lists never change here, so what is agreed to is never said."""


SUBSCRIBED: Final = "resources/subscribe"


@dataclass(slots=True, eq=False)
class _Subscription:
    tell: Callable[[Json], None]
    uris: frozenset[str]
    ended: threading.Event
    meta: dict[str, Json] | None = None
    """Goes along with all that is told (2026-07-28)."""


class Subscriptions:
    """All of one server."""

    def __init__(self, lab: World, listing: Listing) -> None:
        self.lab = lab
        self._listing = listing
        self._all: list[_Subscription] = []
        self._lock = threading.Lock()

    def listen(self, request: Request) -> Pending:
        """Open one: first of all it is acknowledged, with what of it will be told. Raises Refusal."""
        wanted, emit = request.params.get("notifications"), request.connection.emit
        if not isinstance(wanted, dict):
            raise Refusal(-32602, "Invalid params: notifications is an object")
        uris = wanted.get("resourceSubscriptions", [])
        known = isinstance(uris, list) and len(uris) <= MOST_URIS and all(isinstance(uri, str) for uri in uris)
        if not known or not all(isinstance(wanted.get(name, False), bool) for name in _LISTS):
            raise Refusal(-32602, "Invalid params: notifications holds booleans, and resourceSubscriptions URIs")
        if emit is None or request.inline:
            raise Refusal(-32602, "Invalid params: a subscription needs a connection that stays open")
        uris = [uri for uri in uris if self._may(request, uri)]
        made = _Subscription(emit, frozenset(), threading.Event(), {SUBSCRIPTION: request.id})
        self._add(made)
        request.connection.running[(type(request.id).__name__, request.id)] = made.ended
        agreed: dict[str, Json] = {name: True for name in _LISTS if wanted.get(name)}
        self._tell(made, "subscriptions/acknowledged", {
            "notifications": agreed | ({"resourceSubscriptions": uris} if uris else {}),
        })  # fmt: skip
        made.uris = frozenset(uris)  # from now on: what changed meanwhile would come before the acknowledgement
        return PENDING

    def subscribe(self, request: Request) -> dict[str, Json]:
        """`resources/subscribe` (legacy): once more is once. Raises Refusal."""
        uri, connection = self._uri(request), request.connection
        if connection.told is None:
            raise Refusal(-32601, "Method not found")
        if not self._may(request, uri):
            raise Refusal(request.revision.no_resource, "Resource not found", {"uri": uri[:200]})
        known = connection.running.get((SUBSCRIBED, uri))
        if known is None or known.is_set():
            self._add(made := _Subscription(connection.told, frozenset({uri}), threading.Event()))
            connection.running[(SUBSCRIBED, uri)] = made.ended
        return {}

    def unsubscribe(self, request: Request) -> dict[str, Json]:
        """`resources/unsubscribe` (legacy). Raises Refusal."""
        uri, connection = self._uri(request), request.connection
        if connection.told is None:
            raise Refusal(-32601, "Method not found")
        ended = connection.running.pop((SUBSCRIBED, uri), None)
        if ended is not None:
            ended.set()
        return {}

    def _uri(self, request: Request) -> str:
        uri = request.params.get("uri")
        if not isinstance(uri, str):
            raise Refusal(-32602, "Invalid params: uri is a URI")
        return uri

    def _may(self, request: Request, uri: str) -> bool:
        """Whether there is such a resource for the caller."""
        if self.lab.on("bola-subscription"):
            # bola-subscription: what has changed is read later, and there it is asked who reads
            return True
        return self._listing.readable(uri, request.connection.identity)

    def _add(self, made: _Subscription) -> None:
        with self._lock:
            self._all = [one for one in self._all if not one.ended.is_set()]
            if len(self._all) >= MOST:
                raise Refusal(-32603, "There are too many subscriptions, try again later")
            self._all.append(made)

    def updated(self, uri: str) -> None:
        """A resource has changed: tell those who asked for it."""
        with self._lock:
            self._all = [one for one in self._all if not one.ended.is_set()]
            concerned = [one for one in self._all if uri in one.uris]
        for one in concerned:
            self._tell(one, "resources/updated", {"uri": uri})

    def _tell(self, one: _Subscription, name: str, params: dict[str, Json]) -> None:
        if not one.ended.is_set():
            params = {**({"_meta": one.meta} if one.meta is not None else {}), **params}
            one.tell({"jsonrpc": "2.0", "method": f"notifications/{name}", "params": params})
