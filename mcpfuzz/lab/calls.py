"""`tools/list` and `tools/call`: definitions, validation, running in line or on a worker, progress, cancelling.

Knows requests and tools; knows no transport and no tool by name, and leaves every other method to `core`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mcpfuzz.lab.codec import Json, dumps
from mcpfuzz.lab.eras import CAPABILITIES, LEVELS, Refusal, Revision
from mcpfuzz.lab.kit import Ask, Call, Later, Names, Reply, Tool, ToolError, World
from mcpfuzz.lab.schema import Invalid, Schema, closed, conform, quoted

if TYPE_CHECKING:  # core imports us; the request is its, and tasks are made of our workers
    from mcpfuzz.lab.core import Request
    from mcpfuzz.lab.tasks import Tasks

__all__ = ["PENDING", "Calls", "Pending"]

WORKERS: Final = 8
"""Threads for slow calls, started when the first one comes."""

BACKLOG: Final = 256
"""Slow calls that may wait for a thread; more are refused."""

INLINE_S: Final = 2.0
"""Seconds that a call in a batch may take to reply from elsewhere."""


class Pending:
    """The answer will come through the connection."""


PENDING: Final = Pending()


class Workers:
    """Daemon threads behind one bounded queue."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue(BACKLOG)
        self._threads: list[threading.Thread] = []
        self._under_way = 0
        self._lock = threading.Condition()

    def submit(self, job: Callable[[], None]) -> bool:
        """Whether there was room."""
        with self._lock:
            if self._jobs.full():
                return False
            self._under_way += 1
            self._jobs.put_nowait(job)
            if len(self._threads) < min(WORKERS, self._under_way):
                self._threads.append(threading.Thread(target=self._work, daemon=True))
                self._threads[-1].start()
        return True

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            finally:
                with self._lock:
                    self._under_way -= 1
                    self._lock.notify_all()

    def drain(self, seconds: float) -> None:
        """Wait until nothing is under way, at most so long."""
        until = time.monotonic() + seconds
        with self._lock:
            while self._under_way and (left := until - time.monotonic()) > 0:
                self._lock.wait(left)


_WRITERS = (
    "create_", "delete_", "order_", "set_", "unpack_", "install_", "try_", "update_", "pass_", "add_", "tidy_",
    "issue_", "redeem_", "use_", "open_", "change_", "clear_", "keep_", "leave_", "register_", "admin_",
)  # fmt: skip


class Calls:
    """All tools, under the names they are served by."""

    def __init__(self, lab: World, tools: list[Tool], tasks: Tasks | None = None) -> None:
        self.lab = lab
        self._tasks = tasks
        self.workers = Workers()
        self._tools: dict[str, tuple[Tool, Names]] = {}
        for tool in tools:
            names = Names(tool, lab.draw)
            self._tools[names.tool] = (tool, names)
        self._schemas = {name: _input_schema(tool, names) for name, (tool, names) in self._tools.items()}
        self._free = lab.draw.of("call slots", 1, 2, 3)
        self._listings = 0

    # ---- definitions ----

    def definitions(self, request: Request) -> list[dict[str, Json]]:
        """What `tools/list` tells, all pages together."""
        revision, caller = request.revision, request.connection.identity
        self._listings += "cursor" not in request.params
        return [
            revision.trimmed(self._definition(name, tool))
            for name, (tool, _) in self._tools.items()
            if tool.listed and (tool.told is None or caller in tool.told)
        ]

    def _definition(self, name: str, tool: Tool) -> dict[str, Json]:
        definition = {
            "name": name,
            "title": tool.title,
            "description": tool.describe(self._listings) if tool.describe else tool.description,
            "inputSchema": self._schemas[name],
            "annotations": dict(tool.hints),
        }
        if tool.output is not None:
            definition["outputSchema"] = tool.output
        if tool.task:
            definition["execution"] = {"taskSupport": "optional"}
        return definition

    # ---- calls ----

    def call(self, request: Request) -> dict[str, Json] | Pending:
        """`tools/call`: the result, or PENDING where a worker will answer.

        Raises:
            Refusal: the request itself is wrong. Wrong arguments are an `isError` result instead.
        """
        name = request.params.get("name")
        if not isinstance(name, str):
            raise Refusal(-32602, "Invalid params: name is a string")
        if name not in self._tools:
            if self.lab.on("fabricated-success"):
                # fabricated-success: a default for tools that "have nothing to say"
                return _content(Reply("Done."), request.revision)
            raise Refusal(-32602, f"Unknown tool: {quoted(name)}")
        if not self.lab.on("poison-malformed"):
            return self._run(name, _arguments(request), request)
        if self._free <= 0:
            raise Refusal(-32603, "The server is busy")
        # poison-malformed: one of a few slots is taken, and a refusal on the way keeps it
        self._free -= 1
        arguments = _arguments(request)
        self._free += 1
        return self._run(name, arguments, request)

    def _run(self, name: str, arguments: dict[str, Json], request: Request) -> dict[str, Json] | Pending:
        tool, _ = self._tools[name]
        if self.lab.read_only and self._writes(tool):
            return _content(Reply("The server is in read-only mode.", is_error=True), request.revision)
        _round(request)
        if self._tasks is not None and self._tasks.wanted(request, tool.task):
            return self._tasks.begin(request, lambda stopped: self._done(name, arguments, request, stopped))
        if not tool.slow:
            return self._answer(name, arguments, request, lambda reply: None)
        done = threading.Event()
        key = (type(request.id).__name__, request.id)
        request.connection.running[key] = cancelled = threading.Event()
        replies: list[Reply] = []

        def reply(value: Reply) -> None:
            replies.append(value)
            done.set()
            if not request.inline:
                self._late(request, tool, _content(value, request.revision), cancelled)

        def job() -> None:
            result = self._answer(name, arguments, request, reply, cancelled)
            if not isinstance(result, Pending):
                self._late(request, tool, result, cancelled)

        if not request.inline:
            if not self.workers.submit(job):
                return _content(
                    Reply("Too many calls are under way, try again later.", is_error=True), request.revision
                )
            return PENDING
        result = self._answer(name, arguments, request, reply, cancelled)
        if isinstance(result, Pending):
            done.wait(INLINE_S)
            result = _content(
                replies[0] if replies else Reply("The tool gave no answer.", is_error=True), request.revision
            )
        request.connection.running.pop(key, None)
        return result

    def _done(
        self, name: str, arguments: dict[str, Json], request: Request, stopped: threading.Event
    ) -> dict[str, Json]:
        """What a task comes to: the call's own result."""
        result = self._answer(name, arguments, request, lambda reply: None, stopped)
        return {} if isinstance(result, Pending) else result

    def _writes(self, tool: Tool) -> bool:
        """Whether a tool does more than read."""
        if self.lab.on("read-only-mode"):
            # read-only-mode: a list of those that write, which was right when it was made
            return tool.name.startswith(_WRITERS)
        return tool.hints.get("readOnlyHint") is not True

    def _late(self, request: Request, tool: Tool, result: dict[str, Json], cancelled: threading.Event) -> None:
        """Send the answer of a slow call, unless it was cancelled meanwhile."""
        key = (type(request.id).__name__, request.id)
        if request.connection.running.get(key) is cancelled:
            del request.connection.running[key]
        emit = request.connection.emit
        if cancelled.is_set() or emit is None:
            return
        if request.log_level is not None and LEVELS.index(request.log_level) <= LEVELS.index("info"):
            told = {"level": "info", "logger": "calls", "data": "a slow call has ended"}
            emit({"jsonrpc": "2.0", "method": "notifications/message", "params": told})
        # id-type: a table keyed by something else than the id, and the key goes out
        answered = tool.tickets(request.id) if tool.tickets else request.id
        emit({"jsonrpc": "2.0", "id": answered, "result": request.revision.finished(request.method, result)})

    def _answer(
        self,
        name: str,
        arguments: dict[str, Json],
        request: Request,
        reply: Callable[[Reply], None],
        cancelled: threading.Event | None = None,
    ) -> dict[str, Json] | Pending:
        """Validate, run, and put the reply into a result; what the tool's guard lets through is not caught."""
        tool, names = self._tools[name]
        try:
            if tool.checked:
                arguments = conform(self._schemas[name], arguments, constants=self.lab.on("nan-out"))
            outcome = tool.run(
                Call(
                    args=names.arguments(arguments),
                    identity=request.connection.identity,
                    reply=reply,
                    progress=_progress(request),
                    cancelled=cancelled or threading.Event(),
                    **_round(request),
                )
            )
        except Refusal:
            raise
        except tool.catches as error:
            outcome = Reply(_told(error, tool), is_error=True)
        if isinstance(outcome, Ask):
            return {
                "resultType": "input_required", "inputRequests": dict(outcome.requests), "requestState": outcome.state,
            }  # fmt: skip
        return PENDING if isinstance(outcome, Later) else _content(outcome, request.revision)


def _round(request: Request) -> dict[str, Any]:
    """What a modern request says of the client, and brings along from the round before."""
    if not request.revision.modern:
        return {}
    given, state = request.params.get("inputResponses", {}), request.params.get("requestState")
    if not isinstance(given, dict) or not isinstance(state, str | None):
        raise Refusal(-32602, "Invalid params: inputResponses is an object, requestState a string")
    return {"modern": True, "client": request.meta.get(CAPABILITIES, {}), "given": given, "state": state}


def _told(error: BaseException, tool: Tool) -> str:
    """What the client is told of a failure: our own words; an exception's only where a weak twin says so."""
    if isinstance(error, Invalid):
        return f"Invalid arguments: {error}."
    return str(error) if isinstance(error, ToolError) else tool.explain(error)


def _input_schema(tool: Tool, names: Names) -> Schema:
    properties = {names.served[name]: schema for name, schema in tool.arguments.items()}
    schema = closed(properties, *(names.served[name] for name in tool.required))
    if tool.defs:
        schema["$defs"] = dict(tool.defs)
    if tool.open:
        del schema["additionalProperties"]
    return schema


def _arguments(request: Request) -> dict[str, Json]:
    arguments = request.params.get("arguments", {})
    if not isinstance(arguments, dict):
        raise Refusal(-32602, "Invalid params: arguments is an object")
    return arguments


def _progress(request: Request) -> Callable[[float, float], None]:
    """Tells progress where the client gave a token for it and can be told."""
    token, emit = request.meta.get("progressToken"), request.connection.emit

    def tell(done: float, total: float) -> None:
        if token is not None and emit is not None:
            params = {"progressToken": token, "progress": done, "total": total}
            emit({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})

    return tell


def _content(reply: Reply, revision: Revision) -> dict[str, Any]:
    """A reply as `CallToolResult`; structured values are told as text too (2025-06-18, tools, structured content)."""
    if reply.structured is None:
        result: dict[str, Any] = {"content": [{"type": "text", "text": reply.text}]}
    else:
        text = dumps(reply.structured, constants=True)
        result = {"content": [{"type": "text", "text": text}], "structuredContent": reply.structured}
    if reply.is_error or not revision.modern:
        result["isError"] = reply.is_error
    return result
