"""A started process as who ends it sees it: inside the sandbox (`sandbox.box.Boxed`) or beside us (`Plain`)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Protocol

from mcpfuzz import host

__all__ = ["Child", "Plain"]


class Child(Protocol):
    """A process that leads a session and a process group of its own."""

    @property
    def pid(self) -> int: ...

    def fileno(self) -> int:
        """Readable once it has ended; -1 where the system has no such thing: ask `poll` then."""

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""

    def about_to_end(self) -> None:
        """To be called while it still lives, if it does: its family is known by it."""

    def finish(self) -> None:
        """Kill all that it started, wherever that went; bounded. Safe to call twice."""


class Plain:
    """A child of ours. What it started is found by group, by descent and by the mark in its environment."""

    def __init__(self, popen: subprocess.Popen[bytes], mark: str) -> None:
        self._popen = popen
        self._mark = mark
        self._family: list[int] = []
        self._pidfd = os.pidfd_open(popen.pid) if host.LINUX else -1
        self.pid = popen.pid

    @classmethod
    def start(
        cls, argv: tuple[str, ...], env: Mapping[str, str], cwd: str, fds: tuple[int, int, int], mark: str
    ) -> Plain:
        """Raises OSError, subprocess.SubprocessError or ValueError as Popen does."""
        popen = subprocess.Popen(
            argv,
            stdin=fds[0],
            stdout=fds[1],
            stderr=fds[2],
            cwd=cwd,
            env=env,
            start_new_session=True,
            preexec_fn=host.die_with_parent if host.LINUX else None,
        )
        return cls(popen, mark)

    def fileno(self) -> int:
        return self._pidfd

    def poll(self) -> int | None:
        return self._popen.poll()

    def about_to_end(self) -> None:
        self._family = host.children_of(self.pid)

    def finish(self) -> None:
        host.kill_group(self.pid, signal.SIGKILL)  # what outlived its leader
        for pid in self._family:
            if host.carries(pid, self._mark):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        host.sweep(self._mark)
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
