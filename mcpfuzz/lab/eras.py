"""The five MCP revisions as the lab speaks them: what a definition, a result and an envelope hold in each.

Tables and pure functions; knows no connection and no tool. "Legacy" is the `initialize` handshake (2024-11-05 to
2025-11-25), "modern" the stateless form (2026-07-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcpfuzz.lab.codec import Json

__all__ = ["LEGACY", "LEVELS", "MODERN", "Refusal", "Revision"]

LEGACY: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN: Final = "2026-07-28"
LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

PREFIX: Final = "io.modelcontextprotocol/"
VERSION, CAPABILITIES, CLIENT, LOG_LEVEL, SERVER = (
    PREFIX + name for name in ("protocolVersion", "clientCapabilities", "clientInfo", "logLevel", "serverInfo")
)
SERVER_INFO: Final = {"name": "notes-and-shop", "version": "1.4.0"}
_TITLED: Final = {**SERVER_INFO, "title": "Notes and shop"}
INSTRUCTIONS: Final = "Notes, and a small pottery shop. Ids and article codes come from the list tools."

_BASE: Final = frozenset(
    {
        "completion/complete",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "tools/call",
        "tools/list",
    }
)
LEGACY_METHODS: Final = _BASE | {
    "initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe",
}  # fmt: skip
MODERN_METHODS: Final = _BASE | {"server/discover", "subscriptions/listen"}
LEGACY_TASKS: Final = frozenset({"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"})
MODERN_TASKS: Final = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
"""Served where some tool's call may become a task."""
CACHED: Final = frozenset(
    {"server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"}
)
"""Methods whose results carry `ttlMs` and `cacheScope` (2026-07-28, caching)."""

_SINCE: Final[Mapping[str, str]] = {
    "annotations": "2025-03-26",
    "completions": "2025-03-26",
    "title": "2025-06-18",
    "outputSchema": "2025-06-18",
    "structuredContent": "2025-06-18",
    "execution": "2025-11-25",
    "tasks": "2025-11-25",
}
"""Members that older revisions do not know, and the revision that brought them. Dates compare as text."""
_LEFT: Final = frozenset({"execution", "tasks"})
"""Members that 2026-07-28 dropped: there tasks are an extension."""


class Refusal(Exception):
    """A JSON-RPC error that the request earned."""

    def __init__(self, code: int, message: str, data: Json = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class Revision:
    """What one revision adds to, or leaves out of, what the server says."""

    def __init__(self, date: str) -> None:
        self.date = date
        self.modern = date == MODERN
        self.batches = date == "2025-03-26"
        """JSON-RPC batches came with 2025-03-26 and went with 2025-06-18."""

    @property
    def no_resource(self) -> int:
        """The code for a resource that does not exist (2026-07-28 retired -32002)."""
        return -32602 if self.modern else -32002

    @property
    def null_ids(self) -> bool:
        """JSON-RPC wants `"id": null` where the id could not be read; the schemas since 2025-11-25 want none."""
        return self.date < "2025-11-25"

    def knows(self, member: str) -> bool:
        return self.date >= _SINCE.get(member, "") and not (self.modern and member in _LEFT)

    def trimmed(self, definition: Mapping[str, Json]) -> dict[str, Json]:
        """A definition, or a result, without members that this revision does not know."""
        return {name: value for name, value in definition.items() if self.knows(name)}

    def capabilities(self, tasks: Mapping[str, Json] | None = None, *, subscribe: bool = True) -> dict[str, Json]:
        """What the server declares.

        Args:
            tasks: what of tasks; None where no call becomes one.
            subscribe: there is a way to tell of changes (legacy).
        """
        if self.modern:  # told to those who listen
            told: Json = {"listChanged": True}
            return {
                "tools": told, "resources": {"listChanged": True, "subscribe": True}, "prompts": told,
                "completions": {}, "logging": {},
                **({} if tasks is None else {"extensions": {PREFIX + "tasks": {}}}),
            }  # fmt: skip
        resources: dict[str, Json] = {"subscribe": True} if subscribe else {}
        declared: dict[str, Json] = {
            "tools": {}, "resources": resources, "prompts": {}, "completions": {}, "logging": {},
        }  # fmt: skip
        return self.trimmed(declared | ({} if tasks is None else {"tasks": tasks}))

    def initialized(self, tasks: Mapping[str, Json] | None = None, *, subscribe: bool = True) -> dict[str, Json]:
        """The result of `initialize`."""
        info = _TITLED if self.knows("title") else SERVER_INFO
        return {
            "protocolVersion": self.date,
            "capabilities": self.capabilities(tasks, subscribe=subscribe),
            "serverInfo": info,
            "instructions": INSTRUCTIONS,
        }

    def discovered(self, tasks: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """The result of `server/discover`."""
        return {"supportedVersions": [MODERN], "capabilities": self.capabilities(tasks), "instructions": INSTRUCTIONS}

    def finished(self, method: str, result: Mapping[str, Json]) -> dict[str, Json]:
        """The result as this revision sends it."""
        if not self.modern:
            return self.trimmed(result)
        hints: dict[str, Any] = {"ttlMs": 60_000, "cacheScope": "public"} if method in CACHED else {}
        if method == "resources/read":
            hints = {"ttlMs": 0, "cacheScope": "private"}
        return {"resultType": "complete", **result, **hints, "_meta": {SERVER: _TITLED}}


REVISIONS: Final[Mapping[str, Revision]] = {date: Revision(date) for date in (*LEGACY, MODERN)}


def enveloped(meta: Mapping[str, Json]) -> bool:
    """Whether a request's `_meta` shows that it means the modern form, complete or not."""
    return any(key in meta for key in (VERSION, CAPABILITIES, CLIENT))


def open_envelope(meta: Mapping[str, Json]) -> None:
    """Hold a modern request's `_meta` against 2026-07-28.

    Raises:
        Refusal: -32602 for what is missing or of the wrong type, -32022 for a version that is not spoken here.
    """
    version = meta.get(VERSION)
    if not isinstance(version, str):
        raise Refusal(-32602, f"Invalid params: _meta lacks {VERSION}")
    if version != MODERN:
        raise Refusal(-32022, "Unsupported protocol version", {"supported": [MODERN], "requested": version})
    if not isinstance(meta.get(CAPABILITIES), dict):
        raise Refusal(-32602, f"Invalid params: _meta lacks {CAPABILITIES}")
    client = meta.get(CLIENT, SERVER_INFO)
    if not (
        isinstance(client, dict) and isinstance(client.get("name"), str) and isinstance(client.get("version"), str)
    ):
        raise Refusal(-32602, f"Invalid params: {CLIENT} needs a name and a version")
    if LOG_LEVEL in meta and meta[LOG_LEVEL] not in LEVELS:
        raise Refusal(-32602, f"Invalid params: {LOG_LEVEL} must be one of {', '.join(LEVELS)}")
