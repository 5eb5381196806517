"""The lab: a reference MCP server, hardened by default, with one switch per weakness.

It is the conscience of the harness: every weakness is a real mistake in real code, every scenario must prove its
own and stay silent on all others. Imports nothing of the rest of mcpfuzz and nothing beyond the standard library
(but for WebSocket and TLS, whose two modules in `fronts` are imported when they are needed).

    messages   codec, eras         bytes <-> values, the five revisions
    protocol   core, calls, listing, subscriptions
    tools      kit, schema, arithmetic; notes, shop, texts (core); files, data, formats, net, state, desk, kiln, tenants
    table      weakness, robustness, attacks, network, people, weaknesses
    doors      stdio, fronts (http, sse, ws, wss), serve; drive, served (a lab in a process of its own, by hand)
"""

from mcpfuzz.lab.serve import build, main, selected, served_names
from mcpfuzz.lab.weaknesses import MASKS, TABLE, Weakness

__all__ = ["MASKS", "Weakness", "build", "main", "selected", "served_names", "weaknesses"]


def weaknesses() -> tuple[Weakness, ...]:
    """All weaknesses, in the order of the table."""
    return TABLE
