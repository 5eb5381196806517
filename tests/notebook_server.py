"""A server for one person, as one writes it with the official SDK: no authentication, one notebook. It listens at the
port that is its argument: notebook_server.py PORT."""

import socket
import sys

import uvicorn

try:
    from mcp.server.fastmcp import FastMCP
except ImportError:
    from mcp.server.mcpserver import MCPServer as FastMCP

server = FastMCP("notebook", log_level="ERROR")
notes: dict[str, str] = {}


@server.tool()
def add_note(title: str, text: str) -> str:
    """Keeps a note of yours."""
    notes[title] = text
    return f"kept {title}"


@server.tool()
def read_note(title: str) -> str:
    """One of your notes, by its title."""
    return notes.get(title, "there is no such note")


@server.tool()
def list_notes() -> list[str]:
    """The titles of your notes."""
    return list(notes)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="error")).run(sockets=[listener])
