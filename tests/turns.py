"""TLS for `websockets.sync`: one of its threads reads while another writes, and before 3.13 Python's ssl takes no turns
between them, so that a write could fail with the end of a stream that had not ended."""

from __future__ import annotations

import select
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["trusting"]


class InTurns(ssl.SSLSocket):
    """Reads only where there is something to read, and never while somebody writes."""

    _turn = threading.Lock()

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        while True:
            if not self.pending():
                with suppress(ValueError):  # closed meanwhile: reading tells
                    select.select([self], [], [])
            with self._turn, suppress(ssl.SSLWantReadError):
                self.settimeout(0.0)
                return super().recv(buflen, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        with self._turn:
            self.settimeout(15)
            super().sendall(data, flags)


def trusting(authority: str | Path) -> ssl.SSLContext:
    """A client's context that trusts one authority (a PEM file)."""
    context = ssl.create_default_context(cafile=authority)
    context.sslsocket_class = InTurns
    return context
