"""Endpoints beside the real one, as they were before there were credentials."""

from __future__ import annotations

import json

from mcpfuzz.model import Case, Conversation, Operation, Proof, Step, Surface, replace
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.pages import get, page_case
from mcpfuzz.scenarios.sessions import beginning
from mcpfuzz.strategies.choices import Choices

PATHS = (
    "/mcp", "/sse", "/", "/mcp/", "/mcp/sse", "/v1/mcp", "/mcp/v1", "/v0/mcp", "/v2/mcp", "/api/mcp", "/api/sse",
    "/api", "/rpc", "/jsonrpc", "/message", "/messages", "/stream", "/streamable", "/http", "/old/mcp", "/legacy/mcp",
    "/dev/mcp", "/test/mcp", "/beta/mcp", "/internal/mcp", "/admin/mcp", "/debug/mcp", "/mcp-debug", "/mcp_old",
)  # fmt: skip


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Each path as Streamable HTTP begins a session, and as HTTP+SSE does; first the endpoint itself."""
    path, streamed = PATHS[index // 2 % len(PATHS)], index % 2
    refused = (_begin(surface, "{address}"), _stream("{address}"))
    steps = (*refused, _stream(path) if streamed else _begin(surface, path))
    params = {"steps": 3, "refused": [0, 1], "served": 2}
    proof = Proof(kind="still-there", expected="401, as the endpoint itself says", params=params)
    case = page_case(SCENARIO.id, "old-endpoint", path, steps, proof, path, refused[0])
    return replace(case, control=Conversation((*refused, refused[0])))


def _stream(path: str) -> Step:
    return get(path, ("Accept", "text/event-stream"))


def _begin(surface: Surface, path: str) -> Step:
    kinds = (("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json"))
    return get(path, *kinds, method="POST", body=json.dumps(beginning(surface)))


SCENARIO = Scenario(
    id="old-endpoint",
    title="Endpoints that were forgotten",
    about="Other paths of the same server are asked, without a credential, to begin a session over either HTTP "
    "transport. One that does, while the endpoint itself refuses, proves that a door was left open.",
    draw=draw,
    rules=("old-endpoint",),
    cases=2 * len(PATHS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages", "authenticated"),
    references=("CWE-306", "CWE-1059", "OWASP-API9", "OWASP-API2"),
)
