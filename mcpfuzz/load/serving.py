"""The server under load as a process: started where mcpfuzz starts it, watched where it can be seen, restarted a few
times where it dies. Watching is reading: memory, CPU, descriptors.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any

import psutil

from mcpfuzz import host
from mcpfuzz.blocking.http1 import place_of
from mcpfuzz.errors import LaunchError
from mcpfuzz.transports.launch import Launch

__all__ = ["Served", "listener_of"]

MAX_RESTARTS = 3


@dataclass(slots=True)
class Served:
    """A server process, ours or found."""

    url: str
    launch: Launch | None = None
    """How it is started; None: somebody else's, only watched."""
    start_timeout: float = 30.0
    deaths: list[float] = field(default_factory=list)
    """When it was found gone, seconds since the epoch."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _watched: psutil.Process | None = None

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            LaunchError: it does not start, ends, or does not listen in time.
        """
        if self.launch is None:
            pid = listener_of(self.url)
            self._watched = _process(pid)
            return
        self.launch.check()
        self._process = subprocess.Popen(
            self.launch.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.launch.environment(self.launch.token),
            cwd=self.launch.cwd,
            start_new_session=True,
            preexec_fn=host.die_with_parent,  # should we be killed outright
        )
        self._watched = _process(self._process.pid)
        self._until_it_listens()

    def _until_it_listens(self) -> None:
        assert self._process is not None
        place, end = place_of(self.url), time.monotonic() + self.start_timeout
        while time.monotonic() < end:
            if (code := self._process.poll()) is not None:
                raise LaunchError(f"the server ended (exit code {code}) before it listened at {self.url}")
            with contextlib.suppress(OSError), socket.create_connection((place.host, place.port), 1):
                return
            time.sleep(0.05)
        self.stop()
        raise LaunchError(f"the server does not listen at {self.url} within {self.start_timeout:g} s")

    def look(self) -> None:
        """One sample; restarts our own server where it died."""
        if self._process is not None and self._process.poll() is not None:
            self.deaths.append(time.time())
            self.restart()
            return
        if self._watched is None:
            return
        with contextlib.suppress(psutil.Error):
            members = [self._watched, *self._watched.children(recursive=True)]
            cpu = sum(member.cpu_times().user + member.cpu_times().system for member in members)
            sample = {
                "at": time.time(),
                "rss": host.resident(self._watched.pid),
                "cpu_s": cpu,
                "fds": sum(member.num_fds() for member in members),
                "threads": sum(member.num_threads() for member in members),
            }
            last = self.samples[-1] if self.samples else None
            span = sample["at"] - last["at"] if last else 0.0
            sample["cpu"] = round((cpu - last["cpu_s"]) / span, 3) if last and span > 0 else 0.0
            self.samples.append(sample)

    def restart(self) -> None:
        """A fresh process of our own server; a few times, then it stays as it is."""
        if self.launch is None:
            return
        if self.restarts >= MAX_RESTARTS:
            if self._process is not None and self._process.poll() is not None:
                self._process = None
            return
        self.restarts += 1
        self.stop()
        with contextlib.suppress(LaunchError):
            self.start()

    def stop(self) -> None:
        """End what we started."""
        if self._process is not None:
            host.kill_group(self._process.pid, 15)
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                host.kill_group(self._process.pid, 9)
                self._process.wait(5)
            self._process = None
        if self.launch is not None:
            host.sweep(self.launch.token)


def _process(pid: int | None) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        return None if pid is None else psutil.Process(pid)
    return None


def listener_of(url: str) -> int | None:
    """The process of ours that listens at a loopback URL; None where that cannot be seen."""
    port = place_of(url).port
    with contextlib.suppress(psutil.Error, OSError):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return int(one.pid)
    return None
