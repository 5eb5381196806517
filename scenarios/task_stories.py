"""What `object-level` tells of tasks: the first caller's call becomes one, another asks for it, lists it, ends it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mcpfuzz.model import Call, Json, Open, Operation, Step, Surface, Wait
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.scenarios.stories import plain
from mcpfuzz.surface import bind
from mcpfuzz.tasks import augmented, offered

__all__ = ["TaskStory", "task_stories"]

MARGIN_S = 0.3
"""Beyond the time that a task took."""
TaskStory = tuple[str, str, list[Step], dict[str, Json]]
"""Label, kind of the proof, steps, and which step is what."""


def task_stories(surface: Surface, operation: Operation) -> Iterator[TaskStory]:
    """All that can be told of a tool whose calls become tasks; nothing of any other."""
    declared = offered(surface.capabilities, surface.revision)
    arguments = plain(surface, operation)
    if declared is None or arguments is None or operation.key not in surface.tasks:
        return
    modern = BY_DATE[surface.revision].era == "modern"
    params = bind(operation, arguments).params
    made = Step(action=Call("tools/call", augmented(params, surface.revision, new=True)))
    yield _asked(surface, made, "tasks/get", "seen")
    lasts = surface.tasks[operation.key]
    if not modern and lasts < math.inf:  # tasks/result waits for the end; since 2026-07-28 tasks/get tells the result
        yield _asked(surface, made, "tasks/result", "its result", after=lasts + MARGIN_S)
    if not modern and "list" in declared:
        steps = [made, _own(surface, "tasks/get", 1), _others(surface, Call("tasks/list", {}))]
        yield "in another caller's list of tasks", "task-listed", steps, {"steps": 3, "made": 0, "own": 1, "foreign": 2}
    if modern or "cancel" in declared:
        steps = [
            _others(surface, Open()), made, _own(surface, "tasks/get", 2),
            _others(surface, _about(surface, "tasks/cancel", 2)),
            _own(surface, "tasks/get", 2), _own(surface, "tasks/get", 2),
        ]  # fmt: skip
        yield "cancelled by another caller", "task-cancelled", steps, {
            "steps": 6, "made": 1, "own": 2, "foreign": 3, "again": [4, 5],
        }  # fmt: skip


def _asked(surface: Surface, made: Step, method: str, what: str, after: float = 0.0) -> TaskStory:
    """Made, asked for by its owner, then by another: under a made-up id, and under its own.

    Args:
        after: seconds to wait for its end.
    """
    waits = [Step(action=Wait(round(after, 1)))] if after else []
    steps = [
        made, *waits, _own(surface, method, 1),
        _others(surface, _about(surface, method, 1, how="like")), _others(surface, _about(surface, method, 1)),
    ]  # fmt: skip
    size = len(steps)
    roles: dict[str, Json] = {"steps": size, "made": 0, "own": size - 3, "absent": size - 2, "foreign": size - 1}
    return f"a task, {what} by another caller ({method})", "task-read", steps, roles


def _about(surface: Surface, method: str, step: int, how: str = "got") -> Call:
    return Call(method, augmented({"taskId": f"{{{how}:{step}:taskId}}"}, surface.revision))


def _own(surface: Surface, method: str, step: int) -> Step:
    return Step(action=_about(surface, method, step))


def _others(surface: Surface, action: Call | Open) -> Step:
    return Step(action=action, as_=surface.callers[1], on="c2")
