"""A listening socket, and a thread for each that connects: a cap, TLS, and nothing of what is said."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from mcpfuzz.lab.fronts.reading import Fault, Gone, Limits, Request, Stream
from mcpfuzz.lab.fronts.replying import refusal, write

__all__ = ["Listener", "bound"]

MOST: Final = 256
"""Connections at a time; more are turned away at once."""

Talk = Callable[[Stream, Request], None]
"""Says what there is to say on a connection, beginning with its first request; returns when it is over."""


def bound(port: int, *, everywhere: bool = False) -> socket.socket:
    """A listening socket on loopback. Raises OSError where the port is taken.

    Args:
        everywhere: of every address, and yet of the loopback interface alone: this is a lab.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if everywhere:
            with suppress(AttributeError, OSError):  # not everywhere, and not for everybody; `run` looks, too
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        sock.bind(("0.0.0.0" if everywhere else "127.0.0.1", port))
        sock.listen(256)
    except BaseException:
        sock.close()
        raise
    return sock


class Listener:
    """Takes connections until the process ends.

    Args:
        tls: None for plain sockets.
        impatient: False reads a connection's first request before the next connection is looked at.
        most: connections at a time; None: no cap.
    """

    def __init__(
        self,
        sock: socket.socket,
        talk: Talk,
        *,
        limits: Limits,
        tls: ssl.SSLContext | None = None,
        impatient: bool = True,
        most: int | None = MOST,
    ) -> None:
        self._sock = sock
        self._talk = talk
        self._limits = limits
        self._tls = tls
        self._impatient = impatient
        self._slots = None if most is None else threading.BoundedSemaphore(most)

    def run(self) -> None:
        """Accept for ever."""
        while True:
            try:
                sock, (address, _) = self._sock.accept()
            except OSError:  # out of descriptors, or a connection that was gone again
                threading.Event().wait(0.05)
                continue
            if not address.startswith("127."):
                sock.close()
                continue
            if self._slots is not None and not self._slots.acquire(blocking=False):
                self._turn_away(sock, address)
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            visit = _Visit(sock, address, self._limits, self._tls)
            if not self._impatient:
                visit.begin()
            threading.Thread(target=self._serve, args=(visit,), daemon=True).start()

    def _turn_away(self, sock: socket.socket, address: str) -> None:
        with suppress(Gone, OSError), sock:
            if self._tls is None:
                sock.settimeout(0.5)
                response = refusal(503, "There are too many connections").plus(("Retry-After", "1"))
                write(Stream(sock, address, self._limits), response, keep=False)

    def _serve(self, visit: _Visit) -> None:
        try:
            visit.run(self._talk)
        finally:
            if self._slots is not None:
                self._slots.release()


class _Visit:
    """One connection, from accept to close."""

    def __init__(self, sock: socket.socket, peer: str, limits: Limits, tls: ssl.SSLContext | None) -> None:
        self._sock = sock
        self._limits = limits
        self._peer = peer
        self._tls = tls
        self._stream: Stream | None = None
        self._first: Request | Fault | None = None
        self._begun = False

    def begin(self) -> None:
        """Shake hands and read the first request."""
        self._begun = True
        try:
            if self._tls is not None:
                self._sock.settimeout(self._limits.head_s)
                self._sock = self._tls.wrap_socket(self._sock, server_side=True)
            self._stream = Stream(self._sock, self._peer, self._limits)
            self._first = self._stream.request()
        except Fault as fault:
            self._first = fault
        except (Gone, OSError):
            self._first = None

    def run(self, talk: Talk) -> None:
        try:
            if not self._begun:
                self.begin()
            if self._stream is None or self._first is None:
                return
            if isinstance(self._first, Fault):
                raise self._first
            talk(self._stream, self._first)
        except Fault as fault:
            with suppress(Gone):
                if self._stream is not None:
                    write(self._stream, refusal(fault.status, str(fault)), keep=False)
                    self._stream.linger()
        except (Gone, OSError):
            pass
        except Exception:  # noqa: BLE001 - told to whoever runs the lab
            traceback.print_exc(file=sys.stderr)
        finally:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()
