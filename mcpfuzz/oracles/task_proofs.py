"""Proofs about whose tasks are whose: what one caller's call became is told to another, listed for them or cancelled by
them. The params name the steps by their role, as in `ownership`.

Pure, as all proofs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpfuzz.model import Exchange, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import accepted, answered_result, by_step, strings
from mcpfuzz.oracles.refusing import other_words
from mcpfuzz.tasks import ENDED, task_of

__all__ = ["TASKS"]


def _task_told(exchange: Exchange | None) -> str:
    """What an answer tells of a task that its request does not: since when there is one, or what came of it."""
    if exchange is None or not accepted(exchange):
        return ""
    result = answered_result(exchange) or {}
    made = result.get("createdAt")
    if isinstance(made, str):
        return made
    return strings({name: value for name, value in result.items() if name != "_meta"})


def _task_read(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller is told of a task what its owner is told; of an id that nobody has they are told nothing."""
    said = by_step(params, trace)
    if said is None or not (told := _task_told(said.get(params["own"]))):
        return None
    absent, foreign = said.get(params["absent"]), said.get(params["foreign"])
    if absent is None or absent.answer is None or accepted(absent) or _task_told(foreign) != told:
        return None
    return f"step {params['foreign'] + 1}, by another caller, tells of the task that step {params['made'] + 1} made"


def _task_listed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """One caller's task stands in the list of another's."""
    said = by_step(params, trace)
    made, foreign = (said.get(params["made"]), said.get(params["foreign"])) if said is not None else (None, None)
    if said is None or not _task_told(said.get(params["own"])) or foreign is None or not accepted(foreign):
        return None
    task = task_of(answered_result(made)) if made is not None else None
    tasks = (answered_result(foreign) or {}).get("tasks")
    listed = [one.get("taskId") for one in tasks if isinstance(one, dict)] if isinstance(tasks, list) else []
    if task is None or task["taskId"] not in listed:
        return None
    return f"step {params['foreign'] + 1}, another caller's list, holds the task that step {params['made'] + 1} made"


def _task_cancelled(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A task that was under way is cancelled for its owner after another caller cancelled it."""
    said = by_step(params, trace)
    own, foreign = (said.get(params["own"]), said.get(params["foreign"])) if said is not None else (None, None)
    if said is None or own is None or foreign is None or not accepted(foreign) or not _task_told(own):
        return None
    if (answered_result(own) or {}).get("status") in ENDED:
        return None
    for step in params["again"]:
        again = said.get(step)
        if again is not None and (answered_result(again) or {}).get("status") == "cancelled":
            return f"step {step + 1}: the task of step {params['made'] + 1} is cancelled, by another caller"
    return None


def _task_existence(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller is refused in other words where the task exists than where it does not."""
    said = by_step(params, trace)
    if said is None or not _task_told(said.get(params["own"])):
        return None
    return other_words(said.get(params["absent"]), said.get(params["foreign"]))


TASKS: Mapping[str, Seen] = {
    "task-read": _task_read,
    "task-listed": _task_listed,
    "task-cancelled": _task_cancelled,
    "task-existence": _task_existence,
}
"""Kind -> how it is seen."""
