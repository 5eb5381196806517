"""Pages beside the endpoint, for people: the way out, and what a developer left behind. Knows nothing of MCP."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from typing import Final
from urllib.parse import parse_qs

from mcpfuzz.lab.fronts.reading import Request
from mcpfuzz.lab.fronts.replying import Response, refusal
from mcpfuzz.lab.kit import World

__all__ = ["Pages"]

_LAST: Final = 20
"""Requests that the page for developers remembers."""


class Pages:
    """The pages of one listener."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self._last: deque[str] = deque(maxlen=_LAST)

    def note(self, request: Request) -> None:
        """Remember a request, where there is a page that shows it."""
        if self.lab.on("debug-endpoint"):
            self._last.append(f"{request.method} {request.path}\n{request.body.decode('utf-8', 'replace')[:2000]}")

    def answer(self, request: Request) -> Response | None:
        """A page; None where there is none of that path."""
        if request.path == "/logout":
            return self._logout(request) if request.method == "GET" else _only_get()
        if request.path == "/debug" and self.lab.on("debug-endpoint"):
            # debug-endpoint: it is only on while we look for the leak
            return Response(200, self._inside().encode("utf-8", "replace"), kind="text/plain")
        return None

    def _logout(self, request: Request) -> Response:
        """There is no cookie to take back here; the way on is a path of ours."""
        following = parse_qs(request.query).get("next", ["/"])[0]
        ours = following.startswith("/") and not following.startswith(("//", "/\\"))
        # redirect-next: whoever made the link knows where it should lead
        if not (ours or self.lab.on("redirect-next")) or not (following.isascii() and following.isprintable()):
            following = "/"
        return Response(303, fields=(("Location", following),))

    def _inside(self) -> str:
        stacks = ["".join(traceback.format_stack(frame)) for frame in sys._current_frames().values()]
        return "\n\n".join((f"{threading.active_count()} threads", *stacks, *self._last))


def _only_get() -> Response:
    return refusal(405, "This method is not served").plus(("Allow", "GET"))
