"""What answers bring: which bytes of a body or of an event stream are messages, kept until somebody takes them, with
caps. No I/O.
"""

from __future__ import annotations

import h11
import orjson

from mcpfuzz.errors import TooMuch
from mcpfuzz.transports.events import EventReader
from mcpfuzz.transports.exchanges import Exchange
from mcpfuzz.transports.http1 import readable
from mcpfuzz.wire import MAX_FRAME_BYTES

__all__ = ["Intake"]

MAX_KEPT = 1_000
"""Messages that one reply keeps; `receive` gives all of them."""
MAX_QUEUED_BYTES = 64 << 20
"""Of messages that nobody took yet."""


class Intake:
    """The messages of all exchanges of one pool.

    Attributes:
        messages: came, and nobody took them.
        too_much: a cap was passed; to be raised once, where somebody reads.
    """

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.too_much: TooMuch | None = None
        self._queued = 0

    def take(self) -> list[bytes]:
        messages, self.messages, self._queued = self.messages, [], 0
        return messages

    def check(self) -> None:
        """Raises TooMuch, once for each time that a cap was passed."""
        if self.too_much is not None:
            error, self.too_much = self.too_much, None
            raise error

    def response(self, exchange: Exchange, event: h11.Response) -> str:
        """Note status and headers; what makes the body of no use, "" where nothing does."""
        reply, plan, headers = exchange.reply, exchange.resumption, readable(event.headers)
        again, exchange.events = plan is not None and plan.tries > 0, None
        if not again:  # of a stream that is taken up, the first answer is what was said to the message
            reply.status, reply.headers = event.status_code, headers
        for name, value in headers:
            if name == "content-type":
                if value.partition(";")[0].strip().lower() == "text/event-stream" and event.status_code < 300:
                    exchange.events = EventReader(after=plan.last if plan is not None else None)
            elif name == "content-encoding" and value.strip().lower() not in ("", "identity"):
                return f"its body is {value[:40]}-encoded, though only identity was asked for"
        if plan is not None:
            plan.opened(event.status_code if exchange.events is None else 0)
        if exchange.on_response is not None and not again:
            exchange.on_response(exchange)
        return ""

    def data(self, exchange: Exchange, data: bytes) -> None:
        """Take a piece of the body. Raises TooMuch."""
        if exchange.events is not None:
            for event in exchange.events.feed(data):
                message = event.data if exchange.on_event is None else exchange.on_event(event)
                if not message and exchange.events.last_id:
                    continue  # says where to come back to, and nothing else (2025-11-25)
                if message is not None:
                    if exchange.resumption is not None:
                        exchange.resumption.came(message)
                    self._deliver(exchange, message)
                    exchange.answered = exchange.answered or b'"method"' not in message
            return
        exchange.size += len(data)
        if exchange.size > MAX_FRAME_BYTES:
            raise TooMuch(f"a body of over {MAX_FRAME_BYTES >> 20} MiB (cap MAX_FRAME_BYTES)")
        exchange.parts.append(data)

    def whole(self, exchange: Exchange) -> str:
        """The body is there to its end: deliver it; what is wrong with it, "" where nothing is. Raises TooMuch."""
        reply, status = exchange.reply, exchange.reply.status or 0
        problem, plan = reply.problem, exchange.resumption
        if plan is not None and plan.refused and plan.tries:
            exchange.parts = []
            return f"the event stream broke off, and taking it up again was answered with HTTP {plan.refused}"
        if exchange.events is not None:
            if not reply.messages:
                problem = "the event stream ended without a message"
                if exchange.events.noise:
                    self._deliver(exchange, exchange.events.noise)  # JSON that is called an event stream, say
        elif exchange.parts:
            body = exchange.parts[0] if len(exchange.parts) == 1 else b"".join(exchange.parts)
            strict = exchange.body == "messages" or status >= 300 or status == 202
            if exchange.body != "none" and (_is_message(body) if strict else body.strip()):
                self._deliver(exchange, body)
            elif status >= 400:
                reply.page = body[:200]
            exchange.parts = []
        return problem

    def _deliver(self, exchange: Exchange, message: bytes) -> None:
        self._queued += len(message)
        if self._queued > MAX_QUEUED_BYTES:
            raise TooMuch(f"messages of over {MAX_QUEUED_BYTES >> 20} MiB at once (cap MAX_QUEUED_BYTES)")
        if len(exchange.reply.messages) < MAX_KEPT:
            exchange.reply.messages.append(message)
        self.messages.append(message)


def _is_message(body: bytes) -> bool:
    """Whether a body is (meant as) JSON-RPC, and no page or framework's own error."""
    if b'"jsonrpc"' not in body:
        return False
    try:
        value = orjson.loads(body)
    except ValueError:
        return False
    if isinstance(value, list):
        value = value[0] if value else None
    return isinstance(value, dict) and "jsonrpc" in value
