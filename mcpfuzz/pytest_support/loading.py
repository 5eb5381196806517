"""The fixture `mcp_load`: a load run from a test, in processes of its own, since Locust patches the one it is in."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.reports import visible
from mcpfuzz.target import Target

__all__ = ["Loading"]

_UNTOLD = ("--report=", "--state=", "--env=", "--header=", "--identity=")
"""Words that a failure leaves out: of no use, or secret."""
GRACE_S = 60.0
"""Beyond the time of the run, for its start and its report."""


class Loading:
    """What the fixture gives: call it with the names of load scenarios.

    Args:
        target: makes the server; None: every call says `url`.
        seed: of the run.
    """

    def __init__(self, target: Target | None, seed: int) -> None:
        self._target = target
        self._seed = seed

    def __call__(
        self,
        *scenarios: str,
        slo: str | None = None,
        url: str | None = None,
        users: int = 20,
        rate: float | None = None,
        max_time: float = 30.0,
        fail_on: str = "low",
        options: tuple[str, ...] = (),
    ) -> Mapping[str, Any]:
        """Run load scenarios (none: all of them), and fail on what counts.

        Args:
            slo: objectives, as `--slo`.
            url: where the server listens; with `{port}`, the target's command starts it.
            rate: calls a second of all users (open model).
            max_time: seconds, all of it.
            options: further options of `mcpfuzz load`.

        Returns:
            The report's `load` object.
        """
        __tracebackhide__ = True
        words = [f"--scenario={name}" for name in scenarios]
        words += [f"--users={users}", f"--max-time={max_time:g}", f"--fail-on={fail_on}", f"--seed={self._seed}"]
        words += [f"--slo={slo}"] if slo else []
        url = url or (self._target.url if self._target is not None else None)
        words += [f"--url={url}"] if url else []
        words += [f"--rate={rate:g}"] if rate else []
        with tempfile.TemporaryDirectory(prefix="mcpfuzz-load-") as folder:
            report = Path(folder) / "report.json"
            words += [f"--report=json={report}", f"--state={folder}/state", "--quiet", "--no-color", *options]
            command = [sys.executable, "-m", "mcpfuzz", "load", *words, *self._server(url)]
            done = subprocess.run(
                command, capture_output=True, text=True, encoding="utf-8", timeout=max_time + GRACE_S, check=False
            )
            told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        if done.returncode != 0:
            pytest.fail(_failure(command, done, told), pytrace=False)
        load: Mapping[str, Any] = told["load"]
        return load

    def _server(self, url: str | None) -> list[str]:
        """The target's words; its command where mcpfuzz is to start it."""
        target = self._target
        if target is None:
            return []
        words = [f"--header={name}: {value}" for name, value in target.headers]
        words += [f"--identity={name}={spec}" for name, specs in target.identities.items() for spec in specs]
        words += [f"--transport={target.transport}"] if target.transport else []
        words += [f"--cacert={target.cacert}"] if target.cacert else []
        words += ["--insecure"] * target.insecure + ["--allow-remote"] * target.allow_remote
        if not target.command or (url is not None and "{port}" not in url and url != target.url):
            return words
        words += [f"--env={name}={value}" for name, value in target.env.items()]
        words += [f"--cwd={target.cwd}"] if target.cwd else []
        words += [f"--workspace={folder}" for folder in target.workspaces]
        return [*words, "--", *target.command]


def _failure(command: list[str], done: subprocess.CompletedProcess[str], told: Mapping[str, Any]) -> str:
    findings = told.get("findings") or []
    lines = [
        f"mcpfuzz: {one['severity']} {one['rule']}: {one['title']}: {one['proof']['observed']}" for one in findings
    ]
    if not lines:
        lines = [f"mcpfuzz: {(done.stderr.strip() or done.stdout.strip())[-2000:]}"]
    shown = shlex.join(word for word in command[1:] if not word.startswith(_UNTOLD))
    return "\n".join(visible(line) for line in [*lines, f"again: python {shown}"])
