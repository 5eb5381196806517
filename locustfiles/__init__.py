"""Locust users and shapes. Nothing here may be imported by a process that imports trio: Locust patches the
world when it is imported.

    locust -f locustfiles/mcp_http.py --host http://127.0.0.1:8000/mcp

`mcp_http`, `mcp_sse`, `mcp_ws` and `mcp_stdio` are for people; `mcp_scenarios` is what `mcpfuzz load` starts.
"""
