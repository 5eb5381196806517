"""`subscriptions/listen` (2026-07-28): who wants to be told of what, until they leave or cancel. Knows requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mcpfuzz.lab.calls import PENDING, Pending
from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.eras import PREFIX, Refusal

if TYPE_CHECKING:  # core imports us; the request is its
    from mcpfuzz.lab.core import Request

__all__ = ["Subscriptions"]

MOST: Final = 200
"""Subscriptions at the same time; more are refused."""
MOST_URIS: Final = 100
SUBSCRIPTION: Final = PREFIX + "subscriptionId"
_LISTS: Final = ("toolsListChanged", "promptsListChanged", "resourcesListChanged")
"""Lists never change here, so what is agreed to is never said."""


@dataclass(slots=True, eq=False)
class _Subscription:
    request: Request
    uris: frozenset[str]
    ended: threading.Event


class Subscriptions:
    """All of one server."""

    def __init__(self) -> None:
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
        made = _Subscription(request, frozenset(uris), threading.Event())
        with self._lock:
            self._all = [one for one in self._all if not one.ended.is_set()]
            if len(self._all) >= MOST:
                raise Refusal(-32603, "There are too many subscriptions, try again later")
            self._all.append(made)
        request.connection.running[(type(request.id).__name__, request.id)] = made.ended
        agreed: dict[str, Json] = {name: True for name in _LISTS if wanted.get(name)}
        self._tell(made, "subscriptions/acknowledged", {
            "notifications": agreed | ({"resourceSubscriptions": uris} if uris else {}),
        })  # fmt: skip
        return PENDING

    def updated(self, uri: str) -> None:
        """A resource has changed: tell those who asked for it."""
        with self._lock:
            self._all = [one for one in self._all if not one.ended.is_set()]
            concerned = [one for one in self._all if uri in one.uris]
        for one in concerned:
            self._tell(one, "resources/updated", {"uri": uri})

    def _tell(self, one: _Subscription, name: str, params: dict[str, Json]) -> None:
        emit = one.request.connection.emit
        if emit is not None and not one.ended.is_set():
            params = {"_meta": {SUBSCRIPTION: one.request.id}, **params}
            emit({"jsonrpc": "2.0", "method": f"notifications/{name}", "params": params})
