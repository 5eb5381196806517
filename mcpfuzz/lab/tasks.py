"""Tasks: a tool's call that goes on while its client asks how it fares (2025-11-25; an extension of 2026-07-28).

Knows requests; knows no tool. A task belongs to whoever made it: of somebody else's there is none, and no word says
that it exists. Ids hold 144 bits of chance, and what is older than its time is forgotten.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mcpfuzz.lab.calls import INLINE_S, PENDING, Pending, Workers
from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.eras import CAPABILITIES, PREFIX, Refusal
from mcpfuzz.lab.kit import World

if TYPE_CHECKING:  # core imports us; the request is its
    from mcpfuzz.lab.core import Request

__all__ = ["EXTENSION", "SINCE", "Tasks"]

SINCE: Final = "2025-11-25"
EXTENSION: Final = PREFIX + "tasks"
RELATED: Final = PREFIX + "related-task"
QUEUE_S: Final = 1.0
"""Seconds that a task waits for its turn."""
MOST: Final = 200
"""Tasks of one identity; more are refused until one is forgotten."""
PAGE: Final = 20
USUAL_MS, LEAST_MS, LONGEST_MS = 60_000, 1_000, 600_000
POLL_MS: Final = 200
NO_ROOM: Final = "There are too many tasks, try again later"


@dataclass(slots=True, eq=False)
class _Task:
    key: str
    owner: str
    ttl_ms: int
    modern: bool
    born: float = field(default_factory=time.monotonic)
    made: str = field(default_factory=lambda: _now())
    updated: str = field(default_factory=lambda: _now())
    status: str = "working"
    result: dict[str, Any] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    waiting: list[Callable[[], None]] = field(default_factory=list)
    """Told when it has ended."""


class Tasks:
    """All of one server."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self._all: OrderedDict[str, _Task] = OrderedDict()
        self._lock = threading.Lock()
        self._workers = Workers()

    # ---- made and done ----

    def wanted(self, request: Request, support: bool) -> bool:
        """Whether this call becomes a task: as the client asks (legacy), or as the server likes (modern).

        Raises:
            Refusal: -32601 where the tool cannot be one, -32602 for a wish that is none.
        """
        if request.revision.modern:
            return support and _declared(request)
        if request.revision.date < SINCE or "task" not in request.params:
            return False
        wish = request.params["task"]
        if not support:
            raise Refusal(-32601, "Method not found: this tool is no task")
        if not isinstance(wish, dict) or not _is_time(wish.get("ttl", USUAL_MS)):
            raise Refusal(-32602, "Invalid params: task is an object, its ttl so many milliseconds")
        return True

    def begin(self, request: Request, work: Callable[[threading.Event], dict[str, Json]]) -> dict[str, Json]:
        """The result that stands for the task; `work` is done meanwhile, once its turn comes. Raises Refusal."""
        wish = request.params.get("task")
        asked = wish.get("ttl", USUAL_MS) if isinstance(wish, dict) and not request.revision.modern else USUAL_MS
        owner = request.connection.identity
        # the id is all that keeps strangers out where nobody can be told from anybody
        ttl_ms = int(min(max(asked, LEAST_MS), LONGEST_MS))
        task = _Task(secrets.token_urlsafe(18), owner, ttl_ms, request.revision.modern)
        with self._lock:
            self._sweep()
            if sum(one.owner == owner for one in self._all.values()) >= MOST:
                raise Refusal(-32603, NO_ROOM)
            self._all[task.key] = task
        if not self._workers.submit(lambda: self._run(task, work)):
            self._end(task, "cancelled", {})
            raise Refusal(-32603, NO_ROOM)
        if request.revision.modern:
            return {"resultType": "task", **_told(task, modern=True)}
        return {"task": _told(task, modern=False)}

    def _run(self, task: _Task, work: Callable[[threading.Event], dict[str, Json]]) -> None:
        if task.stopped.wait(QUEUE_S):
            return
        result = work(task.stopped)
        failed = result.get("isError") is True and not task.modern
        self._end(task, "failed" if failed else "completed", result)

    def _end(self, task: _Task, status: str, result: dict[str, Any]) -> None:
        """What has ended stays as it is."""
        with self._lock:
            if task.status != "working":
                return
            task.status, task.result, task.updated = status, result, _now()
            waiting, task.waiting = task.waiting, []
        task.stopped.set()
        for tell in waiting:
            tell()

    def _sweep(self) -> None:
        now = time.monotonic()
        for task in list(self._all.values()):
            if task.status != "working" and now - task.born > task.ttl_ms / 1000:
                del self._all[task.key]

    # ---- asked about ----

    def _find(self, request: Request, *, anybody: bool) -> _Task:
        """Raises Refusal: -32602 where there is none, or none of the caller's."""
        key = request.params.get("taskId")
        if not isinstance(key, str):
            raise Refusal(-32602, "Invalid params: taskId is a string")
        if request.revision.modern and not _declared(request):
            raise Refusal(-32021, "Missing required client capability", {
                "requiredCapabilities": {"extensions": {EXTENSION: {}}},
            })  # fmt: skip
        with self._lock:
            self._sweep()
            task = self._all.get(key)
        if task is None or (task.owner != request.connection.identity and not anybody):
            raise Refusal(-32602, "Invalid params: there is no such task")
        return task

    def get(self, request: Request) -> dict[str, Json]:
        """`tasks/get`; since 2026-07-28 with the result, once there is one."""
        # task-read: the id is too long to be guessed, so whoever has it was given it
        task = self._find(request, anybody=self.lab.on("task-read"))
        told = _told(task, modern=request.revision.modern)
        if request.revision.modern and task.status == "completed":
            told["result"] = task.result
        return told

    def result(self, request: Request) -> dict[str, Json] | Pending:
        """`tasks/result` (legacy): waits until there is one."""
        task = self._find(request, anybody=self.lab.on("task-read"))
        emit, connection = request.connection.emit, request.connection
        if emit is None or request.inline:
            task.stopped.wait(INLINE_S)
        elif task.status == "working":
            key = (type(request.id).__name__, request.id)
            connection.running[key] = given_up = threading.Event()

            def tell() -> None:
                if connection.running.get(key) is given_up:
                    del connection.running[key]
                if not given_up.is_set():
                    emit({"jsonrpc": "2.0", "id": request.id, **_answer(task)})

            with self._lock:
                if task.status == "working":
                    task.waiting.append(tell)
                    return PENDING
            connection.running.pop(key, None)
        answer = _answer(task)
        if "error" in answer:
            raise Refusal(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]  # type: ignore[no-any-return]

    def listing(self, request: Request) -> dict[str, Json]:
        """`tasks/list` (legacy). Where nobody is told from anybody there is none (2025-11-25, tasks, security)."""
        if not self.lab.identified:
            raise Refusal(-32601, "Method not found")
        with self._lock:
            self._sweep()
            # task-list: a table for whoever looks after the server, and it got out
            every, owner = self.lab.on("task-list"), request.connection.identity
            own = [one for one in self._all.values() if every or one.owner == owner]
        starts = {f"after-{start}": start for start in range(PAGE, len(own), PAGE)}
        cursor = request.params.get("cursor")
        if "cursor" in request.params and (not isinstance(cursor, str) or cursor not in starts):
            raise Refusal(-32602, "Invalid params: there is no such page")
        start = starts[cursor] if isinstance(cursor, str) else 0
        further = {"nextCursor": f"after-{start + PAGE}"} if start + PAGE < len(own) else {}
        return {"tasks": [_told(one, modern=False) for one in own[start : start + PAGE]], **further}

    def cancel(self, request: Request) -> dict[str, Json]:
        """`tasks/cancel`."""
        # task-cancel: what is only read asks whose it is; ending it looks like no harm
        task = self._find(request, anybody=self.lab.on("task-cancel"))
        if task.status != "working" and not request.revision.modern:
            raise Refusal(-32602, "Invalid params: the task has ended")
        self._end(task, "cancelled", {})
        return {} if request.revision.modern else _told(task, modern=False)

    def update(self, request: Request) -> dict[str, Json]:
        """`tasks/update` (2026-07-28): no task of ours asks for anything, so there is nothing to take."""
        self._find(request, anybody=False)
        return {}


def _declared(request: Request) -> bool:
    """Whether a modern request says that its client knows tasks."""
    known = request.meta.get(CAPABILITIES)
    extensions = known.get("extensions") if isinstance(known, dict) else None
    return isinstance(extensions, dict) and isinstance(extensions.get(EXTENSION), dict)


def _is_time(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _told(task: _Task, *, modern: bool) -> dict[str, Any]:
    ttl, poll = ("ttlMs", "pollIntervalMs") if modern else ("ttl", "pollInterval")
    return {
        "taskId": task.key, "status": task.status, "createdAt": task.made, "lastUpdatedAt": task.updated,
        ttl: task.ttl_ms, poll: POLL_MS,
    }  # fmt: skip


def _answer(task: _Task) -> dict[str, Any]:
    """What the call itself would have been answered with."""
    if task.status == "cancelled":
        return {"error": {"code": -32602, "message": "Invalid params: the task was cancelled"}}
    return {"result": {**task.result, "_meta": {RELATED: {"taskId": task.key}}}}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
