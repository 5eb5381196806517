"""Growth over runs: which operations were reached that never were before, and which are not any more.

Kept beside the corpus, one small file per target; the report's `growth` says what changed. It is told whatever
the seed: it changes no case.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcpfuzz.campaign.corpus import UNREADABLE, put
from mcpfuzz.events import Event, Finished, Started
from mcpfuzz.model import Json, replace

__all__ = ["listen"]


def listen(folder: Path, emit: Callable[[Event], None]) -> Callable[[Event], None]:
    """What stands between the engine and `emit`: compares the run's reach with that of the runs before it.

    Args:
        folder: the target's corpus (`campaign.corpus.folder_of`).
    """
    started = ""

    def on(event: Event) -> None:
        nonlocal started
        if isinstance(event, Started):
            started = event.started
        elif isinstance(event, Finished) and event.operations:
            event = replace(event, extra={**event.extra, "growth": _grown(folder / "nights.json", event, started)})
        emit(event)

    return on


def _grown(path: Path, finished: Finished, started: str) -> dict[str, Json]:
    runs, before = _read(path)
    reached = {(one.kind, one.name) for one in finished.operations if one.reached}
    offered = [(one.kind, one.name) for one in finished.operations]
    first = [key for key in offered if key in reached and key not in before]
    called = {(one.kind, one.name) for one in finished.operations if one.calls}
    lost = [key for key in offered if key in called - reached and key in before]
    known = {**before, **dict.fromkeys(first, started)}
    rows = [{"kind": kind, "name": name, "first_reached": day} for (kind, name), day in known.items()]
    if finished.outcome in ("clean", "findings", "interrupted"):
        put(path, {"runs": runs + 1, "reached": rows})
    return {
        "runs": runs,
        "reached": len(reached),
        "reached_ever": len(known),
        "first_reached": [{"kind": kind, "name": name} for kind, name in (first if runs else [])],
        "not_reached_now": [{"kind": kind, "name": name} for kind, name in lost],
    }


def _read(path: Path) -> tuple[int, dict[tuple[str, str], str]]:
    with contextlib.suppress(*UNREADABLE):
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        return int(told["runs"]), {
            (str(one["kind"]), str(one["name"])): str(one["first_reached"]) for one in told["reached"]
        }
    return 0, {}
