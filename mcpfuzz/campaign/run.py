"""One whole run: prepare, start, discover, learn, attack, tell. The doors call `run` and listen; whatever
happens, exactly one Finished is emitted, and no process is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import trio

from mcpfuzz.campaign.corpus import Corpus, folder_of
from mcpfuzz.campaign.ending import State, finished
from mcpfuzz.campaign.engine import TIME_SPENT, Engine
from mcpfuzz.campaign.facts import bench_of
from mcpfuzz.campaign.journal import Journal
from mcpfuzz.campaign.knowing import LEARN_SHARE, discovered, explored, learned
from mcpfuzz.campaign.pools import Pools
from mcpfuzz.campaign.proposals import strangers
from mcpfuzz.campaign.settings import PROFILES, Settings
from mcpfuzz.campaign.side_surface import with_side_surface
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.caution import file_writers
from mcpfuzz.errors import TargetError, UsageError, first_cause
from mcpfuzz.events import Discovered, Event, Finished, Noted, Progress, Started
from mcpfuzz.model import Surface, replace
from mcpfuzz.revisions import Revision, revision
from mcpfuzz.target import Prepared

__all__ = ["run"]

LEARN_UNTIL = 0.6
"""Of the budget, after which none are looked for any more, however late the server came up."""


async def run(prepared: Prepared, settings: Settings, emit: Callable[[Event], None]) -> Finished:
    """Run a campaign; emits its events, Finished last, and returns that.

    Cancelling it (Ctrl-C, SIGTERM) ends the server and emits Finished as `interrupted`.
    """
    began = time.monotonic()
    state = State()
    if settings.remember != "no":
        folder = folder_of(prepared.target.state, prepared.target.record)
        state.corpus = Corpus(folder, prepared.places, read=settings.remember == "read")
    emit(
        Started(
            seed=settings.seed,
            started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            profile=settings.profile,
            max_time=settings.max_time,
            launch=prepared.target.record,
            sandbox=prepared.sandbox.status,
            writable=prepared.writable,
        )
    )
    for note in prepared.notes:
        emit(Noted(text=note))
    failure: str | None = None
    fault: BaseException | None = None
    interrupted = True
    try:
        await _play(prepared, settings, emit, state, began)
        interrupted = False
    except TargetError as error:
        failure, interrupted = str(error).replace("\n", " "), False
    except UsageError as error:  # a scenario of the user's own is broken
        failure, interrupted = str(error).replace("\n", " "), False
        raise
    except Exception as error:
        fault = first_cause(error)
        raise
    finally:
        prepared.sweep()
        end = finished(settings, state, began, failure, interrupted=interrupted)
        if fault is not None:
            told = f"a fault of mcpfuzz itself: {type(fault).__name__}: {fault}"
            end = replace(end, outcome="fault", reason=told[:300].replace("\n", " "))
        emit(end)
    return end


async def _play(
    prepared: Prepared, settings: Settings, emit: Callable[[Event], None], state: State, began: float
) -> None:
    wanted: Revision | None = None if settings.revision in ("auto", "all") else revision(settings.revision)
    failure: TargetError | UsageError | None = None  # raised outside the nursery, which would wrap it in a group
    async with trio.open_nursery() as nursery:
        supply = state.supply = Supply(
            prepared,
            nursery,
            wanted=wanted,
            start_timeout=min(settings.start_timeout, settings.max_time),
            starts=PROFILES[settings.profile].restarts,
            tell=emit,
        )
        try:
            with trio.move_on_after(settings.max_time + 5) as overall:
                emit(Progress(phase="starting", elapsed_s=0, requests=0, cases=0, restarts=0, findings=0))
                client = await supply.first()
                emit(
                    Progress(
                        phase="discovering",
                        elapsed_s=time.monotonic() - began,
                        requests=0,
                        cases=0,
                        restarts=0,
                        findings=0,
                    )
                )
                surface = state.surface = await discovered(prepared, settings, client)
                for note in _warnings(prepared, surface):
                    emit(Noted(text=note))
                surface, pools = Pools.begin(settings, surface, prepared.target.state, began, nursery)
                # a server that was slow to start is not to lose what its calls are learned from
                until = min(time.monotonic() + settings.max_time * LEARN_SHARE, began + settings.max_time * LEARN_UNTIL)
                surface = await learned(prepared, settings, supply, state.reach, state.corpus, surface, until)
                surface = await explored(prepared, settings, supply, surface)
                surface = await with_side_surface(prepared, settings, supply, surface, emit)
                state.surface = surface
                sendable = sum(operation.skipped is None for operation in surface.operations)
                emit(Discovered(surface=surface, sendable=sendable, transport=supply.transport))
                for note in surface.notes:
                    emit(Noted(text=note))
                if not sendable:
                    raise TargetError(f"nothing to test: every operation {surface.operations[0].skipped}")
                bench = bench_of(
                    prepared,
                    revision=surface.revision,
                    capabilities=surface.capabilities,
                    transport=client.transport,
                    strict=settings.strict,
                )
                state.engine = Engine(settings, supply, surface, bench, state.reach, emit, began)
                state.engine.corpus, state.engine.pools = state.corpus, pools
                if state.corpus is not None:
                    state.engine.journal = Journal(state.corpus.folder, settings, surface)
                    if state.engine.journal.done:
                        emit(Noted(text=f"goes on after {state.engine.journal.done} shares of an interrupted run"))
                await state.engine.run()
                if state.engine.journal is not None:
                    state.engine.journal.end()
            if overall.cancelled_caught and state.engine is not None and state.engine.journal is not None:
                state.engine.journal.end()
            if overall.cancelled_caught and state.engine is not None:
                state.engine.cut = TIME_SPENT
        except (TargetError, UsageError) as error:
            failure = error
        finally:
            with trio.CancelScope(shield=True):
                await supply.drop()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


def _warnings(prepared: Prepared, surface: Surface) -> tuple[str, ...]:
    """What to know before the first call: examples of what there is not; and without sandbox and workspace, what is
    written is written for good."""
    unheard = strangers(surface.operations, prepared.examples)
    return (
        *((f"--example: the server offers no {', '.join(unheard[:5])}",) if unheard else ()),
        *_writers(prepared, surface),
    )


def _writers(prepared: Prepared, surface: Surface) -> tuple[str, ...]:
    if prepared.sandbox.on or prepared.target.workspaces or prepared.target.trusted_lab:
        return ()
    writers = file_writers(surface.operations)
    if not writers:
        return ()
    more = f" and {len(writers) - 3} more" if len(writers) > 3 else ""
    return (
        f"no sandbox ({prepared.sandbox.status}) and no --workspace: {', '.join(writers[:3])}{more} may write to "
        "real files of this machine",
    )
