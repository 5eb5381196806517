"""`--jobs N`: N shards of one campaign, each a process of its own with its own server, both pinned to one
core where the system allows. The parent only listens and merges; it tests nothing itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from mcpfuzz import extensions, host
from mcpfuzz.campaign.merging import merged
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.errors import Fault, McpfuzzError, first_cause
from mcpfuzz.events import Discovered, Event, Finished, Found, Noted, Progress, Restarted, Started
from mcpfuzz.model import replace
from mcpfuzz.target import Prepared, Target

__all__ = ["run_shards"]


def run_shards(target: Target, settings: Settings, jobs: int, emit: Callable[[Event], None]) -> Finished:
    """Run `jobs` shards side by side; blocking.

    Raises:
        McpfuzzError: what a shard raised before it began (a workspace that cannot be copied, say).
    """
    context = multiprocessing.get_context("spawn")  # trio and fork do not mix
    cores = host.cores()
    pipes, workers = [], []
    for number in range(jobs):
        ours, theirs = context.Pipe(duplex=False)
        # Scenarios hold functions: the shard finds them again by name.
        plain = replace(settings, scenarios=(), shard=(number + 1, jobs))
        names = tuple(scenario.id for scenario in settings.scenarios)
        worker = context.Process(
            target=_shard,
            args=(theirs, target, plain, names, cores[number % len(cores)], extensions.loaded_folders()),
            daemon=False,
        )
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    try:
        parts = _listen(pipes, emit)
    except KeyboardInterrupt:
        for worker in workers:
            worker.terminate()
        parts = _listen(pipes, emit)
        if not parts:  # stopped before any of them began
            raise
    finally:
        for worker in workers:
            worker.join(10)
            if worker.is_alive():
                worker.kill()
    if not parts:
        raise Fault("every shard ended without a word")
    finished = merged(parts, shares=True)
    emit(finished)
    return finished


def _shard(
    pipe: Connection, target: Target, settings: Settings, names: tuple[str, ...], core: int, own: tuple[Path, ...]
) -> None:
    """One shard, in its own process."""
    from mcpfuzz.door import run_campaign
    from mcpfuzz.scenarios.catalogue import chosen

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C, or its terminal's end, and ends us
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    host.become_subreaper()
    host.return_memory()
    host.pin(core)
    try:
        extensions.load(implied=own)
        with Prepared.of(target) as prepared:
            run_campaign(prepared, replace(settings, scenarios=chosen(names)), pipe.send)
    except McpfuzzError as error:
        with contextlib.suppress(OSError):
            pipe.send(error)
    except Exception as error:
        if not isinstance(first_cause(error), BrokenPipeError):  # that: nobody listens any more
            raise
    finally:
        pipe.close()


def _listen(pipes: list[Connection], emit: Callable[[Event], None]) -> list[Finished]:
    """Forward what the shards tell until all have closed; their Finished events."""
    parts: list[Finished] = []
    progress: dict[Connection, Progress] = {}
    told: set[object] = set()
    while pipes:
        for pipe in multiprocessing.connection.wait(pipes):
            assert isinstance(pipe, Connection)
            try:
                event = pipe.recv()
            except (EOFError, OSError):
                pipes.remove(pipe)
                continue
            if isinstance(event, McpfuzzError):
                raise event
            if isinstance(event, Finished):
                parts.append(event)
            elif isinstance(event, Progress):
                progress[pipe] = event
                emit(_summed(event, progress))
            else:
                _forward(event, told, emit)
    return parts


def _forward(event: Event, told: set[object], emit: Callable[[Event], None]) -> None:
    """Once what all shards tell alike; a cause once."""
    key: object = event
    if isinstance(event, Started | Discovered):
        key = type(event)
    elif isinstance(event, Found):
        key = event.finding.fingerprint
    elif isinstance(event, Noted):
        key = event.text
    elif isinstance(event, Restarted):
        key = object()
    if key not in told:
        told.add(key)
        emit(event)


def _summed(event: Progress, progress: dict[Connection, Progress]) -> Progress:
    return replace(
        event,
        requests=sum(item.requests for item in progress.values()),
        cases=sum(item.cases for item in progress.values()),
        restarts=sum(item.restarts for item in progress.values()),
        findings=sum(item.findings for item in progress.values()),
    )
