"""The role x operation matrix: what each caller is served, by their own calls. Looked at once, before the attacks.

A cell is `served` (a normal answer), `refused` (an error, or no entry at all) or `untried` (there is no call to make,
or no time to make it). Rows are what the first caller is told of, and what other named callers are told of besides.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from mcpfuzz.campaign.facts import leave_of
from mcpfuzz.campaign.reach import good_answer
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.client import Client, Sent
from mcpfuzz.errors import Gone, TargetError
from mcpfuzz.identities import ANONYMOUS, GARBAGE
from mcpfuzz.model import Json, Open, Operation, Step, Surface, replace
from mcpfuzz.runner import call_message
from mcpfuzz.scenarios.stories import plain
from mcpfuzz.surface import Leave, bind, discover
from mcpfuzz.target import Prepared
from mcpfuzz.wire import encode

__all__ = ["Matrix", "authenticated", "matrix_json", "with_roles"]

ROLES_SHARE = 0.1
"""Of the whole budget, at most, for asking who is served what."""

LEAST = 3
"""Calls of each caller, however late it is: who comes last, nobody, is whom the server tells the others from."""

MOST_HIDDEN = 50
"""Operations that only other callers are told of."""

Matrix = Mapping[tuple[str, str], Mapping[str, str]]
"""Operation key -> caller -> what they got."""


async def with_roles(prepared: Prepared, settings: Settings, supply: Supply, surface: Surface) -> Surface:
    """The surface with who is served and told of what: asked where there are callers to tell apart.

    Raises:
        TargetError: the server is gone.
    """
    if supply.transport == "sse":
        surface = replace(surface, places=surface.places | {"stream"})
    if not prepared.identities or (prepared.endpoint is None and len(prepared.identities) < 2):
        return surface
    until = time.monotonic() + settings.max_time * ROLES_SHARE
    asked = _Survey(supply, surface, min(settings.timeout, 5.0), until, leave_of(prepared))
    found = await asked.all()
    places = surface.places | ({"authenticated"} if authenticated(found) else set())
    return replace(
        surface, roles=found, listed=asked.listed, hidden=tuple(asked.hidden.values()), policy=settings.policy,
        places=places,
    )  # fmt: skip


class _Survey:
    """Every operation's good call as every caller, one caller after the other.

    Args:
        until: `time.monotonic()` after which nothing more is tried than `LEAST`.
        leave: for operations that only other callers are told of.
    """

    def __init__(self, supply: Supply, surface: Surface, timeout: float, until: float, leave: Leave) -> None:
        self.listed: dict[str, frozenset[tuple[str, str]]] = {}
        self.hidden: dict[tuple[str, str], Operation] = {}
        self._supply, self._surface = supply, surface
        self._timeout, self._until, self._leave = timeout, until, leave
        self._ready = [operation for operation in surface.operations if operation.skipped is None]

    async def all(self) -> Matrix:
        """The first caller comes behind the others, who may be told of more; `anonymous` and `garbage` last.

        Raises:
            TargetError: the server is gone.
        """
        callers = (*self._surface.callers, ANONYMOUS, GARBAGE)
        rows = {}
        for caller in (*callers[1:-2], callers[0], ANONYMOUS, GARBAGE):
            rows[caller] = await self._row(caller)
        asked = [*self._ready, *self.hidden.values()]
        return {
            operation.key: {caller: rows[caller].get(operation.key, "untried") for caller in callers}
            for operation in asked
        }

    async def _row(self, caller: str) -> dict[tuple[str, str], str]:
        """What one caller gets, and is told of."""
        try:
            client = await self._supply.opener()(Step(action=Open(), as_=caller, on="roles"), Open())
        except TargetError:
            return {operation.key: "refused" for operation in (*self._ready, *self.hidden.values())}
        cells: dict[tuple[str, str], str] = {}
        try:
            if time.monotonic() < self._until:
                await self._told(client, caller)
            for operation in (*self._ready, *self.hidden.values()):
                arguments = plain(self._surface, operation)
                if arguments is None or (len(cells) >= LEAST and time.monotonic() > self._until):
                    continue
                request_id, message = call_message(client, bind(operation, arguments), self._supply.filler())
                key = ("int", request_id)
                volley = await client.volley([Sent(encode(message) + b"\n", (key,))], patience=self._timeout)
                answer = volley.answers.get(key)
                cells[operation.key] = "served" if answer is not None and good_answer(answer.value) else "refused"
                if volley.gone is not None:
                    break
        except TargetError as error:  # what is not answered tells nothing; who is cut off is refused
            cut = isinstance(error, Gone) and error.returncode is None
            return dict.fromkeys((one.key for one in self._ready), "refused") | cells if cut else cells
        finally:
            await client.close()
        return cells

    async def _told(self, client: Client, caller: str) -> None:
        """What a caller is told of; of a named one also what the first is not."""
        told = await discover(client, timeout=self._timeout, leave=self._leave)
        self.listed[caller] = frozenset(operation.key for operation in told.operations)
        known = {operation.key for operation in self._surface.operations}
        for operation in told.operations if caller in self._surface.callers[1:] else ():
            named = operation.kind in ("tool", "prompt") or operation.template is not None
            if named and operation.key not in known and operation.skipped is None and len(self.hidden) < MOST_HIDDEN:
                self.hidden[operation.key] = operation


def authenticated(found: Matrix) -> bool:
    """Whether the server tells callers apart: something that the first is served, `garbage` and `anonymous` are not."""
    return any(
        next(iter(cells.values()), "") == "served" and cells[ANONYMOUS] == cells[GARBAGE] == "refused"
        for cells in found.values()
    )


def matrix_json(found: Matrix) -> Json:
    """As the report and a policy file hold it: operations in order, caller -> cell."""
    return [{"kind": kind, "name": name, "callers": dict(cells)} for (kind, name), cells in found.items()]
