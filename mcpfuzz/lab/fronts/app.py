"""The HTTP server as a whole: which path is whose, what is said where nobody is, requests one after the other."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping

from mcpfuzz.lab.codec import dumps
from mcpfuzz.lab.fronts.authority import Authority
from mcpfuzz.lab.fronts.exchange import Exchange
from mcpfuzz.lab.fronts.guard import METADATA, Access, Guard, Refused
from mcpfuzz.lab.fronts.pages import Pages
from mcpfuzz.lab.fronts.reading import Gone, Request, Stream
from mcpfuzz.lab.fronts.replying import Response, refusal, write
from mcpfuzz.lab.fronts.signing import Signing
from mcpfuzz.lab.fronts.sse import MESSAGES, STREAM, Sse
from mcpfuzz.lab.fronts.streamable import Streamable

__all__ = ["ENDPOINT", "Application", "no_tokens"]

ENDPOINT = "/mcp"

Handler = Callable[[Request, Stream], "Response | None"]


class Application:
    """Routes of the `http` or the `sse` front.

    Args:
        open_guard: lets everybody in; for what was there before there were tokens.
    """

    def __init__(self, exchange: Exchange, guard: Guard, open_guard: Guard, *, transport: str, answers: str) -> None:
        self.lab = exchange.lab
        self.guard = guard
        self._signing = Signing(guard)
        self._authority = Authority(guard)
        self._routes = dict(_routes(exchange, guard, transport, answers))
        self._pages = Pages(self.lab)
        if self.lab.on("old-endpoint"):
            # old-endpoint: the other transport is still mounted, as it was before there were tokens
            self._routes |= _routes(exchange, open_guard, "sse" if transport == "http" else "http", answers)

    def talk(self, stream: Stream, request: Request) -> None:
        """Answer requests until the connection ends."""
        following: Request | None = request
        while following is not None:
            response = self._answer(following, stream)
            if response is not None:
                allowed = self.guard.cors(following) if not _names(response, "Access-Control-Allow-Origin") else ()
                keep = following.keeps
                write(stream, response.plus(*allowed), keep=keep, bodiless=following.method == "HEAD")
            if not following.keeps:
                stream.linger(0.2)
                return
            following = stream.request()

    def _answer(self, request: Request, stream: Stream) -> Response | None:
        try:
            return self._route(request, stream)
        except Refused as refused:
            return refused.response
        except Gone:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the others are served
            if self.lab.on("leak-http-trace"):
                # leak-http-trace: the developers' page of errors, in production
                return Response(500, traceback.format_exc().encode("utf-8", "replace"), kind="text/plain")
            traceback.print_exc(file=sys.stderr)
            return refusal(500, "Internal error", -32603)

    def _route(self, request: Request, stream: Stream) -> Response | None:
        self._pages.note(request)
        handler = self._routes.get(request.path)
        if handler is not None:
            return handler(request, stream)
        if self._signing.answers(request):
            return self._signing.answer(request)
        served = self._authority.answer(request)
        if served is not None:
            return served
        self.guard.door(request)
        self.guard.admit(f"strays from {self.guard.address(request)}")
        page = self._pages.answer(request)
        if page is not None:
            return page
        if request.path.rstrip("/") in self._routes:
            return Response(308, fields=(("Location", self._place(request) + request.path.rstrip("/")),))
        if request.path in (METADATA, METADATA + self.guard.resource) and self.guard.access.tokens:
            if request.method in ("GET", "HEAD"):
                return Response(200, dumps(self.guard.metadata()).encode())
            return refusal(405, "This method is not served").plus(("Allow", "GET"))
        return refusal(404, "There is nothing here")

    def _place(self, request: Request) -> str:
        """The beginning of a redirect: nothing, so that it stays where it is."""
        if self.lab.on("redirect-leak"):
            # redirect-leak: absolute, as a proxy might need it, and with the name that the client says the proxy has
            host = request.get("x-forwarded-host") or request.get("host")
            return f"{request.get('x-forwarded-proto') or 'http'}://{host}"
        return ""


def _routes(exchange: Exchange, guard: Guard, transport: str, answers: str) -> Mapping[str, Handler]:
    if transport == "http":
        return {ENDPOINT: Streamable(exchange, guard, answers).answer}
    sse = Sse(exchange, guard)
    return {STREAM: sse.stream, MESSAGES: sse.messages}


def _names(response: Response, field: str) -> bool:
    return any(name == field for name, _ in response.fields)


def no_tokens(access: Access) -> Access:
    """The same limits, and nobody is known."""
    return Access(rate=access.rate, burst=access.burst, scope=access.scope)
