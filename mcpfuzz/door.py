"""What both doors (command line, pytest) do alike: run a campaign under signals, and turn an outcome into an exit
code.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable

import trio

from mcpfuzz.campaign.merging import merged
from mcpfuzz.campaign.run import run
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.errors import UsageError
from mcpfuzz.events import Discovered, Event, Finished, Found, Outcome, Started
from mcpfuzz.model import replace
from mcpfuzz.revisions import REVISIONS
from mcpfuzz.target import Prepared

__all__ = ["EXIT_CODES", "run_campaign", "run_revisions"]

EXIT_CODES: dict[Outcome, int] = {"clean": 0, "findings": 1, "could-not-test": 3, "fault": 4, "interrupted": 130}


def run_campaign(prepared: Prepared, settings: Settings, emit: Callable[[Event], None]) -> Finished:
    """Run to the end, or to Ctrl-C, SIGTERM or SIGHUP; blocking. No process of the target is left either way.

    Raises:
        UsageError: a scenario of the user's own is broken; Finished was emitted all the same.
    """
    told: list[Finished] = []
    broken: list[UsageError] = []  # a scenario of the user's own; raised outside the nursery, which would wrap it

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_signal, nursery.cancel_scope)
            try:
                told.append(await run(prepared, settings, _keeping(emit, told)))
            except UsageError as error:
                broken.append(error)
            finally:
                nursery.cancel_scope.cancel()

    with contextlib.suppress(KeyboardInterrupt):
        trio.run(main)
    if broken:
        raise broken[0]
    return told[0]


def run_revisions(prepared: Prepared, settings: Settings, emit: Callable[[Event], None]) -> Finished:
    """`--revision all`: one run per MCP revision that the server agrees to, an equal share of the time each.

    Each revision begins on a fresh process: some servers lock the era at their first request.
    """
    parts: list[Finished] = []
    told: set[str] = set()

    def listen(event: Event) -> None:
        if isinstance(event, Started | Discovered) and type(event).__name__ in told:
            return
        if isinstance(event, Found) and event.finding.fingerprint in told:
            return
        told.add(event.finding.fingerprint if isinstance(event, Found) else type(event).__name__)
        if not isinstance(event, Finished):
            emit(event)

    for index, item in enumerate(REVISIONS):
        spent = sum(part.duration_s for part in parts)
        share = (settings.max_time - spent) / (len(REVISIONS) - index)
        parts.append(run_campaign(prepared, replace(settings, revision=item.date, max_time=max(share, 1.0)), listen))
        if parts[-1].outcome == "interrupted":
            break
    finished = replace(merged(parts), duration_s=sum(part.duration_s for part in parts))
    emit(finished)
    return finished


def _keeping(emit: Callable[[Event], None], told: list[Finished]) -> Callable[[Event], None]:
    """Keeps Finished even where the run was cancelled and returns nothing."""

    def on(event: Event) -> None:
        if isinstance(event, Finished):
            told.append(event)
        emit(event)

    return on


async def _until_signal(scope: trio.CancelScope) -> None:
    # a terminal that is closed asks to end, too; under nohup, where that is ignored, it stays ignored
    wanted = [one for one in (signal.SIGHUP, signal.SIGTERM) if signal.getsignal(one) is not signal.SIG_IGN]
    with trio.open_signal_receiver(signal.SIGINT, *wanted) as signals:
        async for _ in signals:
            scope.cancel()
            return
