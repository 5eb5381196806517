"""WebSocket: locust -f locustfiles/mcp_ws.py --host ws://127.0.0.1:8000/ws"""

from __future__ import annotations

from mcpfuzz.locustfiles.users import McpUser

__all__ = ["WebSocketUser"]


class WebSocketUser(McpUser):
    """One socket a user, one message a text frame."""

    transport = "ws"
