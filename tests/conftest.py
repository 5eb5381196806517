"""What several modules of tests start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SERVER = str(Path(__file__).parent / "load_server.py")


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start the server that load is put on, with its settings as keywords; its URL without a path."""
    started: list[subprocess.Popen[str]] = []

    def start(scheme: str = "http", tls: Path | None = None, **config: Any) -> str:
        words = [sys.executable, SERVER, "--config", json.dumps(config)]
        words += ["--ws"] if scheme.startswith("ws") else []
        words += ["--tls", str(tls)] if tls is not None else []
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        started.append(process)
        assert process.stdout is not None
        return f"{scheme}://127.0.0.1:{int(process.stdout.readline())}"

    yield start
    for process in started:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
