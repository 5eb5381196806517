"""How an answer leaves over Streamable HTTP: one JSON body, or an event stream. Knows both eras' framing."""

from __future__ import annotations

import time
from typing import Final

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.fronts.exchange import Exchange
from mcpfuzz.lab.fronts.outlets import Outlet, is_answer
from mcpfuzz.lab.fronts.reading import Gone, Request, Stream
from mcpfuzz.lab.fronts.replying import Events, Fields, Response, refusal

__all__ = ["COMMENT_S", "TICK_S", "Delivery", "accepted", "pump", "unacceptable"]

TICK_S: Final = 0.25
"""How often a stream that has nothing to say looks whether its client is still there."""
POLL_MS: Final = 200
"""When a client that was sent away may come back."""
COMMENT_S: Final = 15.0
"""How often it says so."""


class Delivery:
    """The way out of one front.

    Args:
        answers: `auto` (JSON where one answer came at once, else a stream), `json`, `sse`, or `poll` (a stream that
            says where to come back to, and when, and ends; since 2025-11-25).
    """

    def __init__(self, exchange: Exchange, answers: str) -> None:
        self._exchange = exchange
        self._answers = answers
        self.streams = answers != "json"
        """Whether event streams are spoken at all."""

    def out(
        self,
        request: Request,
        stream: Stream,
        answers: list[Json],
        outlet: Outlet,
        *,
        pending: bool,
        status: int,
        fields: Fields = (),
        prime: bool | None = None,
    ) -> Response | None:
        """Deliver what the core said at once, and what it will say.

        Args:
            outlet: what comes later; gets the rest, too, where a stream carries it.
            pending: an answer is still due.
            status: of a JSON body; anything but 200 is never streamed.
            prime: begin a stream with an empty event (2025-11-25); None: its events have no ids.

        Returns:
            The response, or None where a stream has been written.

        Raises:
            Gone: the client left while it was streamed to.
        """
        texts = [self._exchange.text(answer) for answer in answers]
        single = not pending and len(texts) == 1 and not outlet.messages
        if status != 200 or self._answers == "json" or (single and self._answers == "auto"):
            if pending and status == 200:
                texts = self._awaited(stream, outlet)
            return Response(status, texts[-1].encode() if texts else b"", fields)
        for answer, text in zip(answers, texts, strict=True):
            # two answers to one request both belong to its stream
            outlet.put(text, answer=is_answer(answer) and answer is answers[-1])
        events = Events(stream, request, fields)
        if prime:
            events.event("", key=f"{outlet.key}_0", retry_ms=POLL_MS if self._answers == "poll" else None)
            if self._answers == "poll":
                events.end()
                return None
        pump(events, stream, outlet, 0, keyed=prime is not None)
        return None

    def _awaited(self, stream: Stream, outlet: Outlet) -> list[str]:
        count = 0
        while True:
            texts, done = outlet.after(count, TICK_S)
            count += len(texts)
            if done:
                return texts
            if stream.gone():
                raise Gone


def pump(events: Events, stream: Stream, outlet: Outlet, count: int, *, keyed: bool) -> None:
    """Carry an outlet's messages from number `count` to its end. Raises Gone where nobody takes them."""
    said = time.monotonic()
    while True:
        texts, done = outlet.after(count, TICK_S)
        for text in texts:
            count += 1
            events.event(text, name="message", key=f"{outlet.key}_{count}" if keyed else None)
            said = time.monotonic()
        if done:
            events.end()
            return
        if not texts and stream.gone():
            raise Gone
        if time.monotonic() - said > COMMENT_S:
            events.comment()
            said = time.monotonic()


def unacceptable(request: Request) -> Response | None:
    """What is wrong with the Content-Type or the Accept of a POST; None where nothing is."""
    kind, _, parameters = (request.get("content-type") or "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        return refusal(415, "Content-Type is application/json, in UTF-8")
    wanted = accepted(request)
    if not ("*/*" in wanted or {"application/json", "text/event-stream"} <= wanted):
        return refusal(406, "Accept names application/json and text/event-stream")
    return None


def accepted(request: Request) -> set[str]:
    """The media types of Accept, without their parameters."""
    listed = ",".join(request.all("accept")).lower().split(",")
    return {one.partition(";")[0].strip() for one in listed}
