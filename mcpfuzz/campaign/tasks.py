"""Which tools answer with a task: one call of each that may, once, where there are callers to keep tasks apart."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping

import trio

from mcpfuzz.answers import result_of
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.client import Client
from mcpfuzz.errors import Gone, TargetError
from mcpfuzz.model import Json, Operation, Surface, replace
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.stories import plain
from mcpfuzz.slots import Filler
from mcpfuzz.surface import bind
from mcpfuzz.tasks import ENDED, augmented, offered, task_of

__all__ = ["with_tasks"]

TASKS_SHARE = 0.05
"""Of the whole budget, at most."""
MOST = 40
"""Tools that are asked."""
LONG = re.compile(r"\b(?:tasks?|jobs?|background|slow|long|seconds?|minutes?|waits?|queued?|takes)\b", re.IGNORECASE)
"""Words of tools whose calls take long: they are asked first."""
SOON_S = 2.0
"""A task that has ended by then may be waited for again."""
POLL_S = 0.1


async def with_tasks(settings: Settings, supply: Supply, surface: Surface) -> Surface:
    """The surface with the tools whose calls become tasks, where the server declares any and tells callers apart.

    Raises:
        TargetError: the server is gone.
    """
    declared = offered(surface.capabilities, surface.revision) is not None
    if not declared or not surface.places >= {"second", "authenticated"}:
        return surface
    until = time.monotonic() + settings.max_time * TASKS_SHARE
    timeout = min(settings.timeout, 5.0)
    found: dict[tuple[str, str], float] = {}
    ready = [item for item in surface.operations if _may(item, surface.revision)]
    ready.sort(key=lambda item: (item.key not in surface.good, not LONG.search(item.description[:500])))
    for operation in ready[:MOST]:
        arguments = plain(surface, operation)
        if arguments is None or time.monotonic() > until:
            continue
        client = await supply.client()
        try:
            ended = await _tried(client, surface.revision, operation, arguments, supply.filler(), timeout)
        except Gone:
            raise
        except TargetError:
            continue  # not answered, or not as MCP has it: scenarios find that out, too
        if ended is not None:
            found[operation.key] = ended
    return replace(surface, tasks=found)


def _may(operation: Operation, revision: str) -> bool:
    """Whether a tool's call may become a task: since 2026-07-28 the server alone knows."""
    if operation.kind != "tool" or operation.skipped is not None:
        return False
    return BY_DATE[revision].era == "modern" or operation.task in ("optional", "required")


async def _tried(
    client: Client, revision: str, operation: Operation, arguments: Mapping[str, Json], filler: Filler, timeout: float
) -> float | None:
    """Seconds until a task of this tool ended; None where its answer is no task."""
    params = filler.fill(augmented(bind(operation, arguments).params, revision, new=True))
    task = task_of(result_of((await client.ask("tools/call", params, timeout=timeout)).value))
    began = time.monotonic()
    if task is None:
        return None
    patience = 0.0 if BY_DATE[revision].era == "modern" else SOON_S  # there nothing is asked that waits for its end
    asked = augmented({"taskId": task["taskId"]}, revision)
    while task.get("status") not in ENDED:
        if time.monotonic() - began >= patience:
            await client.ask("tasks/cancel", asked, timeout=timeout)  # nobody waits for it
            return math.inf
        await trio.sleep(POLL_S)
        task = result_of((await client.ask("tasks/get", asked, timeout=timeout)).value)
        if task is None or "status" not in task:
            return math.inf
    return time.monotonic() - began
