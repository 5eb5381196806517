"""Sessions as tests use them: `Session` blocks, `AsyncSession` is awaited; both talk through one client on the
background trio thread. A server that dies or falls silent is an exception once, and is started again for the
next request, so that Hypothesis can go on shrinking.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import trio

from mcpfuzz.campaign.supply import Supply
from mcpfuzz.client import Client, Sent, Volley
from mcpfuzz.errors import Late, TargetError
from mcpfuzz.identities import ANONYMOUS
from mcpfuzz.model import Frame, Json, Operation, Surface, replace
from mcpfuzz.pytest_support.thread import Held, TrioThread
from mcpfuzz.reports import visible
from mcpfuzz.revisions import revision
from mcpfuzz.surface import Leave, discover
from mcpfuzz.target import Prepared, Target
from mcpfuzz.wire import encode

__all__ = [
    "Answer",
    "AsyncSession",
    "Encodable",
    "Limits",
    "Session",
    "callers",
    "open_async",
    "open_blocking",
    "open_native",
]

STARTS = 100_000
"""Starts of one session's server: a test that kills it at each example is bounded by its own examples."""
STDERR_LINES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a session, in seconds."""

    timeout: float = 10.0
    """Per request, in total."""
    start_timeout: float = 30.0
    revision: str = "auto"

    @property
    def whole(self) -> float:
        """No single call takes longer, restarts included."""
        return 4 * self.timeout + 4 * self.start_timeout + 30


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON-RPC response, as it came."""

    message: Mapping[str, Json]

    @property
    def result(self) -> Json:
        """The result; None where there is an error instead."""
        return self.message.get("result")

    @property
    def error(self) -> Json:
        """The JSON-RPC error (`{"code": ..., "message": ...}`), or None. A tool's own failure is no such error."""
        return self.message.get("error")

    @property
    def ok(self) -> bool:
        """Neither a JSON-RPC error nor a tool's own failure (`isError`)."""
        return self.error is None and isinstance(self.result, dict) and self.result.get("isError") is not True

    @property
    def text(self) -> str:
        """The text a model would read: all text content, or the error's message."""
        if isinstance(self.error, dict):
            return str(self.error.get("message", ""))
        content = self.result.get("content") if isinstance(self.result, dict) else None
        parts = content if isinstance(content, list) else []
        return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)

    @property
    def structured(self) -> Json:
        """`structuredContent`, or None."""
        return self.result.get("structuredContent") if isinstance(self.result, dict) else None


class Encodable(Protocol):
    """What `malformed_messages` and `malformed_frames` draw."""

    def encoded(self) -> tuple[bytes, ...]:
        """The lines to send."""


class _Core:
    """The session itself; lives on the trio thread, serves one caller at a time."""

    def __init__(self, supply: Supply, limits: Limits) -> None:
        self._supply = supply
        self._limits = limits
        self._turn = trio.Lock()
        self._surface: Surface | None = None

    async def request(self, method: str, params: Json) -> Answer:
        async with self._turn:
            client = await self._supply.client()
            key, sent = client.request(method, params)
            volley = await client.volley((sent,), patience=self._limits.timeout)
            await self._whole(client, volley, method)
            value = volley.answers[key].value
            return Answer(value if isinstance(value, dict) else {})

    async def send_raw(self, data: bytes) -> tuple[Frame, ...]:
        """What came back before the answer to a request sent right after `data`."""
        async with self._turn:
            client = await self._supply.client()
            # without a line end it would swallow the request that follows it
            things = [Sent(data if data.endswith(b"\n") else data + b"\n")]
            number = client.session.next_id()
            things.append(Sent(encode(client.session.barrier(number)) + b"\n", (("int", number),)))
            volley = await client.volley(things, patience=self._limits.timeout)
            await self._whole(client, volley, "the request after raw bytes")
            return tuple(volley.extra)

    async def ping(self) -> bool:
        async with self._turn:
            if self._supply.current is None:
                await self._supply.client()  # its end was told by an exception already
            client = self._supply.current
            whole = client is not None and client.alive and (await client.barrier(self._limits.timeout)).whole
            if not whole:
                await self._supply.drop()
            return whole

    async def restart(self) -> None:
        async with self._turn:
            await self._supply.fresh("the test asked for it")

    async def surface(self) -> Surface:
        async with self._turn:
            if self._surface is None:
                client = await self._supply.client()
                self._surface = await discover(client, timeout=self._limits.timeout, leave=Leave(destructive=True))
            return self._surface

    async def instructions(self) -> str:
        async with self._turn:
            return (await self._supply.client()).session.instructions

    async def stderr(self) -> str:
        client = self._supply.current
        return client.stderr() if client is not None else ""

    async def _whole(self, client: Client, volley: Volley, what: str) -> None:
        """Raises what went wrong, with the server's last words; an unfit server is not used again."""
        if volley.whole:
            return
        problem: TargetError = (
            volley.gone or volley.too_much or Late(f"{what} was not answered within {self._limits.timeout:g} s")
        )
        if volley.late and (await client.barrier(min(2.0, self._limits.timeout))).whole:
            raise problem  # only this request is lost
        await client.settle()
        words = client.stderr().splitlines()[-STDERR_LINES:]
        await self._supply.drop()
        if words:
            problem.add_note(
                "the server's stderr ended with:\n" + "\n".join(f"  {visible(line)[:300]}" for line in words)
            )
        raise problem


@contextlib.asynccontextmanager
async def _core(target: Target, limits: Limits) -> AsyncIterator[_Core]:
    wanted = None if limits.revision in ("auto", "all") else revision(limits.revision)
    failure: TargetError | None = None  # raised outside the nursery, which would wrap it in a group
    with Prepared.of(target) as prepared:
        async with trio.open_nursery() as nursery:
            supply = Supply(prepared, nursery, wanted=wanted, start_timeout=limits.start_timeout, starts=STARTS)
            try:
                await supply.first()
            except TargetError as error:
                failure = error
            else:
                yield _Core(supply, limits)
            finally:
                with trio.CancelScope(shield=True):
                    await supply.drop()
                prepared.sweep()
                nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


def _named(surface: Surface, kind: str) -> dict[str, Operation]:
    return {operation.name: operation for operation in surface.operations if operation.kind == kind}


def _bytes(data: bytes | Encodable) -> bytes:
    return data if isinstance(data, bytes) else b"".join(data.encoded())


def _call(name: str, arguments: Mapping[str, Json] | None) -> dict[str, Json]:
    return {"name": name, "arguments": dict(arguments or {})}


class Session:
    """A blocking session: the fixture `mcp`. Usable in plain tests, under `@given`, in asyncio and trio tests.

    Every method raises TargetError's leaves where the server does not answer: `Gone` it ended, `Late` it did not
    answer in time, `TooMuch` it sent more than a cap allows. The next request finds a fresh server then.
    """

    def __init__(self, thread: TrioThread, core: _Core, target: Target, limits: Limits) -> None:
        self._thread = thread
        self._core = core
        self._bound = limits.whole
        self.target = target

    def __repr__(self) -> str:
        return f"<mcp: {visible(shlex.join(self.target.command))[:60]}>"

    @property
    def tools(self) -> dict[str, Operation]:
        """What `tools/list` told when it was first asked: name -> `.schema`, `.description`, `.annotations` ..."""
        return self._listed("tool")

    @property
    def prompts(self) -> dict[str, Operation]:
        """By name."""
        return self._listed("prompt")

    @property
    def resources(self) -> dict[str, Operation]:
        """By URI, templates by their template."""
        return self._listed("resource")

    @property
    def stderr(self) -> str:
        """The end of what the running server wrote to stderr."""
        return self._thread.call(self._core.stderr, seconds=self._bound)

    @property
    def instructions(self) -> str:
        """What the server tells the model about itself; empty where it says nothing."""
        __tracebackhide__ = True
        return self._thread.call(self._core.instructions, seconds=self._bound)

    def call(self, name: str, arguments: Mapping[str, Json] | None = None) -> Answer:
        """Call a tool. A refusal is an answer (`.ok` is false), not an exception."""
        __tracebackhide__ = True
        return self.request("tools/call", _call(name, arguments))

    def request(self, method: str, params: Json = None) -> Answer:
        """A well-formed request under a new id, and its answer."""
        __tracebackhide__ = True
        return self._thread.call(self._core.request, method, params, seconds=self._bound)

    def send_raw(self, data: bytes | Encodable) -> tuple[Frame, ...]:
        """Send bytes, or what a malformed strategy drew, as they are (a line end is added where there is none) and then
        a ping.

        Returns:
            What came before the ping's answer: `.raw`, and `.value` where it could be read.
        """
        __tracebackhide__ = True
        return self._thread.call(self._core.send_raw, _bytes(data), seconds=self._bound)

    def ping(self) -> bool:
        """Whether the server still answers. One that was found dead or silent, here or by an exception before, is
        replaced by a fresh one for what comes next."""
        return self._thread.call(self._core.ping, seconds=self._bound)

    def restart(self) -> None:
        """A fresh server."""
        __tracebackhide__ = True
        self._thread.call(self._core.restart, seconds=self._bound)

    def _listed(self, kind: str) -> dict[str, Operation]:
        __tracebackhide__ = True
        return _named(self._thread.call(self._core.surface, seconds=self._bound), kind)


class AsyncSession:
    """The same, awaited: what `mcp_connect()` and `mcpfuzz.connect` give, on asyncio and on trio. Cancelling a call is
    safe.

    Args:
        do: awaits work on the core where that lives.
    """

    def __init__(self, do: Callable[..., Awaitable[Any]], core: _Core, target: Target) -> None:
        self._do = do
        self._core = core
        self.target = target

    def __repr__(self) -> str:
        return f"<mcp: {visible(shlex.join(self.target.command))[:60]}>"

    async def tools(self) -> dict[str, Operation]:
        return await self._listed("tool")

    async def prompts(self) -> dict[str, Operation]:
        return await self._listed("prompt")

    async def resources(self) -> dict[str, Operation]:
        return await self._listed("resource")

    async def call(self, name: str, arguments: Mapping[str, Json] | None = None) -> Answer:
        return await self.request("tools/call", _call(name, arguments))

    async def request(self, method: str, params: Json = None) -> Answer:
        answer: Answer = await self._do(self._core.request, method, params)
        return answer

    async def send_raw(self, data: bytes | Encodable) -> tuple[Frame, ...]:
        frames: tuple[Frame, ...] = await self._do(self._core.send_raw, _bytes(data))
        return frames

    async def ping(self) -> bool:
        return bool(await self._do(self._core.ping))

    async def restart(self) -> None:
        await self._do(self._core.restart)

    async def _listed(self, kind: str) -> dict[str, Operation]:
        return _named(await self._do(self._core.surface), kind)


async def _opened(thread: TrioThread, target: Target, limits: Limits) -> Held[_Core]:
    return await thread.hold(_core(target, limits))


@contextlib.contextmanager
def open_blocking(thread: TrioThread, target: Target, limits: Limits) -> Iterator[Session]:
    """A blocking session on a server of its own.

    Raises:
        TargetError, UsageError: as `mcpfuzz.connect`.
    """
    held = thread.call(_opened, thread, target, limits, seconds=limits.whole)
    try:
        yield Session(thread, held.value, target, limits)
    finally:
        thread.call(held.close, seconds=limits.whole)


@contextlib.asynccontextmanager
async def open_async(thread: TrioThread, target: Target, limits: Limits) -> AsyncIterator[AsyncSession]:
    """An awaitable session on a server of its own.

    Raises:
        TargetError, UsageError: as `mcpfuzz.connect`.
    """
    held: Held[Any] = await thread.spawn(_opened, thread, target, limits).wait_async()
    try:
        yield AsyncSession(lambda work, *args: thread.spawn(work, *args).wait_async(), held.value, target)
    finally:
        # begun at once, even where this task is being cancelled and the wait for it is cut short
        closing = thread.spawn(held.close)
        await closing.wait_async()


@contextlib.asynccontextmanager
async def open_native(target: Target, limits: Limits) -> AsyncIterator[AsyncSession]:
    """The same in the caller's own loop, which is trio's.

    Raises:
        TargetError, UsageError: as `mcpfuzz.connect`.
    """
    async with _core(target, limits) as core:
        yield AsyncSession(lambda work, *args: work(*args), core, target)


def callers(target: Target) -> dict[str, Target]:
    """Name -> the target as this caller; `anonymous` has no credential."""
    known = target.identities
    made = {name: replace(target, identities={name: known[name], **known}) for name in known}
    return {**made, ANONYMOUS: replace(target, identities={})}
