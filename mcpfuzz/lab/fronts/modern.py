"""Streamable HTTP without sessions (2026-07-28): each POST stands alone, and its headers say what its body says."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.core import Connection
from mcpfuzz.lab.eras import VERSION, Refusal, open_envelope
from mcpfuzz.lab.fronts.delivery import Delivery
from mcpfuzz.lab.fronts.exchange import Exchange
from mcpfuzz.lab.fronts.outlets import Outlet, is_answer
from mcpfuzz.lab.fronts.reading import Gone, Request, Stream
from mcpfuzz.lab.fronts.replying import Fields, Response, refusal

__all__ = ["MISMATCH", "Modern", "meta_of"]

MISMATCH: Final = -32020

_NAMES: Final[Mapping[str, str]] = {
    "tools/call": "name", "prompts/get": "name", "resources/read": "uri",
    "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId",
}  # fmt: skip
"""Methods with an Mcp-Name header, and the parameter that it repeats."""

_STATUS: Final[Mapping[int, int]] = {
    -32601: 404, -32600: 400, -32602: 400, -32700: 400, -32020: 400, -32021: 400, -32022: 400,
}  # fmt: skip
"""JSON-RPC code -> HTTP status; all else is 200."""


class Modern:
    """The stateless era."""

    def __init__(self, exchange: Exchange, delivery: Delivery) -> None:
        self.lab = exchange.lab
        self._exchange = exchange
        self._delivery = delivery

    def post(self, request: Request, stream: Stream, value: Json, identity: str, fields: Fields) -> Response | None:
        """Answer one body. A client that leaves has cancelled (2026-07-28, transports)."""
        message = value if isinstance(value, dict) else {}
        if "method" not in message and ("result" in message or "error" in message):
            return refusal(400, "This server asks nothing, so there is nothing to answer")
        try:
            self._headers(request, message)
        except Refusal as fault:
            known = {"id": message["id"]} if type(message.get("id")) in (str, int) else {}
            return refusal(_STATUS[fault.code], str(fault), fault.code, **known).plus(*fields)
        outlet = Outlet()
        connection = Connection(identity=identity, modern_seen=True)
        answers = self._exchange.say(request.body, connection, lambda text, answer: outlet.put(text, answer=answer))
        pending = "method" in message and "id" in message and not any(is_answer(answer) for answer in answers)
        if not answers and not pending:
            return Response(202, fields=fields) if value is not None else refusal(400, "Parse error", -32700)
        try:
            return self._delivery.out(
                request, stream, answers, outlet, pending=pending, status=_status(answers), fields=fields
            )
        except Gone:
            for cancelled in list(connection.running.values()):
                cancelled.set()
            raise

    def _headers(self, request: Request, message: dict[str, Json]) -> None:
        """Hold the headers against the body.

        Raises:
            Refusal: -32020 where they differ, -32601 for a method of the other era, -32602 without an envelope.
        """
        method = message.get("method")
        if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
            return  # no request: the core says so
        server = self._exchange.server
        legacy, modern = server.methods["legacy"], server.methods["modern"]
        if "id" in message and method in legacy - modern and server.era == "both":
            raise Refusal(-32601, "Method not found")
        if "id" in message and method not in modern:
            return  # the core knows what to say
        versions, version = request.all("mcp-protocol-version"), meta_of(message).get(VERSION)
        if len(versions) != 1 or (isinstance(version, str) and versions[0] != version):
            raise Refusal(MISMATCH, "Header mismatch: MCP-Protocol-Version is not what _meta says")
        if self.lab.on("headers-unchecked"):
            # headers-unchecked: they are for the gateway, and the gateway has looked at them
            self._envelope(message)
            return
        methods = request.all("mcp-method")
        if methods != (method,) and (methods or "id" in message):
            raise Refusal(MISMATCH, "Header mismatch: Mcp-Method is not the method")
        self._envelope(message)
        params = message.get("params")
        if method in _NAMES and "id" in message and isinstance(params, dict):
            name, names = params.get(_NAMES[method]), request.all("mcp-name")
            if isinstance(name, str) and (len(names) != 1 or _plain(names[0]) != name):
                raise Refusal(MISMATCH, f"Header mismatch: Mcp-Name is not {_NAMES[method]}")

    @staticmethod
    def _envelope(message: dict[str, Json]) -> None:
        if "id" in message:
            open_envelope(meta_of(message))


def meta_of(message: Json) -> Mapping[str, Json]:
    """A message's `_meta`; empty where it has none, or none that can be one."""
    params = message.get("params") if isinstance(message, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    return meta if isinstance(meta, dict) else {}


def _plain(value: str) -> str | None:
    """A header's value; `=?base64?...?=` is decoded (2026-07-28, transports), None where it cannot be."""
    if not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode("utf-8")
    except (ValueError, binascii.Error):
        return None


def _status(answers: list[Json]) -> int:
    codes = [answer["error"].get("code") for answer in answers if isinstance(answer, dict) and "error" in answer]
    return _STATUS.get(codes[-1], 200) if codes else 200
