"""A pool of stdio servers, one process a user:
locust -f locustfiles/mcp_stdio.py --mcp-command '["python", "server.py"]' --users 4"""

from __future__ import annotations

from mcpfuzz.locustfiles.users import McpUser

__all__ = ["StdioUser"]


class StdioUser(McpUser):
    """A server process of its own; it ends with the user."""

    transport = "stdio"
