"""How a server is started: the one value that says so, and the one place where a process begins, so that
a sandbox can be put around it (`start`). It knows nothing of MCP.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcpfuzz.errors import LaunchError
from mcpfuzz.host import MARK
from mcpfuzz.sandbox.box import Sandbox
from mcpfuzz.transports.child import Child, Plain

__all__ = ["KEPT_VARIABLES", "Launch", "clean_environment"]

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SHELL", "USER", "LOGNAME", "SYSTEMROOT")
"""All that a server inherits of our environment: no CI token, no proxy, no credential (promise 30)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A command, ready to start: placeholders filled, workspace re-pointed."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    token: str
    """The run's mark in the environment of every process (`host.MARK`)."""
    sandbox: Sandbox | None = None
    """Where the command is started; None, or one that is off: beside us."""

    def check(self) -> None:
        """Raises LaunchError where the command or the folder cannot be there."""
        program = self.argv[0]
        if not Path(self.cwd).is_dir():
            raise LaunchError(f"cannot start {program!r}: the folder {self.cwd!r} does not exist; see --cwd")
        if "/" in program:
            path = Path(self.cwd, program)
            if not path.exists():
                raise LaunchError(f"cannot start {program!r}: no such file; check the command after --")
            if not os.access(path, os.X_OK) or path.is_dir():
                raise LaunchError(f"cannot start {program!r}: not an executable file; check the command after --")
        elif shutil.which(program, path=self.env.get("PATH")) is None:
            raise LaunchError(f"cannot start {program!r}: not found on PATH; check the command after --")

    def start(self, mark: str, stdin: int, stdout: int, stderr: int) -> Child:
        """Start it, leader of a session and a process group of its own; the descriptors stay open here.

        Raises:
            LaunchError: it cannot be started.
        """
        self.check()
        environment = self.environment(mark)
        if self.sandbox is not None and self.sandbox.on:
            return self.sandbox.start(self.argv, environment, self.cwd, (stdin, stdout, stderr))
        try:
            return Plain.start(self.argv, environment, self.cwd, (stdin, stdout, stderr), mark)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise LaunchError(f"cannot start {self.argv[0]!r}: {why}; check the command after --") from None

    def environment(self, mark: str) -> dict[str, str]:
        """The child's whole environment; `mark` begins with the run's token and names one process."""
        return {**self.env, MARK: mark}


def clean_environment(home: str, temporary: str, given: Mapping[str, str]) -> dict[str, str]:
    """What a server gets to see: a few variables of ours, a HOME and TMPDIR of its own, and `given`."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, "HOME": home, "TMPDIR": temporary, "NO_PROXY": "*", "no_proxy": "*", **given}
