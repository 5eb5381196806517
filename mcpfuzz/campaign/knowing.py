"""What a server is known to offer before it is attacked, the same for a whole run and for a session that is kept open:
its surface, its good calls, and what callers, tasks and its authorization server have to do with them.
"""

from __future__ import annotations

from mcpfuzz.campaign.authorization import with_authorization
from mcpfuzz.campaign.corpus import Corpus
from mcpfuzz.campaign.facts import leave_of
from mcpfuzz.campaign.reach import Reach
from mcpfuzz.campaign.roles import with_roles
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.campaign.tasks import with_tasks
from mcpfuzz.campaign.waiting import with_patience
from mcpfuzz.client import Client
from mcpfuzz.errors import TargetError
from mcpfuzz.model import Surface
from mcpfuzz.surface import discover
from mcpfuzz.target import Prepared

__all__ = ["LEARN_SHARE", "discovered", "explored", "learned"]

LEARN_SHARE = 0.2
"""Of `Settings.max_time`, at most, for finding good calls."""


async def discovered(prepared: Prepared, settings: Settings, client: Client) -> Surface:
    """The surface, and what of it may be called.

    Raises:
        TargetError: it is gone, or offers nothing to test.
    """
    timeout = min(settings.timeout, settings.max_time / 2)
    surface = prepared.known(await discover(client, timeout=timeout, leave=leave_of(prepared)))
    if not surface.operations:
        raise TargetError("nothing to test: it offers no tool, resource, prompt or completion that can be read")
    return surface


async def learned(
    prepared: Prepared,
    settings: Settings,
    supply: Supply,
    reach: Reach,
    corpus: Corpus | None,
    surface: Surface,
    until: float,
) -> Surface:
    """The surface with its good calls; a server that dies meanwhile is started again, and learning goes on behind the
    call that ended it.

    Args:
        until: `time.monotonic()` after which no more is tried.
    """
    while True:
        client = await supply.client()
        try:
            known = await reach.learn(
                client,
                surface,
                prepared.examples,
                remembered=tuple(corpus.good()) if corpus is not None else (),
                seed=settings.seed,
                places=prepared.places,
                timeout=min(settings.timeout, max(1.0, settings.max_time / 20)),
                until=until,
            )
            if corpus is not None:
                corpus.keep_good(known.good)
            if reach.harmed and supply.can_start:  # the attack finds the workspace as it was
                await supply.fresh("a tool took a file of the workspace away")
            return known
        except TargetError:
            await supply.fresh("it ended when an operation was first called")


async def explored(prepared: Prepared, settings: Settings, supply: Supply, surface: Surface) -> Surface:
    """The surface with what is asked once, before the attack: who is served what, which calls become tasks, whether
    there is an authorization server, and how long may be waited.

    Raises:
        TargetError: the server is gone.
    """
    surface = await with_roles(prepared, settings, supply, surface)
    surface = await with_tasks(settings, supply, surface)
    surface = await with_authorization(prepared, settings, supply, surface)
    return with_patience(surface, settings)
