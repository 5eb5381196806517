"""Endpoints beside the real one, as they were before there were credentials."""

from __future__ import annotations

import json

from mcpfuzz.model import Case, Operation, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.pages import get, groups, page_case
from mcpfuzz.scenarios.sessions import beginning
from mcpfuzz.strategies.choices import Choices

PATHS = (
    "/mcp", "/sse", "/", "/mcp/", "/mcp/sse", "/v1/mcp", "/mcp/v1", "/v0/mcp", "/v2/mcp", "/api/mcp", "/api/sse",
    "/api", "/rpc", "/jsonrpc", "/message", "/messages", "/stream", "/streamable", "/http", "/old/mcp", "/legacy/mcp",
    "/dev/mcp", "/test/mcp", "/beta/mcp", "/internal/mcp", "/admin/mcp", "/debug/mcp", "/mcp-debug", "/mcp_old",
)  # fmt: skip

GROUPS = groups(PATHS)


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Other paths as Streamable HTTP begins a session, and as HTTP+SSE does; first the endpoint itself."""
    if index >= len(GROUPS):
        return None
    paths = GROUPS[index]
    refused = (_begin(surface, "{address}"), _stream("{address}"))
    tried = (step for path in paths for step in (_begin(surface, path), _stream(path)))
    proof = Proof(kind="still-there", expected="401, as the endpoint itself says")
    name = f"{paths[0]} ... {paths[-1]}"
    return page_case(SCENARIO.id, "old-endpoint", name, (*refused, *tried), proof, "", refused[0])


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
    cases=len(GROUPS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages", "authenticated"),
    references=("CWE-306", "CWE-1059", "OWASP-API9", "OWASP-API2"),
)
