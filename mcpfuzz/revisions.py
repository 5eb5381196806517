"""The five MCP revisions as one table. What differs between them is looked up here and nowhere branched
on a date; facts with their sources stand in the specification's versioning pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mcpfuzz.errors import UsageError

__all__ = ["BY_DATE", "LATEST_LEGACY", "LATEST_MODERN", "METHODS", "REVISIONS", "Method", "Revision", "revision"]

META = "io.modelcontextprotocol/"
"""Prefix of the modern envelope's keys in `params._meta`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What one revision changes."""

    date: str
    letter: str
    """A to E, as the ORACLE table writes it."""
    era: Literal["legacy", "modern"]
    """legacy: `initialize` handshake. modern: no handshake, every request carries its envelope."""
    batches: bool = False
    """A server must receive JSON-RPC batches (JR-09)."""
    version_header: bool = False
    """HTTP requests carry `MCP-Protocol-Version` after the handshake (PV-01)."""
    sessions: bool = False
    """Streamable HTTP may assign `Mcp-Session-Id`."""
    unknown_resource: tuple[int, ...] = (-32002,)
    """Error codes for a resource that does not exist (RS-03, RS-04)."""
    input_errors_are_results: bool = False
    """Bad tool arguments are an `isError` result (TL-18, SEP-1303)."""
    result_type: bool = False
    """Every result carries `resultType` (JR-20)."""
    barrier: str = "ping"
    """A request that every server answers, with a result or an error, and that changes nothing."""


REVISIONS = (
    Revision(date="2024-11-05", letter="A", era="legacy"),
    Revision(date="2025-03-26", letter="B", era="legacy", batches=True, sessions=True),
    Revision(date="2025-06-18", letter="C", era="legacy", version_header=True, sessions=True),
    Revision(
        date="2025-11-25", letter="D", era="legacy", version_header=True, sessions=True, input_errors_are_results=True
    ),
    Revision(
        date="2026-07-28", letter="E", era="modern", version_header=True, unknown_resource=(-32602,),
        input_errors_are_results=True, result_type=True, barrier="server/discover",
    ),
)  # fmt: skip
BY_DATE: Mapping[str, Revision] = {item.date: item for item in REVISIONS}
LATEST_LEGACY = REVISIONS[3]
LATEST_MODERN = REVISIONS[4]


@dataclass(frozen=True, slots=True)
class Method:
    """One request a client may send."""

    name: str
    capability: str | None
    """The server capability that declares it; None: every server has it."""
    letters: str
    """Revisions that have it."""


METHODS: tuple[Method, ...] = (
    Method("initialize", None, "ABCD"),
    Method("ping", None, "ABCD"),
    Method("server/discover", None, "E"),
    Method("tools/list", "tools", "ABCDE"),
    Method("tools/call", "tools", "ABCDE"),
    Method("resources/list", "resources", "ABCDE"),
    Method("resources/templates/list", "resources", "ABCDE"),
    Method("resources/read", "resources", "ABCDE"),
    Method("resources/subscribe", "resources", "ABCD"),
    Method("resources/unsubscribe", "resources", "ABCD"),
    Method("prompts/list", "prompts", "ABCDE"),
    Method("prompts/get", "prompts", "ABCDE"),
    Method("completion/complete", "completions", "ABCDE"),
    Method("logging/setLevel", "logging", "ABCD"),
    Method("subscriptions/listen", None, "E"),
)


def revision(date: str) -> Revision:
    """The revision of a date.

    Raises:
        UsageError: there is none of that date.
    """
    try:
        return BY_DATE[date]
    except KeyError:
        known = ", ".join(BY_DATE)
        raise UsageError(f"--revision {date}: no such MCP revision; take auto, all or one of {known}") from None
