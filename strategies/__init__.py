"""The public strategies: `from mcpfuzz import strategies as mcp_st`.

All of them are Hypothesis strategies that shrink and have a readable repr. Hypothesis itself is imported
only when one is made. Mind that `arguments` and `personas` name the functions here; their modules are
reached by `from mcpfuzz.strategies.arguments import ...`.
"""

from mcpfuzz.strategies.arguments import arguments
from mcpfuzz.strategies.identifiers import object_ids
from mcpfuzz.strategies.injections import injections
from mcpfuzz.strategies.jsonrpc import malformed_frames, malformed_messages, requests
from mcpfuzz.strategies.personas import personas
from mcpfuzz.strategies.websocket import websocket_frames

__all__ = [
    "arguments",
    "injections",
    "malformed_frames",
    "malformed_messages",
    "object_ids",
    "personas",
    "requests",
    "websocket_frames",
]
