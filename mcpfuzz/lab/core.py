"""The lab's heart: (line of bytes, connection) -> answers. Knows JSON-RPC and MCP; knows no transport, no tool.

A line is read strictly, taken apart as a batch (2025-03-26 only), a request, a notification or a response, and
each request is served in its own era: modern where it carries an envelope, legacy after `initialize`. Weaknesses
of the protocol live here, each in the one place where its mistake would be made.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from mcpfuzz.lab import codec
from mcpfuzz.lab.calls import Calls, Pending
from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.eras import (
    LEGACY,
    LEGACY_METHODS,
    LEGACY_TASKS,
    LEVELS,
    MODERN,
    MODERN_METHODS,
    MODERN_TASKS,
    REVISIONS,
    Refusal,
    Revision,
    enveloped,
    open_envelope,
)
from mcpfuzz.lab.kit import Tool, World
from mcpfuzz.lab.listing import Listing
from mcpfuzz.lab.subscriptions import Subscriptions
from mcpfuzz.lab.tasks import Tasks

__all__ = ["Connection", "Request", "Server"]

NO_ID: Final = object()
"""The message has no id, or none that can be read."""

MOST_IN_BATCH: Final = 32
"""Messages of one batch; more is refused as one. Slow calls are answered in line there, 0.2 s each."""


@dataclass(slots=True, eq=False)
class Connection:
    """One client, from its first byte to its last."""

    emit: Callable[[Json], None] | None = None
    """Sends a message outside of an answer: progress, log lines, late answers. None: every call is answered in
    line."""
    told: Callable[[Json], None] | None = None
    """Sends what belongs to no request; None: there is no way for that."""
    identity: str = "local"
    revision: Revision | None = None
    """What `initialize` settled; None before it, and in the modern form."""
    modern_seen: bool = False
    log_level: str | None = None
    running: dict[tuple[str, Json], threading.Event] = field(default_factory=dict)
    """Slow calls under way, by type and value of their id; setting the event cancels."""


@dataclass(slots=True, eq=False, kw_only=True)
class Request:
    """One well-formed request that will be served."""

    id: Json
    method: str
    params: dict[str, Json]
    meta: Mapping[str, Json]
    revision: Revision
    connection: Connection
    inline: bool
    """Part of a batch, or the connection cannot be written to later: answer before returning."""
    also: list[Json] = field(default_factory=list)
    """Answers that were given before the one that is returned."""

    @property
    def log_level(self) -> str | None:
        """The least level the client asked to be told of; None: nothing."""
        if self.revision.modern:
            return self.meta.get("io.modelcontextprotocol/logLevel")
        return self.connection.log_level


Handler: TypeAlias = Callable[[Request], "dict[str, Json] | Pending"]


class Server:
    """The reference server. Without weaknesses it is meant to be sound; `handle` then never raises."""

    def __init__(self, lab: World, tools: list[Tool], listing: Listing, *, era: str = "both") -> None:
        self.lab = lab
        self.era = era
        self.tasks = Tasks(lab) if any(tool.task for tool in tools) else None
        self.calls = Calls(lab, tools, self.tasks)
        self.methods = {
            "legacy": LEGACY_METHODS | (LEGACY_TASKS if self.tasks else set()),
            "modern": MODERN_METHODS | (MODERN_TASKS if self.tasks else set()),
        }
        """Era -> what is served in it."""
        subscriptions = Subscriptions(lab, listing)
        lab.watchers.append(subscriptions.updated)
        self._handlers: dict[str, Handler] = {
            "initialize": self._initialize,
            "ping": lambda request: {},
            "logging/setLevel": self._set_level,
            "server/discover": lambda request: request.revision.discovered(self._declared()),
            "tools/list": lambda request: listing.page(request, "tools", self.calls.definitions(request)),
            "tools/call": self.calls.call,
            "prompts/list": listing.prompts,
            "prompts/get": listing.prompt,
            "resources/list": listing.resources,
            "resources/templates/list": listing.templates,
            "resources/read": listing.read,
            "resources/subscribe": subscriptions.subscribe,
            "resources/unsubscribe": subscriptions.unsubscribe,
            "completion/complete": listing.complete,
            "subscriptions/listen": subscriptions.listen,
        }
        if self.tasks is not None:
            self._handlers |= {
                "tasks/get": self.tasks.get,
                "tasks/result": self.tasks.result,
                "tasks/list": self.tasks.listing,
                "tasks/cancel": self.tasks.cancel,
                "tasks/update": self.tasks.update,
            }
        deep, frame = lab.on("crash-depth"), lab.on("crash-frame")
        # nan-out: json.loads reads NaN unless told otherwise, and comparing it with bounds finds nothing wrong.
        # crash-surrogate: json.loads reads a lone surrogate too; sys.stdout then cannot encode the answer.
        self._reading = codec.Reading(
            max_depth=None if deep else codec.READABLE_DEPTH,
            constants=lab.on("nan-out"),
            surrogates=lab.on("crash-surrogate"),
        )
        # crash-frame: JSONDecodeError is not all that json.loads raises (UnicodeDecodeError, too many digits).
        # crash-depth: RecursionError is no ValueError.
        self._unreadable: tuple[type[Exception], ...] = (
            json.JSONDecodeError,
            codec.Refused,
            *(() if frame else (ValueError,)),
            *(() if deep else (RecursionError,)),
        )

    # ---- a line ----

    def handle(self, line: bytes, connection: Connection) -> list[Json]:
        """The answers to one line, in order; slow calls answer later through `connection.emit`."""
        if not line.strip():
            return []
        try:
            message, deep = codec.loads(line, self._reading)
        except self._unreadable as error:
            code = error.code if isinstance(error, codec.Refused) else -32700
            text = str(error) if isinstance(error, codec.Refused) else "Parse error"
            return [self._error(connection, NO_ID, Refusal(code, text))]
        if deep:
            return self._too_deep(message, connection)
        if isinstance(message, list):
            return self._batch(message, connection)
        return self._message(message, connection, inline=connection.emit is None)

    def _too_deep(self, message: Json, connection: Connection) -> list[Json]:
        """Refuse what is nested too deep; with its id if it is a request."""
        if isinstance(message, dict) and "id" not in message and isinstance(message.get("method"), str):
            return []  # a notification
        request_id = message.get("id") if isinstance(message, dict) and "method" in message else None
        refusal = Refusal(-32600, "Invalid request: nested too deep")
        return [self._error(connection, request_id if _is_id(request_id) else NO_ID, refusal)]

    def refuse_size(self, connection: Connection) -> Json:
        """The answer to a line that was thrown away unread."""
        return self._error(connection, NO_ID, Refusal(-32600, "Invalid request: the message is too large"))

    def _batch(self, messages: list[Json], connection: Connection) -> list[Json]:
        if self.lab.on("batch-crash"):
            # batch-crash: for the log, before anybody looked whether these are requests
            print("batch:", ", ".join(message["method"] for message in messages), file=sys.stderr)
        batches = connection.revision is not None and connection.revision.batches
        if not batches or not 0 < len(messages) <= MOST_IN_BATCH:
            return [
                self._error(connection, NO_ID, Refusal(-32600, "Invalid request: this is no batch that is taken here"))
            ]
        answers = [answer for message in messages for answer in self._message(message, connection, inline=True)]
        return [answers] if answers else []

    # ---- a message ----

    def _message(self, message: Json, connection: Connection, *, inline: bool) -> list[Json]:
        if not isinstance(message, dict):
            return [self._error(connection, NO_ID, Refusal(-32600, "Invalid request: a message is an object"))]
        if "method" not in message and ("result" in message or "error" in message):
            return []  # a response: this server asks nothing
        has_id = "id" in message
        request_id = message["id"] if has_id and _is_id(message["id"]) else NO_ID
        if not has_id and isinstance(message.get("method"), str):
            method = message["method"]
            if message.get("jsonrpc") == "2.0" or method.startswith("notifications/"):
                return self._notification(method, message.get("params"), connection)
        fault = _fault(message, readable=request_id is not NO_ID)
        if fault is not None:
            return [self._error(connection, request_id, Refusal(-32600, f"Invalid request: {fault}"))]
        return self._request(message, connection, inline)

    def _notification(self, method: str, params: Json, connection: Connection) -> list[Json]:
        if method == "notifications/cancelled" and isinstance(params, dict) and _is_id(params.get("requestId")):
            key = (type(params["requestId"]).__name__, params["requestId"])
            if key in connection.running:
                connection.running[key].set()
        known = ("cancelled", "initialized", "progress", "roots/list_changed")
        if self.lab.on("executes-notification") and method in self._handlers:
            # executes-notification: served like a request, only the answer is left out
            self._message(
                {"jsonrpc": "2.0", "id": 0, "method": method, "params": params or {}}, connection, inline=True
            )
        elif self.lab.on("answers-notification") and method.removeprefix("notifications/") not in known:
            # answers-notification: "method not found" goes out whether or not anybody asked
            return [{"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "Method not found"}}]
        return []

    # ---- a request ----

    def _request(self, message: dict[str, Json], connection: Connection, inline: bool) -> list[Json]:
        method, params = message["method"], message.get("params", {})
        also: list[Json] = []
        try:
            handler = self._handler(method)
            if not isinstance(params, dict):
                raise Refusal(-32602, "Invalid params: params is an object")
            meta = _meta(params)
            revision = self._revision(method, meta, connection)
            request = Request(
                id=message["id"],
                method=method,
                params=params,
                meta=meta,
                revision=revision,
                connection=connection,
                inline=inline,
                also=also,
            )
            result = handler(request)
        except Refusal as refusal:
            return [*also, self._failure(connection, message["id"], method, refusal)]
        except self._guard(method):
            return [*also, self._failure(connection, message["id"], method, Refusal(-32603, "Internal error"))]
        if isinstance(result, Pending):
            return also
        return [*also, {"jsonrpc": "2.0", "id": message["id"], "result": revision.finished(method, result)}]

    def _guard(self, method: str) -> tuple[type[Exception], ...]:
        """What is answered as an internal error. A tool's call is guarded by the tool itself (`Tool.catches`)."""
        return () if method == "tools/call" else (Exception,)

    def _handler(self, method: str) -> Handler:
        known = self.methods.get(self.era, self.methods["legacy"] | self.methods["modern"])
        if method in known:
            return self._handlers[method]
        if self.lab.on("unknown-method-result"):
            # unknown-method-result: a default that was meant for notifications
            return lambda request: {}
        if method == "initialize":
            raise Refusal(-32601, f"Method not found: this server speaks {MODERN} only", {"supported": [MODERN]})
        raise Refusal(-32601, "Method not found")

    def _revision(self, method: str, meta: Mapping[str, Json], connection: Connection) -> Revision:
        """The revision that this request is served in; refuses what the era does not allow."""
        fresh = connection.revision is None
        if self.era == "modern" or (
            self.era == "both" and (enveloped(meta) or (fresh and method == "server/discover"))
        ):
            if method in self._handlers and method not in self.methods["modern"]:
                raise Refusal(-32601, "Method not found")
            connection.modern_seen = True
            open_envelope(meta)
            return REVISIONS[MODERN]
        if connection.revision is not None:
            revision = connection.revision
            tasks = method in LEGACY_TASKS and not revision.knows("tasks")
            if (method in self._handlers and method not in self.methods["legacy"]) or tasks:
                raise Refusal(-32601, "Method not found")
            return revision
        if method == "initialize" or (method == "ping" and not connection.modern_seen):
            return REVISIONS[LEGACY[-1]]
        raise Refusal(-32602, "Invalid params: initialize first, or send the _meta envelope of 2026-07-28")

    def _initialize(self, request: Request) -> dict[str, Json]:
        connection, params = request.connection, request.params
        if connection.revision is not None:
            raise Refusal(-32600, "Invalid request: already initialized")
        client = params.get("clientInfo")
        if not isinstance(params.get("protocolVersion"), str) or not isinstance(params.get("capabilities"), dict):
            raise Refusal(-32602, "Invalid params: initialize needs protocolVersion and capabilities")
        if not (
            isinstance(client, dict) and isinstance(client.get("name"), str) and isinstance(client.get("version"), str)
        ):
            raise Refusal(-32602, "Invalid params: clientInfo needs a name and a version")
        wanted = params["protocolVersion"]
        connection.revision = request.revision = REVISIONS[wanted if wanted in LEGACY else LEGACY[-1]]
        return connection.revision.initialized(self._declared(), subscribe=connection.told is not None)

    def _declared(self) -> dict[str, Json] | None:
        """What is declared of tasks (2025-11-25): no list of them where nobody is told from anybody."""
        if self.tasks is None:
            return None
        listed: dict[str, Json] = {"list": {}} if self.lab.identified else {}
        return {**listed, "cancel": {}, "requests": {"tools": {"call": {}}}}

    def _set_level(self, request: Request) -> dict[str, Json]:
        level = request.params.get("level")
        if level not in LEVELS:
            raise Refusal(-32602, f"Invalid params: level must be one of {', '.join(LEVELS)}")
        request.connection.log_level = level
        return {}

    # ---- errors ----

    def _failure(self, connection: Connection, request_id: Json, method: str, refusal: Refusal) -> Json:
        """The error that answers a request; two weaknesses bend its shape, each on one method."""
        answer = self._error(connection, request_id, refusal)
        if self.lab.on("error-shape") and method == "completion/complete":
            # error-shape: the code went through a formatter, or was thought to be optional
            answer["error"]["code"] = str(refusal.code)
            if self.lab.draw.of("error shape", "text", "none") == "none":
                del answer["error"]["code"]
        if self.lab.on("result-and-error") and method == "prompts/get":
            # result-and-error: answers start as a success, and the error is added to it
            answer = {"jsonrpc": "2.0", "id": request_id, "result": {"messages": []}, "error": answer["error"]}
        return answer

    def _error(self, connection: Connection, request_id: Json, refusal: Refusal) -> dict[str, Any]:
        error: dict[str, Json] = {"code": refusal.code, "message": str(refusal)}
        if refusal.data is not None:
            error["data"] = refusal.data
        if request_id is not NO_ID:
            return {"jsonrpc": "2.0", "id": request_id, "error": error}
        revision = connection.revision
        null = revision.null_ids if revision else not connection.modern_seen
        return {"jsonrpc": "2.0", **({"id": None} if null else {}), "error": error}


def _is_id(value: Json) -> bool:
    """MCP narrows JSON-RPC: a string or an integer, never null and no fraction."""
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def _fault(message: dict[str, Json], *, readable: bool) -> str | None:
    """What makes this no request, or None. Whoever asks has ruled out responses and notifications."""
    if "method" not in message:
        return "method is missing"
    if "id" in message and not readable:
        return "id is a string or an integer"
    if message.get("jsonrpc") != "2.0":
        return 'jsonrpc is "2.0"'
    if not isinstance(message["method"], str):
        return "method is a string"
    if "result" in message or "error" in message:
        return "a request has no result and no error"
    return None


def _meta(params: dict[str, Json]) -> Mapping[str, Json]:
    meta = params.get("_meta", {})
    if not isinstance(meta, dict):
        raise Refusal(-32602, "Invalid params: _meta is an object")
    if "progressToken" in meta and not _is_id(meta["progressToken"]):
        raise Refusal(-32602, "Invalid params: progressToken is a string or an integer")
    return meta
