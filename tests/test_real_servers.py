"""`mcpfuzz run` against published reference servers: it ends in time, reaches operations, and all that it proves is of
a kind that was confirmed by hand (docs/field-notes.md). Installed once, into $MCPFUZZ_REAL_CACHE."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("MCPFUZZ_REAL_CACHE") or Path.home() / ".cache" / "mcpfuzz-real")
INSTALL_S, MAX_TIME_S, WALL_S = 100, 30, 60

pytestmark = [pytest.mark.real, pytest.mark.timeout(INSTALL_S + WALL_S + 20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """One published server, pinned."""

    registry: str
    package: str
    version: str
    program: str
    """Below the install folder."""
    arguments: tuple[str, ...] = ()
    workspace: bool = False
    genuine: frozenset[str] = frozenset()
    """Rules whose findings were reproduced by hand."""


SERVERS = {
    "everything": Real(
        registry="npm", package="@modelcontextprotocol/server-everything", version="2026.8.31",
        program="node_modules/@modelcontextprotocol/server-everything/dist/index.js", arguments=("stdio",),
        genuine=frozenset({"crash", "ssrf"}),
    ),
    "filesystem": Real(
        registry="npm", package="@modelcontextprotocol/server-filesystem", version="2026.8.31",
        program="node_modules/@modelcontextprotocol/server-filesystem/dist/index.js", workspace=True,
        genuine=frozenset({"crash", "path-traversal", "file-write"}),  # GHSA-7rgq-gccq-qphx
    ),
    "time": Real(
        registry="pypi", package="mcp-server-time", version="2026.10.19", program="bin/mcp-server-time",
        genuine=frozenset({"path-leak", "no-answer"}),
    ),
}  # fmt: skip


def installed(server: Real) -> Path:
    """The server's folder; skips the test where it cannot be had."""
    folder = CACHE / f"{server.package.replace('/', '+')}-{server.version}"
    done = folder / ".done"
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if server.registry == "npm":
        if shutil.which("npm") is None or shutil.which("node") is None:
            pytest.skip("node and npm are not installed")
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        _install(server, ("npm", "install", "--prefix", str(folder), *quiet, f"{server.package}@{server.version}"))
    else:
        _install(server, (sys.executable, "-m", "venv", str(folder)))
        pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check")
        _install(server, (*pip, f"{server.package}=={server.version}"))
    done.touch()
    return folder


def _install(server: Real, command: Sequence[str]) -> None:
    try:
        made = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{server.package} {server.version}: not installed within {INSTALL_S} s")
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["no message"])[-1]
        pytest.skip(f"{server.package} {server.version} cannot be installed here: {last[:200]}")


@pytest.mark.parametrize("name", SERVERS)
def test_every_proof_on_a_real_server_is_of_a_kind_confirmed_by_hand(name: str, tmp_path: Path) -> None:
    server = SERVERS[name]
    program = installed(server) / server.program
    command = (["node"] if server.registry == "npm" else []) + [str(program), *server.arguments]
    options: list[str] = []
    if server.workspace:
        workspace = tmp_path / "files"
        (workspace / "sub").mkdir(parents=True)
        (workspace / "a.txt").write_text("hello\n", encoding="utf-8")
        (workspace / "sub" / "b.txt").write_text("there\n", encoding="utf-8")
        options, command = ["--workspace", str(workspace)], [*command, str(workspace)]
    report = tmp_path / "report.json"
    options += ["--profile", "quick", "--max-time", str(MAX_TIME_S), "--seed", "1", "--report", f"json={report}"]
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "mcpfuzz", "run", *options, "--", *command],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WALL_S,
        text=True, check=False,
    )  # fmt: skip
    assert run.returncode in (0, 1), run.stdout
    assert time.monotonic() - began < MAX_TIME_S + 8, "starting and writing reports included"
    assert "Traceback (most recent call last)" not in run.stdout
    told = json.loads(report.read_text(encoding="utf-8"))
    assert sum(operation["reached"] for operation in told["operations"]) > 0, run.stdout
    proved = [finding for finding in told["findings"] if finding["confidence"] == "proved"]
    unknown = [f"{item['rule']}: {item['title']}" for item in proved if item["rule"] not in server.genuine]
    assert not unknown, f"neither confirmed nor refuted by hand yet (docs/field-notes.md): {unknown}"
    assert run.returncode == bool(proved), run.stdout
