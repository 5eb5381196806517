"""Streamable HTTP, both eras: locust -f locustfiles/mcp_http.py --host http://127.0.0.1:8000/mcp"""

from __future__ import annotations

from mcpfuzz.locustfiles.users import McpUser, OpenMcpUser

__all__ = ["HttpUser", "OpenHttpUser"]


class HttpUser(McpUser):
    """Closed model: the next call goes out when the last is answered."""

    transport = "http"


class OpenHttpUser(OpenMcpUser):
    """Open model: choose it by name, as in `locust -f ... OpenHttpUser --mcp-rate 10`."""

    transport = "http"
    weight = 0.001  # only where it is asked for
