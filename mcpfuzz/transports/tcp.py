"""TCP, and TLS on it: the one place where a connection to somebody else's server begins.

Sockets are non-blocking, and whoever uses one waits with trio only where there is nothing to do: a trip through
trio's loop costs more than a call over loopback. Proxy variables of the environment are never looked at.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import time
from functools import lru_cache

import trio

from mcpfuzz.errors import Late, LaunchError
from mcpfuzz.transports.endpoint import Endpoint

__all__ = ["Link", "connect", "connect_tcp"]

CHUNK = 1 << 18


class Link:
    """A connected, non-blocking socket, with TLS on it or not."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self.fd = sock.fileno()

    def write(self, data: memoryview) -> int:
        """How many bytes it took; 0 where it would block. Raises OSError."""
        try:
            return self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def read(self) -> bytes | None:
        """What is there; None for nothing, b"" for the end. Raises OSError."""
        try:
            data = self._sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        if self._tls is not None and data and self._tls.pending():
            return data + (self.read() or b"")  # poll() does not see what TLS has taken from the socket already
        return data

    def close(self) -> None:
        if self.fd >= 0:
            with contextlib.suppress(OSError):
                trio.lowlevel.notify_closing(self.fd)
            with contextlib.suppress(OSError):
                self._sock.close()
            self.fd = -1


async def connect(endpoint: Endpoint, deadline: float) -> Link:
    """A connection, TLS done where the scheme asks for it.

    Args:
        deadline: `time.monotonic()`, total.

    Raises:
        LaunchError: nobody listens, the name is not known, or TLS fails.
        Late: it takes too long.
        UsageError: `cacert` cannot be read.
    """
    sock = await connect_tcp(endpoint, deadline)
    if not endpoint.secure:
        return Link(sock)
    try:
        secured = _context(endpoint.cacert, endpoint.insecure).wrap_socket(
            sock, server_hostname=endpoint.host, do_handshake_on_connect=False
        )
        await _shake_hands(secured, endpoint, deadline)
    except BaseException as error:
        with contextlib.suppress(UnboundLocalError):
            secured.close()
        sock.close()
        if isinstance(error, OSError | ValueError):
            raise LaunchError(_tls_words(endpoint, error)) from None
        raise
    return Link(secured)


async def connect_tcp(endpoint: Endpoint, deadline: float) -> socket.socket:
    """A connected, non-blocking TCP socket. Every connection of mcpfuzz to a networked server is made here.

    Raises:
        LaunchError: nobody listens, or the name is not known.
        Late: it takes too long.
    """
    where = f"{endpoint.host}:{endpoint.port}"
    problem = "no address"
    with trio.move_on_after(max(0.0, deadline - time.monotonic())):
        try:
            addresses = await trio.socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise LaunchError(f"{endpoint.host}: no address for this name ({_why(error)}); check the URL") from None
        for family, _, _, _, address in addresses:
            sock = endpoint.dial() if endpoint.dial is not None else socket.socket(family, socket.SOCK_STREAM)
            try:
                if sock.family != family:
                    sock.close()
                    continue
                sock.setblocking(False)
                code = sock.connect_ex(address)
                if code == errno.EINPROGRESS:
                    await trio.lowlevel.wait_writable(sock)
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code == 0:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return sock
                problem = os.strerror(code)
                sock.close()
            except OSError as error:
                sock.close()
                problem = _why(error)
            except BaseException:
                sock.close()
                raise
        raise LaunchError(f"cannot connect to {where}: {problem}; is the server running, and is the URL right?")
    raise Late(f"{where} does not take connections: nothing came of it in time")


@lru_cache(maxsize=8)
def _context(cacert: str | None, insecure: bool) -> ssl.SSLContext:
    """Reading the system's authorities takes as long as a hundred calls."""
    return Endpoint(
        scheme="https", host="", port=0, target="", transport="http", cacert=cacert, insecure=insecure
    ).context()


async def _shake_hands(sock: ssl.SSLSocket, endpoint: Endpoint, deadline: float) -> None:
    with trio.move_on_after(max(0.0, deadline - time.monotonic())):
        while True:
            try:
                sock.do_handshake()
                return
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(sock)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(sock)
    raise Late(f"{endpoint.host}:{endpoint.port} takes connections, but TLS was not agreed in time; is it https?")


def _tls_words(endpoint: Endpoint, error: Exception) -> str:
    where = f"{endpoint.host}:{endpoint.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        return f"the certificate of {where} is not accepted: {why}; give --cacert FILE, or --insecure"
    reason = getattr(error, "reason", None)
    if reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        plain = "ws" if endpoint.scheme == "wss" else "http"
        return f"{where} does not speak TLS; take {plain}:// instead of {endpoint.scheme}://"
    if isinstance(error, ssl.SSLEOFError | ConnectionError):
        return f"{where} hangs up when TLS begins; is it {endpoint.scheme.removesuffix('s')}:// rather than {endpoint.scheme}://?"
    return f"TLS with {where} fails: {str(reason or _why(error)).replace('_', ' ').lower()}"


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
