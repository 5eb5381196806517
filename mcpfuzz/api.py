"""The async API: `from mcpfuzz import Target, connect, run`. On trio all of it runs in the caller's own loop; on
asyncio the same lives on one background trio thread, and the caller's loop only waits.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal, TypedDict, Unpack

from mcpfuzz import __version__
from mcpfuzz.campaign import run as campaign
from mcpfuzz.campaign.settings import PROFILES, Settings
from mcpfuzz.errors import Fault, UsageError
from mcpfuzz.events import Event
from mcpfuzz.model import SEVERITIES, Severity
from mcpfuzz.pytest_support.facade import AsyncSession, Limits, open_async, open_native
from mcpfuzz.pytest_support.thread import TrioThread, in_trio
from mcpfuzz.reports import Document, Gate, known_secrets
from mcpfuzz.reports.sinks import About, Recorder
from mcpfuzz.revisions import revision as revision_of
from mcpfuzz.scenarios.catalogue import chosen
from mcpfuzz.target import Prepared, Target

__all__ = ["Choices", "connect", "run"]


@contextlib.asynccontextmanager
async def connect(
    target: Target, *, timeout: float = 10.0, start_timeout: float = 30.0, revision: str = "auto"
) -> AsyncIterator[AsyncSession]:
    """A session with a server of its own: `async with connect(Target(command=(...))) as session:`. Leaving ends all
    that was started.

    Args:
        timeout: of one request, in total, seconds.
        start_timeout: from start to the first answer, seconds.
        revision: of MCP, insisted on; `auto` negotiates.

    Raises:
        TargetError: it does not start or does not come to terms.
        UsageError: the target cannot be prepared, or there is no such revision.
    """
    limits = Limits(timeout=timeout, start_timeout=start_timeout, revision=revision)
    opened = open_native(target, limits) if in_trio() else open_async(_thread(), target, limits)
    async with opened as session:
        yield session


class Choices(TypedDict, total=False):
    """What `run` may be told; what is left out is as on the command line."""

    max_time: float
    """Of the whole run, seconds."""
    profile: Literal["quick", "standard", "nightly"]
    timeout: float
    """As `connect`."""
    start_timeout: float
    revision: str
    fail_on: Severity
    strict: bool


async def run(
    target: Target,
    *,
    scenarios: Sequence[str] = (),
    exclude: Sequence[str] = (),
    seed: int | None = None,
    emit: Callable[[Event], None] = lambda event: None,
    **choices: Unpack[Choices],
) -> Document:
    """A campaign, as `mcpfuzz run`; the report, as `--report json=` writes it. Cancelling it ends the server.

    Args:
        scenarios: globs; none: all.
        exclude: globs.
        seed: None draws one, which the report tells.
        emit: is told each event (`mcpfuzz.events`) without its secrets; on asyncio from another thread.
        choices: `Choices`.

    Raises:
        UsageError: the target cannot be prepared; no such scenario, profile, severity or revision. A server that cannot
            be tested is no exception but the report's outcome.
    """
    profile, fail_on, revision = (choices.get(name) for name in ("profile", "fail_on", "revision"))
    if profile not in (None, *PROFILES) or fail_on not in (None, *SEVERITIES):
        raise UsageError(f"run(profile={profile!r}, fail_on={fail_on!r}): no such profile or severity")
    if revision not in (None, "auto"):
        revision_of(str(revision))
    drawn = secrets.randbelow(1 << 31) if seed is None else seed
    settings = Settings(scenarios=chosen(scenarios, exclude), seed=drawn, **choices)
    if in_trio():
        return await _played(target, settings, emit)
    return await _thread().spawn(_played, target, settings, emit).wait_async()


async def _played(target: Target, settings: Settings, emit: Callable[[Event], None]) -> Document:
    recorder = Recorder(About(version=__version__, kept=False))
    with Prepared.of(target) as prepared:
        gate = Gate({*known_secrets(target.record, os.environ), *prepared.secrets})
        prepared.on_secrets = gate.learn

        def listen(event: Event) -> None:
            event = gate.pass_(event)
            recorder.on(event)
            emit(event)

        await campaign.run(prepared, settings, listen)
    document = recorder.document()
    if document is None:
        raise Fault("a campaign ended without having begun")
    return document


@functools.cache
def _thread() -> TrioThread:
    """The one of this process."""
    return TrioThread()
