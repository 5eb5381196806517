"""The HTTP side surface: where the server also serves an OpenAPI document, Schemathesis looks for requests that it
answers wrongly. Looked at once, before the attacks; what was seen becomes cases of `http-side-surface`, which are
proved as any other.

Schemathesis runs in a process of its own without a socket (`strategies.side_worker`); all it would send is sent here,
to this server and nobody else, inside the sandbox where there is one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import trio

from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.campaign.workers import TROUBLE, Worker
from mcpfuzz.errors import TargetError
from mcpfuzz.events import Event, Noted
from mcpfuzz.model import Check, Http, HttpFailure, Json, Surface, replace
from mcpfuzz.oracles.http_proofs import TRUE_ERRORS
from mcpfuzz.slots import quote
from mcpfuzz.strategies import schema_adapter
from mcpfuzz.target import Prepared
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.once import OneReply, request_once

__all__ = ["documented", "response_schema", "with_side_surface"]

SCENARIO = "http-side-surface"
SHARE = 0.2
"""Of the whole budget, at most."""
LEAST_S = 5.0
"""Below it nothing is begun: Schemathesis takes two to four seconds until its first request."""
EXAMPLES = {"quick": 40, "standard": 100, "nightly": 500}
"""Draws for each operation and mode, by profile."""
REQUEST_S = 5.0
DOCUMENTS = (
    "/openapi.json", "/api/openapi.json", "/v1/openapi.json", "/api/v1/openapi.json", "/docs/openapi.json",
    "/swagger.json", "/swagger/v1/swagger.json", "/v3/api-docs", "/api-docs", "/api-docs.json",
    "/.well-known/openapi.json",
)  # fmt: skip
MAX_DOCUMENT = 4 << 20
MAX_SCHEMA = 64 << 10
SAFE = ("GET", "HEAD", "OPTIONS")
ALL = (*SAFE, "POST", "PUT", "PATCH", "DELETE")
METHODS = frozenset(name.lower() for name in (*ALL, "TRACE"))
OWN = ("/sse", "/messages", "/message")
"""MCP's own paths besides the endpoint: other scenarios have those."""
MOST_BYTES = 1 << 20
"""Of one body that is handed to Schemathesis."""


async def with_side_surface(
    prepared: Prepared, settings: Settings, supply: Supply, surface: Surface, emit: Callable[[Event], None]
) -> Surface:
    """The surface with what was seen, and with the places `schemathesis` and `openapi` as far as they are there.

    Raises:
        TargetError: the server is gone and does not come up again.
    """
    if SCENARIO not in {item.id for item in settings.scenarios} or "endpoint" not in surface.places:
        return surface
    if not schema_adapter.available():
        return surface
    surface = replace(surface, places=surface.places | {"schemathesis"})
    endpoint = prepared.way()
    assert isinstance(endpoint, Endpoint)
    found = await _document(endpoint)
    if found is None:
        return surface
    path, document = found
    seconds = SHARE * settings.max_time
    why = "it refers out of itself" if _leads_out(document) else "there is no time for it" if seconds < LEAST_S else ""
    if why:
        emit(Noted(text=f"{SCENARIO}: {path} is left alone: {why}"))
        return surface
    if not prepared.identities:  # a step says a credential only as somebody
        endpoint = replace(endpoint, headers=())
    survey = _Survey(endpoint, supply, document, min(settings.timeout, REQUEST_S))
    methods = ALL if _may_write(prepared) else SAFE
    order = {
        "document": survey.document, "prefix": _prefix(document), "seed": settings.seed, "methods": methods,
        "seconds": seconds - LEAST_S / 2, "examples": EXAMPLES[settings.profile],
    }  # fmt: skip
    with trio.move_on_after(seconds):
        await survey.play(order, prepared.target.state)
    await survey.settle()
    emit(Noted(text=f"{SCENARIO}: {path}, {survey.words(methods)}"))
    return replace(surface, places=surface.places | {"openapi"}, failures=survey.failures())


def _may_write(prepared: Prepared) -> bool:
    """Whether requests that may change something are sent: as for tools, where what we started cannot be harmed."""
    target = prepared.target
    contained = bool(target.workspaces) or target.trusted_lab or prepared.sandbox.on
    return target.allow_destructive or (prepared.launch is not None and contained)


# ---- the document ----------------------------------------------------------------------------------


async def _document(endpoint: Endpoint) -> tuple[str, dict[str, Json]] | None:
    """The first OpenAPI document with operations that are not MCP's own."""
    for path in DOCUMENTS:
        headers = (("Host", endpoint.authority), ("Accept", "application/json"), *endpoint.headers)
        try:
            reply = await request_once(endpoint, "GET", path, headers, None, time.monotonic() + REQUEST_S)
        except TargetError:
            return None
        if reply.status == 200 and len(reply.body) <= MAX_DOCUMENT:
            document = documented(reply.body, endpoint.target)
            if document is not None:
                return path, document
    return None


def documented(body: bytes, endpoint: str) -> dict[str, Json] | None:
    """An OpenAPI document without MCP's own paths; None where it is none, or where nothing is left.

    Args:
        endpoint: path (and query) that MCP is spoken at.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not {"openapi", "swagger"} & document.keys():
        return None
    paths = document.get("paths")
    if not isinstance(paths, dict):
        return None
    own = {endpoint.partition("?")[0].rstrip("/"), *OWN}
    kept = {path: item for path, item in paths.items() if path.rstrip("/") not in own and isinstance(item, dict)}
    return {**document, "paths": kept} if any(METHODS & item.keys() for item in kept.values()) else None


def _leads_out(value: Json, depth: int = 0) -> bool:
    """Whether a reference leads out of the document: nothing is ever fetched for a stranger."""
    if depth > 200:
        return True
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            return True
        return any(_leads_out(item, depth + 1) for item in value.values())
    return isinstance(value, list) and any(_leads_out(item, depth + 1) for item in value)


def _prefix(document: Mapping[str, Any]) -> str:
    """The path that all paths of the document stand behind."""
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    where = first.get("url") if isinstance(first, dict) else None
    where = where if isinstance(where, str) else document.get("basePath")
    try:
        path = urlsplit(where).path if isinstance(where, str) and "{" not in where else ""
    except ValueError:
        path = ""
    return path.rstrip("/") if path.startswith("/") else ""


def response_schema(document: Mapping[str, Any], operation: str, status: int) -> Mapping[str, Json] | None:
    """What a JSON body of exactly this status is documented to be, as a schema that stands alone; None where there is
    none, or where it is too large to be carried along."""
    method, _, path = operation.partition(" ")
    try:
        answer = document["paths"][path][method.lower()]["responses"][str(status)]
        if "$ref" in answer:
            answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        kinds = {kind: item for kind, item in answer["content"].items() if "json" in kind}
        schema = next(iter(kinds.values()))["schema"]
    except (KeyError, TypeError, StopIteration, AttributeError):
        return None
    components = document.get("components")
    shared = components.get("schemas", {}) if isinstance(components, dict) else {}
    made = {**_plain(schema), "components": {"schemas": _plain(shared)}}
    return made if len(json.dumps(made)) <= MAX_SCHEMA else None


def _plain(value: Any) -> Any:
    """As JSON Schema reads it: OpenAPI's own `nullable` spelt out, what is written only is not owed in an answer."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _plain(item) for key, item in value.items()}
    properties = value.get("properties")
    if isinstance(properties, dict) and isinstance(value.get("required"), list):
        hidden = {name for name, item in properties.items() if isinstance(item, dict) and item.get("writeOnly") is True}
        made["required"] = [name for name in value["required"] if name not in hidden]
    return {"anyOf": [made, {"type": "null"}]} if value.get("nullable") is True else made


# ---- Schemathesis at the other end of two pipes ----------------------------------------------------


class _Survey:
    """What one process of Schemathesis asks for, and what it found."""

    def __init__(self, endpoint: Endpoint, supply: Supply, document: dict[str, Json], timeout: float) -> None:
        self.document = document
        self._endpoint = endpoint
        self._supply = supply
        self._timeout = timeout
        self._seen: dict[tuple[str, Check], dict[str, Any]] = {}
        self._done: dict[str, Any] = {}
        self._requests = 0
        self._trouble = ""

    async def play(self, order: Mapping[str, Any], state: str) -> None:
        """Run it to its end; ended with us, whatever happens."""
        try:
            async with Worker.open("side_worker", state) as worker:
                await worker.tell(order)
                async for message in worker.messages():
                    answer = await self._heard(message)
                    if answer is not None:
                        await worker.tell(answer)
        except TROUBLE as error:
            self._trouble = f"Schemathesis ended early ({type(error).__name__})"

    async def _heard(self, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if "ask" in message:
            return await self._sent(message["ask"])
        if "failed" in message:
            failed = message["failed"]
            self._seen[failed["operation"], failed["check"]] = failed  # the last is the simplest
        else:
            self._done = dict(message["done"])
        return None

    async def _sent(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """One request, to this server; what came back."""
        self._requests += 1
        made = _http(asked, slots=False)
        headers = (("Host", self._endpoint.authority), *made.headers, *self._endpoint.headers)
        body = made.body.encode("utf-8") if isinstance(made.body, str) else made.body
        deadline = time.monotonic() + self._timeout
        try:
            reply = await request_once(self._endpoint, made.method, made.path, headers, body, deadline)
        except (TargetError, ValueError) as error:
            reply = OneReply(None, problem=str(error))
        if reply.status is not None:
            told = [[name, value] for name, value in reply.headers]
            return {"status": reply.status, "headers": told, "body": _packed(reply.body[:MOST_BYTES])}
        await self.settle()
        return {"error": reply.problem or "no answer"}

    async def settle(self) -> None:
        """A server that is damaged is started anew, as after any share."""
        self._supply.quiet = False
        client = await self._supply.client()
        if not (await client.barrier(REQUEST_S)).whole:
            await self._supply.regained(f"during {SCENARIO}")
        self._supply.effects()

    def failures(self) -> tuple[HttpFailure, ...]:
        """What is worth a proof, in order of operation and check."""
        made = []
        for (operation, check), failed in sorted(self._seen.items()):
            status = failed["status"]
            schema: Mapping[str, Json] | None = {}
            if check == "server-error" and status not in TRUE_ERRORS:
                continue
            if check == "response-schema":
                if not 200 <= status < 300:
                    continue  # an error in words of its own is the custom of the trade
                schema = response_schema(self.document, operation, status)
            if schema is None:
                continue
            passed = None if failed["passed"] is None else _http(failed["passed"])
            made.append(
                HttpFailure(
                    operation=operation, check=check, request=_http(failed["request"]), passed=passed, status=status,
                    schema=schema,
                )
            )  # fmt: skip
        return tuple(made)

    def words(self, methods: tuple[str, ...]) -> str:
        """How far it came."""
        skipped = len(self._done.get("skipped", ()))
        words = [f"{self._requests} requests"]
        if "operations" in self._done:
            words.append(f"{self._done['operations']} operations")
        if self._trouble or not self._done or self._done.get("spent"):
            words.append(self._trouble or "not to its end: its time was spent")
        if skipped:
            words.append(
                f"{skipped} not asked, since they may change something: give --workspace or --allow-destructive"
            )
        return ", ".join(words)


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _http(asked: Mapping[str, Any], *, slots: bool = True) -> Http:
    """A request as a step holds it, with braces that are no slots; or as it goes out. Raises ValueError for what is
    none."""
    said = quote if slots else str
    headers = tuple((str(name), said(str(value))) for name, value in asked["headers"] if str(name).lower() != "host")
    if slots:
        headers = (("Host", "{authority}"), *headers)
    path = str(asked["path"])
    if not path.startswith("/"):
        raise ValueError(f"{path[:60]!r} is no path")
    body: str | bytes | None = None
    if asked["body"] is not None:
        try:
            body = base64.b64decode(asked["body"], validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from None
        with contextlib.suppress(UnicodeDecodeError):
            body = said(body.decode("utf-8"))
    return Http(str(asked["method"]), said(path), headers, body)
