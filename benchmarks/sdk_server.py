"""A small server on the official Python SDK, either major version of it, over stdio: what a real server costs a call.
Run it with a Python that has the package `mcp`."""

try:
    from mcp.server.fastmcp import FastMCP
except ImportError:
    from mcp.server.mcpserver import MCPServer as FastMCP

server = FastMCP("small", log_level="ERROR")


@server.tool()
def echo(text: str) -> str:
    """Gives back the text."""
    return text


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two integers."""
    return a + b


@server.resource("note://{name}")
def note(name: str) -> str:
    """A note."""
    return f"the note {name[:40]}"


@server.prompt()
def greet(name: str) -> str:
    """A greeting."""
    return f"Greet {name[:40]}."


server.run()
