"""Processes of ours beside the campaign, in which Schemathesis lives (`strategies.aside`): started, talked to in lines
of JSON, and ended with us.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self

import trio

__all__ = ["TROUBLE", "Worker", "surroundings"]

TROUBLE = (trio.BrokenResourceError, trio.ClosedResourceError, ValueError, KeyError, TypeError)
"""What talking to one may raise: it ended, or said what nobody understands."""


def surroundings(state: str) -> dict[str, str]:
    """The environment of such a process."""
    package = str(Path(__file__).resolve().parents[2])
    return {
        **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH")))),
        "HYPOTHESIS_STORAGE_DIRECTORY": str((Path(state) / "hypothesis").resolve()),
        "HYPOTHESIS_NO_PLUGINS": "1",  # of other packages: trio's imports trio and all of pytest, 10 MB
        "PYTHONHASHSEED": "0",  # the same seed, the same draws
    }  # fmt: skip


class Worker:
    """One such process. Make it with `Worker.open`, which ends it, whatever happens."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, module: str, state: str) -> AsyncIterator[Self]:
        """Start a module of `mcpfuzz.strategies`.

        Args:
            state: folder under which Hypothesis may keep what it keeps.
        """
        process = await trio.lowlevel.open_process(
            [sys.executable, "-P", "-m", f"mcpfuzz.strategies.{module}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=surroundings(state), cwd="/",
        )  # fmt: skip
        try:
            yield cls(process)
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        await pipe.aclose()

    async def tell(self, message: Mapping[str, Any]) -> None:
        """Say one message. Raises one of TROUBLE."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps(message).encode("ascii") + b"\n")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What it says, until it ends. Raises one of TROUBLE."""
        assert self._process.stdout is not None
        rest = b""
        async for chunk in self._process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield dict(json.loads(line))
