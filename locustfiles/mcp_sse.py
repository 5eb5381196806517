"""HTTP+SSE (2024-11-05): locust -f locustfiles/mcp_sse.py --host http://127.0.0.1:8000/sse"""

from __future__ import annotations

from mcpfuzz.locustfiles.users import McpUser

__all__ = ["SseUser"]


class SseUser(McpUser):
    """A GET stream for the answers, a POST for each call."""

    transport = "sse"
