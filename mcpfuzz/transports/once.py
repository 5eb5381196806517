"""One HTTP request below the MCP session, on a connection of its own, exactly as it is given: what `Http` steps are
made of.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass

import h11
import trio

from mcpfuzz.errors import Late, TargetError
from mcpfuzz.model import Exchange, Frame, Http
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.events import Event, EventReader
from mcpfuzz.transports.http1 import Connection, NotHttp, header_lines, readable
from mcpfuzz.transports.tcp import connect
from mcpfuzz.wire import MAX_FRAME_BYTES, decode

__all__ = ["OneReply", "http_exchange", "request_once"]

KEPT_BYTES = 256 << 10
"""Of a body, for proofs that read pages."""
FIRST_EVENT_S = 1.0
"""For the first event of a stream that one request opened."""


async def http_exchange(endpoint: Endpoint, action: Http, index: int, deadline: float) -> tuple[Exchange, str]:
    """An `Http` step, its slots filled, and what came back: the status, a body that is JSON, and the first event id.

    Raises:
        LaunchError, Late: the connection does not come about.
    """
    body = action.body.encode("utf-8", "surrogatepass") if isinstance(action.body, str) else action.body
    started = time.monotonic()
    reply = await request_once(endpoint, action.method, action.path, action.headers, body, deadline)
    frame = decode(reply.body)
    exchange = Exchange(
        step=index, sent=_spelled(action.method, action.path, action.headers, body),
        answer=frame if _is_json(frame) else None, took_s=time.monotonic() - started,
        status=reply.status, headers=reply.headers, due=False, body=reply.body[:KEPT_BYTES],
    )  # fmt: skip
    return exchange, reply.event_id


def _is_json(frame: Frame) -> bool:
    return not {"blank", "not-json", "too-deep"} & set(frame.faults)


def _spelled(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> bytes:
    """The request's bytes."""
    names = {name.lower() for name, _ in headers}
    lines = header_lines(headers)
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines += b"Content-Length: %d\r\n" % len(body)
    return f"{method} {target} HTTP/1.1\r\n".encode("utf-8", "surrogatepass") + lines + b"\r\n" + (body or b"")


@dataclass(frozen=True, slots=True)
class OneReply:
    """What one request brought."""

    status: int | None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    """Of an event stream: the first answer in it, else its first message, or what came of it within a second."""
    problem: str = ""
    """Why there is no status, or why the body is not whole."""
    event_id: str = ""
    """The first id of an event stream."""


async def request_once(
    endpoint: Endpoint,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    body: bytes | None,
    deadline: float,
) -> OneReply:
    """One request over a connection of its own, to the endpoint's own host and port whatever the headers say.

    Args:
        target: as it goes into the request line.
        headers: exactly these go out. Where there is a body but no length, a Content-Length is added.
        deadline: `time.monotonic()`, total.

    Raises:
        LaunchError: the connection does not come about.
        Late: the same, in time.
    """
    data = _spelled(method, target, headers, body)
    connection = Connection(await connect(endpoint, deadline))
    once = _Once()
    try:
        connection.begin(method.encode("utf-8", "replace"), data)
        while not once.done:
            until = deadline if once.events is None else min(deadline, once.began + FIRST_EVENT_S)
            await wait_for(connection, until)
            if connection.unsent:
                connection.flush()
            once.take(connection.read())
        return once.reply()
    except Late:
        return once.reply("" if once.events is not None else "no answer in time")
    except (NotHttp, TargetError) as error:
        return once.reply(str(error))
    finally:
        connection.close()


class _Once:
    """The answer to one request, as it grows."""

    def __init__(self) -> None:
        self.done = False
        self.began = 0.0
        self.events: EventReader | None = None
        self._first: bytes | None = None
        self._id = ""
        self._status: int | None = None
        self._headers: tuple[tuple[str, str], ...] = ()
        self._parts: list[bytes] = []
        self._size = 0
        self._problem = ""

    def take(self, events: list[h11.Event]) -> None:
        for event in events:
            if isinstance(event, h11.Response):
                self._status, self._headers = event.status_code, readable(event.headers)
                if ("content-type", "text/event-stream") in {(n, v.partition(";")[0]) for n, v in self._headers}:
                    self.events, self.began = EventReader(), time.monotonic()
            elif isinstance(event, h11.Data):
                self._size += len(event.data)
                self._parts.append(bytes(event.data))
                if self._size > MAX_FRAME_BYTES:
                    self.done, self._problem = True, f"a body of over {MAX_FRAME_BYTES >> 20} MiB"
                elif self.events is not None:
                    self._take_events(self.events.feed(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self.done = True
            if self.done:
                return

    def _take_events(self, found: list[Event]) -> None:
        for event in found:
            self._id = self._id or event.id
            if not event.data and event.id:
                continue  # says where to come back to, and nothing else
            notice = b'"method"' in event.data and b'"jsonrpc"' in event.data
            if self._first is None or not notice:
                self._first = event.data
            self.done = self.done or not notice

    def reply(self, problem: str = "") -> OneReply:
        body = self._first if self._first is not None else b"".join(self._parts)
        return OneReply(self._status, self._headers, body, problem or self._problem, self._id)


async def wait_for(connection: Connection, deadline: float) -> None:
    """Until there is something to read, or to go on writing. Raises Late."""
    poller = select.poll()
    poller.register(connection.fd, select.POLLIN | (select.POLLOUT if connection.unsent else 0))
    if poller.poll(1):
        await trio.lowlevel.checkpoint()
        return
    left = deadline - time.monotonic()
    with trio.move_on_after(max(0.0, left)):
        if not connection.unsent:
            await trio.lowlevel.wait_readable(connection.fd)
            return
        async with trio.open_nursery() as nursery:

            async def one(wait: object) -> None:
                await wait(connection.fd)  # type: ignore[operator]
                nursery.cancel_scope.cancel()

            nursery.start_soon(one, trio.lowlevel.wait_readable)
            nursery.start_soon(one, trio.lowlevel.wait_writable)
        return
    raise Late("no answer in time")
