"""Services of the machine that the user names to the server (a database at 127.0.0.1:5432) stay in its reach: a
small process of ours listens inside and connects outside. It sees only ports that the target's own words hold.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Relay", "main", "named_ports"]

_NAMED = re.compile(r"(?:\blocalhost|\b127(?:\.\d{1,3}){3}|\[::1\]):(\d{1,5})(?!\d)", re.IGNORECASE)
_LISTEN = "0A"
"""TCP_LISTEN in /proc/net/tcp."""
_CHUNK = 1 << 16
_PATIENCE_S = 5.0
_PROGRAM = """import sys
sys.path.insert(0, sys.argv[1])
from mcpfuzz.sandbox import relay
relay.main(sys.argv[2:])
"""


def named_ports(texts: Iterable[str]) -> tuple[int, ...]:
    """Loopback ports that these texts name and on which somebody listens now."""
    ports = {int(match[1]) for text in texts for match in _NAMED.finditer(text)}
    return tuple(sorted(ports & _listening())) if ports else ()


class Relay:
    """The process; `close` ends it.

    Args:
        inside: port -> a socket that listens on it inside; closed here.
    """

    def __init__(self, inside: dict[int, socket.socket]) -> None:
        package = str(Path(__file__).resolve().parents[2])
        pairs = [f"{port}={listener.fileno()}" for port, listener in inside.items()]
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, package, *pairs],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno() for listener in inside.values()],
                cwd="/",
                env={},
                start_new_session=True,
            )
        finally:
            for listener in inside.values():
                listener.close()

    def close(self) -> None:
        """It ends when its stdin closes, also where we are killed."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        try:
            self._popen.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


def main(pairs: list[str]) -> None:
    """In the process: serve `port=descriptor` until stdin closes."""
    for pair in pairs:
        port, _, fd = pair.partition("=")
        threading.Thread(target=_serve, args=(socket.socket(fileno=int(fd)), int(port)), daemon=True).start()
    sys.stdin.read()


def _serve(listener: socket.socket, port: int) -> None:
    while True:
        inner, _ = listener.accept()
        threading.Thread(target=_join, args=(inner, port), daemon=True).start()


def _join(inner: socket.socket, port: int) -> None:
    outer = _outside(port, _PATIENCE_S)
    with inner:
        if outer is not None:
            with outer:
                _pump(inner, outer)


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Bytes both ways; the end of one direction is passed on as such."""
    towards = {one: other, other: one}
    with contextlib.suppress(OSError):
        while towards:
            for source in select.select(list(towards), [], [])[0]:
                chunk = source.recv(_CHUNK)
                if chunk:
                    towards[source].sendall(chunk)
                else:
                    towards.pop(source).shutdown(socket.SHUT_WR)


def _outside(port: int, seconds: float) -> socket.socket | None:
    for host in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError):
            made = socket.create_connection((host, port), timeout=seconds)
            made.settimeout(None)
            return made
    return None


def _listening() -> frozenset[int]:
    """TCP ports that are listened on, as the kernel tells: whoever listens is not touched."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/net/{table}", encoding="ascii") as file:
            for words in map(str.split, file.readlines()[1:]):
                if words[3] == _LISTEN:
                    found.add(int(words[1].rpartition(":")[2], 16))
    return frozenset(found)
