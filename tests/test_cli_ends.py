"""Commands that are told to end, by whichever signal: the contract's exit code, a report, no process left. And readers
and disks that take no more."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_cli_errors import carrying

PYTHON = sys.executable
LAB = ("--", PYTHON, "-m", "mcpfuzz.lab")
LISTENS = ("--url", "http://127.0.0.1:{port}/mcp", *LAB, "--transport", "http", "--port", "{port}")
COMMANDS = {
    "run": ("run", "--sandbox", "off", *LAB),
    "run, two jobs": ("run", "--sandbox", "off", "--jobs", "2", *LAB),
    "load": ("load", *LAB),
    "load over http": ("load", *LISTENS),
}


def begun(name: str, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """The command, once it has told what it tests; and the mark that all its servers carry."""
    mark = f"END_MARK={name.replace(' ', '-')}-{os.getpid()}"
    command, *words = COMMANDS[name]
    given = ("--max-time", "60", "--env", mark, "--state", "state", "--report", "json=r.json")
    run = subprocess.Popen(
        [PYTHON, "-m", "mcpfuzz", command, *given, *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stdout.readline().startswith("mcpfuzz tests"), run.communicate(timeout=10)
    return run, mark


@pytest.mark.runs
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("run", signal.SIGINT),
        ("run", signal.SIGHUP),
        ("run, two jobs", signal.SIGTERM),
        ("load", signal.SIGHUP),
        ("load over http", signal.SIGTERM),
    ],
)
def test_whoever_ends_it_it_reports_and_leaves_no_process(name: str, number: signal.Signals, tmp_path: Path) -> None:
    if "load" in name and importlib.util.find_spec("locust") is None:
        pytest.skip("needs Locust")
    run, mark = begun(name, tmp_path)
    run.send_signal(number)
    _, err = run.communicate(timeout=40)
    assert run.returncode == 130, err
    assert "Traceback" not in err
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["run"]["outcome"] == "interrupted"
    assert carrying(mark) == []


@pytest.mark.runs
def test_shards_whose_parent_is_killed_end_without_a_word(tmp_path: Path) -> None:
    run, mark = begun("run, two jobs", tmp_path)
    run.kill()
    _, err = run.communicate(timeout=40)  # standard error is the shards' too: it ends with the last of them
    assert "Traceback" not in err
    assert carrying(mark) == []


@pytest.mark.parametrize("words", [("list", "rules"), ("explain", "crash"), ("--help",)], ids=" ".join)
def test_a_reader_that_has_seen_enough_is_no_finding(words: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [PYTHON, "-m", "mcpfuzz", *words], stdout=write, stderr=subprocess.PIPE, check=False, timeout=30
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_no_fault_of_ours() -> None:
    with open("/dev/full", "wb") as full:
        words = [PYTHON, "-m", "mcpfuzz", "list", "rules"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (2, b"mcpfuzz: cannot write: No space left on device\n")


def test_load_without_locust_is_told_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['locust'] = None\n", encoding="utf-8")
    words = [PYTHON, "-m", "mcpfuzz", "load", "--", PYTHON, "-c", "open('started', 'w')"]
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"mcpfuzz: load needs Locust: pip install 'pytest-mcpfuzz[load]'\n"
    assert not (tmp_path / "started").exists()
