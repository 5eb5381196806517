"""Locust as a process: its command line, its end, and what it said when it failed."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import mcpfuzz
from mcpfuzz import host
from mcpfuzz.errors import Fault, TargetError, UsageError
from mcpfuzz.load.settings import LoadSettings
from mcpfuzz.load_support.orders import VARIABLE, Orders, write_json

__all__ = ["Locust", "check_installed"]

STOP_S = 3.0
"""From being asked to stop to being killed."""


def check_installed() -> None:
    """Raises UsageError where Locust is not installed: before anything is started."""
    if importlib.util.find_spec("locust") is None:
        raise UsageError("load needs Locust: pip install 'pytest-mcpfuzz[load]'")


class Locust:
    """One Locust run in a process group of its own. A context manager: leaving ends it."""

    def __init__(self, orders: Orders, settings: LoadSettings, folder: str) -> None:
        path = str(Path(folder) / "orders.json")
        write_json(path, orders.plain())
        self._log = Path(folder) / "locust.log"
        self._command = [sys.executable, "-m", "locust", "-f", _locustfile(), *_words(settings)]
        root = str(Path(mcpfuzz.__file__).parent.parent)
        known = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._environment = {**known, VARIABLE: path, "PYTHONPATH": search}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
                preexec_fn=host.die_with_parent,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def runs(self) -> bool:
        """Whether it is still at work."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it and all its workers: asked first, then killed."""
        process = self._process
        if process is None:
            return
        for number, patience in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, 5.0)):
            if process.poll() is None:
                _signal(process.pid, number)
                try:
                    process.wait(patience)
                except subprocess.TimeoutExpired:
                    continue
        _signal(process.pid, signal.SIGKILL)  # workers that outlived it

    def complain(self, *, begun: bool) -> None:
        """Say why there is no record, or only the beginning of one; nothing where time was short and no more.

        Raises:
            TargetError: the server died or refused everybody before the first phase.
            Fault: Locust itself failed.
        """
        text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        last = text.splitlines()[-1] if text else "it said nothing"
        if "Traceback" in text or (not begun and "rror" in last):
            raise Fault(f"Locust ended without a whole record: {last[:300]}")
        if begun:
            return
        raise TargetError(f"no phase was begun: {last[:300]}")


def _signal(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _locustfile() -> str:
    """Found without importing it: importing would patch this process."""
    return str(Path(mcpfuzz.__file__).parent / "locustfiles" / "mcp_scenarios.py")


def _words(settings: LoadSettings) -> list[str]:
    words = ["--stop-timeout", "1", "--loglevel", "WARNING", "--exit-code-on-error", "0"]
    where = "*" if settings.allow_remote else "127.0.0.1"
    if settings.worker:
        return [*words, "--worker", "--master-host", settings.master_host, "--master-port", str(settings.master_port)]
    if settings.master:
        words += ["--master", "--master-bind-host", where, "--master-bind-port", str(settings.master_port)]
        words += ["--expect-workers", str(settings.expect_workers), "--expect-workers-max-wait", "60"]
    if settings.processes > 1:
        words += ["--processes", str(settings.processes)]
        words += ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(settings.master_port)]
        words += ["--master-port", str(settings.master_port)]
    if settings.web:
        web = ["--web-host", "127.0.0.1", "--web-port", str(settings.web_port)]
        return [*words, *web, "--autostart", "--autoquit", "1"]
    return [*words, "--headless", "--only-summary"]
