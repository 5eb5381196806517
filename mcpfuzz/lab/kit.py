"""What the lab's tools are made of: a tool, a call, a reply, the world they share. Knows no protocol.

A tool's weak twin is chosen once, where the tool is built (`if lab.on("sql-injection")`), so that both can be
read side by side. `Draw` renames tools and arguments and moves thresholds, so that nothing here can be known by
heart.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.schema import Schema

__all__ = ["LATER", "Ask", "Call", "Draw", "Later", "Names", "Reply", "Tool", "ToolError", "World", "brief", "no_words"]

_T = TypeVar("_T")

READ: Final[Mapping[str, bool]] = {"readOnlyHint": True, "openWorldHint": False}
"""Annotations of a tool that only reads what is ours."""
WRITE: Final[Mapping[str, bool]] = {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}
"""Annotations of a tool that adds, and takes nothing away."""


class ToolError(Exception):
    """The tool says no. Its one sentence goes to the client as an `isError` result."""


def no_words(error: BaseException) -> str:
    """What is told of a failure that is no ToolError: that it failed."""
    return "The tool failed."


@dataclass(frozen=True, slots=True)
class Reply:
    """What a tool answers. With `structured` the text is that value as JSON, as the specification asks."""

    text: str = ""
    structured: Json = None
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """The tool needs input before it can answer (2026-07-28, multi round-trip requests)."""

    requests: Mapping[str, Json]
    """Key -> what the client is asked, as a request without an id."""
    state: str
    """Comes back with the answers."""


class Later:
    """The tool will call `Call.reply` itself."""


LATER: Final = Later()


@dataclass(slots=True, kw_only=True)
class Call:
    """One invocation: validated arguments under their canonical names, and who is asking."""

    args: dict[str, Any]
    identity: str
    reply: Callable[[Reply], None]
    """For tools that answered LATER."""
    progress: Callable[[float, float], None]
    """Tell (done, total); must grow."""
    cancelled: threading.Event
    client: Mapping[str, Json] = field(default_factory=dict)
    """What the client says it can be asked for; empty in the legacy form."""
    modern: bool = False
    """The stateless form (2026-07-28), in which a tool may answer `Ask`."""
    given: Mapping[str, Json] = field(default_factory=dict)
    """Its answers to what the tool asked, by the key of each."""
    state: str | None = None
    """The tool's own, as it comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool: what is listed, and what runs."""

    name: str
    """Canonical; `Names` says what it is served as."""
    also: tuple[str, ...] = ()
    """Other names it may be served under."""
    title: str
    description: str
    arguments: Mapping[str, Schema]
    required: tuple[str, ...] = ()
    renames: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other names of its arguments."""
    defs: Mapping[str, Schema] = field(default_factory=dict)
    """`$defs` that its arguments refer to."""
    run: Callable[[Call], Reply | Later | Ask]
    output: Schema | None = None
    hints: Mapping[str, bool] = field(default_factory=lambda: dict(READ))
    slow: bool = False
    """Runs on a worker thread, so that the connection goes on being served."""
    listed: bool = True
    told: frozenset[str] | None = None
    """Who alone is told of it; None: everybody."""
    describe: Callable[[int], str] | None = None
    """The description at the n-th listing, where it does not stay the same."""
    open: bool = False
    """Members beyond `arguments` are let through."""
    checked: bool = True
    """Arguments are held against the schema before `run` sees them."""
    catches: tuple[type[BaseException], ...] = (Exception,)
    """What `run` may raise without harm to the server."""
    explain: Callable[[BaseException], str] = no_words
    """Words for an exception that is no ToolError. The sound answer tells nothing of it."""
    task: bool = False
    """Its call may become a task (`lab.tasks`)."""
    tickets: Callable[[Json], Json] | None = None
    """Turns a request's id into the key its slow call waits under."""


def brief(
    name: str,
    also: tuple[str, ...],
    description: str,
    arguments: Mapping[str, Schema],
    run: Callable[[Call], Reply | Later | Ask],
    renames: Mapping[str, tuple[str, ...]],
    **more: Any,
) -> Tool:
    """A tool whose title is its name and which, unless told otherwise, needs all its arguments and only reads."""
    more.setdefault("required", tuple(arguments))
    more.setdefault("hints", READ)
    return Tool(
        name=name,
        also=also,
        title=name.replace("_", " ").capitalize(),
        description=description,
        arguments=arguments,
        run=run,
        renames=renames,
        **more,
    )


class Draw:
    """Choices that depend on the shuffle seed alone, each on its own: the first without a seed."""

    def __init__(self, seed: str | None) -> None:
        self.seed = seed

    def of(self, key: str, *options: _T) -> _T:
        """One of the options, always the same for (seed, key)."""
        if self.seed is None:
            return options[0]
        import random  # 3 ms, and only a shuffled lab needs it

        return random.Random(f"{self.seed}/{key}").choice(options)

    def between(self, key: str, usual: int, low: int, high: int) -> int:
        """A number from low to high, `usual` without a seed."""
        if self.seed is None:
            return usual
        import random

        return random.Random(f"{self.seed}/{key}").randint(low, high)


class Names:
    """Canonical names of one tool's arguments, both ways, and the name the tool is served under."""

    def __init__(self, tool: Tool, draw: Draw) -> None:
        self.tool = draw.of(f"tool {tool.name}", tool.name, *tool.also)
        self.served = {
            name: draw.of(f"argument {tool.name} {name}", name, *tool.renames.get(name, ())) for name in tool.arguments
        }
        self.canonical = {served: name for name, served in self.served.items()}

    def arguments(self, served: Mapping[str, Json]) -> dict[str, Json]:
        """Arguments as the tool's code knows them; members nobody declared keep their names."""
        return {self.canonical.get(name, name): value for name, value in served.items()}


class World:
    """What all tools share: which weaknesses are on, the draws, secrets, the workspace."""

    def __init__(self, weak: frozenset[str], draw: Draw, workspace: Path | None, *, read_only: bool = False) -> None:
        self.weak = weak
        self.read_only = read_only
        self.draw = draw
        self._workspace = workspace
        self.watchers: list[Callable[[str], None]] = []
        """Told the URI of every resource that changes."""
        self.identified = True
        """Callers can be told apart: by their tokens, or since there is one alone (stdio)."""
        self.settings = {
            "api_token": os.environ.get("API_TOKEN") or "sk_live_" + os.urandom(16).hex(),
            "database": os.environ.get("DATABASE_URL")
            or f"postgresql://shop:{os.urandom(8).hex()}@db.internal:5432/shop",
        }
        """What a shop's server needs to know and nobody else may."""

    def on(self, name: str) -> bool:
        """Whether the weakness is switched on."""
        return name in self.weak

    def changed(self, uri: str) -> None:
        """A resource is no longer what it was."""
        for watcher in self.watchers:
            watcher(uri)

    @property
    def workspace(self) -> Path:
        """The folder that file tools stay inside; a fresh one, gone at exit, where none was given."""
        if self._workspace is None:
            import atexit
            import shutil
            import tempfile

            folder = Path(tempfile.mkdtemp(prefix="lab-")).resolve()
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            self._workspace = folder
        return self._workspace
