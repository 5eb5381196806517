"""The client's side of one MCP session, sans-IO: it says what to send and what an arriving frame is.
It never waits and never reads a clock; the driver (trio, blocking sockets under gevent, a test) does.

Two state machines: `Handshake` comes to terms on a revision, `Session` is what it leaves behind.

Era negotiation (specification, versioning):
  1. `server/discover` at the newest modern revision.
  2. A shared modern version -> modern. Only legacy versions, any error but -32022, an unreadable
     result, or no answer in time (`overdue`) -> `initialize`.
  3. -32022 naming a version we share -> asked once more with it; naming only foreign modern
     versions -> a real incompatibility. `initialize` answered by -32022 -> asked once more.
Hazard: some servers lock the era at a process's first request, so another era needs a fresh process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpfuzz.model import Frame, Json
from mcpfuzz.revisions import BY_DATE, LATEST_LEGACY, LATEST_MODERN, META, Revision
from mcpfuzz.wire import encode, id_key

__all__ = ["CLIENT_INFO", "Handshake", "Session", "envelope", "unagreed"]

CLIENT_INFO = {"name": "mcpfuzz", "version": "0.1.0"}
UNSUPPORTED_VERSION = -32022
FIRST_ID = 1_000
"""Ids of ordinary requests begin here; the handshake's are below."""


class Session:
    """An agreed session: makes requests, answers what the server asks.

    Attributes:
        revision: the agreed revision.
        server: serverInfo (`{}` where none was given).
        capabilities: the server's.
        offered: the versions the server said it speaks.
    """

    def __init__(
        self,
        revision: Revision,
        *,
        server: Mapping[str, Json],
        capabilities: Mapping[str, Json],
        offered: tuple[str, ...],
        instructions: str = "",
    ) -> None:
        self.revision = revision
        self.server = server
        self.capabilities = capabilities
        self.offered = offered
        self.instructions = instructions
        self._next = FIRST_ID
        self._envelope: dict[str, Json] | None = envelope(revision) if revision.era == "modern" else None

    def next_id(self) -> int:
        """An id that this session has not used."""
        self._next += 1
        return self._next

    def message(self, method: str, params: Json, request_id: Json) -> dict[str, Json]:
        """A well-formed request; in the modern era `params._meta` gains the envelope."""
        if self._envelope is not None:
            given = params if isinstance(params, dict) else {}
            meta = given.get("_meta")
            params = {**given, "_meta": {**self._envelope, **(meta if isinstance(meta, dict) else {})}}
        if params is None:
            return {"jsonrpc": "2.0", "id": request_id, "method": method}
        return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}

    def barrier(self, request_id: Json) -> dict[str, Json]:
        """A request that any living server answers and that changes nothing."""
        return self.message(self.revision.barrier, None, request_id)

    def subscription(self) -> dict[str, Json] | None:
        """The params of `subscriptions/listen` for every change that the server declares to tell (2026-07-28); None
        where there is none, and in the legacy era, which asks for nothing."""
        if self._envelope is None:
            return None
        told = [
            name for name in ("tools", "prompts", "resources")
            if isinstance(known := self.capabilities.get(name), dict) and known.get("listChanged") is True
        ]  # fmt: skip
        return {"notifications": {f"{name}ListChanged": True for name in told}} if told else None

    @staticmethod
    def reply(asked: Mapping[str, Json]) -> dict[str, Json]:
        """The canned answer to a server's request: a pong, or a refusal. No model, no files, no person
        stands behind this client (hostility, promise 28)."""
        if asked.get("method") == "ping":
            return {"jsonrpc": "2.0", "id": asked["id"], "result": {}}
        refusal = {"code": -32601, "message": "not offered by this client"}
        return {"jsonrpc": "2.0", "id": asked["id"], "error": refusal}


def unagreed(revision: Revision | None) -> Session:
    """A session that was never agreed: for talking before, or instead of, the handshake."""
    return Session(revision or LATEST_LEGACY, server={}, capabilities={}, offered=())


def envelope(revision: Revision) -> dict[str, Json]:
    """What every modern request carries in `params._meta` (LM-02)."""
    return {
        META + "protocolVersion": revision.date,
        META + "clientCapabilities": {},
        META + "clientInfo": CLIENT_INFO,
    }


class Handshake:
    """Comes to terms with a server.

    Args:
        wanted: a `Revision` to insist on, or None to negotiate.

    Drive it: send `start()`; give each arriving frame to `receive` and send what that returns; call
    `overdue` when the probe's patience is over. Done when `session` or `failure` is set.
    """

    def __init__(self, wanted: Revision | None = None) -> None:
        self._wanted = wanted
        self._retried: set[str] = set()
        self._pending: dict[tuple[str, Any] | None, tuple[str, str]] = {}
        self._sent = 0
        self.session: Session | None = None
        self.failure: str | None = None

    def start(self) -> list[bytes]:
        """The first bytes to send, one frame each."""
        if self._wanted is not None and self._wanted.era == "legacy":
            return [self._initialize(self._wanted.date)]
        return [self._discover(self._wanted or LATEST_MODERN)]

    @property
    def probing(self) -> bool:
        """Whether only the modern probe is out, so that `overdue` may go on to `initialize`."""
        if self.session is not None or self.failure is not None:
            return False
        return self._wanted is None and all(kind == "discover" for kind, _ in self._pending.values())

    def overdue(self) -> list[bytes]:
        """The probe has not been answered in time: an old server that drops what it does not know."""
        return [self._initialize(LATEST_LEGACY.date)] if self.probing else []

    def receive(self, frame: Frame) -> list[bytes]:
        """What to send because of `frame`; afterwards `session` or `failure` may be set."""
        value = frame.value
        if not isinstance(value, dict):
            return []
        if value.get("method") in ("initialize", "server/discover") and id_key(value.get("id")) in self._pending:
            self.failure = "it sends back what it is sent; is it an MCP server?"  # `cat`, or a terminal's echo
            return []
        if "method" in value:
            return [encode(Session.reply(value))] if value.get("id") is not None else []
        asked = self._pending.pop(id_key(value.get("id")), None)
        if asked is None or self.session is not None:
            return []
        kind, date = asked
        if kind == "discover":
            return self._discovered(value, date)
        return self._initialized(value, date)

    # ---- the modern probe

    def _discover(self, revision: Revision) -> bytes:
        return self._ask("discover", "server/discover", {"_meta": envelope(revision)}, revision.date)

    def _discovered(self, value: Mapping[str, Json], date: str) -> list[bytes]:
        result, error = value.get("result"), value.get("error")
        if isinstance(result, dict):
            offered = _strings(result.get("supportedVersions"))
            shared = [item for item in offered if item in BY_DATE and BY_DATE[item].era == "modern"]
            if date in shared or (shared and self._wanted is None):
                agreed = BY_DATE[date if date in shared else max(shared)]
                self._agree(agreed, result, offered, server=_meta_server(result))
                return []
            return self._fall_back(offered)
        if isinstance(error, dict) and error.get("code") == UNSUPPORTED_VERSION:
            data = error.get("data")
            named = _strings(data.get("supported")) if isinstance(data, dict) else ()
            shared = [item for item in named if item in BY_DATE and BY_DATE[item].era == "modern"]
            if shared and "discover" not in self._retried:
                self._retried.add("discover")
                return [self._discover(BY_DATE[max(shared)])]
            if named and not any(item in BY_DATE for item in named):
                self.failure = f"it speaks only {', '.join(named)}, which mcpfuzz does not know"
                return []
        return self._fall_back(())

    def _fall_back(self, offered: tuple[str, ...]) -> list[bytes]:
        if any(kind == "initialize" for kind, _ in self._pending.values()):
            return []  # `overdue` has asked already
        if self._wanted is not None:
            self.failure = f"it does not offer revision {self._wanted.date}"
            return []
        known = [item for item in offered if item in BY_DATE and BY_DATE[item].era == "legacy"]
        return [self._initialize(max(known) if known else LATEST_LEGACY.date)]

    # ---- the legacy handshake

    def _initialize(self, date: str) -> bytes:
        params = {"protocolVersion": date, "capabilities": {}, "clientInfo": CLIENT_INFO}
        return self._ask("initialize", "initialize", params, date)

    def _initialized(self, value: Mapping[str, Json], date: str) -> list[bytes]:
        result, error = value.get("result"), value.get("error")
        if isinstance(result, dict):
            answered = result.get("protocolVersion")
            if not isinstance(answered, str) or answered not in BY_DATE or BY_DATE[answered].era != "legacy":
                self.failure = (
                    f"it answered initialize with protocolVersion {_short(answered)}, which is no legacy revision"
                )
                return []
            if self._wanted is not None and answered != self._wanted.date:
                self.failure = f"it offers revision {answered} instead of {self._wanted.date}"
                return []
            server = result.get("serverInfo")
            self._agree(BY_DATE[answered], result, (answered,), server=server if isinstance(server, dict) else {})
            return [encode({"jsonrpc": "2.0", "method": "notifications/initialized"})]
        if isinstance(error, dict):
            return self._refused(error, date)
        if result is None and error is not None:
            self.failure = f"it refused initialize with an error that is no object: {_short(error)}"
            return []
        self.failure = f"its answer to initialize holds no result object but {_short(result)}"
        return []

    def _refused(self, error: Mapping[str, Json], date: str) -> list[bytes]:
        data = error.get("data")
        named = _strings(data.get("supported")) if isinstance(data, dict) else ()
        mutual = [item for item in named if item in BY_DATE and item != date]
        if mutual and self._wanted is None and "initialize" not in self._retried:
            self._retried.add("initialize")
            best = BY_DATE[max(mutual)]
            return [self._discover(best) if best.era == "modern" else self._initialize(best.date)]
        self.failure = f"it refused initialize: {_short(error.get('code'))} {_short(error.get('message'))}"
        return []

    # ---- common

    def _ask(self, kind: str, method: str, params: Json, date: str) -> bytes:
        self._sent += 1
        self._pending[("int", self._sent)] = (kind, date)
        return encode({"jsonrpc": "2.0", "id": self._sent, "method": method, "params": params})

    def _agree(
        self, revision: Revision, result: Mapping[str, Json], offered: tuple[str, ...], *, server: Mapping[str, Json]
    ) -> None:
        capabilities, told = result.get("capabilities"), result.get("instructions")
        self.session = Session(
            revision,
            server=server,
            capabilities=capabilities if isinstance(capabilities, dict) else {},
            offered=offered,
            instructions=told if isinstance(told, str) else "",
        )


def _strings(value: Json) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _meta_server(result: Mapping[str, Json]) -> Mapping[str, Json]:
    meta = result.get("_meta")
    for holder, key in ((meta, META + "serverInfo"), (meta, "serverInfo"), (result, "serverInfo")):
        if isinstance(holder, dict) and isinstance(holder.get(key), dict):
            found: Mapping[str, Json] = holder[key]
            return found
    return {}


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
