"""A lab in a process of its own that is served over the network: started, found, ended. Knows nothing of MCP.

For the lab's own tests and for people at a prompt; bounded, and without opinion.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Served", "Unserved"]

_TOLD: Final = "lab: serving "


class Unserved(Exception):
    """The lab did not say in time where it serves; the message is what it said instead."""


class Served:
    """One lab process with a network front.

    Args:
        transport: http, sse, ws or wss.
        options: further words of `python -m mcpfuzz.lab`.
        env: added to the environment.
        seconds: the longest wait for anything.

    Attributes:
        url, port: where it serves.
        authority: the PEM file of the authority, for wss and --tls.
    """

    def __init__(
        self, transport: str, *options: str, env: Mapping[str, str] | None = None, seconds: float = 20.0
    ) -> None:
        self.seconds = seconds
        self._scratch = tempfile.TemporaryDirectory(prefix="served-", ignore_cleanup_errors=True)
        self.authority = os.path.join(self._scratch.name, "authority.pem")
        words = ["--transport", transport, "--ca-out", self.authority, *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mcpfuzz.lab", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": self._scratch.name, **(env or {})},
        )
        self._said: list[str] = []
        self._first: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()
        self.url = self._where()
        self.port = urlsplit(self.url).port or 0

    def _drain(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            text = line.decode("utf-8", "replace")
            if not self._first.qsize() and text.startswith(_TOLD):
                self._first.put(text)
            else:
                self._said.append(text)
        self._first.put("")

    def _where(self) -> str:
        try:
            line = self._first.get(timeout=self.seconds)
        except queue.Empty:
            line = ""
        if not line:
            self._end()
            raise Unserved(self.stderr)
        return line.split()[-1]

    @property
    def stderr(self) -> str:
        """What it wrote to stderr after it had said where it serves; complete once the process has ended."""
        return "".join(self._said)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def died(self, seconds: float | None = None) -> int:
        """Wait for it to end by itself; the exit code. Raises subprocess.TimeoutExpired where it lives on."""
        return self.process.wait(self.seconds if seconds is None else seconds)

    def _end(self) -> None:
        self.process.kill()
        self.process.wait(self.seconds)
        self._thread.join(self.seconds)
        assert self.process.stderr is not None
        self.process.stderr.close()
        self._scratch.cleanup()

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
