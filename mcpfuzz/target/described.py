"""The target as the user described it: plain values, as written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcpfuzz.events import LaunchRecord
from mcpfuzz.model import Json
from mcpfuzz.sandbox.box import Mode
from mcpfuzz.wire import encode

__all__ = ["Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is tested and what it is told, as written by the user."""

    command: tuple[str, ...] = ()
    """Empty: the server runs already, at `url`."""
    url: str | None = None
    """Of a networked server; with a command, where the command's server will listen."""
    transport: str | None = None
    """One of `endpoint.TRANSPORTS`, where the user insists on one."""
    headers: tuple[tuple[str, str], ...] = ()
    """On every request, as written."""
    identities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name -> specs; the campaign runs as the first."""
    cacert: str | None = None
    insecure: bool = False
    allow_remote: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    """May hold `${NAME}` of our own environment and placeholders."""
    cwd: str | None = None
    workspaces: tuple[str, ...] = ()
    examples: tuple[Mapping[str, Json], ...] = ()
    """`{"tool": ..., "arguments": ...}`, also `resource` and `prompt`."""
    stubs: Mapping[str, str | None] = field(default_factory=dict)
    """Stand-ins: name -> program that is run in its place, None for none."""
    allow_destructive: bool = False
    trusted_lab: bool = False
    """The bundled lab is behind it: nothing it does can hurt."""
    state: str = ".mcpfuzz"
    sandbox: Mode = "auto"

    @property
    def texts(self) -> tuple[str, ...]:
        """All that may hold placeholders, as written."""
        return (
            *self.command[1:],
            *self.env.values(),
            self.cwd or "",
            self.url or "",
            *(value for _, value in self.headers),
            *(spec for specs in self.identities.values() for spec in specs),
            encode(list(self.examples)).decode("utf-8", "replace"),
        )

    @property
    def record(self) -> LaunchRecord:
        """How to start it again, for the report."""
        return LaunchRecord(
            command=self.command,
            url=self.url,
            transport=_spoken(self.transport, self.url),
            insisted=self.transport,
            cwd=self.cwd or ".",
            workspace=self.workspaces,
            env=dict(self.env),
            headers=dict(self.headers),
            identities=dict(self.identities),
        )


def _spoken(transport: str | None, url: str | None) -> str:
    """The transport as reports name it."""
    if url is None:
        return "stdio"
    return "ws" if url[:2] == "ws" else transport or "http"
