"""The role x operation matrix: what each caller is served, by their own calls. Looked at once, before the attacks.

A cell is `served` (a normal answer), `refused` (an error, or no entry at all) or `untried` (there is no call to make,
or no time to make it).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from mcpfuzz.campaign.reach import good_answer
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.client import Sent
from mcpfuzz.errors import TargetError
from mcpfuzz.identities import ANONYMOUS, GARBAGE
from mcpfuzz.model import Json, Open, Operation, Step, Surface, replace
from mcpfuzz.runner import call_message
from mcpfuzz.scenarios.stories import plain
from mcpfuzz.surface import bind
from mcpfuzz.target import Prepared
from mcpfuzz.wire import encode

__all__ = ["Matrix", "authenticated", "matrix_json", "survey", "with_roles"]

ROLES_SHARE = 0.1
"""Of the whole budget, at most, for asking who is served what."""

Matrix = Mapping[tuple[str, str], Mapping[str, str]]
"""Operation key -> caller -> what they got."""


async def with_roles(prepared: Prepared, settings: Settings, supply: Supply, surface: Surface) -> Surface:
    """The surface with who is served what: asked where there are callers to tell apart.

    Raises:
        TargetError: the server is gone.
    """
    if supply.transport == "sse":
        surface = replace(surface, places=surface.places | {"stream"})
    if not prepared.identities or (prepared.endpoint is None and len(prepared.identities) < 2):
        return surface
    until = time.monotonic() + settings.max_time * ROLES_SHARE
    found = await survey(supply, surface, timeout=min(settings.timeout, 5.0), until=until)
    places = surface.places | ({"authenticated"} if authenticated(found) else set())
    return replace(surface, roles=found, policy=settings.policy, places=places)


async def survey(supply: Supply, surface: Surface, *, timeout: float, until: float) -> Matrix:
    """Every operation's good call as every caller, `anonymous` and `garbage` last.

    Args:
        until: `time.monotonic()` after which nothing more is tried.

    Raises:
        TargetError: the server is gone.
    """
    callers = (*surface.callers, ANONYMOUS, GARBAGE)
    ready = [operation for operation in surface.operations if operation.skipped is None]
    found: dict[tuple[str, str], dict[str, str]] = {operation.key: {} for operation in ready}
    for caller in callers:
        cells = await _row(supply, surface, ready, caller, timeout, until)
        for operation in ready:
            found[operation.key][caller] = cells.get(operation.key, "untried")
    return found


async def _row(
    supply: Supply, surface: Surface, ready: list[Operation], caller: str, timeout: float, until: float
) -> dict[tuple[str, str], str]:
    """What one caller gets."""
    if time.monotonic() > until:
        return {}
    try:
        client = await supply.opener()(Step(action=Open(), as_=caller, on="roles"), Open())
    except TargetError:
        return {operation.key: "refused" for operation in ready}
    cells: dict[tuple[str, str], str] = {}
    try:
        for operation in ready:
            arguments = plain(surface, operation)
            if arguments is None or time.monotonic() > until:
                continue
            request_id, message = call_message(client, bind(operation, arguments), supply.filler())
            key = ("int", request_id)
            volley = await client.volley([Sent(encode(message) + b"\n", (key,))], patience=timeout)
            answer = volley.answers.get(key)
            cells[operation.key] = "served" if answer is not None and good_answer(answer.value) else "refused"
            if volley.gone is not None:
                break
    finally:
        await client.close()
    return cells


def authenticated(found: Matrix) -> bool:
    """Whether the server tells callers apart: something that the first is served, `garbage` and `anonymous` are not."""
    return any(
        next(iter(cells.values()), "") == "served" and cells[ANONYMOUS] == cells[GARBAGE] == "refused"
        for cells in found.values()
    )


def matrix_json(found: Matrix) -> Json:
    """As the report and a policy file hold it: operations in order, caller -> cell."""
    return [{"kind": kind, "name": name, "callers": dict(cells)} for (kind, name), cells in found.items()]
